//! How many nodes this process may have: every node holds a socket or two, and sockets are descriptors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::classes::Classes;

/// Descriptors that are not nodes': logs, runtimes, drivers, listeners, and the control plane's own when it is ours.
const RESERVED: u64 = 256;

/// Whether a number of nodes fits, and if not what does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// It fits.
    Enough,
    /// It does not; this many would.
    TooFew {
        /// Nodes that fit.
        fit: u64,
        /// The descriptor limit.
        limit: u64,
        /// The limit that all of them need.
        needed: u64,
    },
}

impl Capacity {
    /// Judges `nodes` that send `classes` against a descriptor limit. Nodes that share a connection need none.
    pub fn of(nodes: u64, classes: Classes, limit: u64) -> Self {
        let each = classes.connections_per_node();
        let needed = nodes.saturating_mul(each).saturating_add(RESERVED);
        match limit.saturating_sub(RESERVED).checked_div(each) {
            Some(fit) if nodes > fit => Capacity::TooFew { fit, limit, needed },
            _ => Capacity::Enough,
        }
    }
}

/// Most descriptors this process can have: the hard limit, to which [`raise_descriptor_limit`] raises the soft one.
pub fn descriptor_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    maximum.or(current).unwrap_or(u64::MAX)
}

/// Raises the soft descriptor limit to the hard one, for this process and the children it starts later.
pub fn raise_descriptor_limit() -> std::io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes::Preset;

    #[test]
    fn the_answer_names_the_number_that_fits() {
        let of = |nodes, limit| Capacity::of(nodes, Preset::KubeletOnly.classes(), limit);
        assert_eq!(of(1000, 20_000), Capacity::Enough);
        assert_eq!(of(1000, 1024), Capacity::TooFew { fit: 768, limit: 1024, needed: 1256 });
        assert_eq!(of(768, 1024), Capacity::Enough);
        assert_eq!(of(1, 100), Capacity::TooFew { fit: 0, limit: 100, needed: 257 });
    }

    #[test]
    fn a_kube_proxy_takes_a_descriptor_too_and_shared_connections_take_none() {
        let with_proxy = Preset::Kubelet.classes();
        assert_eq!(Capacity::of(384, with_proxy, 1024), Capacity::Enough);
        assert_eq!(
            Capacity::of(385, with_proxy, 1024),
            Capacity::TooFew { fit: 384, limit: 1024, needed: 1026 }
        );
        assert_eq!(Capacity::of(1_000_000, Preset::Kwok.classes(), 1024), Capacity::Enough);
    }
}
