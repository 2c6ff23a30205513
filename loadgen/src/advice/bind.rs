//! From a rule's file to comparisons that are known to be right before anything is started.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::Context;
use measure::{Rate, statistics::verdict::Verdict};
use profile::Profile;
use record::{
    advice::Refused,
    experiment::{Arms, Subject},
};
use toml::{Spanned, Table};

use super::{
    Advice, check,
    written::{Arm, Design, Experiment},
};
use crate::{
    about,
    bench::expected,
    cli::LocalArgs,
    comparison::Prepared,
    experiment::{
        metrics,
        wanted::{ALPHA, BAND, PairsWanted, Wanted},
    },
    ground::Where,
    knobs::{Knob, Wish, written::Verify},
    plan::{self, Plan, Wishes},
    scenario::{self, Axis, Loaded},
};

/// What a smoke does with loads whose objects are deleted.
const SMOKE_LIFETIME: Duration = Duration::from_secs(2);
/// And by which windows it judges rest.
const SMOKE_WINDOW: Duration = Duration::from_secs(1);

/// How a rule is tested.
#[derive(Clone, Debug)]
pub(crate) struct How {
    /// At the smallest size.
    pub(crate) smoke: bool,
    /// All candidates, and not only the first.
    pub(crate) all: bool,
    pub(crate) pairs: Option<usize>,
    /// For all candidates together.
    pub(crate) budget: Option<Duration>,
    pub(crate) seed: u64,
    /// Nodes started per second.
    pub(crate) start_rate: Rate,
    pub(crate) bin_dir: Option<PathBuf>,
}

/// A candidate beside its baseline, ready to be measured.
pub(crate) struct Bound {
    pub(crate) experiment: String,
    /// What the rule says of it.
    pub(crate) predict: Verdict,
    /// The folder of its record, in that of the test.
    pub(crate) folder: String,
    pub(crate) prepared: Prepared,
}

/// The candidates that are to be tested, each beside its baseline.
///
/// # Errors
///
/// Whatever is wrong with what the file names, with the place where it names it.
pub(crate) fn bind(advice: &Advice, how: &How) -> anyhow::Result<Vec<Bound>> {
    let wanted = |candidate: &&Arm| how.all || how.smoke || candidate.first;
    let pairs = advice.file.experiments.iter().flat_map(|experiment| {
        experiment.candidates.iter().filter(wanted).map(move |candidate| (experiment, candidate))
    });
    let pairs: Vec<(&Experiment, &Arm)> = pairs.collect();
    let parts = u32::try_from(pairs.len()).unwrap_or(u32::MAX).max(1);
    let how = How { budget: how.budget.map(|budget| budget / parts), ..how.clone() };
    let binding = Binding { advice, how: &how };
    pairs
        .into_iter()
        .map(|(experiment, candidate)| {
            let named = || format!("{}: {} of {}", advice.id, candidate.name.get_ref(), experiment.name());
            binding.bound(experiment, candidate).with_context(named)
        })
        .collect()
}

/// How the settings are refused that the rule names and that do not exist any more.
///
/// # Errors
///
/// Where one is not refused.
pub(crate) fn refusals(advice: &Advice) -> anyhow::Result<Vec<Refused>> {
    let baseline =
        advice.file.experiments.first().and_then(|experiment| experiment.baseline.profile.as_ref());
    let profile = profile::load(baseline.map_or("defaults", |name| name.get_ref().as_str()))?;
    let refused = |setting: &Spanned<String>| -> anyhow::Result<Refused> {
        let asked = setting.get_ref();
        let Err(error) = profile.clone().set(asked) else {
            return Err(advice.wrong(setting.span().start, format!("`{asked}` is not refused")).into());
        };
        Ok(Refused { setting: asked.clone(), reason: error.to_string() })
    };
    advice.file.refused.iter().map(refused).collect()
}

struct Binding<'a> {
    advice: &'a Advice,
    how: &'a How,
}

