//! Where everything of one control plane is: files under its work directory, ports on loopback.

use std::path::{Path, PathBuf};

use profile::Component;

use crate::storage;

/// The service range of kubeadm (`DefaultServicesSubnet`); its first address is the `kubernetes` Service.
pub(crate) const SERVICE_SUBNET: &str = "10.96.0.0/12";
pub(crate) const KUBERNETES_SERVICE_IP: &str = "10.96.0.1";
/// The apiserver refuses a loopback address here. This one is of the benchmarking range (RFC 2544); nothing dials it.
pub(crate) const ADVERTISE_ADDRESS: &str = "198.18.0.1";
/// The cluster's domain (kubeadm `DefaultServiceDNSDomain`).
pub(crate) const DNS_DOMAIN: &str = "cluster.local";

/// The ports of one control plane.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PortNumbers {
    pub(crate) etcd_client: u16,
    pub(crate) etcd_peer: u16,
    pub(crate) etcd_metrics: u16,
    pub(crate) apiserver: u16,
    pub(crate) scheduler: u16,
    pub(crate) controller_manager: u16,
}

impl PortNumbers {
    /// Those that a component listens on.
    pub(crate) fn of(&self, component: Component) -> Vec<u16> {
        match component {
            Component::Etcd => vec![self.etcd_client, self.etcd_peer, self.etcd_metrics],
            Component::Apiserver => vec![self.apiserver],
            Component::Scheduler => vec![self.scheduler],
            Component::ControllerManager => vec![self.controller_manager],
        }
    }
}

/// Paths and ports. Pure: creates nothing.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) dir: PathBuf,
    pub(crate) logs: PathBuf,
    pub(crate) ports: PortNumbers,
}

impl Layout {
    pub(crate) fn admin_kubeconfig(&self) -> PathBuf {
        self.dir.join("kubeconfig")
    }

    pub(crate) fn ca_cert(&self) -> PathBuf {
        self.dir.join("ca.crt")
    }

    pub(crate) fn ca_key(&self) -> PathBuf {
        self.dir.join("ca.key")
    }

    /// A key or certificate, by kubeadm's name for it (cmd/kubeadm/app/constants).
    pub(crate) fn pki(&self, name: &str) -> PathBuf {
        self.dir.join("pki").join(name)
    }

    /// The kubeconfig with which a component reaches the apiserver.
    pub(crate) fn kubeconfig(&self, component: Component) -> PathBuf {
        self.dir.join(format!("{}.conf", component.name()))
    }

    pub(crate) fn etcd_data(&self) -> PathBuf {
        self.dir.join(storage::DATA)
    }

    pub(crate) fn log(&self, component: Component) -> PathBuf {
        self.logs.join(format!("{}.log", component.binary()))
    }

    pub(crate) fn audit_policy(&self) -> PathBuf {
        self.dir.join("audit-policy.yaml")
    }

    pub(crate) fn audit_log(&self) -> PathBuf {
        self.logs.join("audit.log")
    }

    pub(crate) fn server(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.apiserver)
    }

    /// Where a component says that it is ready. etcd does so without TLS on its metrics address, as for kubeadm's
    /// probes.
    pub(crate) fn readiness(&self, component: Component) -> String {
        let PortNumbers { etcd_metrics, scheduler, controller_manager, .. } = self.ports;
        match component {
            Component::Etcd => format!("http://127.0.0.1:{etcd_metrics}/readyz"),
            Component::Apiserver => format!("{}/readyz", self.server()),
            Component::Scheduler => format!("https://127.0.0.1:{scheduler}/healthz"),
            Component::ControllerManager => format!("https://127.0.0.1:{controller_manager}/healthz"),
        }
    }
}

impl Layout {
    /// Where a component's metrics are: beside its health.
    pub(crate) fn metrics(&self, component: Component) -> String {
        let readiness = self.readiness(component);
        let root = readiness.rsplit_once('/').map_or(readiness.as_str(), |(root, _)| root);
        format!("{root}/metrics")
    }
}

/// A path as a flag's value.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
