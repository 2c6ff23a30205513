//! The arguments of each component: kubeadm's, with what must differ on one machine, and the profile's over them.

mod base;
mod refused;

use std::collections::BTreeMap;

use profile::{Audit, AuditBackend, AuditLevel, AuditMode, Component, Profile, Topology, render::objects};

pub(crate) use self::base::BaseFlag;
use self::{
    base::{Asked, Because, base},
    refused::refused,
};
use crate::{
    Error, Instance, Store,
    layout::{Layout, PortNumbers},
};

/// Whether the harness can start what a profile describes: it may not set what the harness itself must set.
///
/// # Errors
///
/// [`Error::OwnedFlag`] and [`Error::EtcdVariable`], with the place and the reason.
pub(crate) fn check(profile: &Profile) -> Result<(), Error> {
    for component in Component::ALL {
        for (name, flag) in profile.flags(component).iter() {
            if let Some(reason) = owned(component, name) {
                return Err(Error::OwnedFlag {
                    origin: flag.origin.clone(),
                    component,
                    flag: name.to_owned(),
                    reason,
                });
            }
        }
    }
    let etcd = profile.env(Component::Etcd);
    match etcd.keys().find(|name| name.starts_with("ETCD_")) {
        Some(name) => Err(Error::EtcdVariable { profile: profile.name.clone(), variable: name.clone() }),
        None => Ok(()),
    }
}

/// The arguments of a process, without its name.
pub(crate) fn arguments(
    instance: Instance,
    layout: &Layout,
    profile: &Profile,
    etcd_version: &str,
) -> Vec<String> {
    let component = instance.component;
    let tuned = profile.flags(component);
    let base = base(instance, layout, etcd_version, &Asked::by(profile));
    let gates = feature_gates(profile, component, &base);
    let has_gates = gates.is_some();
    let kept = base
        .into_iter()
        .filter(|BaseFlag { name, .. }| tuned.get(name).is_none() && !(has_gates && *name == GATES))
        .map(|BaseFlag { name, value, .. }| format!("--{name}={value}"));
    let by_file = component == Component::Scheduler && profile.scheduler_config.is_some();
    let set = tuned
        .iter()
        .filter(|(name, _)| !(by_file && objects::MOVED.iter().any(|(moved, _)| moved == name)))
        .flat_map(|(name, flag)| flag.values.iter().map(move |value| format!("--{name}={value}")));
    kept.chain(set).chain(gates).collect()
}

const GATES: &str = "feature-gates";

/// The argument of a component's feature gates, where the profile has some: they go over those of the base.
fn feature_gates(profile: &Profile, component: Component, base: &[BaseFlag]) -> Option<String> {
    let tuned = profile.feature_gates(component);
    if tuned.is_empty() {
        return None;
    }
    let kept = base.iter().filter(|flag| flag.name == GATES).flat_map(|flag| flag.value.split(','));
    let mut gates: BTreeMap<&str, String> =
        kept.filter_map(|gate| gate.split_once('=')).map(|(name, on)| (name, on.to_owned())).collect();
    gates.extend(tuned.iter().map(|(name, gate)| (name.as_str(), gate.on.to_string())));
    let gates: Vec<String> = gates.into_iter().map(|(name, on)| format!("{name}={on}")).collect();
    Some(format!("--{GATES}={}", gates.join(",")))
}

/// Why a flag is not the profile's to set, if it is not.
pub(crate) fn owned(component: Component, name: &str) -> Option<&'static str> {
    // The names do not depend on where things are or how many, nor on etcd's version as far as they are owned.
    let nowhere = Layout { dir: "/".into(), logs: "/".into(), ports: PortNumbers::default() };
    let of_base = everything_asked()
        .into_iter()
        .flat_map(|asked| base(component.into(), &nowhere, "3.6.0", &asked))
        .find(|flag| flag.name == name)
        .and_then(|flag| match flag.because {
            Because::Kubeadm => None,
            Because::Place(reason) | Because::Local(reason) => Some(reason),
        });
    of_base.or_else(|| refused(component, name))
}

/// What profiles may ask for, so that together there is every base flag.
fn everything_asked() -> [Asked; 2] {
    [AuditBackend::Log, AuditBackend::Webhook].map(|backend| Asked {
        topology: Topology::default(),
        stores: Store::ALL.to_vec(),
        audit: Audit {
            level: AuditLevel::Metadata,
            backend,
            mode: Some(AuditMode::Batch),
            ..Audit::default()
        },
        scheduler_config: backend == AuditBackend::Webhook,
        admission: true,
    })
}

#[cfg(test)]
mod tests;
