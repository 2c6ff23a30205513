//! What came of it: docs/fidelity.md, and the lines for whoever waits at the terminal.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{compare::Difference, exceptions::Oracle, judge::Verdict};

/// What was compared, for the head of the page.
pub(crate) struct Head {
    /// The command line.
    pub(crate) command: String,
    pub(crate) kubernetes: String,
    pub(crate) etcd: String,
    pub(crate) fakes: usize,
    pub(crate) hollows: usize,
}

/// The page.
pub(crate) fn page(head: &Head, verdicts: &[Verdict]) -> String {
    let mut text = format!(
        "# Fidelity\n\nDoes a fake node send what a kubelet sends? Written by `{}` on {}.\n\nControl plane: Kubernetes v{} \
         on etcd v{}. Fake nodes: {}.\n\nCounts are requests of one node in the compared steps, on average. Where the two differ, \
         the last column names the entry of `xtask/fidelity/exceptions.toml` that says why; the entries that were used are below. An audit log does not show how a request \
         was encoded or compressed, nor on which connection it came.\n",
        head.command,
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
        head.kubernetes,
        head.etcd,
        head.fakes,
    );
    for verdict in verdicts {
        section(&mut text, head, verdict);
    }
    text
}

fn section(text: &mut String, head: &Head, verdict: &Verdict) {
    let title = match verdict.oracle {
        Oracle::Recorded => format!("Against a recording: {}", verdict.who),
        Oracle::Live => format!("Against {} live nodes: {}", head.hollows, verdict.who),
    };
    let _ = writeln!(text, "\n## {title}\n\n| request | theirs | ours | |\n|---|---:|---:|---|");
    for (class, (theirs, ours)) in &verdict.counts {
        let outcome = verdict.of_class(class);
        let _ =
            writeln!(text, "| `{}` | {} | {} | {outcome} |", cell(class), rounded(*theirs), rounded(*ours));
    }
    let used: BTreeSet<&str> = verdict.explained.iter().map(|(_, entry)| entry.id.as_str()).collect();
    if !used.is_empty() {
        let _ = writeln!(text, "\n| exception | why | source |\n|---|---|---|");
    }
    for id in used {
        if let Some((_, entry)) = verdict.explained.iter().find(|(_, entry)| entry.id == id) {
            let _ = writeln!(text, "| {id} | {} | {} |", cell(&entry.reason), cell(&entry.source));
        }
    }
    list(text, "Not explained", lines(&verdict.unexplained).into_iter());
    list(text, "Chance: fewer than half of the samples show it", lines(&verdict.chance).into_iter());
    list(text, "Exceptions that explain nothing", verdict.stale.iter().map(|entry| entry.id.clone()));
}

fn list(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if !lines.is_empty() {
        let _ = writeln!(text, "\n{title}:\n\n- {}", lines.join("\n- "));
    }
}

fn rounded(count: f64) -> String {
    let text = format!("{count:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Differences, readably: what, theirs, ours, and all the places where it is so.
pub(crate) fn lines(differences: &[Difference]) -> Vec<String> {
    let mut grouped: Vec<(String, Vec<String>)> = Vec::new();
    for difference in differences {
        let (what, place) = (what(difference), place(difference));
        match grouped.iter_mut().find(|(known, _)| *known == what) {
            Some((_, places)) => places.push(place),
            None => grouped.push((what, vec![place])),
        }
    }
    grouped.into_iter().map(|(what, places)| format!("{what}\n    in {}", places.join("; "))).collect()
}

fn what(difference: &Difference) -> String {
    let Difference { kind, class, pointer, theirs, ours, .. } = difference;
    let kind = format!("{kind:?}").to_lowercase();
    let space = if pointer.is_empty() { "" } else { " " };
    format!("{kind}: {class}{space}{pointer}: theirs {}, ours {}", short(theirs), short(ours))
}

fn place(difference: &Difference) -> String {
    let Difference { key, seen, of, .. } = difference;
    let does = if key.does.is_empty() { String::new() } else { format!(" {}", key.does) };
    format!("{}{does}: {} ({seen} of {of})", key.step, key.subject)
}

/// Whole objects are looked at in the recordings.
fn short(text: &str) -> String {
    const MOST: usize = 160;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The lines for the terminal.
pub(crate) fn summary(verdict: &Verdict) -> String {
    let Verdict { unexplained, explained, chance, stale, counts, .. } = verdict;
    let mut text = format!(
        "against {}: {} kinds of requests, {} differences explained, {} by chance, {} not explained",
        verdict.who,
        counts.len(),
        explained.len(),
        chance.len(),
        unexplained.len()
    );
    for line in lines(unexplained) {
        let _ = write!(text, "\n  {line}");
    }
    if !stale.is_empty() {
        let ids: Vec<&str> = stale.iter().map(|entry| entry.id.as_str()).collect();
        let _ = write!(text, "\n  exceptions that explain nothing: {}", ids.join(", "));
    }
    text
}
