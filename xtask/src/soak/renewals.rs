//! Watches that the server ends at their time-outs and that are opened again: as often as chance has it?

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    ops::Range,
};

use serde::Serialize;

use crate::traffic::{Request, Who, whole_seconds};

/// Most watches (client-go `reflector.go`, `minWatchTimeout`). Seconds.
const USUAL: Range<usize> = 300..600;
/// The kubelet's Secrets and `ConfigMap`s (`watch_based_manager.go`). Seconds.
const OBJECTS: Range<usize> = 1800..3600;
/// Beyond this many standard deviations it is not chance.
const SIGMAS: f64 = 4.0;

/// The watches of one class.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Renewals {
    pub(crate) who: &'static str,
    pub(crate) resource: String,
    /// Watches that were begun.
    pub(crate) streams: u64,
    pub(crate) expected: f64,
    pub(crate) deviation: f64,
    pub(crate) seen: u64,
}

impl Renewals {
    pub(crate) fn is_chance(&self) -> bool {
        // One more or less is always chance: a watch that ends as the run does.
        (self.count() - self.expected).abs() <= (SIGMAS * self.deviation).max(1.0)
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of watches is far below 2^52")]
    fn count(&self) -> f64 {
        self.seen as f64
    }
}

/// Compares for each class of watches until `end`.
pub(crate) fn renewals(requests: &[Request], end: f64) -> Vec<Renewals> {
    let length = whole_seconds(end) + 1;
    let tables = [(USUAL, Table::new(&USUAL, length)), (OBJECTS, Table::new(&OBJECTS, length))];
    let mut classes: BTreeMap<(Who, String), (Renewals, f64)> = BTreeMap::new();
    for stream in streams(requests, end) {
        let timeout = if is_of_objects(&stream.resource) { &tables[1].1 } else { &tables[0].1 };
        let (mean, variance) = timeout.count(whole_seconds(stream.ended - stream.begun));
        let class = classes.entry((stream.who, stream.resource.clone())).or_insert_with(|| {
            let (who, resource) = (stream.who.name(), stream.resource);
            (Renewals { who, resource, streams: 0, expected: 0.0, deviation: 0.0, seen: 0 }, 0.0)
        });
        class.0.streams += 1;
        class.0.expected += mean;
        class.1 += variance;
    }
    let again = requests.iter().filter(|it| it.begins && !it.is_anew() && it.succeeded() && it.at <= end);
    for request in again.filter(|it| matches!(it.who, Who::Node | Who::Proxy)) {
        if let Some((class, _)) = classes.get_mut(&(request.who, request.resource.to_string())) {
            class.seen += 1;
        }
    }
    let finish = |(class, variance): (Renewals, f64)| Renewals { deviation: variance.sqrt(), ..class };
    classes.into_values().map(finish).collect()
}

fn is_of_objects(resource: &str) -> bool {
    matches!(resource, "secrets" | "configmaps")
}

/// A watch and those that go on from it.
struct Stream {
    who: Who,
    resource: String,
    begun: f64,
    ended: f64,
}

/// A stream ends with the run, or when its client ends a watch before its time.
fn streams(requests: &[Request], end: f64) -> Vec<Stream> {
    let mut open: HashMap<_, VecDeque<Stream>> = HashMap::new();
    let mut closed = Vec::new();
    let of_nodes = requests.iter().filter(|it| it.is_watch() && matches!(it.who, Who::Node | Who::Proxy));
    for request in of_nodes.filter(|it| it.succeeded() && it.at <= end) {
        let of = open.entry(request.selection()).or_default();
        if request.begins && request.is_anew() {
            let (who, resource) = (request.who, request.resource.to_string());
            of.push_back(Stream { who, resource, begun: request.at, ended: end });
        } else if !request.begins && request.done < end && !timed_out(request) {
            closed.extend(of.pop_front().map(|stream| Stream { ended: request.done, ..stream }));
        }
    }
    closed.extend(open.into_values().flatten());
    closed
}

fn timed_out(watch: &Request) -> bool {
    watch.timeout().is_some_and(|timeout| watch.done - watch.at > timeout - 1.0)
}

/// How often a watch is renewed in so many seconds, when each takes a uniformly chosen whole number of seconds: the counting
/// process of a renewal process. `E[N] = sum P(S_k <= t)` and `E[N^2] = sum (2k-1) P(S_k <= t)`, exactly, by convolution.
struct Table {
    mean: Vec<f64>,
    square: Vec<f64>,
}

impl Table {
    fn new(timeout: &Range<usize>, length: usize) -> Self {
        let mut table = Self { mean: vec![0.0; length + 1], square: vec![0.0; length + 1] };
        // The time of the k-th renewal: certainly 0 for none.
        let mut density = vec![0.0; length + 1];
        density[0] = 1.0;
        for k in (1..).take(length / timeout.start) {
            density = convolve(&density, timeout);
            let mut sum = 0.0;
            for (seconds, share) in density.iter().enumerate() {
                sum += share;
                table.mean[seconds] += sum;
                table.square[seconds] += f64::from(2 * k - 1) * sum;
            }
        }
        table
    }

