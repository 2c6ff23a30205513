//! What kind of server to start.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// How a server behaves as a whole; rules are for single requests.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen on, any of 127/8: a client has 28,000 ports towards each.
    pub address: IpAddr,
    /// Whether every request is kept for [`requests`](crate::NullApiserver::requests), which a long run has no memory for.
    pub log: bool,
    /// Changes of a collection that are kept for watches from an older resource version; who asks for older ones gets 410.
    pub history: usize,
    /// How often a watch is told the resource version, if it allows bookmarks; kube-apiserver does it every minute. `None` for
    /// when it is asked for.
    pub bookmark_every: Option<Duration>,
    /// Whether pods without a node are given one, in turn, where no scheduler runs.
    pub bind_pods: bool,
    /// Whether a new namespace gets its ServiceAccount `default`, where no controller-manager runs.
    pub default_accounts: bool,
}

impl Default for Config {
    /// What tests want: a log of everything, and nothing that happens by itself.
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            log: true,
            history: 100_000,
            bookmark_every: None,
            bind_pods: false,
            default_accounts: false,
        }
    }
}

impl Config {
    /// What a benchmark wants: a server that costs little and lasts, bookmarks as from kube-apiserver, and what controllers do for a
    /// load: pods find nodes, and namespaces have their account.
    pub fn for_load() -> Self {
        Self {
            log: false,
            history: 1000,
            bookmark_every: Some(Duration::from_mins(1)),
            bind_pods: true,
            default_accounts: true,
            ..Self::default()
        }
    }
}
