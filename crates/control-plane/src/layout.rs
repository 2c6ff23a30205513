//! Where everything of one control plane is: files under its work directory, ports on loopback.

use std::path::{Path, PathBuf};

use profile::Component;

use crate::{Instance, storage};

/// The service range of kubeadm (`DefaultServicesSubnet`); its first address is the `kubernetes` Service.
pub(crate) const SERVICE_SUBNET: &str = "10.96.0.0/12";
pub(crate) const KUBERNETES_SERVICE_IP: &str = "10.96.0.1";
/// The apiserver refuses a loopback address here. This one is of the benchmarking range (RFC 2544); nothing dials it.
pub(crate) const ADVERTISE_ADDRESS: &str = "198.18.0.1";
/// The cluster's domain (kubeadm `DefaultServiceDNSDomain`).
pub(crate) const DNS_DOMAIN: &str = "cluster.local";

/// The ports of one control plane.
#[derive(Clone, Debug, Default)]
pub(crate) struct PortNumbers {
    pub(crate) etcd_client: u16,
    pub(crate) etcd_peer: u16,
    pub(crate) etcd_metrics: u16,
    /// Each apiserver's own, the first one's first.
    pub(crate) apiservers: Vec<u16>,
    /// In front of the apiservers, where there are several.
    pub(crate) balancer: Option<u16>,
    pub(crate) scheduler: u16,
    pub(crate) controller_manager: u16,
}

impl PortNumbers {
    /// Those that a process listens on.
    pub(crate) fn of(&self, instance: Instance) -> Vec<u16> {
        match instance.component {
            Component::Etcd => vec![self.etcd_client, self.etcd_peer, self.etcd_metrics],
            Component::Apiserver => vec![self.apiserver(instance.number)],
            Component::Scheduler => vec![self.scheduler],
            Component::ControllerManager => vec![self.controller_manager],
        }
    }

    /// An apiserver's own; 0 for one that is not there.
    pub(crate) fn apiserver(&self, number: u8) -> u16 {
        self.apiservers.get(usize::from(number)).copied().unwrap_or(0)
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

    pub(crate) fn log(&self, instance: Instance) -> PathBuf {
        self.logs.join(format!("{instance}.log"))
    }

    pub(crate) fn audit_policy(&self) -> PathBuf {
        self.dir.join("audit-policy.yaml")
    }

    /// Each apiserver writes its own, because each rotates what it writes. No number follows a dash: that would be a
    /// rotated part of another one's.
    pub(crate) fn audit_log(&self, number: u8) -> PathBuf {
        self.logs.join(match number {
            0 => "audit.log".to_owned(),
            number => format!("audit.{number}.log"),
        })
    }

    /// The kubeconfig with which apiservers reach the audit webhook.
    pub(crate) fn audit_webhook(&self) -> PathBuf {
        self.dir.join("audit-webhook.conf")
    }

    /// Where clients reach the API: the balancer or, without one, the only apiserver.
    pub(crate) fn server(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.balancer.unwrap_or_else(|| self.ports.apiserver(0)))
    }

    /// Where a process says that it is ready. etcd does so without TLS on its metrics address, as for kubeadm's
    /// probes.
    pub(crate) fn readiness(&self, instance: Instance) -> String {
        let PortNumbers { etcd_metrics, scheduler, controller_manager, .. } = self.ports;
        match instance.component {
            Component::Etcd => format!("http://127.0.0.1:{etcd_metrics}/readyz"),
            Component::Apiserver => {
                format!("https://127.0.0.1:{}/readyz", self.ports.apiserver(instance.number))
            }
            Component::Scheduler => format!("https://127.0.0.1:{scheduler}/healthz"),
            Component::ControllerManager => format!("https://127.0.0.1:{controller_manager}/healthz"),
        }
    }
}

impl Layout {
    /// Where a process' metrics are: beside its health, and never behind a balancer.
    pub(crate) fn metrics(&self, instance: Instance) -> String {
        let readiness = self.readiness(instance);
        let root = readiness.rsplit_once('/').map_or(readiness.as_str(), |(root, _)| root);
        format!("{root}/metrics")
    }
}

/// A path as a flag's value.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