    fn count(&self, seconds: usize) -> (f64, f64) {
        let seconds = seconds.min(self.mean.len() - 1);
        let mean = self.mean[seconds];
        (mean, self.square[seconds] - mean * mean)
    }
}

#[expect(clippy::cast_precision_loss, reason = "hundreds of seconds")]
fn convolve(density: &[f64], timeout: &Range<usize>) -> Vec<f64> {
    let each = 1.0 / timeout.len() as f64;
    let mut window = 0.0;
    let mut out = Vec::with_capacity(density.len());
    for seconds in 0..density.len() {
        if seconds >= timeout.start {
            window += density[seconds - timeout.start];
        }
        if seconds >= timeout.end {
            window -= density[seconds - timeout.end];
        }
        out.push(window.max(0.0) * each);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::synthetic::watch;

    #[test]
    fn the_count_is_that_of_a_renewal_process() {
        let table = Table::new(&USUAL, 7200);
        assert_eq!(table.count(299), (0.0, 0.0));
        let (mean, variance) = table.count(449);
        assert!((mean - 0.5).abs() < 1e-9 && (variance - 0.25).abs() < 1e-9, "{mean} {variance}");
        // In the long run t/m - 1/2 + s^2/(2 m^2), and the variance grows by s^2/m^3 a second.
        let (mean, variance) = table.count(7200);
        let (m, s2) = (449.5, (300.0 * 300.0 - 1.0) / 12.0);
        assert!((mean - (7200.0 / m - 0.5 + s2 / (2.0 * m * m))).abs() < 0.01, "{mean}");
        assert!((variance / (7200.0 * s2 / (m * m * m)) - 1.0).abs() < 0.2, "{variance}");
    }

    /// A hundred nodes that watch pods, each renewed after `timeout` seconds until 900.
    fn log(timeout: impl Fn(u32) -> f64) -> Vec<Request> {
        (0..100)
            .flat_map(|node| {
                let user = format!("system:node:n-{node}");
                let timeout = timeout(node);
                let query = |first: bool| {
                    let first = if first { "sendInitialEvents=true&" } else { "" };
                    format!("{first}timeoutSeconds={timeout}&watch=true")
                };
                let mut at = 0.0;
                let mut all = Vec::new();
                while at < 900.0 {
                    let ended = (at + timeout < 900.0).then_some(at + timeout);
                    all.extend(watch(&user, "pods", &query(all.is_empty()), at, ended));
                    at += timeout;
                }
                all
            })
            .collect()
    }

    #[test]
    fn watches_that_end_by_chance_pass_and_others_do_not() {
        let judged = |requests: &[Request]| {
            let found = renewals(requests, 900.0);
            let [only] = found.as_slice() else { panic!("{found:?}") };
            only.clone()
        };
        let uniform = judged(&log(|node| 300.0 + 3.0 * f64::from(node)));
        assert!(uniform.is_chance() && uniform.streams == 100, "{uniform:?}");
        let early = judged(&log(|_| 301.0));
        assert!(!early.is_chance(), "{early:?}");
        let never = judged(&log(|_| 2000.0));
        assert!(!never.is_chance() && never.seen == 0, "{never:?}");
    }

    #[test]
    fn a_watch_that_its_client_ends_is_over() {
        let of = |resource: &str, ended: f64| {
            watch("system:node:n-1", resource, "sendInitialEvents=true&timeoutSeconds=400", 0.0, Some(ended))
        };
        let requests = [of("nodes", 100.0), of("secrets", 900.0)].concat();
        let found = renewals(&requests, 900.0);
        let expected: Vec<String> = found.iter().map(|class| format!("{:.2}", class.expected)).collect();
        assert_eq!(expected, ["0.00", "0.00"], "{found:?}");
    }
}
