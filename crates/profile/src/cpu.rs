//! `[cpu]`: which processors each part may run on.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Component;

/// A kernel's affinity mask as glibc and rustix have it holds this many (`CPU_SETSIZE`).
const MOST: usize = 1024;

/// Where each part runs. What has no set runs wherever it likes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cpu {
    etcd: Option<CpuSet>,
    apiserver: Option<CpuSet>,
    scheduler: Option<CpuSet>,
    controller_manager: Option<CpuSet>,
    harness: Option<CpuSet>,
}

impl Cpu {
    /// Where every process of a component runs, events' and leases' etcd as the other etcd.
    pub const fn of(&self, component: Component) -> Option<&CpuSet> {
        match component {
            Component::Etcd => self.etcd.as_ref(),
            Component::Apiserver => self.apiserver.as_ref(),
            Component::Scheduler => self.scheduler.as_ref(),
            Component::ControllerManager => self.controller_manager.as_ref(),
        }
    }

    /// Where this program runs: the fleet, the drivers, and what it serves to the control plane.
    pub const fn harness(&self) -> Option<&CpuSet> {
        self.harness.as_ref()
    }

    pub(crate) fn apply(&mut self, said: CpuTable) {
        for (said, setting) in [
            (said.etcd, &mut self.etcd),
            (said.apiserver, &mut self.apiserver),
            (said.scheduler, &mut self.scheduler),
            (said.controller_manager, &mut self.controller_manager),
            (said.harness, &mut self.harness),
        ] {
            if let Some(Assigned(cpus)) = said {
                *setting = cpus;
            }
        }
    }
}

/// Processors by their numbers, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuSet(BTreeSet<usize>);

impl CpuSet {
    /// Their numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().copied()
    }
}

impl FromStr for CpuSet {
    type Err = String;

    /// Reads a list as `taskset --cpu-list` takes it: `0`, `0-1,3`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut cpus = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range = number(first).zip(number(last)).filter(|(first, last)| first <= last);
            let (first, last) = range
                .ok_or_else(|| format!("`{text}` is not a list of CPUs: write it like `0` or `0-1,3`"))?;
            cpus.extend(first..=last);
        }
        Ok(Self(cpus))
    }
}

fn number(text: &str) -> Option<usize> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number < MOST)
}

impl fmt::Display for CpuSet {
    /// The shortest list: neighbours are a range.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = rest.next() {
            let mut last = first;
            while let Some(next) = rest.next_if(|next| *next == last + 1) {
                last = next;
            }
            f.write_str(separator)?;
            write!(f, "{first}")?;
            if last > first {
                write!(f, "-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

impl Serialize for CpuSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `[cpu]` as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct CpuTable {
    etcd: Option<Assigned>,
    apiserver: Option<Assigned>,
    scheduler: Option<Assigned>,
    controller_manager: Option<Assigned>,
    harness: Option<Assigned>,
}

/// A list, a single number, or `"none"` to lift an inherited list.
#[derive(Clone, Debug)]
struct Assigned(Option<CpuSet>);

impl<'de> Deserialize<'de> for Assigned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AssignedVisitor)
    }
}

struct AssignedVisitor;

impl de::Visitor<'_> for AssignedVisitor {
    type Value = Assigned;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of CPUs like \"0-1,3\", or \"none\"")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Assigned, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Assigned, E> {
        if value == "none" {
            return Ok(Assigned(None));
        }
        value.parse().map(|cpus| Assigned(Some(cpus))).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::CpuSet;
    use crate::{Component, load};

    #[test]
    fn lists_are_read_and_written_as_taskset_does() {
        for (list, numbers, shown) in [
            ("0", &[0][..], "0"),
            ("0-1,3", &[0, 1, 3], "0-1,3"),
            ("3,1,0", &[0, 1, 3], "0-1,3"),
            ("0-2,1-4", &[0, 1, 2, 3, 4], "0-4"),
            ("1023", &[1023], "1023"),
        ] {
            let cpus: CpuSet = list.parse().unwrap();
            assert_eq!(cpus.iter().collect::<Vec<_>>(), numbers, "{list}");
            assert_eq!(cpus.to_string(), shown);
        }
        for wrong in ["", "-1", "1-", "3-1", "0,,1", "0x3", "+1", "1024", "0 1", "a"] {
            let error = wrong.parse::<CpuSet>().unwrap_err();
            assert_eq!(error, format!("`{wrong}` is not a list of CPUs: write it like `0` or `0-1,3`"));
        }
    }

    #[test]
    fn each_part_has_its_own_and_an_inherited_one_can_be_lifted() {
        let mut profile = load("defaults").unwrap();
        assert_eq!(profile.cpu.of(Component::Etcd), None);
        profile.set("cpu.etcd=0").unwrap();
        profile.set("cpu.controller-manager=1-2").unwrap();
        profile.set("cpu.harness=1,3").unwrap();
        let shown = |component| profile.cpu.of(component).map(ToString::to_string);
        assert_eq!(shown(Component::Etcd).as_deref(), Some("0"));
        assert_eq!(shown(Component::ControllerManager).as_deref(), Some("1-2"));
        assert_eq!((shown(Component::Apiserver), shown(Component::Scheduler)), (None, None));
        let expected = serde_json::json!({
            "etcd": "0",
            "apiserver": null,
            "scheduler": null,
            "controller-manager": "1-2",
            "harness": "1,3",
        });
        assert_eq!(serde_json::to_value(&profile.cpu).unwrap(), expected);
        profile.set("cpu.harness=none").unwrap();
        assert_eq!(profile.cpu.harness(), None);
    }
}
