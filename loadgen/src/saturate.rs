//! The search for lambda*: the highest load that holds, on real control planes.
//!
//! `measure::search` says what to try; here it is tried. A break leaves a control plane behind that cannot be trusted, so the next
//! steady probe has a fresh one, or on a cluster that is not ours one that has been drained.

mod lengths;
mod standing;
mod trial;

use std::collections::BTreeMap;

use measure::{
    Clock,
    search::{Answer, End, Finding, Next, Outcome, Search, Task, TaskKind},
    statistics::{Judgement, knee, median},
};
use record::{
    SEARCH_SCHEMA_VERSION, SearchAxis, SearchKind, SearchRecord, TrialRecord, Warning, WarningClass,
};
use report::words::search::{outcome as word, task as name};

pub(crate) use self::lengths::{Confirm, Lengths};
use crate::{
    about,
    ground::Ground,
    plan::Plan,
    probe::{Ask, Rest, Seen},
    progress::Title,
    scenario::Axis,
    stand::{Setting, Stand},
    target::Target,
    validity,
};

/// What is searched for, and how.
pub(crate) struct Wanted {
    pub(crate) plan: Plan,
    pub(crate) axis: Axis,
    pub(crate) lengths: Lengths,
    /// Where it begins and how it ends.
    pub(crate) search: measure::search::Plan,
}

/// A search that went to its end, or as far as it came.
pub(crate) struct Searched {
    /// Nothing where there never was a control plane.
    pub(crate) record: Option<SearchRecord>,
    pub(crate) answer: anyhow::Result<Answer>,
}

/// Searches on one control plane after another. What has been tried is in the folder's record after every trial.
pub(crate) async fn search(ground: &Ground<'_>, wanted: &Wanted, earlier: Option<SearchRecord>) -> Searched {
    let mut searching: Option<Searching<'_>> = None;
    let mut earlier = earlier;
    let answer = loop {
        let before = earlier.as_ref().and_then(|record| record.trials.last()).map_or(0, |trial| trial.plane);
        let plane = searching.as_ref().map_or(before, |searching| searching.planes) + 1;
        let turn = ground.with(plane, async |target| {
            if searching.is_none() {
                let record = earlier.take().map_or_else(|| begin(ground, wanted, target), Ok)?;
                searching = Some(Searching::new(ground, wanted, record)?);
            }
            match &mut searching {
                Some(searching) => searching.on(target).await,
                None => Ok(Turn::Fresh),
            }
        });
        match turn.await {
            Ok(Turn::Fresh) => {}
            Ok(Turn::Over(answer)) => break Ok(answer),
            Err(error) => break Err(error),
        }
    };
    Searched { record: searching.map(|searching| searching.record).or(earlier), answer }
}

/// The record of a search that begins now.
fn begin(ground: &Ground<'_>, wanted: &Wanted, target: &Target) -> anyhow::Result<SearchRecord> {
    let Wanted { plan, axis, lengths, search } = wanted;
    Ok(SearchRecord {
        schema_version: SEARCH_SCHEMA_VERSION,
        kind: SearchKind::Search,
        run_id: ground.run.to_owned(),
        ended: None,
        loadgen_version: env!("CARGO_PKG_VERSION").to_owned(),
        command: std::env::args().collect(),
        seed: plan.seed,
        scenario: about::scenario(plan)?,
        axis: SearchAxis { name: axis.to_string(), unit: axis.unit().to_owned() },
        profile: ground.profile.map(about::resolved).transpose()?,
        target: about::describe(target),
        components: about::components(target),
        versions: about::versions(target),
        host: about::host(),
        fleet: about::fleet(plan),
        driver_identities: about::driver_identities(plan),
        settings: lengths.settings(*search),
        trials: Vec::new(),
        answer: None,
        lambda: None,
        knee: None,
        broke_first: Vec::new(),
        limited_by: Vec::new(),
        cpu_ms_per_operation: BTreeMap::new(),
        warnings: lengths.warnings(search.bracket),
    })
}

/// A search under way, over one control plane after another.
struct Searching<'a> {
    ground: &'a Ground<'a>,
    wanted: &'a Wanted,
    search: Search,
    record: SearchRecord,
    /// Control planes so far.
    planes: u32,
    clock: Clock,
}

/// What is to be done about the control plane.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Turn {
    /// The search is over.
    Over(Answer),
    /// The next probe needs a fresh one.
    Fresh,
}

impl<'a> Searching<'a> {
    /// A search that has tried what its record says, or nothing.
    fn new(ground: &'a Ground<'a>, wanted: &'a Wanted, record: SearchRecord) -> anyhow::Result<Self> {
        let search = so_far(&record)?;
        let planes = record.trials.last().map_or(0, |trial| trial.plane);
        Ok(Self { ground, wanted, search, record, planes, clock: Clock::start() })
    }

