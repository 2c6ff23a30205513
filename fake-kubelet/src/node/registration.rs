//! Registration: how a kubelet makes its Node exist.
//!
//! Sends: `POST nodes`, first after 70 ms of start-up and 100 ms, on failure again with doubling delays up to 7 s (`kubelet_node_status.go`,
//! `registerWithAPIServer`). 409 means an earlier process of this node registered it: one `GET nodes/<node>`, and where
//! labels or huge pages are not as they should be a `PATCH nodes/<node>/status` (`tryRegisterWithAPIServer`); then the node is
//! taken over. 403 is taken for the same, because a node may be allowed to read what it may not create.

use std::time::Duration;

use k8s_pb::api::core::v1 as core;
use measure::Nanos;
use wire::Request;

use super::{Backoff, Common, SeenNode, conditions::Report, notes, object, reconcile};
use crate::{
    action::{Action, Answer, Call, Now},
    json::Fields,
};

/// What a kubelet does before its first status sync, as recorded; meanwhile its other parts ask for the Node.
const START_UP: Duration = Duration::from_millis(70);

#[derive(Debug)]
enum State {
    Idle,
    Waiting(Nanos),
    Asking,
    Done,
}

#[derive(Debug)]
pub(super) struct Registration {
    state: State,
    backoff: Backoff,
    sent: Option<Report>,
}

/// What registration found.
#[derive(Debug)]
pub(super) enum Found {
    /// The Node was created with these conditions.
    Created(Report),
    /// The Node was there already.
    Existing {
        /// As the server has it.
        node: Box<SeenNode>,
        /// What of its status beside the conditions is not as it should be, as it goes into a patch.
        differences: Fields<'static>,
    },
}

impl Default for Registration {
    fn default() -> Self {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(7));
        Self { state: State::Idle, backoff, sent: None }
    }
}

impl Registration {
    pub(super) fn start(&mut self, now: Now) {
        self.state = State::Waiting(now.at + START_UP + self.backoff.delay());
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        match self.state {
            State::Waiting(at) => Some(at),
            _ => None,
        }
    }

    fn wait(&mut self, now: Now) {
        self.state = State::Waiting(now.at + self.backoff.delay());
    }

    pub(super) fn on_deadline(&mut self, common: &mut Common, now: Now, ready: bool, out: &mut Vec<Action>) {
        let State::Waiting(intended) = self.state else { return };
        self.state = State::Asking;
        let report = Report::at_start(now.wall, ready);
        self.sent = Some(report);
        notes::sketched(common);
        out.push(Action::Send {
            call: Call::CreateNode,
            request: object::create_node(common, &report),
            intended,
        });
    }

    pub(super) fn on_answer(
        &mut self,
        common: &Common,
        now: Now,
        call: &Call,
        answer: &Answer,
        out: &mut Vec<Action>,
    ) -> Option<Found> {
        match (call, answer.code()) {
            (Call::CreateNode, Some(200 | 201)) => {
                self.state = State::Done;
                self.sent.take().map(Found::Created)
            }
            (Call::CreateNode, Some(403 | 409)) => {
                let request = object::get_node(common);
                out.push(Action::Send { call: Call::GetExistingNode, request, intended: now.at });
                None
            }
            (Call::GetExistingNode, _) if let Some(node) = answer.object::<core::Node>() => {
                let changes = reconcile::before_registration(&node, &own(common, now));
                if changes.is_empty() {
                    return self.found(common, now, answer);
                }
                let path = format!("/api/v1/nodes/{}/status", common.name);
                let request = Request::patch_strategic(path, changes.to_text());
                out.push(Action::Send { call: Call::ReconcileNode, request, intended: now.at });
                None
            }
            (Call::ReconcileNode, _) if answer.is_success() => self.found(common, now, answer),
            _ => {
                self.wait(now);
                None
            }
        }
    }
    /// The Node is there, and what has to be right of it is.
    fn found(&mut self, common: &Common, now: Now, answer: &Answer) -> Option<Found> {
        let node = answer.object::<core::Node>()?;
        let differences = reconcile::beside_conditions(&node, &own(common, now));
        self.state = State::Done;
        Some(Found::Existing { node: Box::new(answer.object::<SeenNode>()?), differences })
    }
}

/// The Node as this kubelet has it; its conditions do not matter here.
fn own(common: &Common, now: Now) -> core::Node {
    object::node(common, &Report::at_start(now.wall, true))
}
