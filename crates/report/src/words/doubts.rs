//! What each doubt about a measurement means: the advice in a record says what to do, this says why one would.

/// Every doubt that a record may have, by name, with what it means for the figures beside it.
pub const MEANINGS: [(&str, &str); 19] = [
    (
        "clock-step",
        "The wall clock moved against the monotonic one, so moments of this record do not fit each other.",
    ),
    (
        "component-restart",
        "A process of the control plane was started anew in the window, and nobody had asked for it.",
    ),
    (
        "drift-not-controlled",
        "Both sides were measured one after the other, so whatever else changed is in the ratio.",
    ),
    ("dropped-starts", "Operations that were due were never started: less was offered than the record says."),
    (
        "few-samples",
        "Some limits were judged by too few requests for their bounds to decide; the figure itself decided.",
    ),
    (
        "fidelity",
        "The nodes sent less than kubelets do, so the control plane had less to do than in a real cluster.",
    ),
    (
        "harness-cpu",
        "The load generator took much of the machine's CPU, which the control plane could not have.",
    ),
    (
        "late-sends",
        "Requests left later than they were due, so response times have the harness's own delay in them.",
    ),
    ("missing-metrics", "The metrics of a component could not be read, so what limited it is not known."),
    ("noisy-host", "Something that is no part of the measurement used the machine's CPU."),
    ("not-steady", "The load had not come to rest, so the window shows a moment and not a state that lasts."),
    ("pairs-left-out", "Pairs with a void trial took no part in the verdict."),
    ("quick", "A quick search ends with a wide bracket and short windows: its answer is rough."),
    ("runs-left-out", "Runs that did not come to their end, or are void, took no part."),
    (
        "shortened-hold",
        "The answer was not held for as long as a compaction of etcd and the life of a watch take.",
    ),
    (
        "stream-queueing",
        "Requests waited in the client for a free HTTP/2 stream, which counts as the server's time.",
    ),
    (
        "throttled-by-default",
        "A component waited in its own request limiter, so the figure is that limiter's.",
    ),
    ("too-few-valid-pairs", "So few pairs are left that no verdict can come of them."),
    ("wavering", "Some loads held once and broke once: another search may end elsewhere between them."),
];

/// What a doubt means; nothing of one that this version does not know.
pub fn meaning(name: &str) -> Option<&'static str> {
    MEANINGS.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_name() {
        assert!(MEANINGS.is_sorted_by(|one, next| one.0 < next.0), "in order, and each once");
        assert!(meaning("late-sends").is_some_and(|text| text.contains("later than they were due")));
        assert_eq!(meaning("no-such-doubt"), None);
    }
}
