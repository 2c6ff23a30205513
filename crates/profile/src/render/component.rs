//! What each component is told beyond kubeadm's own flags: arguments, variables, and the files that arguments point to.

use std::collections::{BTreeMap, BTreeSet};

use super::{FILES, File, etcd, objects, yaml};
use crate::{AuditBackend, AuditLevel, Component, Profile};

/// Where the apiserver writes what it audits.
pub(super) const AUDIT_LOG_FOLDER: &str = "/var/log/kubernetes/audit";

/// kubeadm's kubeconfig of the scheduler (cmd/kubeadm/app/constants, `SchedulerKubeConfigFileName`).
const SCHEDULER_KUBECONFIG: &str = "/etc/kubernetes/scheduler.conf";

/// What all components are told.
#[derive(Debug, Default)]
pub(super) struct Told {
    parts: BTreeMap<Component, Part>,
    /// Of the folder `files`.
    pub(super) files: Vec<File>,
}

/// Name and value.
pub(super) type Argument = (String, String);

/// What one component is told.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Names without dashes, in the order of the command line; a name that comes again is a flag that is repeated.
    pub(super) arguments: Vec<Argument>,
    pub(super) variables: Vec<(String, String)>,
    /// Whether an argument points to a file of [`FILES`].
    pub(super) has_files: bool,
    /// Whether it writes to [`AUDIT_LOG_FOLDER`].
    pub(super) audits: bool,
}

impl Part {
    /// The arguments whose name comes for the first time, and those that come again.
    pub(super) fn first_and_again(&self) -> (Vec<&Argument>, Vec<&Argument>) {
        let mut seen = BTreeSet::new();
        self.arguments.iter().partition(|(name, _)| seen.insert(name.as_str()))
    }
}

impl Told {
    pub(super) fn of(&self, component: Component) -> &Part {
        &self.parts[&component]
    }

    /// Adds a file, and the argument that points to it.
    fn point(&mut self, component: Component, flag: &str, name: &str, text: String) {
        let part = self.parts.entry(component).or_default();
        part.arguments.push((flag.to_owned(), format!("{FILES}/{name}")));
        part.has_files = true;
        self.files.push(File { path: format!("files/{name}"), text });
    }
}

/// Takes it from a profile.
pub(super) fn told(profile: &Profile) -> Told {
    let mut told = Told::default();
    for component in Component::ALL {
        let variables = profile.env(component).iter().map(|(name, value)| (name.clone(), value.clone()));
        let part = Part {
            arguments: arguments(profile, component),
            variables: variables.collect(),
            ..Part::default()
        };
        told.parts.insert(component, part);
    }
    audit(profile, &mut told);
    if let Some(admission) = objects::admission_configuration(profile) {
        let text = yaml::document(&admission);
        told.point(Component::Apiserver, "admission-control-config-file", "admission.yaml", text);
    }
    if let Some(config) = objects::scheduler_configuration(profile, SCHEDULER_KUBECONFIG) {
        told.point(Component::Scheduler, "config", "scheduler.yaml", yaml::document(&config));
    }
    told
}

/// The profile's flags, less those that a file says instead, and its feature gates.
fn arguments(profile: &Profile, component: Component) -> Vec<Argument> {
    let has_config = component == Component::Scheduler && profile.scheduler_config.is_some();
    let is_moved = |name: &str| has_config && objects::MOVED.iter().any(|(flag, _)| *flag == name);
    let flags = profile.flags(component).iter().filter(|(name, _)| !is_moved(name));
    let mut arguments: Vec<Argument> = flags
        .flat_map(|(name, flag)| flag.values.iter().map(move |value| (name.to_owned(), value.clone())))
        .collect();
    let mut gates: BTreeMap<&str, bool> =
        profile.feature_gates(component).iter().map(|(name, gate)| (name.as_str(), gate.on)).collect();
    if gates.is_empty() {
        return arguments;
    }
    if component == Component::Etcd {
        // An argument replaces kubeadm's of the same name, whose gate stays on unless the profile says otherwise.
        gates.entry(etcd::KUBEADM_GATE).or_insert(true);
    }
    let value = gates.iter().map(|(name, on)| format!("{name}={on}")).collect::<Vec<_>>().join(",");
    arguments.push(("feature-gates".to_owned(), value));
    arguments
}

/// A webhook needs a server that is ours, so there only is a log.
fn audit(profile: &Profile, told: &mut Told) {
    let audit = &profile.audit;
    if audit.level == AuditLevel::None || audit.backend == AuditBackend::Webhook {
        return;
    }
    let text = yaml::document(&objects::audit_policy(audit));
    told.point(Component::Apiserver, "audit-policy-file", "audit-policy.yaml", text);
    let part = told.parts.entry(Component::Apiserver).or_default();
    part.audits = true;
    part.arguments.push(("audit-log-path".to_owned(), format!("{AUDIT_LOG_FOLDER}/audit.log")));
    if let Some(mode) = audit.mode {
        part.arguments.push(("audit-log-mode".to_owned(), mode.name().to_owned()));
    }
}
