//! All settings of a resolved profile, one by one, by the paths that `--set` takes.

use serde::Serialize;
use serde_json::Value;

use crate::{Component, Profile};

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its keys from the top, `["storage", "medium"]`; in an array the numbers are keys.
    pub path: Vec<String>,
    /// A text, a number, a truth or an array.
    pub value: Value,
    /// Where it is written, if the profile knows; see [`Ancestry::place_of`](crate::Ancestry::place_of) for the others.
    pub origin: Option<String>,
}

impl Setting {
    /// The path as it is written, `storage.medium`.
    pub fn name(&self) -> String {
        self.path.join(".")
    }
}

/// Every setting that has a value, defaults too, in the order of the paths. What describes a profile and what forms cannot say
/// of it are none.
pub fn settings(profile: &Profile) -> Vec<Setting> {
    // Whoever adds a field is asked whether it is a setting.
    let Profile {
        name: _,
        about: _,
        sources: _,
        not_expressible: _,
        versions,
        topology,
        audit,
        storage,
        cpu,
        kubelet,
        scheduler_config,
        admission,
        apf,
        manifests,
        feature_gates: _,
        flags: _,
        env: _,
    } = profile;
    let mut all = Vec::new();
    flatten(&["versions"], versions, &mut all);
    flatten(&["topology"], topology, &mut all);
    flatten(&["audit"], audit, &mut all);
    flatten(&["storage"], storage, &mut all);
    flatten(&["cpu"], cpu, &mut all);
    flatten(&["kubelet"], kubelet, &mut all);
    flatten(&["scheduler", "config"], scheduler_config, &mut all);
    flatten(&["admission"], admission, &mut all);
    flatten(&["apf"], apf, &mut all);
    for (index, manifest) in manifests.iter().enumerate() {
        let path = vec!["manifest".to_owned(), index.to_string()];
        all.push(Setting {
            path,
            value: manifest.text.clone().into(),
            origin: Some(manifest.origin.clone()),
        });
    }
    for component in Component::ALL {
        of_component(profile, component, &mut all);
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

fn of_component(profile: &Profile, component: Component, all: &mut Vec<Setting>) {
    let path = |table: &str, name: &str| [component.name(), table, name].map(str::to_owned).to_vec();
    for (name, flag) in profile.flags(component).iter() {
        let value = match &flag.values[..] {
            [value] => value.as_str().into(),
            values => values.into(),
        };
        all.push(Setting { path: path("flags", name), value, origin: Some(flag.origin.clone()) });
    }
    for (name, gate) in profile.feature_gates(component) {
        let path = path("feature-gates", name);
        all.push(Setting { path, value: gate.on.into(), origin: Some(gate.origin.clone()) });
    }
    flatten(&["env", component.name()], profile.env(component), all);
}

/// Adds what a value consists of.
fn flatten(path: &[&str], value: &impl Serialize, all: &mut Vec<Setting>) {
    let value = serde_json::to_value(value).expect("profiles are written into records as JSON");
    descend(path.iter().map(|&key| key.to_owned()).collect(), value, all);
}

fn descend(path: Vec<String>, value: Value, all: &mut Vec<Setting>) {
    match value {
        Value::Null => {}
        Value::Object(table) => {
            for (key, value) in table {
                descend([&path[..], &[key]].concat(), value, all);
            }
        }
        value => all.push(Setting { path, value, origin: None }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{from_text, load, settings};

    #[test]
    fn every_kind_of_setting_has_the_path_that_it_is_written_under() {
        let text = r#"
            about = "x"
            extends = "defaults"
            env.etcd.GOGC = "50"
            cpu.etcd = "0"
            admission.PodNodeSelector.a.b = [1]
            apf.priority-levels.workload-low.limited.nominalConcurrencyShares = 20
            [apiserver]
            flags.v = [1, 2]
            feature-gates.WatchList = false
            [scheduler.config]
            percentageOfNodesToScore = 10
            [[manifest]]
            text = "{ apiVersion: v1, kind: Namespace, metadata: { name: mine } }"
        "#;
        let profile = from_text("p.toml", text).unwrap();
        let all = settings(&profile);
        let of = |name: &str| {
            all.iter().find(|it| it.name() == name).unwrap_or_else(|| panic!("no {name} in {all:?}"))
        };
        for (name, value) in [
            ("env.etcd.GOGC", json!("50")),
            ("cpu.etcd", json!("0")),
            ("admission.PodNodeSelector.a.b", json!([1])),
            ("apf.priority-levels.workload-low.limited.nominalConcurrencyShares", json!(20)),
            ("apiserver.flags.v", json!(["1", "2"])),
            ("apiserver.feature-gates.WatchList", json!(false)),
            ("scheduler.config.percentageOfNodesToScore", json!(10)),
            ("manifest.0", json!("{ apiVersion: v1, kind: Namespace, metadata: { name: mine } }")),
            ("versions.etcd", json!("3.6.8")),
            ("storage.medium", json!("disk")),
            ("kubelet.max-pods", json!(110)),
        ] {
            assert_eq!(of(name).value, value, "{name}");
        }
        assert_eq!(of("apiserver.flags.v").origin.as_deref(), Some("p.toml:9:19"));
        assert_eq!(of("storage.medium").origin, None);
        assert!(all.iter().all(|setting| !setting.value.is_null()));
    }

    #[test]
    fn profiles_differ_in_what_they_set() {
        let names = |name: &str| -> Vec<String> {
            let (one, other) = (settings(&load("defaults").unwrap()), settings(&load(name).unwrap()));
            other.iter().filter(|it| !one.contains(it)).map(super::Setting::name).collect()
        };
        assert_eq!(
            names("node-status-10s"),
            ["kubelet.node-status-report-frequency"],
            "what is written is a default that brings another with it"
        );
    }
}
