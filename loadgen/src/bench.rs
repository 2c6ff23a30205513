//! Makes the trials of an experiment on control planes of this machine: each trial has a fresh one, of the arm's profile.

use std::{sync::Arc, time::Duration};

use measure::Clock;
use profile::Profile;
use record::{
    Folder, RunRecord,
    experiment::{Arm, Arms, Load, Metric},
};

use crate::{
    experiment::{Ask, Bench, Measured, metrics},
    ground::{Ground, Inventory, Where},
    interrupt::Interrupt,
    knobs::{Knob, Witness},
    plan::{Plan, Wishes},
    progress::Progress,
    saturate::{self, Lengths, Searched, Wanted},
    scenario::{Axis, Loaded},
    shown::Shown,
    telemetry::Telemetry,
    trial,
};

/// What the trials of an experiment have in common.
pub(crate) struct Trials<'a> {
    pub(crate) scenarios: &'a Arms<Loaded>,
    pub(crate) wishes: &'a Wishes,
    pub(crate) place: &'a Where,
    pub(crate) profiles: &'a Arms<Profile>,
    /// The settings in which the arms are to differ.
    pub(crate) knobs: &'a [Knob],
    /// The experiment's id, and so the label of everything that is made: what is kept of one trial's inventory fits the next.
    pub(crate) run: &'a str,
    pub(crate) folder: &'a Folder,
    pub(crate) progress: &'a Arc<Progress>,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) telemetry: &'a Telemetry,
    pub(crate) shown: &'a Shown,
    pub(crate) inventories: &'a Inventories,
}

/// What fresh control planes begin with.
#[derive(Debug)]
pub(crate) enum Inventories {
    /// Nothing: each is filled anew.
    Anew,
    /// Both arms with the same, as far as their profiles can.
    Shared(Inventory),
    /// Each arm with its own, because other things are in the other's.
    Own(Arms<Inventory>),
}

impl Inventories {
    /// What two arms can begin with, by what they are put through.
    pub(crate) fn of(scenarios: &Arms<Loaded>) -> Self {
        let alike = scenarios.baseline.text == scenarios.candidate.text;
        if alike { Self::Shared(Inventory::default()) } else { Self::Own(Arms::default()) }
    }

    fn of_arm(&self, arm: Arm) -> Option<&Inventory> {
        match self {
            Self::Anew => None,
            Self::Shared(inventory) => Some(inventory),
            Self::Own(inventories) => Some(inventories.of(arm)),
        }
    }
}

impl Bench for Trials<'_> {
    async fn measure(&mut self, arm: Arm, ask: &Ask) -> anyhow::Result<Measured> {
        let clock = Clock::start();
        let begun = clock.now();
        let mut measured = match ask.load {
            Load::At(at) => self.at(arm, ask, at).await?,
            Load::Search(search) => {
                self.search(arm, &ask.path, ask.seed, |_, _| (Lengths::of_pairs(), search)).await?
            }
        };
        measured.seconds = clock.now().since(begun).as_secs_f64();
        Ok(measured)
    }
}

