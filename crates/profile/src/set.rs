//! Changing one setting of a profile from the command line.

use std::{collections::BTreeMap, path::PathBuf};

use serde::de::DeserializeOwned;

use crate::{
    Component, Error, Flag, Profile, input,
    load::{check_flags, check_version},
    nearest,
};

const SECTIONS: [&str; 10] = [
    "versions",
    "topology",
    "audit",
    "storage",
    "kubelet",
    "env",
    "etcd",
    "apiserver",
    "scheduler",
    "controller-manager",
];

impl Profile {
    /// Applies `path=value`: `apiserver.flags.max-requests-inflight=800`, `env.etcd.GOGC=200`,
    /// `versions.kubernetes=1.36.3`, `versions.bin_dir=/opt/kube`, `topology.apiservers=3`, `audit.level=Metadata`,
    /// `storage.medium=tmpfs`, `storage.write-iops=100`, `kubelet.max-pods=250`.
    ///
    /// # Errors
    ///
    /// When the path does not exist (with the nearest right name) or the value does not fit; the profile is then
    /// unchanged.
    pub fn set(&mut self, assignment: &str) -> Result<(), Error> {
        let wrong = |reason: String| Error::Assignment { assignment: assignment.to_owned(), reason };
        let (path, value) =
            assignment.split_once('=').ok_or_else(|| wrong("write it as path=value".to_owned()))?;
        let mut changed = self.clone();
        match path.splitn(3, '.').collect::<Vec<_>>()[..] {
            ["versions", field @ ("kubernetes" | "etcd")] => {
                check_version(value).map_err(wrong)?;
                let versions = &mut changed.versions;
                let version = if field == "etcd" { &mut versions.etcd } else { &mut versions.kubernetes };
                value.clone_into(version);
            }
            ["versions", "bin_dir"] => changed.versions.bin_dir = Some(PathBuf::from(value)),
            ["topology", field] => changed.topology.apply(&table("topology", field, value).map_err(wrong)?),
            ["audit", field] => changed.audit.apply(&table("audit", field, value).map_err(wrong)?),
            ["storage", field] => {
                changed.storage.apply(&table("storage", field, value).map_err(wrong)?);
                changed.storage.check().map_err(wrong)?;
            }
            ["kubelet", field] => changed.kubelet.apply(&table("kubelet", field, value).map_err(wrong)?),
            ["env", component, name] => {
                let component = component_named(component).map_err(wrong)?;
                changed.env.entry(component).or_default().insert(name.to_owned(), value.to_owned());
            }
            [component, "flags", flag] => {
                let component = component_named(component).map_err(wrong)?;
                let origin = format!("--set {assignment}");
                let flag_set = Flag { values: vec![value.to_owned()], origin };
                changed.flags.entry(component).or_default().insert(flag.to_owned(), flag_set);
            }
            _ => return Err(wrong(path_advice(path))),
        }
        check_flags(&changed)?;
        *self = changed;
        Ok(())
    }
}

/// A table that says only this, read as if it stood in a file: the same names, values and errors.
fn table<T: DeserializeOwned + Default>(section: &str, field: &str, value: &str) -> Result<T, String> {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let value = if value.parse::<i64>().is_ok() { value.to_owned() } else { quoted(value) };
    let text = format!("[{section}]\n{} = {value}", quoted(field));
    let tables: BTreeMap<String, T> = input::parse(section, &text).map_err(|error| error.message)?;
    Ok(tables.into_values().next().unwrap_or_default())
}

fn component_named(name: &str) -> Result<Component, String> {
    let names = Component::ALL.map(Component::name);
    Component::from_name(name).ok_or_else(|| match nearest(name, names) {
        Some(right) => format!("there is no component `{name}`; did you mean `{right}`?"),
        None => format!("there is no component `{name}`; there are: {}", names.join(", ")),
    })
}

