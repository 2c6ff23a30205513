//! One comparison, from its pilots to its verdict: what `compare` and `advice test` have in common.

use std::sync::Arc;

use anyhow::{Context, bail};
use profile::Profile;
use record::{
    Folder,
    experiment::{Arm, Arms, ExperimentRecord, Pair},
};

use crate::{
    bench::{Inventories, Trials},
    experiment::{
        self, Origin,
        standing::Standing,
        wanted::{Loads, Wanted},
    },
    ground::Where,
    interrupt::Interrupt,
    knobs::{self, Knob},
    plan::Wishes,
    progress::Progress,
    scenario::Loaded,
    shown::Shown,
    telemetry::Telemetry,
};

/// A comparison that is known to be right before anything is started.
pub(crate) struct Prepared {
    /// What each arm is put through.
    pub(crate) scenarios: Arms<Loaded>,
    pub(crate) wishes: Wishes,
    pub(crate) profiles: Arms<Profile>,
    pub(crate) place: Where,
    pub(crate) wanted: Wanted,
    /// The load of both arms, where it need not be searched for.
    pub(crate) at: Option<f64>,
    /// The settings in which the arms are to differ.
    pub(crate) knobs: Vec<Knob>,
    /// Whether every control plane is filled anew.
    pub(crate) anew: bool,
}

/// Where its record is, and how far it has come.
pub(crate) struct Begun<'a> {
    pub(crate) folder: &'a Folder,
    /// Its id, and the label of everything that it makes.
    pub(crate) run: &'a str,
    pub(crate) telemetry: &'a Telemetry,
    pub(crate) shown: &'a Shown,
    /// What there is of it already.
    pub(crate) earlier: Option<ExperimentRecord>,
}

impl Prepared {
    /// Whether a record is of this comparison.
    pub(crate) fn is_of(&self, record: &ExperimentRecord) -> bool {
        self.wanted.arms == record.plan.arms && self.wanted.scenario_name == record.plan.scenario.name
    }

    /// What makes its trials.
    pub(crate) fn trials<'a>(
        &'a self,
        begun: &Begun<'a>,
        inventories: &'a Inventories,
        (progress, interrupt): (&'a Arc<Progress>, &'a Interrupt),
    ) -> Trials<'a> {
        let Self { scenarios, wishes, profiles, place, knobs, .. } = self;
        let Begun { folder, run, telemetry, shown, .. } = *begun;
        telemetry.plays(&self.wanted.scenario_name);
        Trials {
            scenarios,
            wishes,
            place,
            profiles,
            knobs,
            run,
            folder,
            progress,
            interrupt,
            telemetry,
            shown,
            inventories,
        }
    }

    /// What its control planes begin with.
    pub(crate) fn inventories(&self) -> Inventories {
        if self.anew { Inventories::Anew } else { Inventories::of(&self.scenarios) }
    }

    /// Makes what is left of it. What was measured is in its record after every pair.
    ///
    /// # Errors
    ///
    /// Whatever comes between, and arms that are found not to differ as they are to: the record can be gone on with.
    pub(crate) async fn run(
        &self,
        mut begun: Begun<'_>,
        progress: &Arc<Progress>,
        interrupt: &Interrupt,
    ) -> anyhow::Result<ExperimentRecord> {
        let inventories = self.inventories();
        let earlier = begun.earlier.take();
        let (folder, run, telemetry) = (begun.folder, begun.run, begun.telemetry);
        let mut trials = self.trials(&begun, &inventories, (progress, interrupt));
        let record = match earlier {
            Some(record) => record,
            None => self.begin(&trials, run).await?,
        };
        folder.write_experiment(&record)?;
        let tell = |standing: &Standing| {
            telemetry.comparison_is(standing.ratio, standing.comparison.as_ref());
            progress.say(&standing.to_string());
        };
        let save = |record: &ExperimentRecord| {
            folder.write_experiment(record)?;
            record.pairs.last().map_or(Ok(()), |pair| self.differ(pair))
        };
        let record = experiment::run(record, &mut trials, tell, save).await?;
        telemetry.comparison_is(None, record.verdict.as_ref());
        Ok(record)
    }

    /// Fails where the arms of a pair do not differ as they are to: then nothing of it is about the setting.
    fn differ(&self, pair: &Pair) -> anyhow::Result<()> {
        let Arms { baseline, candidate } = &pair.trials;
        knobs::check(&self.knobs, &Arms { baseline: &baseline.seen, candidate: &candidate.seen })
    }

    /// The record of an experiment that begins, once its loads are known.
    async fn begin(&self, trials: &Trials<'_>, run: &str) -> anyhow::Result<ExperimentRecord> {
        let loads = if let Some(at) = self.at {
            Loads::At(at)
        } else {
            let baseline = self.pilot(trials, Arm::Baseline).await?;
            let candidate = self.pilot(trials, Arm::Candidate).await?;
            Loads::Pilots { lambda: Arms { baseline, candidate }, most: None }
        };
        let plan = self.wanted.clone().plan(loads)?;
        Ok(experiment::begin(plan, Origin::here(run.to_owned())))
    }

    async fn pilot(&self, trials: &Trials<'_>, arm: Arm) -> anyhow::Result<f64> {
        let name = &self.wanted.arms.of(arm).name;
        trials
            .progress
            .say(&format!("a quick search for the {}, {name}, to know where to begin", arm.name()));
        let found = trials.pilot(arm).await.with_context(|| format!("the pilot of {name}"))?;
        match found {
            Some(lambda) => Ok(lambda),
            None => bail!(
                "the quick search found no lambda* for {name}, so there is nowhere to begin; a load that both arms are offered \
                 needs none (--at)"
            ),
        }
    }
}