impl Trials<'_> {
    /// The quick search of an arm from which the experiment's loads are taken. Nothing if it found no lambda*.
    pub(crate) async fn pilot(&self, arm: Arm) -> anyhow::Result<Option<f64>> {
        let path = format!("trials/pilot-{}", arm.name());
        let quick = |at, seed| (Lengths::quick(), Lengths::quick().from(at, seed));
        let measured = self.search(arm, &path, self.wishes.seed, quick).await?;
        Ok(measured.values.get(&Metric::Lambda).copied())
    }

    async fn at(&self, arm: Arm, ask: &Ask, at: f64) -> anyhow::Result<Measured> {
        let plan = self.plan(arm, ask.seed, Some(at))?;
        let folder = self.child(&ask.path)?;
        let witness = Witness::new(self.knobs);
        let ground = self.ground(arm, &folder, &witness);
        let record: RunRecord =
            ground.with(1, async |target| trial::measure(&ground, &plan, target).await).await?;
        let values = metrics::values(&record);
        Ok(Measured { seen: witness.seen(&values), values, warnings: record.warnings, seconds: 0.0 })
    }

    async fn search(
        &self,
        arm: Arm,
        path: &str,
        seed: u64,
        how: impl FnOnce(f64, u64) -> (Lengths, measure::search::Plan),
    ) -> anyhow::Result<Measured> {
        let plan = self.plan(arm, seed, None)?;
        let Some(axis @ Axis::Rate(_)) = plan.scenario.scenario.axis.clone() else {
            anyhow::bail!("only a scenario whose axis is a rate can be searched");
        };
        let (lengths, search) = how(plan.at, seed);
        let folder = self.child(path)?;
        let witness = Witness::new(self.knobs);
        let ground = self.ground(arm, &folder, &witness);
        let wanted = Wanted { plan, axis, lengths, search };
        let Searched { record, answer } = saturate::search(&ground, &wanted, None).await;
        let answer = answer?;
        let Some(mut record) = record else { anyhow::bail!("a search without a record") };
        saturate::conclude(&mut record, answer);
        record.ended = Some(record::Ended::Completed);
        folder.write_search(&record)?;
        let values = record.lambda.map(|lambda| (Metric::Lambda, lambda)).into_iter().collect();
        Ok(Measured { seen: witness.seen(&values), values, warnings: record.warnings, seconds: 0.0 })
    }

    fn plan(&self, arm: Arm, seed: u64, at: Option<f64>) -> anyhow::Result<Plan> {
        let scenario = self.scenarios.of(arm);
        // Of a scenario that turns nothing up there is one load only.
        let at = at.filter(|_| scenario.scenario.axis.is_some()).map(|at| at.to_string());
        let at = at.or_else(|| self.wishes.at.clone());
        Plan::new(scenario.clone(), &Wishes { at, seed, ..self.wishes.clone() })
    }

    /// The folder of a trial. One that is there already is that of a pair which was interrupted half way.
    fn child(&self, path: &str) -> anyhow::Result<Folder> {
        let path = self.folder.path().join(path);
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        let (base, name) = (path.parent().unwrap_or(&path), path.file_name().unwrap_or_default());
        Ok(Folder::create(base, &name.to_string_lossy())?)
    }

    fn ground<'g>(&'g self, arm: Arm, folder: &'g Folder, witness: &'g Witness<'g>) -> Ground<'g> {
        Ground {
            place: self.place,
            profile: Some(self.profiles.of(arm)),
            cells: self.scenarios.of(arm).scenario.cells,
            run: self.run,
            folder,
            progress: self.progress,
            interrupt: self.interrupt,
            telemetry: self.telemetry,
            shown: self.shown,
            inventory: self.inventories.of_arm(arm),
            witness: Some(witness),
        }
    }
}

/// How long a trial takes, before any has been made: set-up, the load until its window is over and its last operations have had
/// their time, and the end.
pub(crate) fn expected(plan: &Plan, searches: bool) -> Duration {
    const SET_UP: Duration = Duration::from_secs(25);
    const LAST_OPERATIONS: Duration = Duration::from_secs(10);
    const PROBES: u32 = 5;
    let set_up = SET_UP * plan.scenario.scenario.cells;
    let window = plan.warm_up.max(plan.rest_window * 5) + plan.measure + LAST_OPERATIONS;
    if searches { (window + set_up / 2) * PROBES + set_up } else { set_up + window + plan.warm_up }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;

    #[test]
    fn arms_that_are_put_through_the_same_begin_with_the_same() {
        let churn = scenario::load("pod-churn").unwrap();
        let beside = |name: &str| {
            Inventories::of(&Arms { baseline: churn.clone(), candidate: scenario::load(name).unwrap() })
        };
        assert!(matches!(beside("pod-churn"), Inventories::Shared(_)));
        assert!(matches!(beside("scheduler-burst"), Inventories::Own(_)));
    }
}
