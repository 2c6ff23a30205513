//! Real control planes on this machine: etcd, kube-apiserver, kube-controller-manager and kube-scheduler as processes.
//!
//! [`ControlPlane::start`] finds or builds the binaries, makes the certificates, starts the processes from a profile on
//! free loopback ports and waits until they serve. Everything lives under one work directory and is gone after
//! [`ControlPlane::stop`]; should this process be killed, the kernel kills the components ([`shim`]).

mod aside;
pub mod audit;
mod balancer;
pub mod binaries;
mod check;
mod command_lines;
mod cpus;
mod error;
mod etcd;
mod flags;
mod hash;
pub mod https;
mod instance;
mod layout;
mod logs;
mod metrics;
mod objects;
mod pki;
mod plane;
mod ports;
mod progress;
mod ready;
pub mod shim;
mod snapshot;
mod spawn;
mod storage;
mod upkeep;
mod work_dir;

pub use self::{
    aside::Aside,
    balancer::Balanced,
    check::check_profile,
    command_lines::{Argument, CommandLine, WORK, command_lines},
    error::{Error, Tried},
    instance::{Instance, Store},
    metrics::{Exposition, MetricsSource, MetricsSources},
    objects::{Applied, Objects},
    plane::{ControlPlane, Options, ProcessInfo, Processes, Versions},
    progress::{Progress, ProgressSink},
    snapshot::{Database, Manifest, Snapshot, inventory_key},
    work_dir::{StaleWorkDir, remove_work_dir, stale_work_dirs},
};
