//! The flags that a binary of a version has, taken from its `--help`.
//!
//! The lists in `flags/<version>/<binary>.txt` are generated from the real binaries. Of a version without a list
//! nothing is known: its flags pass, and the component itself refuses a wrong one when it starts.

use std::collections::BTreeSet;

use crate::Component;

const LISTS: &[(Component, &str, &str)] = &[
    (Component::Etcd, "3.6.8", include_str!("../flags/3.6.8/etcd.txt")),
    (Component::Apiserver, "1.36.3", include_str!("../flags/1.36.3/kube-apiserver.txt")),
    (Component::ControllerManager, "1.36.3", include_str!("../flags/1.36.3/kube-controller-manager.txt")),
    (Component::Scheduler, "1.36.3", include_str!("../flags/1.36.3/kube-scheduler.txt")),
];

/// The names of the flags of a component's binary, sorted; `None` where there is no list for the version.
pub fn of(component: Component, version: &str) -> Option<Vec<&'static str>> {
    let (.., names) = LISTS.iter().find(|(of, at, _)| *of == component && *at == version)?;
    Some(names.lines().collect())
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
    use super::{LISTS, from_help, of};
    use crate::Component;

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
    fn lists_are_sorted_and_hold_what_everyone_knows() {
        for (component, version, text) in LISTS {
            let names: Vec<&str> = text.lines().collect();
            assert!(names.is_sorted() && names.iter().all(|name| !name.is_empty()), "{component} {version}");
        }
        let has = |component, version, name: &str| of(component, version).unwrap().contains(&name);
        assert!(has(Component::Etcd, "3.6.8", "quota-backend-bytes"));
        assert!(has(Component::Apiserver, "1.36.3", "max-requests-inflight"));
        assert!(has(Component::Scheduler, "1.36.3", "kube-api-qps"));
        assert!(has(Component::ControllerManager, "1.36.3", "concurrent-gc-syncs"));
        assert_eq!(of(Component::Etcd, "2.0.0"), None);
    }
}
