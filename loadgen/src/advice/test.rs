//! Tests of rules: each candidate is compared with its baseline as `loadgen compare` would, one after the other, in a folder with
//! what came of all of them.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::Context;
use measure::statistics::fdr;
use record::{
    Folder,
    advice::{ADVICE_SCHEMA_VERSION, AdviceKind, AdviceMode, AdviceRecord, Tested},
    experiment::{Arms, ExperimentRecord, Trial},
};

use super::{
    Advice,
    bind::{self, Bound, How},
};
use crate::{
    comparison::Begun,
    experiment::{Origin, wanted::hash},
    ground::discard,
    interrupt::Interrupt,
    knobs,
    progress::Progress,
    result,
    shown::Shown,
    telemetry::Telemetry,
};

/// A test under way.
pub(crate) struct Test<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) bound: &'a [Bound],
    pub(crate) record: AdviceRecord,
    pub(crate) progress: &'a Arc<Progress>,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) telemetry: &'a Telemetry,
    pub(crate) shown: &'a Shown,
}

/// The record of a test that begins.
pub(crate) fn begin(advice: &Advice, bound: &[Bound], how: &How, run: &str) -> anyhow::Result<AdviceRecord> {
    let Origin { run_id, command, start, host } = Origin::here(run.to_owned());
    Ok(AdviceRecord {
        schema_version: ADVICE_SCHEMA_VERSION,
        kind: AdviceKind::Advice,
        run_id,
        id: advice.id.clone(),
        file_sha256: hash(&advice.text),
        rule: advice.file.rule.clone(),
        expect: advice.file.expect.clone(),
        mode: if how.smoke { AdviceMode::Smoke } else { AdviceMode::Verdict },
        loadgen_version: env!("CARGO_PKG_VERSION").to_owned(),
        command,
        start,
        host,
        refused: bind::refusals(advice)?,
        tested: bound.iter().map(tested).collect(),
        ended: false,
    })
}

/// A candidate of which nothing is known.
fn tested(bound: &Bound) -> Tested {
    let Bound { experiment, predict, folder, prepared } = bound;
    let versions = |profile: &profile::Profile| -> BTreeMap<String, String> {
        let profile::Versions { kubernetes, etcd, .. } = &profile.versions;
        [("kubernetes", kubernetes), ("etcd", etcd)]
            .map(|(name, version)| (name.to_owned(), version.clone()))
            .into()
    };
    let [baseline, candidate] = prepared.wanted.arms.both().map(|arm| arm.name.clone());
    let [of_baseline, of_candidate] = prepared.profiles.both().map(versions);
    Tested {
        experiment: experiment.clone(),
        arms: Arms { baseline, candidate },
        scenario: prepared.wanted.scenario_name.clone(),
        primary: prepared
            .wanted
            .primary
            .unwrap_or(crate::experiment::metrics::default_primary(prepared.wanted.kind)),
        predict: *predict,
        versions: Arms { baseline: of_baseline, candidate: of_candidate },
        folder: folder.clone(),
        knobs: Vec::new(),
        trial_seconds: None,
        failed: None,
        ended: None,
        verdict: None,
        adjusted_p_value: None,
    }
}

/// Whether a record is of these candidates, in this order.
pub(crate) fn is_of(record: &AdviceRecord, advice: &Advice, bound: &[Bound]) -> bool {
    record.id == advice.id
        && record.file_sha256 == hash(&advice.text)
        && record.tested.len() == bound.len()
        && record.tested.iter().zip(bound).all(|(tested, bound)| tested.folder == bound.folder)
}

impl Test<'_> {
    /// Makes what is left of all experiments. `tell` hears of each that is over.
    ///
    /// # Errors
    ///
    /// Whatever comes between; the record can be gone on with.
    pub(crate) async fn verdicts(
        &mut self,
        mut tell: impl FnMut(&ExperimentRecord, &Path),
    ) -> anyhow::Result<()> {
        self.folder.write_advice(&self.record)?;
        for (place, bound) in self.bound.iter().enumerate() {
            let (record, path) = self.one(bound).await?;
            tell(&record, &path);
            let tested = &mut self.record.tested[place];
            fill(tested, bound, &record);
            self.folder.write_advice(&self.record)?;
        }
        adjust(&mut self.record.tested);
        self.record.ended = true;
        Ok(self.folder.write_advice(&self.record)?)
    }

    /// One experiment, or what is left of it.
    async fn one(&self, bound: &Bound) -> anyhow::Result<(ExperimentRecord, std::path::PathBuf)> {
        let path = self.folder.path().join(&bound.folder);
        let kept = Folder::open(&path).ok().and_then(|folder| Some((folder.read_experiment().ok()?, folder)));
        let (folder, run, earlier) = if let Some((record, folder)) = kept {
            (folder, record.run_id.clone(), Some(record))
        } else {
            // What is there without a record is of a pilot that was interrupted.
            if path.exists() {
                std::fs::remove_dir_all(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            }
            let run = result::new_run_id(&bound.folder, bound.prepared.wishes.seed);
            (Folder::create(self.folder.path(), &bound.folder)?, run, None)
        };
        let [baseline, candidate] = bound.prepared.wanted.arms.both().map(|arm| arm.name.as_str());
        self.progress.say(&format!("{}: {candidate} against {baseline}", bound.experiment));
        let (telemetry, shown) = (self.telemetry, self.shown);
        let begun = Begun { folder: &folder, run: &run, telemetry, shown, earlier };
        let ended = Box::pin(bound.prepared.run(begun, self.progress, self.interrupt)).await;
        match ended {
            Ok(record) => Ok((record, path)),
            Err(error) => {
                if folder.read_experiment().is_err() {
                    discard(folder.path());
                }
                Err(error)
            }
        }
    }
}

/// Puts what came of an experiment beside what the rule says.
fn fill(tested: &mut Tested, bound: &Bound, record: &ExperimentRecord) {
    tested.ended = record.ended;
    tested.verdict = record.verdict;
    tested.trial_seconds = seconds(record);
    // Every pair was looked at when it was made; the last one stands for them.
    if let Some(pair) = record.pairs.last() {
        let Arms { baseline, candidate } = &pair.trials;
        let seen = Arms { baseline: &baseline.seen, candidate: &candidate.seen };
        tested.knobs = knobs::judge(&bound.prepared.knobs, &seen);
    }
}

fn seconds(record: &ExperimentRecord) -> Option<Arms<f64>> {
    #[expect(clippy::cast_precision_loss, reason = "nobody measures 2^53 pairs")]
    let pairs = record.pairs.len() as f64;
    let mean = |of: fn(&Arms<Trial>) -> &Trial| {
        record.pairs.iter().map(|pair| of(&pair.trials).seconds).sum::<f64>() / pairs
    };
    (pairs > 0.0).then(|| Arms { baseline: mean(|it| &it.baseline), candidate: mean(|it| &it.candidate) })
}

/// Several candidates are several looks at one rule.
fn adjust(tested: &mut [Tested]) {
    let p_values: Vec<f64> =
        tested.iter().filter_map(|it| it.verdict.map(|comparison| comparison.p_value)).collect();
    let Ok(adjusted) = fdr::adjusted(&p_values) else { return };
    if p_values.len() < 2 {
        return;
    }
    let judged = tested.iter_mut().filter(|it| it.verdict.is_some());
    for (tested, adjusted) in judged.zip(adjusted) {
        tested.adjusted_p_value = Some(adjusted);
    }
}
