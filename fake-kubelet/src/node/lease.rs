//! Lease renewal: what a kubelet does to say it is alive.
//!
//! Sends: `PUT leases/<node>` every 10.0-10.4 s (a quarter of the lease's duration) from the end of the last one, without a GET before it. On 409 a GET and another
//! PUT; five tries without a pause, then the path that makes the lease: GET, and on 404 `GET nodes/<node>` for the owner
//! reference and POST; what was found is tried five times again, and then it is the next period's turn. Follows `component-helpers/apimachinery/lease/controller.go`; every request carries `?timeout=10s`, because it goes through
//! the kubelet's heartbeat client.

use std::time::Duration;

use k8s_pb::{api::coordination::v1 as coordination, apimachinery::pkg::apis::meta::v1 as meta};
use measure::Nanos;
use prost::Message;
use wire::{Encoding, Request};

use super::{Backoff, Common, object, uid_in};
use crate::action::{Action, Answer, Call, Milestone, Now};

/// The lease is renewed so many times in its duration (`kubelet.go`, `nodeLeaseRenewIntervalFraction`).
const RENEWALS: u32 = 4;
const MAX_TRIES: u8 = 5;
const COLLECTION: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";

/// Where a cycle of the controller is (`sync`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// Renewing from the lease as the last cycle left it.
    FromLatest,
    /// Renewing from the lease as a GET has just returned it.
    AfterEnsure,
}

/// Why the lease is being fetched, or made when it does not exist (`ensureLease`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ensuring {
    /// To begin with, or because renewing the latest one was given up.
    Anew,
    /// A renewal met a conflict, and the round goes on with what is found.
    AfterConflict,
}

/// A Lease whose metadata goes back to the server as it came, and is not taken apart: owner references and managed fields are most
/// of a lease, and nobody here reads them.
#[derive(Clone, PartialEq, Message)]
struct Kept {
    #[prost(bytes = "vec", optional, tag = "1")]
    metadata: Option<Vec<u8>>,
    #[prost(message, optional, tag = "2")]
    spec: Option<coordination::LeaseSpec>,
}

#[derive(Debug)]
pub(super) struct Lease {
    due: Option<Nanos>,
    /// The lease as the server last returned it; its resourceVersion makes the next PUT possible without a GET.
    latest: Option<Kept>,
    round: Round,
    /// Set while the lease is being fetched or made, pauses between tries included.
    ensuring: Option<Ensuring>,
    tries: u8,
    ensure_backoff: Backoff,
    renewed: Option<Nanos>,
    /// The longest time between two renewals since somebody asked.
    longest_gap: Duration,
}

const ENSURE_BACKOFF: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(7));

impl Default for Lease {
    fn default() -> Self {
        Self {
            due: None,
            latest: None,
            round: Round::FromLatest,
            ensuring: None,
            tries: 0,
            ensure_backoff: ENSURE_BACKOFF,
            renewed: None,
            longest_gap: Duration::ZERO,
        }
    }
}

impl Lease {
    pub(super) fn start(&mut self, common: &Common, now: Now, out: &mut Vec<Action>) {
        self.ensure(common, Ensuring::Anew, now.at, out);
    }

    /// The machine is cut off. How long the lease is not renewed for that is nobody's fault.
    pub(super) fn cut_off(&mut self, now: Now) {
        self.longest_gap = self.take_longest_gap(now.at);
        self.renewed = None;
    }

    /// The server can be reached again: the lease is renewed at once, whatever was under way before.
    pub(super) fn resume(&mut self, common: &Common, now: Now, out: &mut Vec<Action>) {
        self.due = None;
        self.ensuring = None;
        self.renewed = Some(now.at);
        if self.latest.is_some() {
            self.begin(Round::FromLatest, common, now, now.at, out);
        } else {
            self.ensure(common, Ensuring::Anew, now.at, out);
        }
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        self.due
    }

    pub(super) fn on_deadline(&mut self, common: &Common, now: Now, out: &mut Vec<Action>) {
        let Some(intended) = self.due.take() else { return };
        if self.ensuring.is_some() {
            get(common, intended, out);
        } else if self.latest.is_some() {
            self.begin(Round::FromLatest, common, now, intended, out);
        } else {
            self.ensure(common, Ensuring::Anew, intended, out);
        }
    }

    /// Returns whether the lease lives again after a gap in which the node may have been taken for dead.
    pub(super) fn on_answer(
        &mut self,
        common: &mut Common,
        now: Now,
        call: &Call,
        answer: &Answer,
        out: &mut Vec<Action>,
    ) -> bool {
        match (call, answer.code()) {
            (Call::RenewLease, Some(200)) => return self.renewed(common, now, answer),
            (Call::RenewLease, code) => self.renewal_failed(common, now, code, out),
            (Call::GetLease, Some(404)) => {
                let request = object::get_node_as_heartbeat(common);
                out.push(Action::Send { call: Call::GetNodeForLease, request, intended: now.at });
            }
            (Call::GetNodeForLease, Some(200)) => {
                let request = create(common, now, uid_in(answer));
                out.push(Action::Send { call: Call::CreateLease, request, intended: now.at });
            }
            // Without its Node the lease is not made this time; the next period tries again.
            (Call::GetNodeForLease, _) => {
                self.ensuring = None;
                self.latest = None;
                self.sleep(common, now);
            }
            (Call::CreateLease, Some(200 | 201)) if self.ensuring == Some(Ensuring::Anew) => {
                self.ensuring = None;
                return self.renewed(common, now, answer);
            }
            (Call::GetLease | Call::CreateLease, _) if let Some(lease) = answer.object() => {
                self.ensured(common, now, lease, out);
            }
            _ => self.due = Some(now.at + self.ensure_backoff.delay()),
        }
        false
    }

