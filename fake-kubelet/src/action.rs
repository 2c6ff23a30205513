//! What goes into a node and what comes out of it: the vocabulary between the pure machine and the edge.

use std::sync::Arc;

use measure::{Kind, Nanos};
use wire::{Request, Response};

use crate::pods::SeenPod;

/// The moment an event is handled: `at` orders and schedules, `wall` is written into objects.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Monotonic time of the fleet's clock.
    pub at: Nanos,
    /// The same moment as wall-clock time.
    pub wall: jiff::Timestamp,
}

/// What a request of a node is for. The answer comes back with the same value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `POST nodes`.
    CreateNode,
    /// `GET nodes/<node>` after the node turned out to exist already.
    GetExistingNode,
    /// `GET nodes/<node>` for the owner reference of the CSINode.
    GetNodeForCsiNode,
    /// `GET nodes/<node>` before a node status report is tried again.
    GetNodeForStatus,
    /// `GET nodes/<node>` for the owner reference of the lease.
    GetNodeForLease,
    /// `PATCH nodes/<node>/status`.
    PatchNodeStatus,
    /// `GET csinodes/<node>?resourceVersion=0`, to see whether the server answers.
    ProbeCsiNode,
    /// `GET csinodes/<node>`.
    GetCsiNode,
    /// `POST csinodes`.
    CreateCsiNode,
    /// `DELETE csinodes/<node>` of one that belongs to an earlier Node of this name.
    DeleteCsiNode,
    /// `GET leases/<node>`.
    GetLease,
    /// `POST leases`.
    CreateLease,
    /// `PUT leases/<node>`.
    RenewLease,
    /// `GET pods/<pod>`, which precedes every status PATCH.
    GetPod(Arc<str>),
    /// `PATCH pods/<pod>/status`.
    PatchPodStatus(Arc<str>),
    /// `DELETE pods/<pod>` with grace period 0, the kubelet's last word on a pod.
    DeletePod(Arc<str>),
}

impl Call {
    /// Under which verb and resource the call is measured.
    pub fn kind(&self) -> Kind {
        let (verb, resource) = match self {
            Call::CreateNode => ("create", "nodes"),
            Call::GetExistingNode
            | Call::GetNodeForCsiNode
            | Call::GetNodeForStatus
            | Call::GetNodeForLease => ("get", "nodes"),
            Call::PatchNodeStatus => ("patch", "nodes/status"),
            Call::ProbeCsiNode | Call::GetCsiNode => ("get", "storage.k8s.io/csinodes"),
            Call::CreateCsiNode => ("create", "storage.k8s.io/csinodes"),
            Call::DeleteCsiNode => ("delete", "storage.k8s.io/csinodes"),
            Call::GetLease => ("get", "coordination.k8s.io/leases"),
            Call::CreateLease => ("create", "coordination.k8s.io/leases"),
            Call::RenewLease => ("update", "coordination.k8s.io/leases"),
            Call::GetPod(_) => ("get", "pods"),
            Call::PatchPodStatus(_) => ("patch", "pods/status"),
            Call::DeletePod(_) => ("delete", "pods"),
        };
        Kind { verb, resource }
    }
}

/// How a request ended.
#[derive(Debug)]
pub enum Answer {
    /// The server answered, with whatever status.
    Reply(Response),
    /// No answer: connection, TLS, reset or timeout.
    Failed,
}

impl Answer {
    /// The HTTP status, if there was one.
    pub fn code(&self) -> Option<u16> {
        match self {
            Answer::Reply(response) => Some(response.status.as_u16()),
            Answer::Failed => None,
        }
    }

    /// Whether the server did what was asked.
    pub fn is_success(&self) -> bool {
        matches!(self, Answer::Reply(response) if response.is_success())
    }

    /// The object in a successful answer; `None` when it failed or cannot be decoded.
    pub(crate) fn object<M: prost::Message + Default>(&self) -> Option<M> {
        match self {
            Answer::Reply(response) if response.is_success() => response.decode().ok(),
            _ => None,
        }
    }
}

/// One thing the pod watch reported.
#[derive(Debug)]
pub enum PodSighting {
    /// A fresh list begins: pods that are not seen before [`PodSighting::ListEnds`] are gone.
    ListBegins,
    /// A pod bound to this node was added or changed.
    Seen(Box<SeenPod>),
    /// A pod no longer exists.
    Gone {
        /// The pod's uid.
        uid: Arc<str>,
    },
    /// The list is complete.
    ListEnds,
}

/// What a node reacts to.
#[derive(Debug)]
pub enum Event {
    /// The kubelet's process starts.
    Start,
    /// The time asked for by [`crate::Node::next_deadline`] has come.
    Deadline,
    /// A request ended.
    Answer {
        /// Which.
        call: Call,
        /// How.
        answer: Answer,
    },
    /// The pod watch has news.
    Pod(PodSighting),
}

/// What a node wants done.
#[derive(Debug)]
pub enum Action {
    /// Send this on the node's connection and report how it ended.
    Send {
        /// What it is for.
        call: Call,
        /// The bytes.
        request: Request,
        /// When a timer meant it to be sent; later sending is lateness.
        intended: Nanos,
    },
    /// Start the pod watch, which then runs for the node's life.
    WatchPods,
    /// Something worth counting happened.
    Reached(Milestone),
}

/// Steps in the lives of nodes and pods that the fleet counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// The Node object exists, made now or found.
    NodeRegistered,
    /// The apiserver has acknowledged Ready=True.
    NodeReady,
    /// A pod was adopted that an earlier process of this node had started.
    PodAdopted,
    /// The apiserver has acknowledged a pod's phase Running.
    PodRunning,
    /// A pod of this node no longer exists.
    PodGone,
    /// A lease renewal failed five times in a row.
    LeaseMissed,
}