impl Binding<'_> {
    fn bound(&self, experiment: &Experiment, candidate: &Arm) -> anyhow::Result<Bound> {
        let baseline = &experiment.baseline;
        let scenarios = Arms {
            baseline: self.scenario(experiment, baseline)?,
            candidate: self.scenario(experiment, candidate)?,
        };
        self.axes(experiment, candidate, &scenarios)?;
        let profiles = Arms {
            baseline: self.profile(experiment, baseline, &scenarios.baseline)?,
            candidate: self.profile(experiment, candidate, &scenarios.candidate)?,
        };
        let wishes = self.wishes(experiment);
        let plan = Plan::new(scenarios.baseline.clone(), &wishes)?;
        for (scenario, profile) in scenarios.both().into_iter().zip(profiles.both()) {
            let plan = Plan::new(scenario.clone(), &wishes)?;
            plan::enough_descriptors_with(profile, plan.nodes, plan.classes)?;
        }
        let wanted = self.wanted(experiment, candidate, &profiles, &plan)?;
        wanted.check()?;
        let searches = experiment.design == Design::Capacity && !self.how.smoke;
        let name = format!("{}-{}", experiment.name(), candidate.name.get_ref());
        let prepared = Prepared {
            // Of a scenario that turns nothing up, once what it is.
            at: (!searches).then_some(if plan.scenario.scenario.axis.is_some() { plan.at } else { 1.0 }),
            place: Where::Local(local(None, Vec::new(), self.how)),
            knobs: knobs(experiment, candidate)?,
            anew: experiment.anew || self.how.smoke,
            scenarios,
            wishes,
            profiles,
            wanted,
        };
        Ok(Bound {
            experiment: experiment.name().to_owned(),
            predict: candidate.predict.context("a candidate without `predict`")?,
            folder: name.replace(|it: char| !it.is_ascii_alphanumeric() && it != '-', "-"),
            prepared,
        })
    }

    /// What an arm is put through.
    fn scenario(&self, experiment: &Experiment, arm: &Arm) -> anyhow::Result<Loaded> {
        let name = arm.scenario.as_ref().unwrap_or(&experiment.scenario);
        let loaded = scenario::load(name.get_ref())
            .map_err(|error| self.advice.wrong(name.span().start, error.to_string()))?;
        let smokes = [experiment.smoke.load.as_ref(), arm.smoke.as_ref()];
        let smokes = smokes.into_iter().filter(|_| self.how.smoke);
        let all = [experiment.load.as_ref(), arm.load.as_ref()].into_iter().chain(smokes);
        let changes: Vec<&Spanned<Table>> = all.flatten().collect();
        let at = changes.last().map_or(name.span().start, |changes| changes.span().start);
        scenario::changed(&loaded, changes.into_iter().map(Spanned::get_ref))
            .map_err(|error| self.advice.wrong(at, error.to_string()).into())
    }

    /// Arms whose axes differ cannot be put at one load.
    fn axes(&self, experiment: &Experiment, candidate: &Arm, scenarios: &Arms<Loaded>) -> anyhow::Result<()> {
        let [one, other] = scenarios.both().map(|loaded| loaded.scenario.axis.as_ref());
        let at = candidate.name.span().start;
        if one != other {
            return Err(self
                .advice
                .wrong(at, "its scenario turns up something else than the baseline's")
                .into());
        }
        let at = experiment.scenario.span().start;
        let wrong = match (one, experiment.design, &experiment.at) {
            (Some(Axis::Rate(_)), Design::Capacity, _) => None,
            (_, Design::Capacity, _) => Some("a capacity is of a scenario whose axis is a rate"),
            (Some(_), Design::FixedRate, None) => Some("a fixed rate needs `at`, where the axis is"),
            (None, _, Some(_)) => Some("`at` is of a scenario with an axis"),
            _ => None,
        };
        wrong.map_or(Ok(()), |message| Err(self.advice.wrong(at, message).into()))
    }

    fn profile(&self, experiment: &Experiment, arm: &Arm, scenario: &Loaded) -> anyhow::Result<Profile> {
        let name = arm.profile.as_ref().or(experiment.baseline.profile.as_ref());
        let name = name.context("a baseline without a profile")?;
        let smoke = experiment.smoke.set.iter().filter(|_| self.how.smoke);
        let settings: Vec<&Spanned<String>> = experiment.set.iter().chain(&arm.set).chain(smoke).collect();
        let at = settings.last().map_or(name.span().start, |setting| setting.span().start);
        let set = settings.into_iter().map(|setting| setting.get_ref().clone()).collect();
        let args = local(Some(name.get_ref().clone()), set, self.how);
        let profile = plan::profile(&args, &scenario.scenario.set);
        Ok(profile.map_err(|error| self.advice.wrong(at, format!("{error:#}")))?)
    }

    fn wishes(&self, experiment: &Experiment) -> Wishes {
        let How { seed, start_rate, .. } = *self.how;
        let Experiment { at, nodes, preset, lifetime, duration, smoke, .. } = experiment;
        if !self.how.smoke {
            return Wishes {
                nodes: *nodes,
                preset: *preset,
                at: at.clone(),
                lifetime: *lifetime,
                ..Wishes::new(*duration, seed, start_rate)
            };
        }
        Wishes {
            nodes: smoke.nodes.or(*nodes),
            preset: *preset,
            at: smoke.at.clone().or_else(|| at.clone()),
            lifetime: Some(lifetime.unwrap_or(SMOKE_LIFETIME).min(SMOKE_LIFETIME)),
            rest_window: Some(SMOKE_WINDOW),
            ..Wishes::new(smoke.duration, seed, start_rate)
        }
    }

    fn wanted(
        &self,
        experiment: &Experiment,
        candidate: &Arm,
        profiles: &Arms<Profile>,
        plan: &Plan,
    ) -> anyhow::Result<Wanted> {
        let metric = |name: &Spanned<String>| {
            metrics::by_name(name.get_ref()).map_err(|message| self.advice.wrong(name.span().start, message))
        };
        let kind = experiment.design.kind();
        let trial = expected(plan, experiment.design == Design::Capacity);
        let pairs = match (self.how.pairs, self.how.budget) {
            (Some(pairs), _) => PairsWanted::Exactly(pairs),
            (None, Some(budget)) => PairsWanted::UntilDecided { budget, trial },
            (None, None) => PairsWanted::default(),
        };
        Ok(Wanted {
            scenario_name: plan.scenario.name.clone(),
            scenario_text: plan.scenario.text.clone(),
            has_axis: plan.scenario.scenario.axis_is_a_rate(),
            arms: Arms {
                baseline: subject(&experiment.baseline, &profiles.baseline)?,
                candidate: subject(candidate, &profiles.candidate)?,
            },
            kind,
            primary: Some(metric(&experiment.primary)?),
            secondaries: Some(experiment.secondary.iter().map(metric).collect::<Result<_, _>>()?),
            pairs,
            band: experiment.band.unwrap_or(BAND),
            alpha: ALPHA,
            seed: self.how.seed,
            control: None,
        })
    }
}

