//! How much of a window a component spent in the limiter of its own clients.
//!
//! What `rest_client_rate_limiter_duration_seconds` measures (client-go `rest/request.go`, `tryThrottleWithInfo`;
//! component-base `metrics/prometheus/restclient`): for every request, watches left out, the time that its goroutine
//! was in the token bucket's `Wait`. Requests that found a token are in it with microseconds. The waits of requests
//! that wait at the same time are added up, so
//!
//! - the sum over the window's length is the mean *number* of requests that waited (Little), not a share of time: two
//!   hundred requests at once on 50/100 wait for 101 s in all, while the bucket was empty for two seconds. It is at
//!   least that share.
//! - An empty bucket lets through exactly one waiting request every 1/QPS seconds, so the number of requests that
//!   waited over QPS is the time it was empty, for one bucket. Only a wait of more than 5 ms can be told from none,
//!   the first bound of the histogram. Of a bucket that gets a token less often than that, what is missed is at most
//!   5 ms for each token. From 200 QPS on most waits for one token are that short; there everything that they can
//!   have waited is added.
//!
//! The bucket is a client's, not the process' (`kubernetes.NewForConfig`): the scheduler has one for pods, one for
//! events and one for its lease; controller-manager has one for each controller (`clientbuilder`), with twice the QPS
//! for the garbage collector and twenty times for the namespace controller
//! (`cmd/kube-controller-manager/app/core.go`). The labels, `verb` and `host`, do not tell them apart. So with
//! several clients the share is an upper bound of that in which any of them waited, up to the waits that are missed.

use super::Process;
use crate::{names, series::Histogram};

/// A wait below the first bound, 5 ms, is not one: it is the way through the code.
const NO_WAIT_SECONDS: f64 = 0.005;

/// What the limiters of one process did in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttling {
    /// Mean number of requests that waited.
    pub waiting: f64,
    /// Requests per second that waited for more than 5 ms.
    pub delayed: f64,
    /// Share of the window, 0 to 1, in which a request waited: the lower of what the two above say where the QPS is
    /// known, else `waiting`. What the warning `throttled-by-default` is held against.
    pub share: f64,
}

/// None for what has no client of its own, and of a window without length.
pub fn throttling(process: &Process) -> Option<Throttling> {
    let waits = process.change.histogram(&names::LIMITER_WAIT, |_| true)?;
    let seconds = process.change.seconds;
    let waiting = waits.sum / seconds;
    if !waiting.is_finite() {
        return None;
    }
    let delayed = waits.share_above(NO_WAIT_SECONDS).unwrap_or(0.0) * waits.count / seconds;
    let empty = process.client_qps.map_or(f64::INFINITY, |qps| {
        let tokens_are_quicker = qps * NO_WAIT_SECONDS >= 1.0;
        delayed / qps
            + if tokens_are_quicker { short_waits(&waits, delayed * seconds) / seconds } else { 0.0 }
    });
    Some(Throttling { waiting, delayed, share: waiting.min(empty).min(1.0) })
}

/// The most seconds that requests can have waited which waited for less than 5 ms.
fn short_waits(waits: &Histogram, delayed: f64) -> f64 {
    let each_as_long_as_it_can = (waits.count - delayed) * NO_WAIT_SECONDS;
    let what_the_delayed_leave = waits.sum - delayed * NO_WAIT_SECONDS;
    each_as_long_as_it_can.min(what_the_delayed_leave).max(0.0)
}
