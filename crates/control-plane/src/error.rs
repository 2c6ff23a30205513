//! What can go wrong with a control plane.

use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

use profile::Component;

use crate::{Instance, progress::Seconds};

/// One place where binaries were looked for in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The place.
    pub step: String,
    /// Why it did not do.
    pub reason: String,
}

/// Why there is no control plane, or no longer one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A profile sets a flag that only the harness can set.
    #[error("{origin}: {component}'s flag `{flag}` cannot be set in a profile: {reason}")]
    OwnedFlag {
        /// Where it is written.
        origin: String,
        /// Whose flag it is.
        component: Component,
        /// The flag.
        flag: String,
        /// Why.
        reason: &'static str,
    },
    /// A profile sets an environment variable that stands for a flag.
    #[error(
        "the profile `{profile}` sets {variable} under [env.etcd]: etcd takes that as a flag; set it under [etcd.flags]"
    )]
    EtcdVariable {
        /// The profile.
        profile: String,
        /// The variable.
        variable: String,
    },
    /// The binaries were not found anywhere, could not be downloaded and could not be built.
    #[error("{what} not found; tried:{}", list(.tried))]
    NoBinaries {
        /// Which binaries of which version.
        what: String,
        /// Each step in its order.
        tried: Vec<Tried>,
    },
    /// The folder that was named for binaries cannot serve.
    #[error("the binary folder {} cannot be used: {reason}", .folder.display())]
    BinDir {
        /// The folder.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file or folder cannot be worked with.
    #[error("cannot {doing} {}", .path.display())]
    File {
        /// "create", "write", ...
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The port asked for cannot be bound.
    #[error("port {port} on 127.0.0.1 {}", port_advice(.source))]
    Port {
        /// The port.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// No free port can be had.
    #[error("cannot find a free port on 127.0.0.1")]
    NoFreePort(#[source] io::Error),
    /// A run id that cannot name a folder.
    #[error("`{run_id}` cannot be a run id: use letters, digits, `-`, `_` and `.`")]
    RunId {
        /// The run id.
        run_id: String,
    },
    /// Another control plane has this run id.
    #[error("the work directory {} exists: another control plane runs under this id, or one was killed; `loadgen clean` removes what is left of dead ones", .path.display())]
    WorkDirExists {
        /// The folder.
        path: PathBuf,
    },
    /// A work directory belongs to a process that lives.
    #[error("the work directory {} is in use by process {owner}; stop that one first", .path.display())]
    WorkDirInUse {
        /// The folder.
        path: PathBuf,
        /// The process id of its owner.
        owner: u32,
    },
    /// Keys or certificates cannot be made.
    #[error("cannot make the cluster's certificates")]
    Certificates(#[from] identity::Error),
    /// The client for readiness checks cannot be made.
    #[error("cannot set up TLS for the readiness checks: {reason}")]
    Tls {
        /// Why.
        reason: String,
    },
    /// What the harness serves beside the components cannot be started.
    #[error("cannot start {what}")]
    Aside {
        /// The balancer, or the audit webhook.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A process that this control plane does not have.
    #[error("there is no process `{name}`; there are: {}", .known.join(", "))]
    NoProcess {
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The thread that starts processes cannot be started.
    #[error("cannot start a thread")]
    Spawner(#[source] io::Error),
    /// `[storage]` asks for what this machine or this user cannot do.
    #[error("{wanted}: {reason}; {advice}")]
    Storage {
        /// What cannot be had.
        wanted: String,
        /// What stands in the way.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// A component's process cannot be started.
    #[error("cannot start {instance}")]
    Start {
        /// Which one.
        instance: Instance,
        /// Why.
        source: io::Error,
    },
    /// A component ended by itself.
    #[error("{instance} ended unexpectedly ({status}); its log {} ends with:\n{}", .log.display(), indent(.tail))]
    Died {
        /// Which one.
        instance: Instance,
        /// How it ended.
        status: ExitStatus,
        /// Its log. It goes with the work directory, unless logs were sent elsewhere.
        log: PathBuf,
        /// The log's last lines.
        tail: Vec<String>,
    },
    /// A component runs but does not become ready.
    #[error("{instance} is not ready after {} ({last}); its log {} ends with:\n{}", Seconds(*.waited), .log.display(), indent(.tail))]
    NotReady {
        /// Which one.
        instance: Instance,
        /// How long it was given.
        waited: Duration,
        /// What the last check said.
        last: String,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: Vec<String>,
    },
    /// The rights that kubeadm gives the apiserver cannot be given.
    #[error("cannot let the apiserver use the kubelets' API: {reason}")]
    Grant {
        /// What the apiserver said.
        reason: String,
    },
    /// There is an etcd but no etcdutl beside it. Whoever wanted a snapshot makes the inventory anew.
    #[error("there is no etcdutl beside the etcd in {}, so snapshots can be neither made nor restored; put the etcdutl of the same release there, or let loadgen find an etcd of its own", .folder.display())]
    NoSnapshotTool {
        /// The folder of etcd.
        folder: PathBuf,
    },
    /// A snapshot that is there cannot be started from.
    #[error("the snapshot {} cannot be used: {reason}; remove it and make it anew", .path.display())]
    Snapshot {
        /// Its folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No snapshot can be made.
    #[error("cannot make the snapshot {}: {reason}", .path.display())]
    TakeSnapshot {
        /// The folder that was to be.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// etcd does not do what it was asked to while it serves.
    #[error("cannot {doing}: {reason}")]
    Upkeep {
        /// "compact etcd", ...
        doing: &'static str,
        /// What etcd said.
        reason: String,
    },
    /// The leases that a restored control plane has of its predecessor's leaders cannot be removed.
    #[error("cannot remove the leases of the leaders in the snapshot: {reason}")]
    ForgetLeaders {
        /// What the apiserver said.
        reason: String,
    },
    /// A component outlives SIGKILL: it hangs in the kernel, usually on a broken disk.
    #[error("{instance} (process {pid}) does not end even after SIGKILL")]
    WillNotEnd {
        /// Which one.
        instance: Instance,
        /// Its process id.
        pid: u32,
    },
    /// A profile names a CPU that this process cannot have.
    #[error(
        "{setting} = \"{set}\" names CPU {missing}, and this machine has {available} for loadgen; name others, or lift it with --set {setting}=none"
    )]
    NoCpu {
        /// `cpu.etcd`, ...
        setting: String,
        /// What the profile says.
        set: String,
        /// The first that is not there.
        missing: usize,
        /// Those that are.
        available: String,
    },
    /// The kernel does not do what it was asked to about CPUs.
    #[error("cannot {doing}")]
    Cpus {
        /// What it was asked to do.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A manifest that holds no objects.
    #[error("{origin}: the manifest cannot be read: {reason}")]
    Manifest {
        /// Where it is written.
        origin: String,
        /// Why.
        reason: String,
    },
    /// An object of a profile that the cluster does not take.
    #[error("{origin}: {what} cannot be applied: {reason}")]
    Object {
        /// Where it is written.
        origin: String,
        /// Its kind and its name.
        what: String,
        /// What the server says.
        reason: String,
    },
    /// An object of a profile that stays in a cluster.
    #[error("cannot take back {what}: {reason}")]
    Remove {
        /// Its kind and its name.
        what: String,
        /// What the server says.
        reason: String,
    },
    /// No client for a profile's objects can be made.
    #[error("cannot use the kubeconfig {}: {reason}", .path.display())]
    Client {
        /// The kubeconfig.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A line of an audit log cannot be understood.
    #[error("{}:{line}: not an event of audit.k8s.io/v1", .path.display())]
    Audit {
        /// The log.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
}

impl Error {
    /// For `map_err`: names the file an I/O error is about.
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { doing, path: path.into(), source }
    }
}

fn list(tried: &[Tried]) -> String {
    let lines: Vec<String> =
        tried.iter().map(|Tried { step, reason }| format!("\n  - {step}: {reason}")).collect();
    lines.concat()
}

fn indent(lines: &[String]) -> String {
    match lines {
        [] => "    (nothing)".to_owned(),
        lines => lines.iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n"),
    }
}

fn port_advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "is taken by another process; choose another with --port, or leave --port out for a free one"
                .to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "may not be bound by this user; choose one above 1023 with --port, or leave --port out".to_owned()
        }
        _ => "cannot be bound; choose another with --port, or leave --port out for a free one".to_owned(),
    }
}
