//! What can be wrong with a profile.

use std::{io, path::PathBuf};

use crate::{Component, input::InputError, nearest, removed, vocabulary};

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A mistake in a file.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Neither a built-in profile nor a file.
    #[error("there is no profile `{name}`{}; built in are: {}; a file is named by a path or a name ending in .toml", did_you_mean(.name, .known), .known.join(", "))]
    UnknownProfile {
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// A profile's file cannot be read.
    #[error("cannot read the profile {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A profile extends itself.
    #[error("profiles extend each other in a circle: {}", .chain.join(" -> "))]
    Circle {
        /// The profiles on the way, the first one again at the end.
        chain: Vec<String>,
    },
    /// Nothing in the chain of `extends` says which version to run.
    #[error(
        "{origin}: the profile extends nothing, so its [versions] must say `{field}` (for example `{field} = \"{example}\"`)"
    )]
    NoVersion {
        /// The file.
        origin: String,
        /// `kubernetes` or `etcd`.
        field: &'static str,
        /// A version that works.
        example: &'static str,
    },
    /// The binary of this version has no such flag.
    #[error("{origin}: unknown flag `{flag}` under [{}.flags]: {}", .component.name(), flag_advice(*.component, .version, .flag))]
    UnknownFlag {
        /// Where it is written.
        origin: String,
        /// Whose flag it should be.
        component: Component,
        /// The version of its binary.
        version: String,
        /// The flag.
        flag: String,
    },
    /// The binary of this version has no such feature gate, or it cannot be switched any more.
    #[error("{origin}: unknown feature gate `{gate}` under [{}.feature-gates]: {}", .component.name(), gate_advice(*.component, .version, .gate))]
    UnknownGate {
        /// Where it is written.
        origin: String,
        /// Whose gate it should be.
        component: Component,
        /// The version of its binary.
        version: String,
        /// The gate.
        gate: String,
    },
    /// Feature gates are written in a table and in a flag.
    #[error(
        "{origin}: feature gates of {component} are written under [{}.feature-gates] and in the flag `feature-gates` ({flag}), of which \
         one would undo the other; write all of them in the table", .component.name()
    )]
    GatesTwice {
        /// Where a gate of the table is written.
        origin: String,
        /// Whose gates they are.
        component: Component,
        /// Where the flag is written.
        flag: String,
    },
    /// etcd has gates since 3.6.
    #[error(
        "{origin}: etcd has feature gates since 3.6, and this is {version}; write the flag `experimental-...` under [etcd.flags]"
    )]
    NoGates {
        /// Where a gate is written.
        origin: String,
        /// etcd's version.
        version: String,
    },
    /// A `--set` argument that cannot be understood.
    #[error("cannot set `{assignment}`: {reason}")]
    Assignment {
        /// The argument.
        assignment: String,
        /// What is wrong with it.
        reason: String,
    },
}

fn did_you_mean(name: &str, known: &[&'static str]) -> String {
    nearest(name, known.iter().copied())
        .map(|right| format!(" (did you mean `{right}`?)"))
        .unwrap_or_default()
}

/// What the binary has instead, or which other one has a flag of exactly this name.
fn flag_advice(component: Component, version: &str, flag: &str) -> String {
    if let Some(removed) = removed::of(component, version, flag) {
        let (since, instead, source) = (removed.since, removed.instead, removed.source);
        return format!("{component} v{since} removed it ({source}): {instead}");
    }
    let owners: Vec<&str> = Component::ALL
        .into_iter()
        .filter(|other| {
            vocabulary::of(*other, version).is_some_and(|names| names.binary_search(&flag).is_ok())
        })
        .map(Component::binary)
        .collect();
    if !owners.is_empty() {
        let have = if owners.len() == 1 { "has" } else { "have" };
        return format!("{component} v{version} has no such flag, but {} {have}", owners.join(" and "));
    }
    let names = vocabulary::of(component, version).unwrap_or_default();
    match nearest(flag.trim_start_matches('-'), names.iter().copied()) {
        Some(right) => format!("{component} v{version} has `{right}`"),
        None => format!("{component} v{version} has nothing like it"),
    }
}

fn gate_advice(component: Component, version: &str, gate: &str) -> String {
    let names = vocabulary::gates(component, version).unwrap_or_default();
    match nearest(gate, names) {
        Some(right) => format!("{component} v{version} has `{right}`"),
        None => format!(
            "{component} v{version} lists no such gate; generally available and deprecated ones are not listed, and the flag \
             `feature-gates` takes those that can still be switched"
        ),
    }
}
