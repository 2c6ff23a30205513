//! On which CPUs a control plane and the harness run, as a profile's `[cpu]` says.
//!
//! A component is confined by the shim before it becomes the program ([`crate::shim`]), so from its first instruction on: Go asks
//! once, at its start, how many CPUs it has. The harness is confined thread by thread, because Linux knows no affinity of processes;
//! threads that come later have that of whoever starts them.

use std::{collections::BTreeSet, fs, io, thread};

use profile::{Component, Cpu};
use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

use crate::Error;

/// The CPUs of a control plane's processes. While it lives the harness is where it is to be.
#[derive(Debug)]
pub(crate) struct Cpus {
    cpu: Cpu,
    /// For components without CPUs of their own while the harness is confined: they would run where it does.
    others: Option<String>,
    _harness: Option<Confined>,
}

impl Cpus {
    /// Confines the harness, if it is to be.
    pub(crate) fn claim(cpu: &Cpu) -> Result<Self, Error> {
        let failed =
            |source| Error::Cpus { doing: "confine the harness to the CPUs of [cpu] harness", source };
        let Some(harness) = cpu.harness() else {
            return Ok(Self { cpu: cpu.clone(), others: None, _harness: None });
        };
        let others = list(available().map_err(failed)?);
        let confined = Confined::to(harness.iter()).map_err(failed)?;
        Ok(Self { cpu: cpu.clone(), others: Some(others), _harness: Some(confined) })
    }

    /// Those that the shim is to confine a component to, `0,1`; none where it is to leave it as it is.
    pub(crate) fn of(&self, component: Component) -> Option<String> {
        let own = self.cpu.of(component).map(|set| list(set.iter()));
        own.or_else(|| self.others.clone())
    }

    /// Those that the profile gives a component, as it writes them.
    pub(crate) fn said(&self, component: Component) -> Option<String> {
        self.cpu.of(component).map(ToString::to_string)
    }
}

/// Whether this machine has every CPU that a profile names.
pub(crate) fn check(cpu: &Cpu) -> Result<(), Error> {
    let harness = cpu.harness().map(|set| ("harness", set));
    let components = Component::ALL.into_iter().filter_map(|it| Some((it.name(), cpu.of(it)?)));
    let named: Vec<_> = components.chain(harness).collect();
    if named.is_empty() {
        return Ok(());
    }
    let failed = |source| Error::Cpus { doing: "ask which CPUs there are", source };
    let available: BTreeSet<usize> = available().map_err(failed)?.into_iter().collect();
    for (who, set) in named {
        if let Some(missing) = set.iter().find(|cpu| !available.contains(cpu)) {
            return Err(Error::NoCpu {
                setting: format!("cpu.{who}"),
                set: set.to_string(),
                missing,
                available: list(available),
            });
        }
    }
    Ok(())
}

fn list(cpus: impl IntoIterator<Item = usize>) -> String {
    cpus.into_iter().map(|cpu| cpu.to_string()).collect::<Vec<_>>().join(",")
}

/// Those that this process can be given, wherever it is confined to now: the kernel cuts a wish for all of them down to what there
/// is and what the container may have (`sched_setaffinity(2)`). Asked for by a thread that is there for nothing else.
fn available() -> io::Result<Vec<usize>> {
    let asked = thread::Builder::new().name("cpus".to_owned()).spawn(|| {
        sched_setaffinity(None, &set(0..CpuSet::MAX_CPU))?;
        sched_getaffinity(None)
    })?;
    let got = asked.join().map_err(|_| io::Error::other("the thread that asked panicked"))??;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| got.is_set(*cpu)).collect())
}

/// A profile's are below what a set holds.
fn set(cpus: impl IntoIterator<Item = usize>) -> CpuSet {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(cpu);
    }
    set
}

/// This process on certain CPUs. Dropped, it is where it was before.
#[derive(Debug)]
struct Confined {
    before: CpuSet,
}

impl Confined {
    fn to(cpus: impl IntoIterator<Item = usize>) -> io::Result<Self> {
        let before = sched_getaffinity(None)?;
        // From here on, so that what has been moved is moved back when the rest cannot be.
        let confined = Self { before };
        move_all(&set(cpus))?;
        Ok(confined)
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        if let Err(error) = move_all(&self.before) {
            tracing::warn!(%error, "the harness stays on the CPUs that it was confined to");
        }
    }
}

/// Moves every thread of this process, and those that were started by one that had not been moved yet.
fn move_all(to: &CpuSet) -> io::Result<()> {
    let mut moved = BTreeSet::new();
    loop {
        let mut is_complete = true;
        for entry in fs::read_dir("/proc/self/task")? {
            let name = entry?.file_name();
            let Some(raw) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            if !moved.insert(raw) {
                continue;
            }
            is_complete = false;
            match sched_setaffinity(Pid::from_raw(raw), to) {
                // It has ended meanwhile.
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if is_complete {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use profile::Component;

    use super::{Cpus, available, check, list};
    use crate::Error;

    fn profile(settings: &str) -> profile::Profile {
        let text = format!("about = \"x\"\nextends = \"defaults\"\n[cpu]\n{settings}");
        profile::from_text("p.toml", &text).unwrap()
    }

    #[test]
    fn a_cpu_that_this_machine_does_not_have_is_named_with_those_it_has() {
        check(&profile("").cpu).unwrap();
        check(&profile(&format!("etcd = \"{}\"", available().unwrap()[0])).cpu).unwrap();
        for setting in ["scheduler", "harness"] {
            let error = check(&profile(&format!("{setting} = \"1000-1001\"")).cpu).unwrap_err();
            assert!(matches!(error, Error::NoCpu { missing: 1000, .. }), "{error}");
            let text = error.to_string();
            let has = list(available().unwrap());
            assert!(text.contains(&format!("cpu.{setting}")) && text.contains(&has), "{text}");
        }
    }
    /// What Linux says of the first thread of this process, or of the one that asks (proc(5)).
    fn allowed(process: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
        line.trim().to_owned()
    }

    #[test]
    fn the_harness_is_confined_for_a_while_and_components_are_not_where_it_is() {
        let (before, all) = (allowed("self"), available().unwrap());
        let last = *all.last().unwrap();
        let cpus =
            Cpus::claim(&profile(&format!("etcd = \"{}\"\nharness = \"{last}\"", all[0])).cpu).unwrap();
        assert_eq!(allowed("self"), last.to_string());
        let later = std::thread::spawn(|| allowed("thread-self")).join().unwrap();
        assert_eq!(later, last.to_string());
        assert_eq!(cpus.of(Component::Etcd), Some(all[0].to_string()));
        assert_eq!(cpus.of(Component::Apiserver), Some(list(all)));
        assert_eq!(cpus.said(Component::Apiserver), None);
        drop(cpus);
        assert_eq!(allowed("self"), before);
        let unconfined = Cpus::claim(&profile("").cpu).unwrap();
        assert_eq!(unconfined.of(Component::Apiserver), None);
    }
}
