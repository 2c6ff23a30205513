//! How much a node's clients allow themselves: each has a token bucket of its own, but for that of lease and node status.

use crate::{
    action::{Action, Now, Sender},
    limiter::{Limit, Limiter},
};

/// The limits of a node's clients; the client of lease and node status has none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// `kubeAPIQPS` and `kubeAPIBurst`. Watches are exempt, as in client-go.
    pub kube: Limit,
    /// `eventRecordQPS` and `eventBurst`.
    pub events: Limit,
}

impl Default for Limits {
    /// A kubelet's (`pkg/kubelet/apis/config/v1beta1/defaults.go`).
    fn default() -> Self {
        let limit = Limit { qps: 50.0, burst: 100 };
        Self { kube: limit, events: limit }
    }
}

/// The limit of the client for certificate signing requests: client-go's own.
const CERTIFICATES: Limit = Limit { qps: 5.0, burst: 10 };
/// kube-proxy's (`pkg/proxy/apis/config/v1alpha1/defaults.go`).
const PROXY: Limit = Limit { qps: 5.0, burst: 10 };

/// The limiters of a node's clients.
#[derive(Debug)]
pub(super) struct Limiters {
    kube: Limiter,
    events: Limiter,
    certificates: Limiter,
    pub(super) proxy: Limiter,
}

impl Limiters {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            kube: Limiter::new(limits.kube),
            events: Limiter::new(limits.events),
            certificates: Limiter::new(CERTIFICATES),
            proxy: Limiter::new(PROXY),
        }
    }

    /// Puts off what a client may not send yet.
    pub(super) fn apply(&mut self, now: Now, actions: &mut [Action]) {
        for action in actions {
            let Action::Send { call, intended, .. } = action else { continue };
            let limiter = match call.sender() {
                Sender::Heartbeat => continue,
                Sender::Kube => &mut self.kube,
                Sender::Events => &mut self.events,
                Sender::Certificates => &mut self.certificates,
                Sender::Proxy => &mut self.proxy,
            };
            let allowed = limiter.reserve(now.at);
            if allowed > now.at {
                *intended = allowed;
            }
        }
    }
}
