//! The local form of a profile: the command line of each process of its control plane, told without starting anything.
//!
//! A start chooses a work directory and free ports. In their place stand [`WORK`] and kubeadm's ports; where there are several of
//! a component, those of the next are ten further on.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use profile::{Component, Profile, Topology};

use crate::{
    Error, Instance, flags,
    layout::{Layout, PortNumbers},
};

/// What stands for the work directory.
pub const WORK: &str = "$WORK";

/// Where clients reach the API under kubeadm (cmd/kubeadm/app/constants, `KubeAPIServerPort`).
const API: u16 = 6443;

/// How one process is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// Which process.
    pub instance: Instance,
    /// The variables that the profile sets.
    pub variables: BTreeMap<String, String>,
    /// The CPUs that it may run on, as taskset writes them; none where it may on all.
    pub cpus: Option<String>,
    /// All arguments, in their order.
    pub arguments: Vec<Argument>,
}

/// One argument, `--name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Without dashes.
    pub name: String,
    /// Everything behind the first `=`.
    pub value: String,
    /// Why it is ours to set and so differs from what kubeadm sets; none where it is kubeadm's or the profile's.
    pub ours: Option<&'static str>,
}

/// The command lines of all processes, in the order in which they start.
///
/// # Errors
///
/// When the profile sets what the harness itself must set; see [`check_profile`](crate::check_profile).
pub fn command_lines(profile: &Profile) -> Result<Vec<CommandLine>, Error> {
    flags::check(profile)?;
    let layout =
        Layout { dir: WORK.into(), logs: PathBuf::from(WORK).join("logs"), ports: ports(profile.topology) };
    let line = |instance: Instance| {
        let component = instance.component;
        let arguments = flags::arguments(instance, &layout, profile, &profile.versions.etcd);
        let argument = |text: String| {
            let text = text.trim_start_matches("--");
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            let ours = flags::owned(component, name);
            Argument { name: name.to_owned(), value: value.to_owned(), ours }
        };
        CommandLine {
            instance,
            variables: profile.env(component).clone(),
            cpus: profile.cpu.of(component).map(ToString::to_string),
            arguments: arguments.into_iter().map(argument).collect(),
        }
    };
    Ok(Instance::all(profile.topology).map(line).collect())
}

/// kubeadm's (cmd/kubeadm/app/constants), which none of ours listens on.
fn ports(topology: Topology) -> PortNumbers {
    let several = topology.apiservers() > 1;
    let mut own = BTreeMap::new();
    for component in Component::ALL {
        let first: &[u16] = match component {
            Component::Etcd => &[2379, 2380, 2381],
            // The balancer has kubeadm's where there is one.
            Component::Apiserver if several => &[API + 1],
            Component::Apiserver => &[API],
            Component::ControllerManager => &[10_257],
            Component::Scheduler => &[10_259],
        };
        for (instance, further) in Instance::of(topology, component).zip((0u16..).step_by(10)) {
            own.insert(instance, first.iter().map(|port| port + further).collect());
        }
    }
    PortNumbers { own, balancer: several.then_some(API) }
}

/// As one would type it into a shell, an argument a line.
impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# {}", self.instance)?;
        if let Some(cpus) = &self.cpus {
            write!(f, "taskset --cpu-list {cpus} ")?;
        }
        if !self.variables.is_empty() {
            f.write_str("env ")?;
        }
        for (name, value) in &self.variables {
            write!(f, "{} ", quoted(&format!("{name}={value}")))?;
        }
        f.write_str(self.instance.component.binary())?;
        for Argument { name, value, .. } in &self.arguments {
            write!(f, " \\\n  {}", quoted(&format!("--{name}={value}")))?;
        }
        f.write_str("\n")
    }
}

/// Between quotes where a shell would take it for something else.
fn quoted(word: &str) -> String {
    // The only `$` of ours is meant to be replaced.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=@%+".contains(c);
    if word.replacen(WORK, "", 1).chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use profile::Profile;

    use super::{command_lines, quoted};

    fn profile(settings: &[&str]) -> Profile {
        let mut profile = profile::load("defaults").unwrap();
        for setting in settings {
            profile.set(setting).unwrap();
        }
        profile
    }

    fn shown(settings: &[&str]) -> Vec<String> {
        command_lines(&profile(settings)).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_command_line_can_be_typed() {
        let settings = ["env.etcd.GOGC=50", "cpu.etcd=0", "etcd.flags.quota-backend-bytes=8589934592"];
        let lines = shown(&settings);
        let [etcd, apiserver, controller_manager, _] = &lines[..] else { panic!("{lines:?}") };
        assert!(
            etcd.starts_with("# etcd\ntaskset --cpu-list 0 env GOGC=50 etcd \\\n  --name=etcd-0 \\\n"),
            "{etcd}"
        );
        assert!(etcd.contains("  --listen-client-urls=https://127.0.0.1:2379 \\\n"), "{etcd}");
        assert!(etcd.ends_with(" \\\n  --quota-backend-bytes=8589934592\n"), "{etcd}");
        assert!(
            apiserver.contains("\nkube-apiserver \\\n") && apiserver.contains("--secure-port=6443"),
            "{apiserver}"
        );
        assert!(apiserver.contains("--tls-cert-file=$WORK/pki/apiserver.crt"), "{apiserver}");
        assert!(
            controller_manager.contains("  '--controllers=*,bootstrapsigner,tokencleaner' \\\n"),
            "{controller_manager}"
        );
    }

    #[test]
    fn several_of_one_have_ports_of_their_own() {
        let lines = shown(&["topology.apiservers=2"]);
        let ports: Vec<&str> = lines
            .iter()
            .flat_map(|line| line.split_whitespace())
            .filter(|word| word.starts_with("--secure-port"))
            .collect();
        assert_eq!(
            ports,
            ["--secure-port=6444", "--secure-port=6454", "--secure-port=10257", "--secure-port=10259"]
        );
    }

    #[test]
    fn what_is_ours_says_why() {
        let lines = command_lines(&profile(&["apiserver.flags.max-requests-inflight=8"])).unwrap();
        let ours =
            |name: &str| lines[1].arguments.iter().find(|argument| argument.name == name).unwrap().ours;
        assert_eq!(ours("secure-port"), Some("the harness chooses free ports on loopback"));
        assert_eq!((ours("max-requests-inflight"), ours("allow-privileged")), (None, None));
    }

    #[test]
    fn a_profile_that_cannot_be_started_has_none() {
        let error = command_lines(&profile(&["apiserver.flags.secure-port=1"])).unwrap_err();
        assert!(error.to_string().contains("secure-port"), "{error}");
    }

    #[test]
    fn only_what_a_shell_would_read_otherwise_is_quoted() {
        assert_eq!(quoted("--a=$WORK/b"), "--a=$WORK/b");
        assert_eq!(quoted("--a=$HOME"), "'--a=$HOME'");
        assert_eq!(quoted("--a=it's"), r"'--a=it'\''s'");
    }
}
