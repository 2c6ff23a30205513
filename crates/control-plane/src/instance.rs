//! Which process of a control plane: a component, and which one of several.

use std::fmt;

use profile::{Component, Topology};

/// One process, by its component and a number. The first is called as its program; those after it have the number at the
/// end, `kube-apiserver-1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance {
    /// What it is.
    pub component: Component,
    /// Which of several, from 0.
    pub number: u8,
}

impl Instance {
    /// All processes of a topology, in the order in which they start.
    pub(crate) fn all(topology: Topology) -> impl Iterator<Item = Self> {
        Component::ALL.into_iter().flat_map(move |component| {
            let count = if component == Component::Apiserver { topology.apiservers() } else { 1 };
            (0..count).map(move |number| Self { component, number })
        })
    }

    /// The name of its process, its log and its metrics.
    pub fn name(self) -> String {
        self.to_string()
    }
}

/// The first of them, which is the only one of everything but apiservers.
impl From<Component> for Instance {
    fn from(component: Component) -> Self {
        Self { component, number: 0 }
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.component.binary())?;
        match self.number {
            0 => Ok(()),
            number => write!(f, "-{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Instance;

    #[test]
    fn one_of_each_is_called_as_its_program_and_others_are_numbered() {
        let names = |setting: &str| {
            let mut profile = profile::load("defaults").unwrap();
            profile.set(setting).unwrap();
            Instance::all(profile.topology).map(Instance::name).collect::<Vec<_>>()
        };
        assert_eq!(
            names("topology.apiservers=1"),
            ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]
        );
        assert_eq!(
            names("topology.apiservers=3")[1..4],
            ["kube-apiserver", "kube-apiserver-1", "kube-apiserver-2"]
        );
    }
}
