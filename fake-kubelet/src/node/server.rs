//! What a node does for its HTTPS endpoint: it tells what runs on it, and sends the reviews of who asks.

use wire::Request;

use super::Node;
use crate::{
    action::{Action, Call, Now},
    snapshot::NodeSnapshot,
};

impl Node {
    /// What the endpoint shows of the node.
    pub(crate) fn snapshot(&self, now: Now) -> NodeSnapshot {
        let age = now.at.since(self.pods.started());
        NodeSnapshot {
            name: self.common.name.clone(),
            started: now.wall.checked_sub(age).unwrap_or(now.wall),
            pods: self.pods.snapshot(),
        }
    }

    /// The endpoint's request, as the node's client may send it. Its answer is the endpoint's.
    pub(crate) fn pass_on(&mut self, now: Now, call: Call, request: Request) -> Action {
        let mut action = [Action::Send { call, request, intended: now.at }];
        self.limiters.apply(now, &mut action);
        let [action] = action;
        action
    }
}
