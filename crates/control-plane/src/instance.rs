//! Which process of a control plane: a component, which of its etcds, and which one of several.

use std::fmt;

use profile::{Component, Topology};

/// What an etcd keeps. A control plane has one for everything, and others beside it where its profile splits them off: members of its
/// own, a database and revisions of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Store {
    /// Everything that no other keeps.
    #[default]
    Main,
    /// Events (`topology.events-etcd`).
    Events,
    /// Leases, nodes' and leaders' (`topology.leases-etcd`).
    Leases,
}

impl Store {
    pub(crate) const ALL: [Self; 3] = [Self::Main, Self::Events, Self::Leases];

    /// Those that a topology has.
    pub(crate) fn all(topology: Topology) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |store| match store {
            Self::Main => true,
            Self::Events => topology.events_etcd(),
            Self::Leases => topology.leases_etcd(),
        })
    }

    /// How `--etcd-servers-overrides` names what it keeps: `group/resource` (apiserver `pkg/server/options/etcd.go`,
    /// `ParseEtcdServersOverrides`). That of events is the core group's, in which those of `events.k8s.io` are kept too
    /// (`pkg/kubeapiserver/default_storage_factory_builder.go`, `AddCohabitatingResources`).
    pub(crate) const fn resource(self) -> Option<&'static str> {
        match self {
            Self::Main => None,
            Self::Events => Some("/events"),
            Self::Leases => Some("coordination.k8s.io/leases"),
        }
    }

    /// What goes behind `etcd` in names.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Main => "",
            Self::Events => "-events",
            Self::Leases => "-leases",
        }
    }

    /// The file that a snapshot of it is, called as its first member.
    pub(crate) fn database(self) -> String {
        format!("etcd{}.db", self.suffix())
    }
}

/// One process, by its component and a number. The first is called as its program; those after it have the number at the
/// end, `kube-apiserver-1`, and an etcd of its own what it keeps, `etcd-events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance {
    /// What it is.
    pub component: Component,
    /// Of an etcd, what it keeps; of everything else [`Store::Main`].
    pub store: Store,
    /// Which of several, from 0.
    pub number: u8,
}

impl Instance {
    /// All processes of a topology, in the order in which they start.
    pub(crate) fn all(topology: Topology) -> impl Iterator<Item = Self> {
        Component::ALL.into_iter().flat_map(move |component| {
            let stores: Vec<Store> = match component {
                Component::Etcd => Store::all(topology).collect(),
                _ => vec![Store::Main],
            };
            stores.into_iter().flat_map(move |store| {
                (0..count(topology, component, store)).map(move |number| Self { component, store, number })
            })
        })
    }

    /// All processes of a component.
    pub(crate) fn of(topology: Topology, component: Component) -> impl Iterator<Item = Self> {
        Self::all(topology).filter(move |instance| instance.component == component)
    }

    /// The members of an etcd.
    pub(crate) fn members(topology: Topology, store: Store) -> impl Iterator<Item = Self> {
        Self::of(topology, Component::Etcd).filter(move |instance| instance.store == store)
    }

    /// The name of its process, its log and its metrics.
    pub fn name(self) -> String {
        self.to_string()
    }
}

/// What is split off has one member: it is there to take writes away from the others, not to outlive anything.
fn count(topology: Topology, component: Component, store: Store) -> u8 {
    match component {
        Component::Etcd if store == Store::Main => topology.etcd_members(),
        Component::Etcd => 1,
        Component::Apiserver => topology.apiservers(),
        Component::Scheduler => topology.schedulers(),
        Component::ControllerManager => topology.controller_managers(),
    }
}

/// The first of them.
impl From<Component> for Instance {
    fn from(component: Component) -> Self {
        Self { component, store: Store::Main, number: 0 }
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.component.binary())?;
        f.write_str(self.store.suffix())?;
        match self.number {
            0 => Ok(()),
            number => write!(f, "-{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Instance;

    fn names(settings: &[&str]) -> Vec<String> {
        let mut profile = profile::load("defaults").unwrap();
        for setting in settings {
            profile.set(setting).unwrap();
        }
        Instance::all(profile.topology).map(Instance::name).collect()
    }

    #[test]
    fn one_of_each_is_called_as_its_program_and_others_are_numbered() {
        assert_eq!(names(&[]), ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]);
        assert_eq!(
            names(&["topology.apiservers=3"])[1..4],
            ["kube-apiserver", "kube-apiserver-1", "kube-apiserver-2"]
        );
        assert_eq!(
            names(&["topology.schedulers=2", "topology.controller-managers=2"])[2..],
            ["kube-controller-manager", "kube-controller-manager-1", "kube-scheduler", "kube-scheduler-1"]
        );
    }

    #[test]
    fn etcds_of_their_own_are_called_by_what_they_keep_and_start_with_the_others() {
        let settings = ["topology.etcd-members=3", "topology.events-etcd=true", "topology.leases-etcd=true"];
        assert_eq!(
            names(&settings)[..6],
            ["etcd", "etcd-1", "etcd-2", "etcd-events", "etcd-leases", "kube-apiserver"]
        );
    }
}
