//! Registration: how a kubelet makes its Node exist.
//!
//! Sends: `POST nodes`, first after 100 ms, on failure again with doubling delays up to 7 s (`kubelet_node_status.go`,
//! `registerWithAPIServer`). 409 means an earlier process of this node registered it: one `GET nodes/<node>`, and the node is
//! taken over as it is. 403 is taken for the same, because a node may be allowed to read what it may not create.

use std::time::Duration;

use measure::Nanos;

use super::{Backoff, Common, SeenNode, conditions::Report, notes, object};
use crate::action::{Action, Answer, Call, Now};

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
    Existing(Box<SeenNode>),
}

impl Default for Registration {
    fn default() -> Self {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(7));
        Self { state: State::Idle, backoff, sent: None }
    }
}

impl Registration {
    pub(super) fn start(&mut self, now: Now) {
        self.wait(now);
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
            (Call::GetExistingNode, _) if let Some(node) = answer.object::<SeenNode>() => {
                self.state = State::Done;
                Some(Found::Existing(Box::new(node)))
            }
            _ => {
                self.wait(now);
                None
            }
        }
    }
}
