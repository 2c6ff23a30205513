//! What a container does once it runs: nobody runs a program here, so the pod says what its programs would do.
//!
//! An annotation `containers.loadgen/<container>` holds any of `exit <code> after <time>`, `started after <time>` and `ready after
//! <time>`, separated by commas. Without it, a container of a pod that is always restarted runs until it is stopped, and one of a
//! job ends with 0 after a while. `pod.loadgen/evicted-after: <time>` has the kubelet evict the pod that long after it took it up, as if the
//! node were short of memory.

use std::{collections::BTreeMap, time::Duration};

/// Annotations that start with this name a container.
const PREFIX: &str = "containers.loadgen/";
const EVICTED_AFTER: &str = "pod.loadgen/evicted-after";

/// What the program of a container does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// It ends with this code after so long.
    pub exit: Option<(i32, Duration)>,
    /// Its startup probe succeeds from then on.
    pub started: Duration,
    /// Its readiness probe succeeds from then on.
    pub ready: Duration,
}

impl Behaviour {
    /// What the annotations say of a container; what is not understood is left out.
    pub(super) fn of(container: &str, annotations: &BTreeMap<String, String>) -> Self {
        let mut behaviour = Self::default();
        let text = annotations.get(&format!("{PREFIX}{container}")).map_or("", String::as_str);
        for part in text.split(',') {
            behaviour.add(part);
        }
        behaviour
    }

    fn add(&mut self, part: &str) {
        let words: Vec<&str> = part.split_whitespace().collect();
        match words.as_slice() {
            ["exit", code, "after", time] => {
                self.exit = code.parse().ok().zip(duration(time)).or(self.exit);
            }
            ["started", "after", time] => self.started = duration(time).unwrap_or(self.started),
            ["ready", "after", time] => self.ready = duration(time).unwrap_or(self.ready),
            _ => {}
        }
    }
}

/// When the kubelet evicts a pod with these annotations, if it does.
pub(super) fn evicted_after(annotations: &BTreeMap<String, String>) -> Option<Duration> {
    duration(annotations.get(EVICTED_AFTER)?.trim())
}

/// `1500ms`, `3s` or `2m`.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|it: char| !it.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_says_what_its_container_does() {
        let annotations = [
            ("containers.loadgen/c".to_owned(), "exit 42 after 3s, ready after 1500ms".to_owned()),
            ("containers.loadgen/d".to_owned(), "started after 2m, exit after, whatever".to_owned()),
        ];
        let annotations = BTreeMap::from(annotations);
        let (seconds, millis) = (Duration::from_secs, Duration::from_millis);
        let c = Behaviour { exit: Some((42, seconds(3))), ready: millis(1500), ..Behaviour::default() };
        assert_eq!(Behaviour::of("c", &annotations), c);
        let d = Behaviour { started: seconds(120), ..Behaviour::default() };
        assert_eq!(Behaviour::of("d", &annotations), d);
        assert_eq!(Behaviour::of("e", &annotations), Behaviour::default());
    }
}
