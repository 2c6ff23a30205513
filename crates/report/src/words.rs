//! Figures and findings as people read them: the same words on a terminal, on a page and in a comment.

pub mod advice;
pub mod doubts;
pub mod experiment;
pub mod run;
pub mod search;
pub mod settings;

use std::collections::BTreeMap;

use measure::criteria::Judged;
use record::{Fleet, KindRecord, Profile, Scenario, Target};

/// The name of our own process in every record.
pub const HARNESS: &str = "harness";

/// What is loaded, and what of it: the profile or the cluster, versions and nodes.
pub fn setting(
    profile: Option<&Profile>,
    target: &Target,
    versions: &BTreeMap<String, String>,
    nodes: Option<&str>,
) -> String {
    let on = match profile {
        Some(profile) => format!("profile {}", profile.name),
        None => format!("context {}", target.context.as_deref().unwrap_or("-")),
    };
    let versions = versions.iter().map(|(name, version)| format!("{name} {version}"));
    let nodes = nodes.map(str::to_owned);
    std::iter::once(on).chain(versions).chain(nodes).collect::<Vec<_>>().join(", ")
}

/// How many nodes there are, and over how many control planes.
pub fn nodes(fleet: &Fleet, scenario: &Scenario) -> String {
    match scenario.resolved["cells"].as_u64() {
        Some(cells @ 2..) => format!("{} nodes in {cells} cells", fleet.nodes),
        _ => format!("{} nodes", fleet.nodes),
    }
}

/// Three digits and a unit; a dash where the sample does not carry the figure.
pub fn seconds(value: Option<f64>) -> String {
    let Some(seconds) = value else { return "-".to_owned() };
    let (value, unit) = if seconds < 1.0 { (seconds * 1000.0, "ms") } else { (seconds, "s") };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

/// A share as a percentage, with three digits where it is small.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    format!("{percent:.digits$} %", digits = if percent < 10.0 { 2 } else { 1 })
}

/// Whole mebibytes.
pub fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// A rate of so many in a window.
#[expect(clippy::cast_precision_loss, reason = "a run does not count to 2^53")]
pub fn per_second(count: u64, seconds: f64) -> String {
    format!("{:.1}", count as f64 / seconds)
}

/// What went wrong with the requests of a kind; `0` where nothing did.
pub fn errors(kind: &KindRecord) -> String {
    if kind.errors.is_empty() {
        return "0".to_owned();
    }
    let errors: Vec<String> =
        kind.errors.iter().map(|(class, count)| format!("{count} {}", class.name())).collect();
    errors.join(", ")
}

/// A whole number where it is one.
pub fn figure(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// A limit that was not kept.
pub fn broken(judged: &Judged) -> String {
    let Judged { criterion, group, value, limit, .. } = judged;
    match criterion.as_str() {
        "goodput" => {
            format!("goodput: {} of what was offered is missing, limit {}", percent(*value), percent(*limit))
        }
        "startup" => format!(
            "startup: {} of the pods took too long to run, limit {}",
            percent(*value),
            percent(*limit)
        ),
        "bound" => {
            format!(
                "bound: {} of {group} waited too long for a node, limit {}",
                percent(*value),
                percent(*limit)
            )
        }
        "stall" => format!("stall: nothing of {group} succeeded for {value:.1} s, limit {limit:.0} s"),
        "synced" => format!("synced: {group} knew everything only after {value:.1} s, limit {limit:.0} s"),
        "slow" => format!("slow: {} of {group}, limit {}", percent(*value), percent(*limit)),
        "errors" => format!("errors: {} of {group}, limit {}", percent(*value), percent(*limit)),
        "watch-lag" => {
            format!("watch lag: {} of {group} too late, limit {}", percent(*value), percent(*limit))
        }
        "backlog" => format!(
            "backlog: of {group} it grows by {} of the offered load per second, limit {}",
            percent(*value),
            percent(*limit)
        ),
        "lease-gap" => {
            format!("lease gap: a node was without a renewed lease for {value:.1} s, limit {limit:.0} s")
        }
        "not-ready" => format!("not ready: {value:.0} nodes were taken for dead, limit {limit:.0}"),
        other => format!("{other} of {group}: {value}, limit {limit}"),
    }
}

/// A figure of a criterion with its unit: seconds, a count or a share.
pub fn of_criterion(criterion: &str, value: f64) -> String {
    match criterion {
        "stall" | "synced" | "lease-gap" => format!("{value:.1} s"),
        "not-ready" => format!("{value:.0}"),
        _ => percent(value),
    }
}

/// A command line as one can paste it into a shell. Of the program only its name: where it lay says nothing to others.
pub fn command(words: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:,@%+~".contains(c))
    };
    let quoted = |word: &String| {
        if plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    let program = words.first().map(|program| program.rsplit('/').next().unwrap_or(program).to_owned());
    let words: Vec<String> = program.iter().map(quoted).chain(words.iter().skip(1).map(quoted)).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        let shown = [0.000_412, 0.0042, 0.042, 0.42, 4.2, 42.0].map(|value| seconds(Some(value)));
        assert_eq!(shown, ["0.41 ms", "4.20 ms", "42.0 ms", "420 ms", "4.20 s", "42.0 s"]);
        assert_eq!(seconds(None), "-");
    }

    #[test]
    fn a_command_can_be_pasted_wherever_the_program_lay() {
        let words =
            ["/opt/it/loadgen", "run", "my churn.toml", "--set", "a.b=c", "it's", ""].map(str::to_owned);
        assert_eq!(command(&words), r"loadgen run 'my churn.toml' --set a.b=c 'it'\''s' ''");
        assert_eq!(command(&[]), "");
    }
}
