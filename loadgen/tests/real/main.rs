//! loadgen against real control planes: etcd, kube-apiserver, kube-scheduler and kube-controller-manager of this machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod endpoint;
mod failures;
mod faults;
mod interrupt;
mod kwok;
mod outages;
mod run;
mod saturate;
mod scenarios;
mod support;
mod up;
