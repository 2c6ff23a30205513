//! The arguments of each component: kubeadm's, with what must differ on one machine, and the profile's over them.

mod base;
mod refused;

use profile::{Audit, AuditBackend, AuditLevel, AuditMode, Component, Profile};

pub(crate) use self::base::BaseFlag;
use self::{
    base::{Because, base},
    refused::refused,
};
use crate::{
    Error, Instance,
    layout::{Layout, PortNumbers},
};

/// Whether the harness can start what a profile describes: it may not set what the harness itself must set.
///
/// # Errors
///
/// [`Error::OwnedFlag`] and [`Error::EtcdVariable`], with the place and the reason.
pub fn check(profile: &Profile) -> Result<(), Error> {
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
    let tuned = profile.flags(instance.component);
    let base = base(instance, layout, etcd_version, profile.audit);
    let kept = base
        .into_iter()
        .filter(|BaseFlag { name, .. }| tuned.get(name).is_none())
        .map(|BaseFlag { name, value, .. }| format!("--{name}={value}"));
    let set = tuned
        .iter()
        .flat_map(|(name, flag)| flag.values.iter().map(move |value| format!("--{name}={value}")));
    kept.chain(set).collect()
}

/// Why a flag is not the profile's to set, if it is not.
fn owned(component: Component, name: &str) -> Option<&'static str> {
    // The names do not depend on where things are or how many, nor on etcd's version as far as they are owned.
    let nowhere = Layout { dir: "/".into(), logs: "/".into(), ports: PortNumbers::default() };
    let of_base = [AuditBackend::Log, AuditBackend::Webhook]
        .into_iter()
        .flat_map(|backend| {
            let audit = Audit { level: AuditLevel::Metadata, backend, mode: Some(AuditMode::Batch) };
            base(component.into(), &nowhere, "3.6.0", audit)
        })
        .find(|flag| flag.name == name)
        .and_then(|flag| match flag.because {
            Because::Kubeadm => None,
            Because::Place(reason) | Because::Local(reason) => Some(reason),
        });
    of_base.or_else(|| refused(component, name))
}

#[cfg(test)]
mod tests;
