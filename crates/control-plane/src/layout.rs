//! Where everything of one control plane is: files under its work directory, ports on loopback.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use profile::Component;

use crate::Instance;

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
    /// What each process listens on: an etcd on three, in the order of [`EtcdPorts`], everything else on one.
    pub(crate) own: BTreeMap<Instance, Vec<u16>>,
    /// In front of the apiservers, where there are several.
    pub(crate) balancer: Option<u16>,
}

/// Those of a member of an etcd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EtcdPorts {
    pub(crate) client: u16,
    pub(crate) peer: u16,
    pub(crate) metrics: u16,
}

impl PortNumbers {
    /// How many ports a process of a component listens on.
    pub(crate) const fn needed(component: Component) -> usize {
        match component {
            Component::Etcd => 3,
            Component::Apiserver | Component::ControllerManager | Component::Scheduler => 1,
        }
    }

    /// Those that a process listens on.
    pub(crate) fn of(&self, instance: Instance) -> &[u16] {
        self.own.get(&instance).map_or(&[], Vec::as_slice)
    }

    /// Of a component of Kubernetes, where it serves HTTPS; 0 for one that is not there.
    pub(crate) fn secure(&self, instance: Instance) -> u16 {
        self.of(instance).first().copied().unwrap_or(0)
    }

    /// Of a member of an etcd; zeros for one that is not there.
    pub(crate) fn etcd(&self, instance: Instance) -> EtcdPorts {
        match *self.of(instance) {
            [client, peer, metrics] => EtcdPorts { client, peer, metrics },
            _ => EtcdPorts::default(),
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

    /// A member's data directory. `storage` knows it by this name.
    pub(crate) fn etcd_data(&self, member: Instance) -> PathBuf {
        self.dir.join(member.name())
    }

    /// Where clients reach a member of an etcd.
    pub(crate) fn etcd_client(&self, member: Instance) -> String {
        format!("https://127.0.0.1:{}", self.ports.etcd(member).client)
    }

    pub(crate) fn log(&self, instance: Instance) -> PathBuf {
        self.logs.join(format!("{instance}.log"))
    }

    pub(crate) fn audit_policy(&self) -> PathBuf {
        self.dir.join("audit-policy.yaml")
    }

    /// The scheduler's configuration file, the same for all of them, where a profile has one.
    pub(crate) fn scheduler_config(&self) -> PathBuf {
        self.dir.join("scheduler-config.yaml")
    }

    /// The configuration of admission plugins, where a profile has one.
    pub(crate) fn admission_config(&self) -> PathBuf {
        self.dir.join("admission-config.yaml")
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
        let apiserver = self.ports.secure(Component::Apiserver.into());
        format!("https://127.0.0.1:{}", self.ports.balancer.unwrap_or(apiserver))
    }

    /// Where a process says that it is ready. etcd does so without TLS on its metrics address, as for kubeadm's
    /// probes.
    pub(crate) fn readiness(&self, instance: Instance) -> String {
        match instance.component {
            Component::Etcd => format!("http://127.0.0.1:{}/readyz", self.ports.etcd(instance).metrics),
            Component::Apiserver => format!("https://127.0.0.1:{}/readyz", self.ports.secure(instance)),
            Component::Scheduler | Component::ControllerManager => {
                format!("https://127.0.0.1:{}/healthz", self.ports.secure(instance))
            }
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
