//! What nodes sent, second by second and class by class.

use std::fmt::Write as _;

use crate::traffic::{Request, Who, whole_seconds};

/// What a request of a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Lease,
    NodeStatus,
    /// A watch that asks for all there is.
    List,
    /// A watch that goes on.
    Watch,
    Pod,
    Event,
    Token,
    Other,
}

impl Class {
    pub(super) const ALL: [Self; 8] = [
        Self::Lease,
        Self::NodeStatus,
        Self::List,
        Self::Watch,
        Self::Pod,
        Self::Event,
        Self::Token,
        Self::Other,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lease => "leases",
            Self::NodeStatus => "node_status",
            Self::List => "watches_from_all",
            Self::Watch => "watches_from_version",
            Self::Pod => "pods",
            Self::Event => "events",
            Self::Token => "tokens",
            Self::Other => "other",
        }
    }

    /// Of nodes and their kube-proxies only. A watch counts when it begins, or when it is refused.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let of_fleet = matches!(request.who, Who::Node | Who::Proxy);
        let ends = request.is_watch() && !request.begins && !request.failed();
        if !of_fleet || ends || (request.begins && !request.succeeded()) {
            return None;
        }
        Some(match (&*request.verb, &*request.resource) {
            ("watch", _) if !request.asks_for_all() => Self::Watch,
            ("watch" | "list", _) => Self::List,
            (_, "leases") => Self::Lease,
            ("patch", "nodes/status") | ("get", "nodes") => Self::NodeStatus,
            (_, "pods" | "pods/status") => Self::Pod,
            (_, "events") => Self::Event,
            (_, "serviceaccounts/token") => Self::Token,
            _ => Self::Other,
        })
    }
}

/// Counts of a second: by class, and of those how many were refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Second {
    classes: [u32; Class::ALL.len()],
    refused: u32,
}

/// From `begin` to `end`. Seconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    begin: f64,
    down: f64,
    seconds: Vec<Second>,
}

impl Series {
    /// Times are told relative to `down`.
    pub(super) fn of(requests: &[Request], begin: f64, down: f64, end: f64) -> Self {
        let mut seconds = vec![Second::default(); whole_seconds(end - begin)];
        for request in requests.iter().filter(|it| (begin..end).contains(&it.at)) {
            let Some(class) = Class::of(request) else { continue };
            let Some(second) = seconds.get_mut(whole_seconds(request.at - begin)) else { continue };
            second.classes[class as usize] += 1;
            second.refused += u32::from(request.failed());
        }
        Self { begin, down, seconds }
    }

    fn window(&self, from: f64, to: f64) -> &[Second] {
        let index = |at: f64| whole_seconds(at - self.begin).min(self.seconds.len());
        &self.seconds[index(from)..index(to).max(index(from))]
    }

    /// Requests per second of the given classes, on average.
    #[expect(clippy::cast_precision_loss, reason = "seconds of a run")]
    pub(super) fn rate(&self, classes: &[Class], from: f64, to: f64) -> f64 {
        let window = self.window(from, to);
        let sum: u32 =
            window.iter().flat_map(|it| classes.iter().map(|class| it.classes[*class as usize])).sum();
        f64::from(sum) / (window.len() as f64).max(1.0)
    }

    /// The most in one second.
    pub(super) fn peak(&self, classes: &[Class], from: f64, to: f64) -> u32 {
        let sums = self.window(from, to).iter();
        sums.map(|it| classes.iter().map(|class| it.classes[*class as usize]).sum()).max().unwrap_or(0)
    }

    /// A row a second.
    pub(super) fn csv(&self) -> String {
        let names: Vec<&str> = Class::ALL.iter().map(|class| class.name()).collect();
        let mut text = format!("second,{},refused\n", names.join(","));
        for (index, second) in (0_i32..).zip(&self.seconds) {
            let counts: Vec<String> = second.classes.iter().map(u32::to_string).collect();
            let at = f64::from(index) + self.begin - self.down;
            let _ = writeln!(text, "{at:.0},{},{}", counts.join(","), second.refused);
        }
        text
    }

    /// A line of bars, each of which is `step` seconds.
    pub(super) fn sparkline(&self, classes: &[Class], step: usize) -> String {
        const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let sum = |second: &Second| classes.iter().map(|class| second.classes[*class as usize]).sum::<u32>();
        let sums: Vec<u32> = self.seconds.chunks(step).map(|chunk| chunk.iter().map(sum).sum()).collect();
        let most = sums.iter().copied().max().unwrap_or(0).max(1);
        // Something is never shown as nothing.
        sums.iter().map(|sum| BARS[(sum * 8).div_ceil(most) as usize]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::synthetic::{request, watch};

    const NODE: &str = "system:node:n-1";

    fn log() -> Vec<Request> {
        let lease = |at: f64| request(NODE, "update leases kube-node-lease/n-1", 200, at);
        let mut requests = vec![
            lease(10.2),
            lease(10.7),
            lease(12.0),
            lease(14.1),
            request("system:kube-scheduler", "update leases kube-system/s", 200, 10.2),
            request(NODE, "get pods ns/p", 503, 12.5),
        ];
        requests.extend(watch(NODE, "pods", "sendInitialEvents=true&timeoutSeconds=300", 11.0, Some(13.0)));
        requests.extend(watch(NODE, "pods", "resourceVersion=7&timeoutSeconds=300", 13.0, None));
        requests
    }

    #[test]
    fn each_request_is_counted_once_in_its_second() {
        let series = Series::of(&log(), 10.0, 12.0, 14.0);
        assert_eq!(
            series.csv(),
            "second,leases,node_status,watches_from_all,watches_from_version,pods,events,tokens,other,refused\n\
             -2,2,0,0,0,0,0,0,0,0\n-1,0,0,1,0,0,0,0,0,0\n0,1,0,0,0,1,0,0,0,1\n1,0,0,0,1,0,0,0,0,0\n"
        );
        assert!((series.rate(&[Class::Lease], 10.0, 14.0) - 0.75).abs() < 1e-9);
        assert_eq!(series.peak(&Class::ALL, 10.0, 14.0), 2);
        assert_eq!(series.sparkline(&[Class::Lease], 1), "█ ▄ ");
    }
}