    /// Goes on until the search is over or the control plane has had its day.
    async fn on(&mut self, target: &Target) -> anyhow::Result<Turn> {
        self.planes += 1;
        let Ground { run, folder, progress, inventory, telemetry, shown, witness, .. } = *self.ground;
        let of_nodes = self.wanted.axis == Axis::Nodes;
        let plan = match self.search.next() {
            Next::Try(task) if of_nodes => self.wanted.plan.with_nodes(task.at)?,
            _ => self.wanted.plan.clone(),
        };
        // What is kept is of one number of nodes.
        let inventory = inventory.filter(|_| !of_nodes);
        let clock = self.clock;
        let plan = &plan;
        let setting = Setting { plan, target, run, clock, progress, folder, telemetry, shown, witness };
        telemetry.bracket_is(self.search.bracket());
        let mut stand = Stand::prepare(setting, inventory).await?;
        let mut last: Option<(TaskKind, Outcome)> = None;
        let turn = loop {
            let task = match self.search.next() {
                Next::Over(answer) => break Turn::Over(answer),
                Next::Try(task) => task,
            };
            let has_had_its_day = |last| of_nodes || has_had_its_day(last, task.kind);
            if last.is_some_and(has_had_its_day) {
                if target.local.is_some() {
                    break Turn::Fresh;
                }
                stand.drain("waiting until nothing is left of the load that broke").await?;
            }
            let trial = self.attempt(&mut stand, task).await?;
            last = Some((task.kind, trial.finding.outcome));
            self.search.report(trial.finding);
            telemetry.bracket_is(self.search.bracket());
            telemetry.doubts(&trial.warnings);
            progress.say(&self.told(&trial));
            self.record.trials.push(trial);
            folder.write_search(&self.record)?;
        };
        stand.look_at_settings().await;
        if target.is_shared() {
            stand.drain("drain").await?;
        }
        stand.stop().await;
        Ok(turn)
    }

    async fn attempt(&self, stand: &mut Stand<'_>, task: Task) -> anyhow::Result<TrialRecord> {
        let ask = self.ask(task);
        let clock = stand.setting.clock;
        let probed = match task.kind {
            TaskKind::Ramp => stand.step(&ask).await?,
            TaskKind::Probe | TaskKind::Hold | TaskKind::Overload => stand.probe(&ask).await?,
            TaskKind::Recovery => {
                let start = clock.now();
                let recovered = stand.recover(&ask).await?;
                return Ok(trial::recovery(task, self.planes, (clock, start), recovered));
            }
        };
        Ok(trial::record(stand, task, self.planes, &probed))
    }

    fn ask(&self, task: Task) -> Ask {
        let at = self.wanted.axis.show(task.at);
        let what = format!("{} at {at}", name(task.kind));
        let title = Some(Title { what, standing: self.standing() });
        Ask { title, ..self.wanted.lengths.ask(self.record.trials.len(), task, self.wanted.plan.warm_up) }
    }

    fn standing(&self) -> String {
        standing::text(&self.search, &self.wanted.axis, |task| self.seconds(task.kind))
    }

    /// How long a trial of this kind takes: as long as those took that there were, or as it is planned.
    fn seconds(&self, kind: TaskKind) -> f64 {
        let took: Vec<f64> =
            self.record.trials.iter().filter(|it| it.task.kind == kind).map(|it| it.seconds).collect();
        let planned = self.wanted.lengths.expected(kind, self.wanted.plan.warm_up);
        median(&took).unwrap_or(planned.as_secs_f64())
    }

    /// What a person is told of a trial that is over.
    fn told(&self, trial: &TrialRecord) -> String {
        let TrialRecord { task, finding, goodput, .. } = trial;
        let name = format!("{} at {}", name(task.kind), self.wanted.axis.show(task.at));
        let said = match trial.recovery_seconds {
            Some(seconds) => format!("{name}: everything holds again after {seconds:.0} s"),
            None if task.kind == TaskKind::Recovery => format!("{name}: it did not recover"),
            None if goodput.offered == 0 => format!("{name}: {}", word(finding.outcome)),
            None => format!("{name}: {} ({:.1}/s done)", word(finding.outcome), goodput.goodput_per_second),
        };
        match self.standing() {
            standing if standing.is_empty() => said,
            standing => format!("{said}; {standing}"),
        }
    }
}

