//! Control planes that are numbers: for tests of everything but the measuring.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use record::{
    Host, Warning, WarningClass,
    experiment::{Arm, Arms, ExperimentRecord, Load, Metric, Plan, Subject},
};
use serde_json::json;

use super::{
    Ask, Bench, Measured, Origin, begin,
    machine::{Experiment, Next},
    wanted::{Kind, Loads, PairsWanted, Wanted},
};

/// Both of these differ by one setting.
pub(super) fn wanted(kind: Kind, pairs: PairsWanted) -> Wanted {
    let subject = |name: &str, qps: u32| {
        Subject::new(name, Some(json!({"name": name, "flags": {"kube-scheduler": {"kube-api-qps": qps}}})))
    };
    Wanted {
        scenario_name: "pod-churn".to_owned(),
        scenario_text: "about = \"Pods come and go.\"\n".to_owned(),
        has_axis: true,
        arms: Arms { baseline: subject("defaults", 50), candidate: subject("defaults-unthrottled", 5000) },
        kind,
        primary: None,
        secondaries: None,
        pairs,
        band: 0.03,
        alpha: 0.05,
        seed: 7,
        control: None,
    }
}

pub(super) fn fixed_rate(pairs: PairsWanted) -> Plan {
    wanted(Kind::FixedRate, pairs).plan(Loads::At(20.0)).unwrap()
}

pub(super) fn capacity(pairs: PairsWanted) -> Plan {
    let lambda = Arms { baseline: 40.0, candidate: 70.0 };
    wanted(Kind::Capacity, pairs).plan(Loads::Pilots { lambda, most: None }).unwrap()
}

/// Normal, by Box and Muller.
pub(super) fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// A trial with one figure.
pub(super) fn trial(metric: Metric, value: f64) -> Measured {
    Measured { values: BTreeMap::from([(metric, value)]), seconds: 60.0, ..Measured::default() }
}

/// A trial that the harness does not vouch for.
pub(super) fn void(metric: Metric, value: f64) -> Measured {
    let warning = Warning {
        name: "late-sends".to_owned(),
        class: WarningClass::Invalid,
        value: 0.05,
        threshold: 0.01,
        advice: "requests were sent late; offer less, or give the harness more CPU".to_owned(),
    };
    Measured { warnings: vec![warning], ..trial(metric, value) }
}

/// An experiment that comes from nowhere.
pub(super) fn origin(run_id: &str) -> Origin {
    let host = Host { kernel: "Linux 6.18".to_owned(), cpus: 2, memory_bytes: None, cgroup_version: None };
    Origin {
        run_id: run_id.to_owned(),
        command: vec!["loadgen".to_owned()],
        start: Timestamp::UNIX_EPOCH,
        host,
    }
}

/// Runs an experiment to its end without waiting for anything.
pub(super) fn drive(plan: Plan, measure: impl FnMut(&Ask) -> Measured) -> ExperimentRecord {
    drive_on(Experiment::new(plan.clone()), plan, measure)
}

/// The same with an experiment that is there already: to find the level of its looks takes longer than to make it.
pub(super) fn drive_on(
    mut experiment: Experiment,
    plan: Plan,
    mut measure: impl FnMut(&Ask) -> Measured,
) -> ExperimentRecord {
    while let Next::Measure(ask) = experiment.next() {
        let measured = measure(&ask);
        experiment.report(measured);
    }
    let mut record = begin(plan, origin("simulated"));
    experiment.fill(&mut record);
    record
}

/// Two profiles that differ by a factor, on a machine with noise. A trial is a function of its pair's seed and its arm.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    /// Candidate over baseline.
    pub(super) ratio: f64,
    /// Standard deviation of the logarithm of a trial's figure; of a pair's ratio it is 1.41 times that.
    pub(super) noise: f64,
    /// These trials, by path, are void.
    pub(super) void: Vec<&'static str>,
    /// The trial that fails, by path.
    pub(super) fails: Option<&'static str>,
}

impl Machine {
    pub(super) fn new(ratio: f64, noise: f64) -> Self {
        Self { ratio, noise, void: Vec::new(), fails: None }
    }

    pub(super) fn trial(&self, ask: &Ask) -> Measured {
        let mut random = ChaCha8Rng::seed_from_u64(ask.seed);
        random.set_stream(100 + ask.arm as u64);
        let mut figure = |figure: f64| {
            let ratio = if ask.arm == Arm::Candidate { self.ratio } else { 1.0 };
            figure * ratio * (self.noise * normal(&mut random)).exp()
        };
        let mut values = BTreeMap::from([(Metric::MemoryPeak, figure(8e8)), (Metric::BytesWritten, 4096.0)]);
        match ask.load {
            Load::At(_) => values.extend([(Metric::CpuPerOperation, figure(0.03)), (Metric::Goodput, 20.0)]),
            Load::Search(_) => values.extend([(Metric::Lambda, figure(40.0))]),
        }
        let is_void = self.void.contains(&ask.path.as_str());
        let warnings = if is_void { void(Metric::Lambda, 0.0).warnings } else { Vec::new() };
        let seconds = 50.0 + figure(10.0);
        Measured { values, warnings, seconds, ..Measured::default() }
    }
}

impl Bench for Machine {
    async fn measure(&mut self, arm: Arm, ask: &Ask) -> anyhow::Result<Measured> {
        assert_eq!(arm, ask.arm);
        if self.fails == Some(ask.path.as_str()) {
            anyhow::bail!("kube-apiserver ended");
        }
        Ok(self.trial(ask))
    }
}
