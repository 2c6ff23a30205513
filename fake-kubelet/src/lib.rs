//! The fleet: virtual nodes that talk to a kube-apiserver as kubelets do.
//!
//! A node is a pure state machine ([`Node::step`]): events and the time go in, requests come out. [`Fleet`] is the edge: it
//! keeps nodes in shards, one thread with a current-thread runtime each, and owns every socket and timer.
//!
//! What a node sends is sorted into named classes ([`Class`]), each with a switch; a [`Preset`] is a choice of them.

mod action;
mod addresses;
mod capacity;
mod choice;
mod classes;
mod command;
mod edge;
mod endpoint;
mod events;
mod fleet;
mod json;
mod latency;
mod limiter;
mod merge;
mod node;
mod objects;
mod pods;
mod progress;
mod proxy;
mod shard;
mod snapshot;
mod version;

pub use self::{
    action::{
        Action, Answer, Call, Event, Milestone, Now, ObjectKind, ObjectName, PodSighting, ProxyWatch, Sender,
        Watched,
    },
    addresses::PodAddresses,
    capacity::{Capacity, descriptor_limit, raise_descriptor_limit},
    choice::{Choice, Contradiction},
    classes::{Class, Classes, Preset, UnknownName},
    command::{NodeCommand, Silence},
    endpoint::EndpointSpec,
    fleet::{Error, Fleet, FleetReport, FleetSpec, Held, Identities, Replaced, WrittenOff},
    latency::{BadLatency, Latencies, Latency},
    limiter::Limit,
    node::{Heartbeats, KUBELET_PORT, Limits, Node, NodeSpec, Rotation, SeenNode},
    pods::{
        Behaviour, Mount, PodNews, Probe, Reported, Requests, Resources, RestartPolicy, Role, SeenContainer,
        SeenPod, UsedObject, VolumeToken,
    },
    progress::FleetProgress,
    version::ServerVersion,
};
