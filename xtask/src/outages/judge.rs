//! Whether a fleet lived through it.

use std::collections::HashMap;

use super::{
    Outage,
    play::Played,
    series::{Class, Series},
};
use crate::{
    soak::{errors, errors::Refusals, ready},
    traffic::{Request, Who},
};

/// Windows after the return. Seconds.
const WINDOW: f64 = 10.0;
/// A node's grace period, of the node lifecycle controller's `--node-monitor-grace-period`. Seconds.
const NODE_GRACE: f64 = 50.0;
/// Heartbeats in the second window, of those in the steady state. Nodes renew every ten seconds or so, whatever happens.
const HEARTBEATS: f64 = 1.5;
/// Everything but watches in the second window: pods that came too late meanwhile are made up for.
const ALL: f64 = 3.0;
/// A minute after the return all is as it was.
const SETTLED: f64 = 1.5;
/// How often each watch may begin anew: once from the version it had, which the server has forgotten, and once from all.
const RELISTS: f64 = 2.0;
/// After the return, refusals are those of a server that is coming up. Seconds.
const COMING_UP: f64 = 30.0;

const HEARTBEAT: [Class; 2] = [Class::Lease, Class::NodeStatus];
const WITHOUT_WATCHES: [Class; 6] =
    [Class::Lease, Class::NodeStatus, Class::Pod, Class::Event, Class::Token, Class::Other];

/// Requests per second at four times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) steady: f64,
    pub(super) peak: u32,
    pub(super) first: f64,
    pub(super) second: f64,
    pub(super) settled: f64,
}

/// What came of one outage.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) name: String,
    pub(super) nodes: u32,
    pub(super) ready: usize,
    pub(super) not_ready_events: usize,
    /// How long no node was answered.
    pub(super) silence: f64,
    pub(super) heartbeats: Rates,
    pub(super) others: Rates,
    pub(super) all: Rates,
    /// Watches that were open, those that began anew, and those that were tried from the old version.
    pub(super) watches: usize,
    pub(super) relists: usize,
    pub(super) rewatches: usize,
    /// Watches from an old version that ended at once: 410.
    pub(super) expired: usize,
    pub(super) lease_gap_median: f64,
    pub(super) lease_gap_max: f64,
    pub(super) old_version: String,
    /// The last thing the fleet said of requests without an answer.
    pub(super) unanswered: Option<String>,
    pub(super) refusals: Vec<Refusals>,
    /// Refused while the part was away or coming up.
    pub(super) refused_meanwhile: usize,
    pub(super) series: Series,
    pub(super) failures: Vec<String>,
}

pub(super) fn judge(outage: Outage, nodes: u32, played: &Played) -> Verdict {
    let Played { begin, down, end, .. } = *played;
    let requests = &played.traffic.requests;
    let series = Series::of(requests, begin, down, end);
    let up = first_answer(requests, if outage == Outage::Goaway { down } else { played.back });
    let rates = |classes: &[Class]| Rates {
        steady: series.rate(classes, begin, down),
        peak: series.peak(classes, up, end),
        first: series.rate(classes, up, up + WINDOW),
        second: series.rate(classes, up + WINDOW, up + 2.0 * WINDOW),
        settled: series.rate(classes, (up + 60.0).min(end - WINDOW), end),
    };
    let meanwhile =
        |request: &Request| outage != Outage::Goaway && (down - 1.0..up + COMING_UP).contains(&request.at);
    let gaps = ready::lease_gaps(requests, down, end);
    let restarts = Restarts::of(requests, down, up, end);
    let mut verdict = Verdict {
        name: outage.name(),
        nodes,
        ready: played.ready,
        not_ready_events: played.not_ready_events,
        silence: up - down,
        heartbeats: rates(&HEARTBEAT),
        others: rates(&WITHOUT_WATCHES),
        all: rates(&Class::ALL),
        watches: restarts.open,
        relists: restarts.relists,
        rewatches: restarts.rewatches,
        expired: restarts.expired,
        lease_gap_median: gaps.get(gaps.len() / 2).copied().unwrap_or_default(),
        lease_gap_max: gaps.last().copied().unwrap_or_default(),
        old_version: refusal_in(&played.old_version),
        unanswered: played
            .said
            .lines()
            .rev()
            .find(|line| line.contains("without an answer"))
            .map(str::to_owned),
        refusals: errors::refusals(requests, |request| !meanwhile(request) && request.at < end),
        refused_meanwhile: requests
            .iter()
            .filter(|it| it.failed() && Class::of(it).is_some() && meanwhile(it))
            .count(),
        series,
        failures: ready::written_off(requests),
    };
    verdict.failures.extend(failures(&verdict, gaps.len(), restarts.most_of_one));
    if outage == Outage::Goaway
        && let Some(line) = &verdict.unanswered
    {
        verdict.failures.push(format!("a connection that is given up in good order lost requests: {line}"));
    }
    verdict
}

