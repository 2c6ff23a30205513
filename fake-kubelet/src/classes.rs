//! Classes of a kubelet's traffic, each with a switch of its own, and the presets that people choose from.
//!
//! What a class costs the control plane is the difference between two runs, one of them without it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A class of traffic that a node may send or leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A connection and an identity for each node, and a watch of its own for its pods. Without it all nodes share both.
    OwnConnection,
    /// Watches of the own Node, of services, CSI drivers and runtime classes.
    NodeWatches,
    /// A watch for each Secret and `ConfigMap` that a pod of the node uses.
    ObjectWatches,
    /// Tokens for pods, and their refresh.
    Tokens,
    /// The GET before each PATCH of a pod's status.
    PodGets,
    /// A PATCH for each phase of a pod's life, not only for the last.
    PodPhases,
    /// The GETs of claims and volumes when a pod that has some is synced.
    VolumeGets,
    /// Events.
    Events,
    /// Node status reports.
    NodeStatus,
    /// The image list that makes a Node 15-20 kB.
    NodeImages,
    /// The `CSINode`.
    CsiNode,
    /// The deletion of the node's resource slices at its start.
    ResourceSlices,
    /// kube-proxy, with a connection and an identity of its own.
    KubeProxy,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::OwnConnection,
        Self::NodeWatches,
        Self::ObjectWatches,
        Self::Tokens,
        Self::PodGets,
        Self::PodPhases,
        Self::VolumeGets,
        Self::Events,
        Self::NodeStatus,
        Self::NodeImages,
        Self::CsiNode,
        Self::ResourceSlices,
        Self::KubeProxy,
    ];

    /// The name it is switched by.
    pub fn name(self) -> &'static str {
        match self {
            Self::OwnConnection => "own-connection",
            Self::NodeWatches => "node-watches",
            Self::ObjectWatches => "object-watches",
            Self::Tokens => "tokens",
            Self::PodGets => "pod-gets",
            Self::PodPhases => "pod-phases",
            Self::VolumeGets => "volume-gets",
            Self::Events => "events",
            Self::NodeStatus => "node-status",
            Self::NodeImages => "node-images",
            Self::CsiNode => "csi-node",
            Self::ResourceSlices => "resource-slices",
            Self::KubeProxy => "kube-proxy",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Class {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|class| class.name() == text);
        found.ok_or_else(|| UnknownName::new("class of traffic", text, &Self::ALL.map(Self::name)))
    }
}

/// A name that is none of those known.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{name}`; there are {}", .known.join(", "))]
pub struct UnknownName {
    what: &'static str,
    name: String,
    known: Vec<&'static str>,
}

impl UnknownName {
    fn new(what: &'static str, name: &str, known: &[&'static str]) -> Self {
        Self { what, name: name.to_owned(), known: known.into() }
    }
}

/// The classes of traffic a fleet sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classes(u16);

impl Classes {
    /// Nothing but what makes a node a node: its registration, its lease, and one PATCH when a pod runs.
    pub const NONE: Self = Self(0);
    /// Everything.
    pub const ALL: Self = Self((1 << Class::ALL.len()) - 1);

    /// Whether a class is sent.
    pub const fn has(self, class: Class) -> bool {
        self.0 & Self::bit(class) != 0
    }

    /// The same and one more.
    #[must_use]
    pub const fn with(self, class: Class) -> Self {
        Self(self.0 | Self::bit(class))
    }

    /// The same but for one.
    #[must_use]
    pub const fn without(self, class: Class) -> Self {
        Self(self.0 & !Self::bit(class))
    }

    /// Those that are left out.
    pub fn missing(self) -> impl Iterator<Item = Class> {
        Class::ALL.into_iter().filter(move |&class| !self.has(class))
    }

    /// Connections that each node holds open, and with them descriptors: its kubelet's and its kube-proxy's.
    pub fn connections_per_node(self) -> u64 {
        u64::from(self.has(Class::OwnConnection)) + u64::from(self.has(Class::KubeProxy))
    }

    const fn bit(class: Class) -> u16 {
        1 << class as u16
    }
}

/// A choice of classes with a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// All that a kubelet and the kube-proxy beside it send.
    #[default]
    Kubelet,
    /// All that a kubelet sends.
    KubeletOnly,
    /// What KWOK sends: one identity, connection and pod watch for all nodes, and leases.
    Kwok,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kubelet, Self::KubeletOnly, Self::Kwok];

    /// The name it is chosen by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kubelet => "kubelet",
            Self::KubeletOnly => "kubelet-only",
            Self::Kwok => "kwok",
        }
    }

    /// What it sends.
    pub fn classes(self) -> Classes {
        match self {
            Self::Kubelet => Classes::ALL,
            Self::KubeletOnly => Classes::ALL.without(Class::KubeProxy),
            Self::Kwok => Classes::NONE,
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|preset| preset.name() == text);
        found.ok_or_else(|| UnknownName::new("preset", text, &Self::ALL.map(Self::name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for class in Class::ALL {
            assert_eq!(class.name().parse(), Ok(class));
            assert_eq!(serde_json::to_value(class).unwrap(), class.name(), "files and flags say the same");
        }
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse(), Ok(preset));
            assert_eq!(serde_json::to_value(preset).unwrap(), preset.name());
        }
    }

    #[test]
    fn every_class_has_a_switch_of_its_own() {
        for class in Class::ALL {
            let missing: Vec<Class> = Classes::ALL.without(class).missing().collect();
            assert_eq!(missing, [class]);
            let has: Vec<Class> =
                Class::ALL.into_iter().filter(|&it| Classes::NONE.with(class).has(it)).collect();
            assert_eq!(has, [class]);
        }
    }

    #[test]
    fn an_unknown_name_says_which_there_are() {
        let error = "kubelet-onyl".parse::<Preset>().unwrap_err();
        assert_eq!(error.to_string(), "unknown preset `kubelet-onyl`; there are kubelet, kubelet-only, kwok");
    }
}