fn local(profile: Option<String>, set: Vec<String>, how: &How) -> LocalArgs {
    LocalArgs { profile, set, audit: false, bin_dir: how.bin_dir.clone() }
}

fn subject(arm: &Arm, profile: &Profile) -> anyhow::Result<Subject> {
    let mut changes = BTreeMap::new();
    if let Some(scenario) = &arm.scenario {
        changes.insert("scenario".to_owned(), scenario.get_ref().clone().into());
    }
    for (path, value) in arm.load.iter().flat_map(Spanned::get_ref) {
        changes.insert(path.clone(), serde_json::to_value(value)?);
    }
    let resolved = about::resolved(profile)?.resolved;
    Ok(Subject { changes, ..Subject::new(arm.name.get_ref(), Some(resolved)) })
}

fn knobs(experiment: &Experiment, candidate: &Arm) -> anyhow::Result<Vec<Knob>> {
    let knob = |check: &Verify| -> anyhow::Result<Knob> {
        let name = check.name.get_ref();
        let place = check.place().map_err(anyhow::Error::msg)?;
        let baseline = experiment.baseline.sees.get(name).and_then(|said| match check.wish_of(said) {
            Ok(Wish::Is(value)) => Some(value),
            _ => None,
        });
        Ok(Knob { name: name.clone(), place, baseline, candidate: check::wish(check, candidate) })
    };
    experiment.verify.iter().map(knob).collect()
}