/// What the first event of a watch says, if it is an error.
fn refusal_in(events: &str) -> String {
    let first = events.lines().next().and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let error = first.filter(|event| event["type"] == "ERROR");
    error
        .map(|event| format!("{} {}", event["object"]["code"], event["object"]["message"]))
        .unwrap_or_default()
}

fn failures(verdict: &Verdict, nodes_with_leases: usize, most_of_one: f64) -> Vec<String> {
    let Verdict { nodes, ready, not_ready_events, heartbeats, others, all, lease_gap_max, .. } = verdict;
    let mut failures = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            failures.push(what);
        }
    };
    let many = *nodes as usize;
    check(*ready == many, format!("only {ready} of {nodes} nodes are ready at the end"));
    check(*not_ready_events == 0, format!("{not_ready_events} events say NodeNotReady"));
    check(nodes_with_leases == many, format!("only {nodes_with_leases} of {nodes} nodes renewed a lease"));
    check(*lease_gap_max < NODE_GRACE, format!("a node's lease was not renewed for {lease_gap_max:.1} s"));
    let no_storm = |rate: f64, rates: &Rates, most: f64| rate <= most * rates.steady + 1.0;
    check(
        no_storm(heartbeats.second, heartbeats, HEARTBEATS),
        format!(
            "{:.1} heartbeats/s from 10 to 20 s after the return, {:.1} before",
            heartbeats.second, heartbeats.steady
        ),
    );
    check(
        no_storm(others.second, others, ALL),
        format!(
            "{:.1} requests/s from 10 to 20 s after the return, {:.1} before",
            others.second, others.steady
        ),
    );
    check(
        no_storm(all.settled, all, SETTLED),
        format!("{:.1} requests/s a minute after the return, {:.1} before", all.settled, all.steady),
    );
    check(
        heartbeats.settled >= 0.9 * heartbeats.steady - 1.0,
        format!(
            "{:.1} heartbeats/s a minute after the return, {:.1} before",
            heartbeats.settled, heartbeats.steady
        ),
    );
    check(most_of_one <= RELISTS, format!("one watch began anew {most_of_one:.1} times"));
    let unexplained = verdict.refusals.iter().filter(|it| it.because.is_none());
    failures.extend(unexplained.map(|it| {
        format!(
            "{} times {} to {} {} of a {}: {}",
            it.count, it.code, it.verb, it.resource, it.who, it.example
        )
    }));
    failures
}

/// When a node was answered again.
fn first_answer(requests: &[Request], from: f64) -> f64 {
    let answers =
        requests.iter().filter(|it| it.who == Who::Node && it.at >= from && (200..500).contains(&it.code));
    answers.map(|request| request.at).fold(f64::INFINITY, f64::min).max(from)
}

/// What became of the watches that were open.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Restarts {
    open: usize,
    relists: usize,
    rewatches: usize,
    expired: usize,
    most_of_one: f64,
}

impl Restarts {
    #[expect(clippy::cast_precision_loss, reason = "a fleet has some thousands of watches")]
    fn of(requests: &[Request], down: f64, up: f64, end: f64) -> Self {
        // Watches of one selection: how many began before, and ended before, and began anew. kube-proxies are one user.
        #[derive(Default)]
        struct Of {
            open: i64,
            relists: usize,
        }
        let mut all: HashMap<_, Of> = HashMap::new();
        let mut restarts = Self::default();
        // Secrets and ConfigMaps are watched while pods use them; that is churn.
        let lasting = |it: &&Request| !matches!(&*it.resource, "secrets" | "configmaps");
        let of_fleet = requests.iter().filter(|it| it.is_watch() && matches!(it.who, Who::Node | Who::Proxy));
        for request in of_fleet.filter(lasting).filter(|it| it.succeeded() && it.at < end) {
            let of = all.entry(request.selection()).or_default();
            let anew = request.is_anew();
            match (request.begins, request.at < down) {
                (true, true) => of.open += 1,
                (false, true) if request.done < down => of.open -= 1,
                (true, false) if anew && request.at >= up => {
                    of.relists += 1;
                    restarts.relists += 1;
                }
                (true, false) if request.at >= up => restarts.rewatches += 1,
                (false, false) if !anew && request.done - request.at < 1.0 => restarts.expired += 1,
                _ => {}
            }
        }
        for of in all.values().filter(|of| of.open > 0) {
            let open = usize::try_from(of.open).unwrap_or_default();
            restarts.open += open;
            restarts.most_of_one = restarts.most_of_one.max(of.relists as f64 / open as f64);
        }
        restarts
    }
}

#[cfg(test)]
mod tests;
