//! Real control planes on this machine: etcd, kube-apiserver, kube-controller-manager and kube-scheduler as processes.
//!
//! [`ControlPlane::start`] finds or builds the binaries, makes the certificates, starts the processes from a profile on
//! free loopback ports and waits until they serve. Everything lives under one work directory and is gone after
//! [`ControlPlane::stop`]; should this process be killed, the kernel kills the components ([`shim`]).

mod aside;
pub mod audit;
mod balancer;
pub mod binaries;
mod error;
mod etcd;
mod flags;
mod hash;
pub mod https;
mod instance;
mod layout;
mod logs;
mod metrics;
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
    balancer::Balanced,
    error::{Error, Tried},
    flags::check as check_profile,
    instance::Instance,
    metrics::{Exposition, MetricsSource, MetricsSources},
    plane::{ControlPlane, Options, ProcessInfo, Processes, Versions},
    progress::{Progress, ProgressSink},
    snapshot::{Manifest, Snapshot},
    work_dir::{StaleWorkDir, remove_work_dir, stale_work_dirs},
};