fn path_advice(path: &str) -> String {
    let section = path.split('.').next().unwrap_or_default();
    match nearest(section, SECTIONS) {
        Some(right) if right != section => format!("there is no `{section}`; did you mean `{right}`?"),
        Some("versions") => "[versions] has kubernetes, etcd and bin_dir".to_owned(),
        Some(table @ ("topology" | "audit" | "storage" | "kubelet")) => {
            format!("write it as {table}.<setting>=<value>")
        }
        Some("env") => "write it as env.<component>.<VARIABLE>=<value>".to_owned(),
        Some(component) => format!("write it as {component}.flags.<flag>=<value>"),
        None => format!("there is no `{section}`; there are: {}", SECTIONS.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use crate::{AuditLevel, AuditMode, Component, Medium, Storage, load};

    #[test]
    fn sets_each_kind_of_field() {
        let mut profile = load("defaults").unwrap();
        for assignment in [
            "apiserver.flags.max-requests-inflight=800",
            "env.etcd.GOGC=200",
            "versions.etcd=3.6.16",
            "versions.bin_dir=/opt/kube",
            "topology.apiservers=2",
            "audit.level=Metadata",
            "audit.mode=batch",
            "apiserver.flags.feature-gates=A=true,B=false",
            "storage.write-iops=100",
            "kubelet.max-pods=250",
            "kubelet.node-status-report-frequency=10s",
        ] {
            profile.set(assignment).unwrap();
        }
        let flag = |name| &profile.flags(Component::Apiserver).get(name).unwrap().values;
        assert_eq!(flag("max-requests-inflight"), &["800"]);
        assert_eq!(flag("feature-gates"), &["A=true,B=false"]);
        assert_eq!(profile.env(Component::Etcd)["GOGC"], "200");
        assert_eq!(profile.versions.etcd, "3.6.16");
        assert_eq!(profile.versions.bin_dir.as_deref(), Some("/opt/kube".as_ref()));
        assert_eq!(profile.topology.apiservers(), 2);
        let audit = profile.audit;
        assert_eq!((audit.level, audit.mode), (AuditLevel::Metadata, Some(AuditMode::Batch)));
        assert_eq!(profile.storage, Storage { medium: Medium::Disk, write_iops: NonZeroU32::new(100) });
        assert_eq!(profile.kubelet.max_pods.get(), 250);
        assert_eq!(profile.kubelet.node_status_report_frequency, Duration::from_secs(10));
        profile.set("storage.write-iops=none").unwrap();
        profile.set("storage.medium=tmpfs").unwrap();
        assert_eq!(profile.storage, Storage { medium: Medium::Tmpfs, write_iops: None });
    }

    #[test]
    fn what_contradicts_the_rest_is_not_set() {
        let contradiction = "`write-iops` limits writes to a disk, but `medium` is `tmpfs`, which is none: leave out one of \
                             them, or lift an inherited limit with write-iops = \"none\"";
        for (first, then) in [
            ("storage.medium=tmpfs", "storage.write-iops=100"),
            ("storage.write-iops=100", "storage.medium=tmpfs"),
        ] {
            let mut profile = load("defaults").unwrap();
            profile.set(first).unwrap();
            let before = profile.clone();
            let error = profile.set(then).unwrap_err().to_string();
            assert_eq!(error, format!("cannot set `{then}`: {contradiction}"));
            assert_eq!(profile, before);
        }
    }

    #[test]
    fn a_mistake_leaves_the_profile_as_it_was() {
        let before = load("defaults").unwrap();
        let check = |assignment: &str, expected: &str| {
            let mut profile = before.clone();
            assert_eq!(profile.set(assignment).unwrap_err().to_string(), expected);
            assert_eq!(profile, before);
        };
        check("audit.level", "cannot set `audit.level`: write it as path=value");
        check(
            "apiserver.flags.max-request-inflight=1",
            "--set apiserver.flags.max-request-inflight=1: unknown flag `max-request-inflight` under [apiserver.flags]: \
             kube-apiserver v1.36.3 has `max-requests-inflight`",
        );
        check(
            "api-server.flags.v=1",
            "cannot set `api-server.flags.v=1`: there is no component `api-server`; did you mean `apiserver`?",
        );
        check("apiserver.v=1", "cannot set `apiserver.v=1`: write it as apiserver.flags.<flag>=<value>");
        check("versions.go=1", "cannot set `versions.go=1`: [versions] has kubernetes, etcd and bin_dir");
        check(
            "versions.etcd=v3.6.8",
            "cannot set `versions.etcd=v3.6.8`: `v3.6.8` is not a version: write `3.6.8`",
        );
        check(
            "audit.level=Response",
            "cannot set `audit.level=Response`: unknown value `Response` under [audit]; known are: None, Metadata, Request, \
             RequestResponse",
        );
        check(
            "audit.backnd=log",
            "cannot set `audit.backnd=log`: unknown field `backnd` under [audit]; did you mean `backend`?",
        );
        check("topology=3", "cannot set `topology=3`: write it as topology.<setting>=<value>");
        check(
            "topology.apiserver=3",
            "cannot set `topology.apiserver=3`: unknown field `apiserver` under [topology]; did you mean `apiservers`?",
        );
        check(
            "topology.apiservers=4",
            "cannot set `topology.apiservers=4`: invalid value: integer `4`, expected a number from 1 to 3",
        );
        check(
            "topology.apiservers=two",
            "cannot set `topology.apiservers=two`: invalid type: string \"two\", expected a number from 1 to 3",
        );
        check("storage=tmpfs", "cannot set `storage=tmpfs`: write it as storage.<setting>=<value>");
        check(
            "storage.medum=tmpfs",
            "cannot set `storage.medum=tmpfs`: unknown field `medum` under [storage]; did you mean `medium`?",
        );
        check(
            "storage.medium=ramdisk",
            "cannot set `storage.medium=ramdisk`: unknown value `ramdisk` under [storage]; known are: disk, tmpfs",
        );
        check(
            "storage.write-iops=lots",
            "cannot set `storage.write-iops=lots`: invalid value: string \"lots\", expected a number of writes per second \
             above 0, or \"none\"",
        );
        check(
            "kubelet.maxPods=0",
            "cannot set `kubelet.maxPods=0`: unknown field `maxPods` under [kubelet]; did you mean `max-pods`?",
        );
        check(
            "kubelet.max-pods=0",
            "cannot set `kubelet.max-pods=0`: invalid value: integer `0`, expected a nonzero u32",
        );
        check("audt.level=None", "cannot set `audt.level=None`: there is no `audt`; did you mean `audit`?");
    }
}
