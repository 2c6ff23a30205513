//! The page of a comparison.

use std::fmt::Write as _;

use measure::statistics;

use super::{
    Results, Subject,
    turn::{Span, Turn},
};

/// One of the parts of a turn.
type Part = fn(&Turn) -> Span;

/// One turn in a line, for who waits.
pub(super) fn line(turn: &Turn) -> String {
    let Turn { subject, nodes, pods, ready, rest, running, deleted } = turn;
    format!(
        "{}: {nodes} nodes ready in {:.1} s, at rest {:.4} cores and {:.1} MB; {pods} pods run in {:.1} s, gone in {:.1} s",
        subject.name(),
        ready.seconds,
        rest.cpu / rest.seconds,
        megabytes(rest.rss),
        running.seconds,
        deleted.seconds
    )
}

/// All of it.
pub(super) fn page(results: &Results) -> String {
    let mut text = format!(
        "# Fleets beside one another\n\n{}\nKWOK {} with the stages of its own module and leases of 40 s; every turn on a control plane \
         of its own, profile `defaults-unthrottled`. CPU is process time, so it holds on a machine that is shared; times do not. RSS is \
         at the end of each part. Medians where there were several turns.\n",
        results.about.paragraph(),
        results.kwok
    );
    let parts: [(&str, Part); 4] = [
        ("Nodes until they are Ready", |turn| turn.ready),
        ("At rest", |turn| turn.rest),
        ("Pods until they run", |turn| turn.running),
        ("Pods until they are gone", |turn| turn.deleted),
    ];
    for (title, part) in parts {
        let _ = write!(
            text,
            "\n## {title}\n\n| | nodes | pods | seconds | CPU s | cores | RSS MB | kB a node | apiserver CPU s | etcd CPU s | apiserver RSS MB |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
        );
        for subject in subjects(&results.turns) {
            let turns: Vec<&Turn> = results.turns.iter().filter(|turn| turn.subject == subject).collect();
            let of = |value: fn(&Span) -> f64| {
                let values: Vec<f64> = turns.iter().map(|turn| value(&part(turn))).collect();
                statistics::median(&values).unwrap_or_default()
            };
            let (seconds, cpu, rss) = (of(|it| it.seconds), of(|it| it.cpu), of(|it| megabytes(it.rss)));
            let Turn { nodes, pods, .. } = turns[0];
            let _ = writeln!(
                text,
                "| {} | {nodes} | {pods} | {seconds:.1} | {cpu:.2} | {:.4} | {rss:.1} | {:.1} | {:.1} | {:.1} | {:.0} |",
                subject.name(),
                cpu / seconds,
                rss * 1e3 / f64::from(*nodes),
                of(|it| it.apiserver_cpu),
                of(|it| it.etcd_cpu),
                of(|it| megabytes(it.apiserver_rss)),
            );
        }
    }
    text
}

fn subjects(turns: &[Turn]) -> Vec<Subject> {
    let mut subjects: Vec<Subject> = turns.iter().map(|turn| turn.subject).collect();
    subjects.sort();
    subjects.dedup();
    subjects
}

#[expect(clippy::cast_precision_loss, reason = "memory of a process is far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
