//! What a container that does not exist has logged: a line for every second that it ran, each a function of its number.

use std::ops::Range;

use jiff::{SignedDuration, Timestamp};

use crate::snapshot::{ContainerSnapshot, ContainerState, Ran};

/// What `GET /containerLogs/...` asks for (core/v1 `PodLogOptions`).
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LogOptions {
    pub(super) follow: bool,
    pub(super) previous: bool,
    pub(super) timestamps: bool,
    since_seconds: Option<i64>,
    since_time: Option<Timestamp>,
    tail_lines: Option<i64>,
    limit_bytes: Option<i64>,
    stream: Option<String>,
}

/// Why options cannot be used; the texts are the kubelet's (`pkg/kubelet/server/server.go`, `getContainerLogs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadOptions {
    /// A value is not of its type.
    NotDecoded,
    /// A value is out of range, or two exclude one another.
    Invalid,
}

/// A container's lines that were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// It runs, and more may come.
    Running { since: Timestamp },
    /// These are all.
    Ended(Ran),
}

impl LogOptions {
    /// Reads a query.
    pub(super) fn parse(query: &str) -> Result<Self, BadOptions> {
        let mut options = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let number = || value.parse().map(Some).map_err(|_| BadOptions::NotDecoded);
            match &*key {
                "follow" => options.follow = flag(&value),
                "previous" => options.previous = flag(&value),
                "timestamps" => options.timestamps = flag(&value),
                "sinceSeconds" => options.since_seconds = number()?,
                "tailLines" => options.tail_lines = number()?,
                "limitBytes" => options.limit_bytes = number()?,
                "sinceTime" => {
                    options.since_time = Some(value.parse().map_err(|_| BadOptions::NotDecoded)?);
                }
                "stream" => options.stream = Some(value.into_owned()),
                _ => {}
            }
        }
        if options.is_valid() { Ok(options) } else { Err(BadOptions::Invalid) }
    }

    /// As `pkg/apis/core/validation`, `ValidatePodLogOptions`.
    fn is_valid(&self) -> bool {
        let all = self.stream.as_deref().is_none_or(|stream| stream == "All");
        let known = all || matches!(self.stream.as_deref(), Some("Stdout" | "Stderr"));
        self.tail_lines.is_none_or(|lines| lines >= 0)
            && self.limit_bytes.is_none_or(|bytes| bytes >= 1)
            && self.since_seconds.is_none_or(|seconds| seconds >= 1)
            && !(self.since_seconds.is_some() && self.since_time.is_some())
            && known
            && (all || self.tail_lines.is_none())
    }

    /// Everything is written to stdout.
    pub(super) fn wants_stdout(&self) -> bool {
        self.stream.as_deref() != Some("Stderr")
    }

    /// Bytes that may be sent.
    pub(super) fn budget(&self) -> usize {
        self.limit_bytes.map_or(usize::MAX, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// The numbers of the lines of a run that are asked for; `until` is the run's end, or now.
    pub(super) fn select(&self, ran: Ran, now: Timestamp) -> Range<u64> {
        let end = lines(ran);
        let of_tail = self.tail_lines.map_or(0, |lines| end.saturating_sub(lines.unsigned_abs()));
        let since_seconds = self
            .since_seconds
            .map(|seconds| now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MIN));
        let of_since = self.since_time.or(since_seconds).map_or(0, |since| first_since(ran.since, since));
        of_tail.max(of_since).min(end)..end
    }
}

/// As apimachinery reads a bool from a query (`pkg/runtime/converter.go`): what is not false is true.
fn flag(value: &str) -> bool {
    !matches!(value.to_ascii_lowercase().as_str(), "false" | "0")
}

/// How many lines there are of a run.
pub(super) fn lines(ran: Ran) -> u64 {
    let ran = ran.until.duration_since(ran.since);
    if ran.is_negative() { 0 } else { ran.as_secs().unsigned_abs() + 1 }
}

/// The number of the first line that is not before `since`.
fn first_since(begin: Timestamp, since: Timestamp) -> u64 {
    let wait = since.duration_since(begin);
    if !wait.is_positive() {
        return 0;
    }
    wait.as_secs().unsigned_abs() + u64::from(wait.subsec_nanos() > 0)
}

/// When a line was written.
pub(super) fn written(begin: Timestamp, number: u64) -> Timestamp {
    let after = SignedDuration::from_secs(i64::try_from(number).unwrap_or(i64::MAX));
    begin.checked_add(after).unwrap_or(Timestamp::MAX)
}

/// A line with its end.
pub(super) fn line(begin: Timestamp, number: u64, timestamps: bool) -> String {
    // Knuth's multiplicative hash: neighbours differ.
    let took = number.wrapping_mul(2_654_435_761) % 97 + 3;
    let text = format!("level=info msg=\"handled request\" seq={number} took_ms={took}\n");
    if !timestamps {
        return text;
    }
    format!("{} {text}", written(begin, number).strftime("%Y-%m-%dT%H:%M:%S.%9fZ"))
}

