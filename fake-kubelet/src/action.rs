//! What goes into a node and what comes out of it: the vocabulary between the pure machine and the edge.

use std::{sync::Arc, time::Duration};

use measure::{Kind, Nanos};
use wire::{Request, Response, Step, WatchSpec};

use crate::{node::SeenNode, pods::PodNews};

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
    /// `PATCH nodes/<node>/status` of what a Node that existed already has to have before it counts as registered.
    ReconcileNode,
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
    /// `POST serviceaccounts/<account>/token` for a pod; the number says which of its projected tokens.
    CreateToken(Arc<str>, usize),
    /// `GET persistentvolumeclaims/<claim>` of a pod; the number says which of its claims.
    GetClaim(Arc<str>, usize),
    /// `GET persistentvolumes/<volume>` that a pod's claim is bound to.
    GetVolume(Arc<str>, usize),
    /// `DELETE resourceslices?fieldSelector=spec.nodeName=<node>` at the start.
    DeleteResourceSlices,
    /// `POST events`.
    CreateEvent,
    /// `PATCH events/<event>`: the same again.
    PatchEvent,
    /// `POST certificatesigningrequests`.
    CreateCertificateRequest,
    /// `LIST certificatesigningrequests` of the one that was made.
    ListCertificateRequest,
    /// kube-proxy's `POST events` of `events.k8s.io`.
    CreateProxyEvent,
    /// `POST tokenreviews`: who has called the node's HTTPS endpoint?
    ReviewToken,
    /// `POST subjectaccessreviews`: may they?
    ReviewAccess,
}

/// Which client of a node sends a request: each has its own limiter and they go over two connections (`cmd/kubelet/app/server.go`,
/// `cmd/kube-proxy/app/server.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The kubelet's client for everything that has no own.
    Kube,
    /// The kubelet's client for lease and node status: unlimited, and with a timeout of 10 s.
    Heartbeat,
    /// The kubelet's client for events.
    Events,
    /// The kubelet's client for certificate signing requests.
    Certificates,
    /// kube-proxy's only client, on its own connection.
    Proxy,
}

/// What a node watches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Watched {
    /// Its own Node.
    Node,
    /// All services with a cluster IP.
    Services,
    /// The pods bound to it.
    Pods,
    /// All CSI drivers.
    CsiDrivers,
    /// All runtime classes.
    RuntimeClasses,
    /// One Secret or `ConfigMap` that a pod uses.
    Object(ObjectName),
    /// The certificate signing request that it waits for.
    CertificateRequest,
    /// What kube-proxy watches.
    Proxy(ProxyWatch),
}

/// What kube-proxy watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyWatch {
    /// The node it runs on.
    Node,
    /// All services with a cluster IP but those of other proxies.
    Services,
    /// All endpoint slices but those of headless services.
    EndpointSlices,
    /// All service CIDRs.
    ServiceCidrs,
}

/// A Secret or a `ConfigMap`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName {
    /// Which of the two.
    pub kind: ObjectKind,
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

/// What a kubelet watches one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectKind {
    /// A `ConfigMap`.
    ConfigMap,
    /// A Secret.
    Secret,
}