    /// Fetches the lease, or makes it.
    fn ensure(&mut self, common: &Common, why: Ensuring, intended: Nanos, out: &mut Vec<Action>) {
        self.ensuring = Some(why);
        self.ensure_backoff = ENSURE_BACKOFF;
        get(common, intended, out);
    }

    /// The lease is there to be renewed.
    fn ensured(&mut self, common: &Common, now: Now, lease: Kept, out: &mut Vec<Action>) {
        let why = self.ensuring.take();
        self.latest = Some(lease);
        if why == Some(Ensuring::AfterConflict) {
            self.renew(common, now, now.at, out);
        } else {
            self.begin(Round::AfterEnsure, common, now, now.at, out);
        }
    }

    /// Up to five PUTs without a pause (`retryUpdateLease`).
    fn begin(&mut self, round: Round, common: &Common, now: Now, intended: Nanos, out: &mut Vec<Action>) {
        self.round = round;
        self.tries = 0;
        self.renew(common, now, intended, out);
    }

    fn renewal_failed(&mut self, common: &mut Common, now: Now, code: Option<u16>, out: &mut Vec<Action>) {
        self.tries += 1;
        if self.tries == MAX_TRIES {
            out.push(Action::Reached(Milestone::LeaseMissed));
        }
        match (code, self.round) {
            (Some(409), _) if self.tries < MAX_TRIES => {
                self.ensure(common, Ensuring::AfterConflict, now.at, out);
            }
            _ if self.tries < MAX_TRIES => self.renew(common, now, now.at, out),
            (_, Round::FromLatest) => self.ensure(common, Ensuring::Anew, now.at, out),
            (_, Round::AfterEnsure) => self.sleep(common, now),
        }
    }

    fn renewed(&mut self, common: &mut Common, now: Now, answer: &Answer) -> bool {
        self.latest = answer.object();
        self.sleep(common, now);
        let gap = self.renewed.replace(now.at).map_or(Duration::ZERO, |before| now.at.since(before));
        self.longest_gap = self.longest_gap.max(gap);
        gap > common.spec.heartbeats.lease()
    }

    /// The longest time without a renewal since the last time this was asked, the one under way among them.
    pub(super) fn take_longest_gap(&mut self, at: Nanos) -> Duration {
        let under_way = self.renewed.map_or(Duration::ZERO, |before| at.since(before));
        std::mem::take(&mut self.longest_gap).max(under_way)
    }

    fn sleep(&mut self, common: &mut Common, now: Now) {
        let period = common.spec.heartbeats.lease() / RENEWALS;
        self.due = Some(now.at + common.stretched(period, 0.04));
    }

    fn renew(&mut self, common: &Common, now: Now, intended: Nanos, out: &mut Vec<Action>) {
        let Some(lease) = &mut self.latest else {
            self.ensure(common, Ensuring::Anew, intended, out);
            return;
        };
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(common.name.to_string());
        spec.lease_duration_seconds = Some(lease_seconds(common));
        spec.renew_time = Some(micro_time(now.wall));
        let body = wire::protobuf::encode("coordination.k8s.io/v1", "Lease", lease);
        let path = format!("{COLLECTION}/{}?timeout=10s", common.name);
        let request = Request::put(path, body, Encoding::Protobuf).timeout(object::HEARTBEAT_TIMEOUT);
        out.push(Action::Send { call: Call::RenewLease, request, intended });
    }
}

fn get(common: &Common, intended: Nanos, out: &mut Vec<Action>) {
    let request =
        Request::get(format!("{COLLECTION}/{}?timeout=10s", common.name)).timeout(object::HEARTBEAT_TIMEOUT);
    out.push(Action::Send { call: Call::GetLease, request, intended });
}

fn create(common: &Common, now: Now, node_uid: String) -> Request {
    let lease = coordination::Lease {
        metadata: Some(meta::ObjectMeta {
            name: Some(common.name.to_string()),
            namespace: Some("kube-node-lease".to_owned()),
            owner_references: vec![object::owner_reference(common, node_uid)],
            ..Default::default()
        }),
        spec: Some(coordination::LeaseSpec {
            holder_identity: Some(common.name.to_string()),
            lease_duration_seconds: Some(lease_seconds(common)),
            renew_time: Some(micro_time(now.wall)),
            ..Default::default()
        }),
    };
    let body = wire::protobuf::encode("coordination.k8s.io/v1", "Lease", &lease);
    Request::post(format!("{COLLECTION}?timeout=10s"), body, Encoding::Protobuf)
        .timeout(object::HEARTBEAT_TIMEOUT)
}

fn lease_seconds(common: &Common) -> i32 {
    i32::try_from(common.spec.heartbeats.lease_seconds).unwrap_or(i32::MAX)
}

fn micro_time(wall: jiff::Timestamp) -> meta::MicroTime {
    // MicroTime is truncated to microseconds on the way into JSON; do it here so that both encodings agree.
    let nanos = wall.subsec_nanosecond() / 1000 * 1000;
    meta::MicroTime { seconds: Some(wall.as_second()), nanos: Some(nanos) }
}