/// Which run's lines a request is for, or the kubelet's words for why there are none (`pkg/kubelet/kubelet_pods.go`,
/// `validateContainerLogStatus`).
pub(super) fn source(pod: &str, container: &ContainerSnapshot, previous: bool) -> Result<Source, String> {
    let name = &container.name;
    if previous {
        let none = || format!("previous terminated container {name:?} in pod {pod:?} not found");
        return container.previous.map(Source::Ended).ok_or_else(none);
    }
    match (container.state, container.previous) {
        (ContainerState::Running { since }, _) => Ok(Source::Running { since }),
        (ContainerState::Ended(ran), _)
        | (ContainerState::Waiting(_) | ContainerState::NeverRan, Some(ran)) => Ok(Source::Ended(ran)),
        (ContainerState::NeverRan, None) => Err(format!("container {name:?} in pod {pod:?} is terminated")),
        (ContainerState::Waiting(reason), None) => {
            Err(format!("container {name:?} in pod {pod:?} is waiting to start: {reason}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::usage::tests::{at, node};

    fn ran() -> Ran {
        Ran { since: at(0), until: at(99) }
    }

    #[test]
    fn lines_are_chosen_by_number_and_by_time() {
        let check = |query: &str, expected: Range<u64>| {
            assert_eq!(LogOptions::parse(query).unwrap().select(ran(), at(109)), expected, "{query}");
        };
        check("", 0..100);
        check("tailLines=10", 90..100);
        check("tailLines=0", 100..100);
        check("tailLines=1000", 0..100);
        check("sinceSeconds=20", 89..100);
        check("sinceSeconds=5", 100..100);
        check("sinceSeconds=3600", 0..100);
        let time = at(30).to_string().replace(':', "%3A");
        check(&format!("sinceTime={time}"), 30..100);
        check(&format!("sinceTime={time}&tailLines=10"), 90..100);
        check(&format!("sinceTime={time}&tailLines=80"), 30..100);
        let between = "2027-01-15T08:00:30.5Z";
        assert_eq!(between.parse::<Timestamp>().unwrap().duration_since(at(30)).as_millis(), 500);
        check(&format!("sinceTime={between}"), 31..100);
    }

    #[test]
    fn a_container_that_just_started_has_one_line_and_one_that_will_start_none() {
        assert_eq!(lines(Ran { since: at(5), until: at(5) }), 1);
        assert_eq!(lines(Ran { since: at(5), until: at(4) }), 0);
        let options = LogOptions::default();
        assert_eq!(options.select(Ran { since: at(5), until: at(4) }, at(4)), 0..0);
    }

    #[test]
    fn options_are_refused_as_a_kubelet_refuses_them() {
        let check =
            |query: &str, error: BadOptions| assert_eq!(LogOptions::parse(query), Err(error), "{query}");
        check("tailLines=many", BadOptions::NotDecoded);
        check("sinceTime=yesterday", BadOptions::NotDecoded);
        check("tailLines=-1", BadOptions::Invalid);
        check("limitBytes=0", BadOptions::Invalid);
        check("sinceSeconds=0", BadOptions::Invalid);
        check("sinceSeconds=1&sinceTime=2027-01-15T08:00:00Z", BadOptions::Invalid);
        check("stream=Both", BadOptions::Invalid);
        check("stream=Stdout&tailLines=1", BadOptions::Invalid);
        let options = LogOptions::parse("follow=true&previous=0&timestamps=1&container=c").unwrap();
        assert_eq!((options.follow, options.previous, options.timestamps), (true, false, true));
        assert!(!LogOptions::parse("stream=Stderr").unwrap().wants_stdout());
    }

    #[test]
    fn a_line_says_when_it_was_written_if_asked() {
        assert_eq!(line(at(0), 7, false), line(at(500), 7, false));
        let line = line(at(0), 7, true);
        assert!(line.starts_with("2027-01-15T08:00:07.000000000Z level=info "), "{line}");
        assert!(line.ends_with('\n') && line.contains(" seq=7 "), "{line}");
    }

    #[test]
    fn a_container_without_logs_is_explained_in_the_kubelets_words() {
        let mut container = node().pods[0].containers[0].clone();
        let check = |container: &ContainerSnapshot, previous, expected: Result<Source, &str>| {
            assert_eq!(source("web", container, previous), expected.map_err(str::to_owned));
        };
        check(&container, false, Ok(Source::Running { since: at(10) }));
        check(&container, true, Err(r#"previous terminated container "app" in pod "web" not found"#));
        container.state = ContainerState::Waiting("ContainerCreating");
        check(
            &container,
            false,
            Err(r#"container "app" in pod "web" is waiting to start: ContainerCreating"#),
        );
        container.state = ContainerState::NeverRan;
        check(&container, false, Err(r#"container "app" in pod "web" is terminated"#));
        container.previous = Some(ran());
        check(&container, false, Ok(Source::Ended(ran())));
        check(&container, true, Ok(Source::Ended(ran())));
    }
}