/// A search that has found what its record says.
fn so_far(record: &SearchRecord) -> anyhow::Result<Search> {
    let mut search = Search::new(record.settings.plan)?;
    for trial in &record.trials {
        search.report(trial.finding);
    }
    Ok(search)
}

/// Whether after the last task the control plane is not fit for the next. The steps of the ramp and the overloads follow one another
/// on purpose, and a recovery is of what was done to it.
fn has_had_its_day((last, outcome): (TaskKind, Outcome), next: TaskKind) -> bool {
    match next {
        TaskKind::Ramp | TaskKind::Recovery => false,
        TaskKind::Overload if last == TaskKind::Overload => false,
        TaskKind::Probe | TaskKind::Hold | TaskKind::Overload => outcome != Outcome::Held,
    }
}

/// What a trial comes to, given whether the harness vouches for it.
fn finding(kind: TaskKind, seen: &Seen, is_valid: bool) -> Finding {
    // A window may be there to overload: the harness may be late when the server is at its end.
    let is_exempt =
        matches!(kind, TaskKind::Ramp | TaskKind::Overload) && seen.judgement == Judgement::Breaks;
    let outcome = match (is_valid || is_exempt, seen.judgement) {
        (false, _) => Outcome::HarnessLimited,
        (true, Judgement::Holds) => Outcome::Held,
        (true, Judgement::Breaks | Judgement::Undecided) => Outcome::Broke,
    };
    // A load whose backlog runs away is not close to anything.
    let close = seen.rest != Rest::Broken && seen.judged.iter().any(measure::criteria::Judged::is_close);
    Finding { outcome, close }
}

/// Fills in what a search comes to.
pub(crate) fn conclude(record: &mut SearchRecord, answer: Answer) {
    record.answer = Some(answer);
    record.lambda = answer.lambda();
    record.knee = knee_of(&record.trials);
    let lowest = |a: &&TrialRecord, b: &&TrialRecord| a.task.at.total_cmp(&b.task.at);
    // Without a probe that broke the ramp's last step is all there is.
    let broke = record
        .steady(Outcome::Broke)
        .min_by(lowest)
        .or_else(|| record.trials.iter().find(|trial| trial.finding.outcome == Outcome::Broke));
    let (broke_first, limited_by) = match broke {
        Some(trial) => {
            let broken = trial.judged.iter().filter(|it| it.judgement == Judgement::Breaks);
            (broken.cloned().collect(), trial.limited_by.clone())
        }
        None => (Vec::new(), Vec::new()),
    };
    let cpu = record.held().map(trial::cpu_ms_per_operation).unwrap_or_default();
    let mut warnings: Vec<Warning> = Vec::new();
    // What was tried again does not count. What a ramp's steps say of the harness matters only where it was at its end.
    let counts = |trial: &&TrialRecord| match trial.finding.outcome {
        Outcome::HarnessLimited => answer.end == End::HarnessLimited,
        Outcome::Held | Outcome::Broke => trial.is_steady(),
    };
    for trial in record.trials.iter().filter(counts) {
        for warning in &trial.warnings {
            if !warnings.iter().any(|known| known.name == warning.name) {
                warnings.push(warning.clone());
            }
        }
    }
    record.broke_first = broke_first;
    record.limited_by = limited_by;
    record.cpu_ms_per_operation = cpu;
    warnings.extend(std::mem::take(&mut record.warnings));
    warnings.extend(wavering(record));
    record.warnings = warnings;
}

/// That loads held and broke by turns: lambda* is then one of several answers.
fn wavering(record: &SearchRecord) -> Option<Warning> {
    let (broke, held) = record.wavered()?;
    let show = |value| record.axis.show(value);
    let advice = format!(
        "windows from {} to {} held and broke by turns: another search may end anywhere there; search several times, and name the \
         range of the answers",
        show(broke),
        show(held)
    );
    validity::above("wavering", WarningClass::Warn, held / broke, 1.0, &advice)
}

/// Where goodput stops to follow the offered load, over everything that was measured for long enough to have one.
fn knee_of(trials: &[TrialRecord]) -> Option<f64> {
    let is_known =
        |trial: &&TrialRecord| trial.goodput.offered > 0 && trial.finding.outcome != Outcome::HarnessLimited;
    let measured = trials.iter().filter(is_known);
    let mut points: Vec<(f64, f64)> =
        measured.map(|trial| (trial.task.at, trial.goodput.goodput_per_second)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.dedup_by(|later, first| later.0 <= first.0);
    knee::kneedle(&points, knee::Shape::ConcaveRising, 1.0).ok()?.map(|knee| knee.x)
}

#[cfg(test)]
mod simulated;
#[cfg(test)]
pub(crate) mod tests;
