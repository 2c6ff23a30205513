//! *Control plane*: what its components say of themselves.
//!
//! Works for any cluster whose components a Prometheus scrapes, whether loadgen has anything to do with it or not. A managed control
//! plane often shows its apiserver only: then the rows of the others are empty.

mod apiserver;
mod components;
mod etcd;

use scrape::names::{DB_BYTES, INFLIGHT_REQUESTS, NOMINAL_SEATS, PENDING_PODS, WORKQUEUE_DEPTH};

use super::{
    Dashboard,
    annotation::marks,
    expression::{Series, Whose, series},
    run,
    variable::{Choice, Variable},
};

/// Of any run, or of none.
const ANY: Whose = Whose::Chosen;

/// Which component, by `job`: for metrics that others serve too.
const ETCD: &str = "job=~\"$etcd_job\"";
const SCHEDULER: &str = "job=~\"$scheduler_job\"";
const CONTROLLERS: &str = "job=~\"$controllers_job\"";
const EVERYBODY: &str = "job=~\"$apiserver_job|$etcd_job|$scheduler_job|$controllers_job\"";

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        file: "control-plane.json",
        uid: "loadgen-control-plane",
        title: "loadgen: control plane",
        about: "What etcd, kube-apiserver, kube-scheduler and kube-controller-manager say of themselves, of a run or of any cluster.",
        variables: variables(),
        annotations: marks(ANY),
        rows: vec![
            apiserver::requests(),
            apiserver::fairness(),
            apiserver::watches(),
            etcd::disk(),
            etcd::store(),
            components::scheduler(),
            components::controllers(),
            components::processes(),
        ],
    }
}

fn variables() -> Vec<Variable> {
    let of = |series: Series| series.now().to_string();
    // A queue that only the controller manager has, in every version.
    let queue = series(&WORKQUEUE_DEPTH, ANY).only("name=\"garbage_collector_attempt_to_delete\"");
    let mut variables = run::variables();
    variables.extend([
        Variable::label(
            "priority_level",
            "Priority level",
            "Levels of API priority and fairness.",
            [NOMINAL_SEATS.name, "priority_level"],
            Choice::SomeOrAny,
        ),
        Variable::job("apiserver_job", "Job of the apiserver", of(series(&INFLIGHT_REQUESTS, ANY))),
        Variable::job("etcd_job", "Job of etcd", of(series(&DB_BYTES, ANY))),
        Variable::job("scheduler_job", "Job of the scheduler", of(series(&PENDING_PODS, ANY))),
        Variable::job("controllers_job", "Job of the controller manager", of(queue)),
    ]);
    variables
}
