//! Changing one setting of a profile from the command line.

use std::{collections::BTreeMap, mem, path::PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    Component, Error, Flag, Gate, Profile, check,
    free_form::{put, value_json},
    input, nearest,
};

/// What a path begins with.
pub(crate) const SECTIONS: [&str; 13] = [
    "versions",
    "topology",
    "audit",
    "storage",
    "cpu",
    "admission",
    "apf",
    "kubelet",
    "env",
    "etcd",
    "apiserver",
    "scheduler",
    "controller-manager",
];

impl Profile {
    /// Applies `path=value`: `apiserver.flags.max-requests-inflight=800`, `apiserver.feature-gates.WatchList=false`,
    /// `env.etcd.GOGC=200`, `versions.kubernetes=1.36.3`, `versions.bin_dir=/opt/kube`, `topology.etcd-members=3`,
    /// `audit.level=Metadata`, `storage.write-iops=100`, `cpu.etcd=0-1`, `kubelet.max-pods=250`,
    /// `scheduler.config.percentageOfNodesToScore=10`, `admission.EventRateLimit.limits.0.qps=50`,
    /// `apf.priority-levels.workload-low.limited.nominalConcurrencyShares=20`. In arrays the numbers are keys, from 0.
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
        let keys = keys(path);
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        changed.assign(&keys, value, &format!("--set {assignment}")).map_err(wrong)?;
        check::settings(&changed).map_err(|contradiction| wrong(contradiction.reason))?;
        check::names(&changed)?;
        *self = changed;
        Ok(())
    }

    fn assign(&mut self, path: &[&str], value: &str, origin: &str) -> Result<(), String> {
        match *path {
            ["versions", field @ ("kubernetes" | "etcd")] => {
                check::version(value)?;
                let versions = &mut self.versions;
                let version = if field == "etcd" { &mut versions.etcd } else { &mut versions.kubernetes };
                value.clone_into(version);
            }
            ["versions", "bin_dir"] => self.versions.bin_dir = Some(PathBuf::from(value)),
            ["topology", field] => self.topology.apply(&table("topology", field, value)?),
            ["audit", "rules", ref within @ ..] => {
                let mut rules = Value::Array(mem::take(&mut self.audit.rules));
                put(&mut rules, within, free(value))?;
                self.audit.set_rules(rules)?;
            }
            ["audit", field] => self.audit.apply(&table("audit", field, value)?),
            ["storage", field] => self.storage.apply(&table("storage", field, value)?),
            ["cpu", field] => self.cpu.apply(table("cpu", field, value)?),
            ["kubelet", field] => self.kubelet.apply(&table("kubelet", field, value)?),
            ["env", component, name] => {
                let component = component_named(component)?;
                self.env.entry(component).or_default().insert(name.to_owned(), value.to_owned());
            }
            ["scheduler", "config", ref within @ ..] if !within.is_empty() => {
                put(self.scheduler_config.get_or_insert(Value::Null), within, free(value))?;
            }
            ["admission", plugin, ref within @ ..] if !within.is_empty() => {
                put(self.admission.entry(plugin.to_owned()).or_default(), within, free(value))?;
            }
            ["apf", kind @ ("flow-schemas" | "priority-levels"), name, ref within @ ..]
                if !within.is_empty() =>
            {
                let apf = &mut self.apf;
                let objects =
                    if kind == "flow-schemas" { &mut apf.flow_schemas } else { &mut apf.priority_levels };
                put(objects.entry(name.to_owned()).or_default(), within, free(value))?;
            }
            [component, "flags", flag] => {
                let set = Flag { values: vec![value.to_owned()], origin: origin.to_owned() };
                self.flags.entry(component_named(component)?).or_default().insert(flag.to_owned(), set);
            }
            [component, "feature-gates", gate] => {
                let on =
                    value.parse::<bool>().map_err(|_| format!("a gate is true or false, not `{value}`"))?;
                let set = Gate { on, origin: origin.to_owned() };
                let gates = self.feature_gates.entry(component_named(component)?).or_default();
                gates.insert(gate.to_owned(), set);
            }
            _ => return Err(path_advice(path)),
        }
        Ok(())
    }
}

/// The keys of a path, which is written as a dotted key of TOML: what holds a dot itself is in quotes.
fn keys(path: &str) -> Vec<String> {
    let Ok(mut table) = toml::from_str::<toml::Table>(&format!("{path} = 0")) else {
        return path.split('.').map(str::to_owned).collect();
    };
    let mut keys = Vec::new();
    while let Some((key, value)) = table.into_iter().next() {
        keys.push(key);
        let toml::Value::Table(inner) = value else { break };
        table = inner;
    }
    keys
}

/// A table that says only this, read as if it stood in a file: the same names, values and errors.
fn table<T: DeserializeOwned + Default>(section: &str, field: &str, value: &str) -> Result<T, String> {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let plain = value.parse::<i64>().is_ok() || value.parse::<bool>().is_ok();
    let value = if plain { value.to_owned() } else { quoted(value) };
    let text = format!("[{section}]\n{} = {value}", quoted(field));
    let tables: BTreeMap<String, T> = input::parse(section, &text).map_err(|error| error.message)?;
    Ok(tables.into_values().next().unwrap_or_default())
}

/// A value whose type nothing tells: what TOML would take it for, and else a text.
fn free(value: &str) -> Value {
    let table = toml::from_str::<toml::Table>(&format!("value = {value}"));
    match table.ok().filter(|table| table.len() == 1).and_then(|mut table| table.remove("value")) {
        Some(value) => value_json(&value),
        None => value.into(),
    }
}

fn component_named(name: &str) -> Result<Component, String> {
    let names = Component::ALL.map(Component::name);
    Component::from_name(name).ok_or_else(|| match nearest(name, names) {
        Some(right) => format!("there is no component `{name}`; did you mean `{right}`?"),
        None => format!("there is no component `{name}`; there are: {}", names.join(", ")),
    })
}

fn path_advice(path: &[&str]) -> String {
    let section = path.first().copied().unwrap_or_default();
    match nearest(section, SECTIONS) {
        Some(right) if right != section => format!("there is no `{section}`; did you mean `{right}`?"),
        Some("versions") => "[versions] has kubernetes, etcd and bin_dir".to_owned(),
        Some(table @ ("topology" | "audit" | "storage" | "cpu" | "kubelet")) => {
            format!("write it as {table}.<setting>=<value>")
        }
        Some("admission") => "write it as admission.<plugin>.<field>=<value>".to_owned(),
        Some("apf") => "write it as apf.flow-schemas.<name>.<field>=<value> or \
                        apf.priority-levels.<name>.<field>=<value>"
            .to_owned(),
        Some("env") => "write it as env.<component>.<VARIABLE>=<value>".to_owned(),
        Some("scheduler") => {
            "write it as scheduler.flags.<flag>=<value>, scheduler.feature-gates.<gate>=<true or false> or \
             scheduler.config.<field>=<value>"
                .to_owned()
        }
        Some(component) => format!(
            "write it as {component}.flags.<flag>=<value> or {component}.feature-gates.<gate>=<true or false>"
        ),
        None => format!("there is no `{section}`; there are: {}", SECTIONS.join(", ")),
    }
}

#[cfg(test)]
mod tests;