impl Watched {
    /// Which client watches it.
    pub fn sender(&self) -> Sender {
        match self {
            Watched::CertificateRequest => Sender::Certificates,
            Watched::Proxy(_) => Sender::Proxy,
            _ => Sender::Kube,
        }
    }
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
            Call::PatchNodeStatus | Call::ReconcileNode => ("patch", "nodes/status"),
            Call::ProbeCsiNode | Call::GetCsiNode => ("get", "storage.k8s.io/csinodes"),
            Call::CreateCsiNode => ("create", "storage.k8s.io/csinodes"),
            Call::DeleteCsiNode => ("delete", "storage.k8s.io/csinodes"),
            Call::GetLease => ("get", "coordination.k8s.io/leases"),
            Call::CreateLease => ("create", "coordination.k8s.io/leases"),
            Call::RenewLease => ("update", "coordination.k8s.io/leases"),
            Call::GetPod(_) => ("get", "pods"),
            Call::PatchPodStatus(_) => ("patch", "pods/status"),
            Call::DeletePod(_) => ("delete", "pods"),
            Call::CreateToken(..) => ("create", "serviceaccounts/token"),
            Call::GetClaim(..) => ("get", "persistentvolumeclaims"),
            Call::GetVolume(..) => ("get", "persistentvolumes"),
            Call::DeleteResourceSlices => ("deletecollection", "resource.k8s.io/resourceslices"),
            Call::CreateEvent => ("create", "events"),
            Call::PatchEvent => ("patch", "events"),
            Call::CreateCertificateRequest => ("create", "certificates.k8s.io/certificatesigningrequests"),
            Call::ListCertificateRequest => ("list", "certificates.k8s.io/certificatesigningrequests"),
            Call::CreateProxyEvent => ("create", "events.k8s.io/events"),
            Call::ReviewToken => ("create", "authentication.k8s.io/tokenreviews"),
            Call::ReviewAccess => ("create", "authorization.k8s.io/subjectaccessreviews"),
        };
        Kind { verb, resource }
    }

    /// Which client sends it.
    pub fn sender(&self) -> Sender {
        match self {
            Call::GetNodeForStatus
            | Call::GetNodeForLease
            | Call::PatchNodeStatus
            | Call::GetLease
            | Call::CreateLease
            | Call::RenewLease => Sender::Heartbeat,
            Call::CreateEvent | Call::PatchEvent => Sender::Events,
            Call::CreateCertificateRequest | Call::ListCertificateRequest => Sender::Certificates,
            Call::CreateProxyEvent => Sender::Proxy,
            _ => Sender::Kube,
        }
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
    Seen(Box<PodNews>),
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
    /// The node is to shut down gracefully.
    Shutdown,
    /// The machine is cut off: nothing that it sends arrives, and nothing reaches it. What runs on it goes on.
    Silence,
    /// A machine that was cut off can reach the server again.
    Resume,
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
    /// The watch of the node's own Node has news.
    Node(Box<SeenNode>),
    /// The watch of a Secret or `ConfigMap` has shown it.
    Object {
        /// Which.
        name: ObjectName,
        /// Whether it can never change, so that watching it further is for nothing.
        immutable: bool,
    },
    /// kube-proxy's watch of its own Node has shown whether there is one.
    ProxySynced,
    /// The certificate that was asked for has been issued, PEM; or `None`, and will not be.
    Issued(Option<bytes::Bytes>),
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
        /// When a timer or a limiter means it to be sent, which may lie ahead; later sending is lateness.
        intended: Nanos,
    },
    /// Watch this from now on.
    Watch {
        /// What.
        watched: Watched,
        /// How.
        spec: WatchSpec,
    },
    /// End that watch.
    Unwatch(Watched),
    /// Use this certificate and close the connection, so that the next request proves it.
    UseCertificate(wire::ClientCertificate),
    /// The kubelet's process ends, because its node has shut down.
    Stop,
    /// Start again a watch that [`Action::Disconnect`] has ended, from the version that it had come to.
    Rewatch {
        /// What.
        watched: Watched,
        /// The watch.
        spec: WatchSpec,
        /// What its reflector does first.
        first: Step,
    },
    /// Close every connection of the machine without a word. Its watches end, and requests under way have no answer
    /// ([`Answer::Failed`]).
    Disconnect,
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
    /// The node lifecycle controller has taken the node for dead, so long after it fell silent; `None` for a node that was not
    /// silent. By the time that the controller wrote, in whole seconds: up to a second too short.
    NodeWrittenOff(Option<Duration>),
    /// The taint manager has deleted a pod of this node.
    PodTaintEvicted,
}
