//! How many nodes this process may have: every node holds one socket, and sockets are descriptors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

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
    },
}

impl Capacity {
    /// Judges `nodes` against a descriptor limit.
    pub fn of(nodes: u64, limit: u64) -> Self {
        let fit = limit.saturating_sub(RESERVED);
        if nodes <= fit { Capacity::Enough } else { Capacity::TooFew { fit, limit } }
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

    #[test]
    fn the_answer_names_the_number_that_fits() {
        assert_eq!(Capacity::of(1000, 20_000), Capacity::Enough);
        assert_eq!(Capacity::of(1000, 1024), Capacity::TooFew { fit: 768, limit: 1024 });
        assert_eq!(Capacity::of(768, 1024), Capacity::Enough);
        assert_eq!(Capacity::of(1, 100), Capacity::TooFew { fit: 0, limit: 100 });
    }
}
