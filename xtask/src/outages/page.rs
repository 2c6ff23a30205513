//! docs/evidence/outages: what came of it.

use std::fmt::Write as _;

use super::{
    judge::{Rates, Verdict},
    series::Class,
};
use crate::machine::About;

/// The page of one outage.
pub(super) fn page(about: &About, verdict: &Verdict) -> String {
    let Verdict { name, nodes, ready, silence, heartbeats, all, lease_gap_median, lease_gap_max, .. } =
        verdict;
    let outcome = if verdict.failures.is_empty() {
        "The fleet lives through it."
    } else {
        "**The fleet does not live through it.**"
    };
    format!(
        "# Outage: {name}\n\n{outcome} {nodes} nodes beside a Deployment that grows and shrinks.\n\n{}\n| nodes ready | no answer | lease gap, \
         median and most | heartbeats/s before, 10-20 s after the return | all requests/s before, most in a second, a minute after \
         |\n|---:|---:|---:|---:|---:|\n| {ready} of {nodes} | {silence:.1} s | {lease_gap_median:.1} s, {lease_gap_max:.1} s | {:.1}, {:.1} | \
         {:.0}, {}, {:.0} |\n{}",
        about.paragraph(),
        heartbeats.steady,
        heartbeats.second,
        all.steady,
        all.peak,
        all.settled,
        section(verdict)
    )
}

pub(super) fn section(verdict: &Verdict) -> String {
    let Verdict { name, watches, relists, rewatches, expired, refused_meanwhile, old_version, .. } = verdict;
    let mut text = format!("\n## {name}, second by second\n\n");
    for failure in &verdict.failures {
        let _ = writeln!(text, "- **{failure}**");
    }
    if !verdict.failures.is_empty() {
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "| requests/s | before | most in a second | 0-10 s | 10-20 s | a minute after |\n|---|---:|---:|---:|---:|---:|"
    );
    for (what, rates) in
        [("heartbeats", &verdict.heartbeats), ("all but watches", &verdict.others), ("all", &verdict.all)]
    {
        let Rates { steady, peak, first, second, settled } = rates;
        let _ = writeln!(text, "| {what} | {steady:.1} | {peak} | {first:.1} | {second:.1} | {settled:.1} |");
    }
    let _ = writeln!(
        text,
        "\nOf {watches} watches, those of Secrets and ConfigMaps left out, {rewatches} were tried from the version they had, {expired} of these \
         ended at once, and {relists} began anew. {refused_meanwhile} requests were refused while the part was away or coming up.\n\nA watch \
         from the version before: `{}`\n",
        if old_version.is_empty() { "goes on" } else { old_version }
    );
    if let Some(line) = &verdict.unanswered {
        let _ = writeln!(text, "The fleet at the end: `{line}`\n");
    }
    let _ = writeln!(text, "Five seconds a bar, each line to its own scale:\n\n```");
    for class in Class::ALL {
        let _ = writeln!(text, "{:>21} |{}|", class.name(), verdict.series.sparkline(&[class], 5));
    }
    text += "```\n";
    text
}
