//! What a form cannot say, by the settings of the profile.

use std::fmt;

use super::cluster::Dialect;
use crate::{AuditBackend, AuditLevel, Component, Form, Medium, Profile, Topology};

/// A setting that is in the profile and not in the form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inexpressible {
    /// Its path, `storage.medium`.
    pub setting: String,
    /// Why.
    pub reason: &'static str,
}

impl fmt::Display for Inexpressible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.reason)
    }
}

const ONE_NODE: &str = "kubeadm is told of one node, with one of everything; others join it by hand";
const EQUAL: &str = "a control-plane node of kind has one of everything, so there are as many of each";
const OWN_ETCD: &str = "kubeadm sets up one etcd";
const DISK: &str = "what etcd's disk is, is the machine's";
const PINNED: &str = "a static pod cannot be pinned to CPUs";
const HARNESS: &str = "it is about this program and not about the cluster";
const SINK: &str = "the server that takes the events is this program's; nothing is audited";
const FOLDER: &str = "nodes run images, not what is in a folder of this machine";
const NO_ENV: &str = "kind's patches of Kubernetes before 1.36 are kubeadm's v1beta3, which has no variables";
const NO_REPETITION: &str =
    "kind's patches of Kubernetes before 1.36 are kubeadm's v1beta3, which has each flag once";

/// What of a profile a form cannot say, in the order of the paths.
pub fn inexpressible(profile: &Profile, form: Form) -> Vec<Inexpressible> {
    let mut all = Vec::new();
    let mut note = |setting: String, reason| all.push(Inexpressible { setting, reason });
    for (setting, reason) in topology(profile.topology, form) {
        note(format!("topology.{setting}"), reason);
    }
    if profile.storage.medium != Medium::Disk {
        note("storage.medium".to_owned(), DISK);
    }
    if profile.storage.write_iops.is_some() {
        note("storage.write-iops".to_owned(), DISK);
    }
    for component in Component::ALL {
        if profile.cpu.of(component).is_some() {
            note(format!("cpu.{}", component.name()), PINNED);
        }
    }
    if profile.cpu.harness().is_some() {
        note("cpu.harness".to_owned(), HARNESS);
    }
    if profile.audit.level != AuditLevel::None && profile.audit.backend == AuditBackend::Webhook {
        note("audit.backend".to_owned(), SINK);
    }
    if profile.versions.bin_dir.is_some() {
        note("versions.bin_dir".to_owned(), FOLDER);
    }
    if Dialect::of(profile, form) == Dialect::V1Beta3 {
        for component in Component::ALL {
            for variable in profile.env(component).keys() {
                note(format!("env.{}.{variable}", component.name()), NO_ENV);
            }
            for (flag, _) in profile.flags(component).iter().filter(|(_, flag)| flag.values.len() > 1) {
                note(format!("{}.flags.{flag}", component.name()), NO_REPETITION);
            }
        }
    }
    all.sort();
    all
}

/// How many control-plane nodes a cluster of kind has: as many as there are of everything.
pub(super) fn nodes(topology: Topology) -> Option<u8> {
    let number = topology.apiservers();
    let others = [topology.etcd_members(), topology.schedulers(), topology.controller_managers()];
    others.into_iter().all(|other| other == number).then_some(number)
}

fn topology(topology: Topology, form: Form) -> Vec<(&'static str, &'static str)> {
    let several = match form {
        Form::Kind if nodes(topology).is_some() => None,
        Form::Kind => Some(EQUAL),
        Form::Kubeadm => Some(ONE_NODE),
    };
    let counts = [
        ("apiservers", topology.apiservers()),
        ("etcd-members", topology.etcd_members()),
        ("schedulers", topology.schedulers()),
        ("controller-managers", topology.controller_managers()),
    ];
    let counted = counts.into_iter().filter(|(_, number)| *number > 1);
    let own = [("events-etcd", topology.events_etcd()), ("leases-etcd", topology.leases_etcd())];
    let own = own.into_iter().filter(|(_, is)| *is).map(|(setting, _)| (setting, OWN_ETCD));
    counted.filter_map(|(setting, _)| Some((setting, several?))).chain(own).collect()
}
