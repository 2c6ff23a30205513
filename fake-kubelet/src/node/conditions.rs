//! A node's conditions: what a kubelet says of its node, and what of it a server has.
//!
//! A kubelet writes four, in the order and wording of `nodestatus/setters.go`; Ready comes last. A condition keeps its
//! transition time for as long as its status stays the same, across restarts of the kubelet too.

use jiff::Timestamp;
use k8s_pb::{api::core::v1 as core, apimachinery::pkg::apis::meta::v1 as meta};

use super::{SeenNode, object};
use crate::json::{Fields, Json};

/// The conditions in the kubelet's order: type, reason and message while all is well.
const HEALTHY: [(&str, &str, &str); 4] = [
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "KubeletReady", "kubelet is posting ready status"),
];
const READY: usize = 3;
/// `nodeshutdown` `ShutdownStatus`.
const SHUTTING_DOWN: &str = "node is shutting down";
/// What events call the conditions before Ready while all is well.
pub(super) const SUFFICIENT: [&str; READY] =
    ["NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID"];

/// What a report says: the conditions, reduced to what changes in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// When the kubelet last looked.
    pub(super) heartbeat: Timestamp,
    /// Whether the node is ready; it never has pressure.
    pub(super) ready: bool,
    /// Whether that is because the node shuts down.
    shutting_down: bool,
    /// Since when each condition has its status.
    transitions: [Timestamp; 4],
}

impl Report {
    /// The report of a kubelet that registers its node.
    pub(super) fn at_start(wall: Timestamp, ready: bool) -> Self {
        Self { heartbeat: wall, ready, shutting_down: false, transitions: [wall; 4] }
    }

    /// The report about a Node that exists: conditions that stay as they are keep their transition times.
    pub(super) fn about(node: &SeenNode, wall: Timestamp, ready: bool) -> Self {
        let mut report = Self::at_start(wall, ready);
        for (index, (kind, ..)) in HEALTHY.iter().enumerate() {
            let same = node.conditions().iter().find(|condition| {
                condition.r#type.as_deref() == Some(kind)
                    && condition.status.as_deref() == Some(report.status(index))
            });
            let since =
                same.and_then(|condition| condition.last_transition_time.as_ref()).map(object::wall_time);
            report.transitions[index] = since.unwrap_or(wall);
        }
        report
    }

    /// The same but for Ready, which changes now.
    pub(super) fn become_ready(&mut self, wall: Timestamp) {
        self.ready = true;
        self.transitions[READY] = wall;
    }

    /// The same but for Ready, which ends now if it has not yet.
    pub(super) fn shut_down(&mut self, wall: Timestamp) {
        if self.ready {
            self.transitions[READY] = wall;
        }
        self.ready = false;
        self.shutting_down = true;
    }

    /// Whether anything but the heartbeat differs.
    pub(super) fn says_the_same_as(&self, other: &Self) -> bool {
        self.ready == other.ready
            && self.shutting_down == other.shutting_down
            && self.transitions == other.transitions
    }

    /// The events for conditions whose status is not what the server has (the setters of `nodestatus/setters.go`). A condition that the
    /// server lacks is one of them, but for Ready.
    pub(super) fn news_to(&self, server: &Fields<'_>) -> Vec<&'static str> {
        let items = || server.get("conditions").and_then(Json::as_list).unwrap_or_default().iter();
        let text = |item: &Json<'_>, key| item.get(key).and_then(Json::as_text).map(str::to_owned);
        let is_news = |index: usize, kind: &str| match items()
            .find(|item| text(item, "type").as_deref() == Some(kind))
        {
            Some(item) => text(item, "status").as_deref() != Some(self.status(index)),
            None => index != READY,
        };
        let ready = if self.ready { "NodeReady" } else { "NodeNotReady" };
        let events = [SUFFICIENT[0], SUFFICIENT[1], SUFFICIENT[2], ready];
        let news = HEALTHY.iter().zip(events).enumerate();
        news.filter(|(index, ((kind, ..), _))| is_news(*index, kind)).map(|(_, (_, event))| event).collect()
    }

    fn status(&self, index: usize) -> &'static str {
        if index == READY && self.ready { "True" } else { "False" }
    }

    /// The conditions as the Node carries them.
    pub(super) fn conditions(&self) -> Vec<core::NodeCondition> {
        let condition = |(index, (kind, reason, message)): (usize, (&str, &str, &str))| {
            let (reason, message) = if index == READY && !self.ready {
                let why = if self.shutting_down { SHUTTING_DOWN } else { "CSINode is not yet initialized" };
                ("KubeletNotReady", why)
            } else {
                (reason, message)
            };
            core::NodeCondition {
                r#type: Some(kind.to_owned()),
                status: Some(self.status(index).to_owned()),
                last_heartbeat_time: Some(object::time(self.heartbeat)),
                last_transition_time: Some(object::time(self.transitions[index])),
                reason: Some(reason.to_owned()),
                message: Some(message.to_owned()),
            }
        };
        HEALTHY.into_iter().enumerate().map(condition).collect()
    }

    /// The same in the form patches are computed from.
    pub(super) fn to_json(self) -> Fields<'static> {
        to_json(self.conditions().into_iter())
    }
}

/// The kubelet's conditions of a Node that a server returned, in the form patches are computed from.
///
/// Conditions of other writers (`NetworkUnavailable`) are not the kubelet's to patch or to order.
pub(super) fn conditions_of(node: &SeenNode) -> Fields<'static> {
    let is_own = |condition: &&core::NodeCondition| {
        HEALTHY.iter().any(|(kind, ..)| condition.r#type.as_deref() == Some(kind))
    };
    to_json(node.conditions().iter().filter(is_own).cloned())
}

fn to_json(conditions: impl Iterator<Item = core::NodeCondition>) -> Fields<'static> {
    let time = |time: Option<meta::Time>| Json::from(time.map(|time| Json::time(object::wall_time(&time))));
    let items = conditions.map(|condition| {
        Json::from([
            ("lastHeartbeatTime", time(condition.last_heartbeat_time)),
            ("lastTransitionTime", time(condition.last_transition_time)),
            ("message", condition.message.into()),
            ("reason", condition.reason.into()),
            ("status", condition.status.into()),
            ("type", condition.r#type.into()),
        ])
    });
    [("conditions", items.collect())].into()
}

/// Whether a patch of conditions changes more than heartbeat times (`nodeStatusHasChanged`).
pub(super) fn is_substantial(patch: &Fields<'_>) -> bool {
    let items = patch.get("conditions").and_then(Json::as_list).unwrap_or_default();
    let mut items = items.iter().filter_map(Json::as_object);
    items.any(|item| item.iter().any(|(key, _)| key != "type" && key != "lastHeartbeatTime"))
}
