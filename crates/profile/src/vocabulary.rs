//! The flags and feature gates that a binary of a version has, taken from its `--help`.
//!
//! The lists in `flags/<version>/<binary>.txt` and `<binary>.gates.txt` are generated from the real binaries. Of a version
//! without lists nothing is known: its flags and gates pass, and the component itself refuses a wrong one when it starts.

use std::collections::BTreeSet;

use crate::Component;

/// What one binary of one version has, a name a line.
struct Lists {
    component: Component,
    version: &'static str,
    flags: &'static str,
    gates: &'static str,
}

macro_rules! lists {
    ($($component:ident $version:literal $binary:literal),* $(,)?) => {
        &[$(Lists {
            component: Component::$component,
            version: $version,
            flags: include_str!(concat!("../flags/", $version, "/", $binary, ".txt")),
            gates: include_str!(concat!("../flags/", $version, "/", $binary, ".gates.txt")),
        }),*]
    };
}

const LISTS: &[Lists] = lists![
    Etcd "3.6.8" "etcd",
    Apiserver "1.36.3" "kube-apiserver",
    ControllerManager "1.36.3" "kube-controller-manager",
    Scheduler "1.36.3" "kube-scheduler",
];

fn lists(component: Component, version: &str) -> Option<&'static Lists> {
    LISTS.iter().find(|lists| lists.component == component && lists.version == version)
}

/// The names of the flags of a component's binary, sorted; `None` where there is no list for the version.
pub fn of(component: Component, version: &str) -> Option<Vec<&'static str>> {
    lists(component, version).map(|lists| lists.flags.lines().collect())
}

/// The names of the feature gates that it lists, sorted; `None` where there is no list for the version. A gate that is generally
/// available or deprecated is not listed (`KnownFeatures` of component-base).
pub fn gates(component: Component, version: &str) -> Option<Vec<&'static str>> {
    lists(component, version).map(|lists| lists.gates.lines().collect())
}

/// Takes the names of the feature gates, sorted, from what a binary prints for `--help`.
///
/// A gate is `Name=true|false (BETA - default=true)`, after `kube:` in Kubernetes.
pub fn gates_from_help(help: &str) -> Vec<String> {
    let mut pieces: Vec<&str> = help.split("=true|false (").collect();
    // Behind the last gate.
    pieces.pop();
    let name = |text: &str| {
        let name = text.rsplit(|c: char| !c.is_ascii_alphanumeric()).next()?;
        (!name.is_empty()).then(|| name.to_owned())
    };
    pieces.into_iter().filter_map(name).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Takes the names of the flags, sorted and without dashes, from what a binary prints for `--help`.
///
/// Both forms are read: that of pflag (`      --name type   text`, `  -v, --v Level`) and etcd's (`  --name 'value'`).
/// What is indented further belongs to a description.
pub fn from_help(help: &str) -> Vec<String> {
    help.lines().filter_map(flag_of_line).collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
}

fn flag_of_line(line: &str) -> Option<&str> {
    let text = line.trim_start();
    if line.len() - text.len() > 6 {
        return None;
    }
    let long = match text.split_once(", ") {
        Some((short, long)) if short.len() == 2 && short.starts_with('-') => long,
        _ => text,
    };
    let name = long.strip_prefix("--")?;
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').unwrap_or(name.len());
    (end > 0).then(|| &name[..end])
}

#[cfg(test)]
mod tests {
    use super::{LISTS, from_help, gates, gates_from_help, of};
    use crate::{Component, removed::at_least};

    #[test]
    fn reads_both_forms_of_help() {
        let pflag = "Usage:\n  kube-scheduler [flags]\n\nMisc flags:\n\n      --config string   The path. See --other.\n      \
                     --secure-port int\n                                --not-a-flag in a description\n  -h, --help            help\n  -v, \
                     --v Level";
        assert_eq!(from_help(pflag), ["config", "help", "secure-port", "v"]);
        let etcd = "  etcd --version\n    Show it.\nMember:\n  --name 'default'\n    Human-readable, see --data-dir.\n  --wal-dir ''";
        assert_eq!(from_help(etcd), ["name", "wal-dir"]);
    }

    #[test]
    fn reads_the_gates_of_both_forms() {
        let kube = "      --feature-gates colonSeparatedMultimapStringString   Comma-separated list of component:key=value pairs.\n        \
                    Options are:\n        kube:AllAlpha=true|false (ALPHA - default=false)\n        kube:WatchList=true|false \
                    (BETA - default=true), or WatchList=true|false (ALPHA - default=false) if --min-compatibility-version>=1.35\n";
        assert_eq!(gates_from_help(kube), ["AllAlpha", "WatchList"]);
        let etcd = "  --feature-gates ''\n    Options are:\n    LeaseCheckpoint=true|false (ALPHA - default=false)\n    \
                    AllBeta=true|false (BETA - default=false)\n  --name 'default'\n";
        assert_eq!(gates_from_help(etcd), ["AllBeta", "LeaseCheckpoint"]);
        assert!(gates_from_help("  --name 'default'").is_empty());
    }

    #[test]
    fn lists_are_sorted_and_hold_what_everyone_knows() {
        for lists in LISTS {
            let gateless = lists.component == Component::Etcd && !at_least(lists.version, "3.6");
            for (text, empty) in [(lists.flags, false), (lists.gates, gateless)] {
                let names: Vec<&str> = text.lines().collect();
                let good = names.is_sorted() && names.iter().all(|name| !name.is_empty());
                assert!(good && names.is_empty() == empty, "{} {}", lists.component, lists.version);
            }
        }
        let has = |component, version, name: &str| of(component, version).unwrap().contains(&name);
        assert!(has(Component::Etcd, "3.6.8", "quota-backend-bytes"));
        assert!(has(Component::Apiserver, "1.36.3", "max-requests-inflight"));
        assert!(has(Component::Scheduler, "1.36.3", "kube-api-qps"));
        assert!(has(Component::ControllerManager, "1.36.3", "concurrent-gc-syncs"));
        assert_eq!(of(Component::Etcd, "2.0.0"), None);
        let has = |component, version, name: &str| gates(component, version).unwrap().contains(&name);
        assert!(has(Component::Etcd, "3.6.8", "InitialCorruptCheck"));
        for component in [Component::Apiserver, Component::ControllerManager, Component::Scheduler] {
            assert!(has(component, "1.36.3", "WatchList"), "{component}");
        }
        assert_eq!(gates(Component::Scheduler, "1.2.3"), None);
    }
}
