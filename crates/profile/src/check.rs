//! What a resolved profile must keep to.

use crate::{
    Component, Error, Profile,
    document::Document,
    removed::{self, at_least},
    scheduler,
    source::Source,
    vocabulary,
};

/// Settings that do not go together, or one that nobody could obey.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contradiction {
    /// Where it may be written, the likeliest culprit first.
    pub(crate) paths: Vec<Vec<String>>,
    pub(crate) reason: String,
}

impl Contradiction {
    /// At a path such as `["storage", "medium"]`.
    pub(crate) fn at(path: &[&str], reason: impl Into<String>) -> Self {
        Self { paths: vec![owned(path)], reason: reason.into() }
    }

    /// Or at another one.
    pub(crate) fn or_at(mut self, path: &[&str]) -> Self {
        self.paths.push(owned(path));
        self
    }

    /// The nearest profile that says anything of it is to blame: it could have said something else.
    pub(crate) fn placed(self, chain: &[(Source, Document)]) -> Error {
        let place = chain.iter().find_map(|(source, _)| {
            self.paths.iter().find_map(|path| source.offset_of(path)).map(|offset| (source, offset))
        });
        let (source, offset) = place.unwrap_or((&chain[0].0, 0));
        source.error_at(offset, self.reason)
    }
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|&key| key.to_owned()).collect()
}

/// Whether the settings go together.
pub(crate) fn settings(profile: &Profile) -> Result<(), Contradiction> {
    profile.storage.check()?;
    scheduler::check(profile)?;
    elections(profile)
}

/// Two that both lead would undo each other's work.
fn elections(profile: &Profile) -> Result<(), Contradiction> {
    let topology = profile.topology;
    for (component, setting, number) in [
        (Component::Scheduler, "schedulers", topology.schedulers()),
        (Component::ControllerManager, "controller-managers", topology.controller_managers()),
    ] {
        let elects = profile.flags(component).get("leader-elect");
        if number > 1 && elects.is_some_and(|flag| flag.values.last().is_some_and(|value| value == "false")) {
            let reason = format!(
                "there are {number} {setting}, of which one must lead, and the flag `leader-elect` of {component} is false"
            );
            let contradiction = Contradiction::at(&[component.name(), "flags", "leader-elect"], reason);
            return Err(contradiction.or_at(&["topology", setting]));
        }
    }
    Ok(())
}

/// Every flag and feature gate must be one that the binary of its version has, as far as that is known.
pub(crate) fn names(profile: &Profile) -> Result<(), Error> {
    Component::ALL.into_iter().try_for_each(|component| {
        flags(profile, component)?;
        feature_gates(profile, component)
    })
}

fn flags(profile: &Profile, component: Component) -> Result<(), Error> {
    let version = profile.version(component);
    let names = vocabulary::of(component, version);
    let unknown = |flag: &str| names.as_ref().is_some_and(|names| names.binary_search(&flag).is_err());
    let wrong = |flag: &str| unknown(flag) || removed::of(component, version, flag).is_some();
    match profile.flags(component).iter().find(|(flag, _)| wrong(flag)) {
        Some((flag, at)) => Err(Error::UnknownFlag {
            origin: at.origin.clone(),
            component,
            version: version.to_owned(),
            flag: flag.to_owned(),
        }),
        None => Ok(()),
    }
}

fn feature_gates(profile: &Profile, component: Component) -> Result<(), Error> {
    let gates = profile.feature_gates(component);
    let Some((_, first)) = gates.first_key_value() else { return Ok(()) };
    let version = profile.version(component).to_owned();
    if component == Component::Etcd && !at_least(&version, "3.6") {
        return Err(Error::NoGates { origin: first.origin.clone(), version });
    }
    if let Some(flag) = profile.flags(component).get("feature-gates") {
        let (origin, flag) = (first.origin.clone(), flag.origin.clone());
        return Err(Error::GatesTwice { origin, component, flag });
    }
    let Some(names) = vocabulary::gates(component, &version) else { return Ok(()) };
    match gates.iter().find(|(gate, _)| names.binary_search(&gate.as_str()).is_err()) {
        Some((gate, at)) => {
            Err(Error::UnknownGate { origin: at.origin.clone(), component, version, gate: gate.clone() })
        }
        None => Ok(()),
    }
}

/// `1.36.3`, `1.37.0-rc.1`.
pub(crate) fn version(version: &str) -> Result<(), String> {
    let (numbers, pre) = version.split_once('-').unwrap_or((version, "0"));
    let numeric = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let well_formed = numbers.split('.').count() == 3
        && numbers.split('.').all(numeric)
        && !pre.is_empty()
        && pre.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if well_formed {
        return Ok(());
    }
    let advice = match version.strip_prefix('v') {
        Some(rest) if self::version(rest).is_ok() => format!("write `{rest}`"),
        _ => "write it like `1.36.3` or `1.37.0-rc.1`".to_owned(),
    };
    Err(format!("`{version}` is not a version: {advice}"))
}
