//! Smokes: every arm of a rule once, at the smallest size, to see that it runs and that its setting shows on the server's side. No
//! verdict comes of one.

use std::collections::BTreeMap;

use record::{
    Folder,
    experiment::{Arm, Arms, Load},
};

use super::{bind::Bound, test::Test};
use crate::{
    comparison::Begun,
    experiment::{Ask, Bench, Measured},
    interrupt::Interrupted,
    knobs, result,
};

/// What came of one arm, or what came between.
type Tried = Result<Measured, String>;

impl Test<'_> {
    /// Runs every arm. An arm that fails is told, and the others are run all the same.
    ///
    /// # Errors
    ///
    /// A record that cannot be written, and the wish to stop.
    pub(crate) async fn smoke(&mut self) -> anyhow::Result<()> {
        self.folder.write_advice(&self.record)?;
        let mut baselines: BTreeMap<&str, Tried> = BTreeMap::new();
        for (place, bound) in self.bound.iter().enumerate() {
            let folder = Folder::create(self.folder.path(), &bound.folder)?;
            if !baselines.contains_key(bound.experiment.as_str()) {
                let tried = self.arm(bound, &folder, Arm::Baseline).await?;
                baselines.insert(&bound.experiment, tried);
            }
            let candidate = self.arm(bound, &folder, Arm::Candidate).await?;
            let tested = &mut self.record.tested[place];
            match (&baselines[bound.experiment.as_str()], &candidate) {
                (Ok(baseline), Ok(candidate)) => {
                    let seen = Arms { baseline: &baseline.seen, candidate: &candidate.seen };
                    tested.knobs = knobs::judge(&bound.prepared.knobs, &seen);
                    tested.trial_seconds =
                        Some(Arms { baseline: baseline.seconds, candidate: candidate.seconds });
                }
                (Err(error), _) => tested.failed = Some(format!("baseline: {error}")),
                (_, Err(error)) => tested.failed = Some(format!("candidate: {error}")),
            }
            self.folder.write_advice(&self.record)?;
        }
        self.record.ended = true;
        Ok(self.folder.write_advice(&self.record)?)
    }

    async fn arm(&self, bound: &Bound, folder: &Folder, arm: Arm) -> anyhow::Result<Tried> {
        let prepared = &bound.prepared;
        let name = &prepared.wanted.arms.of(arm).name;
        self.progress.say(&format!("{}: {name}", bound.experiment));
        let run = result::new_run_id(&format!("{}-{}", bound.folder, arm.name()), prepared.wishes.seed);
        let (telemetry, shown) = (self.telemetry, self.shown);
        let begun = Begun { folder, run: &run, telemetry, shown, earlier: None };
        let inventories = prepared.inventories();
        let mut trials = prepared.trials(&begun, &inventories, (self.progress, self.interrupt));
        let ask = Ask {
            number: 1,
            attempt: 1,
            arm,
            seed: prepared.wishes.seed,
            load: Load::At(prepared.at.unwrap_or_default()),
            path: arm.name().to_owned(),
        };
        match Box::pin(trials.measure(arm, &ask)).await {
            Ok(measured) => Ok(Ok(measured)),
            Err(error) if error.is::<Interrupted>() => Err(error),
            Err(error) => Ok(Err(format!("{error:#}"))),
        }
    }
}
