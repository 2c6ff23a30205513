//! `loadgen compare`: whether one profile is better than another, or a change made a difference.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use clap::Parser;
use profile::Profile;
use record::{
    Folder,
    experiment::{Arms, Control, ExperimentRecord, Subject},
};

use super::{print, report};
use crate::{
    about,
    bench::expected,
    cli::{Cli, Command, CompareArgs, ControlArg, LocalArgs},
    comparison::{Begun, Prepared},
    end::End,
    experiment::{
        controls::{self, KnownBad},
        kept, metrics, text,
        wanted::{ALPHA, BAND, Kind, PairsWanted, Wanted},
    },
    ground::{Where, discard},
    interrupt::{Interrupt, Interrupted},
    metrics_server::{Listening, MetricsServer},
    plan::{self, Plan, Wishes},
    progress::{Progress, tell},
    result, scenario,
    shown::Shown,
    telemetry::Telemetry,
};

/// A comparison, and of a control why it must come out as it must.
struct Wish {
    prepared: Prepared,
    because: Option<&'static str>,
}

pub(crate) async fn run(args: CompareArgs) -> End {
    if let [before, after] = args.what.as_slice() {
        return compare_kept(Path::new(before), Path::new(after), &args);
    }
    let prepared = || {
        if let Some(dir) = &args.resume {
            let (wish, earlier, listening) = resume(dir)?;
            return anyhow::Ok((vec![(wish, Some(earlier))], listening));
        }
        let all = prepare(&args)?.into_iter().map(|wish| (wish, None)).collect();
        Ok((all, args.load.metrics.listen()?))
    };
    match prepared() {
        Ok((all, listening)) => Box::pin(compare(all, listening, &args)).await.unwrap_or_else(End::from),
        Err(error) => End::usage(error),
    }
}

fn compare_kept(before: &Path, after: &Path, args: &CompareArgs) -> End {
    let compared = || {
        let metric = args.metric()?;
        kept::compare_records(before, after, metric)
    };
    match compared() {
        Ok((record, text)) => {
            let shown = if args.load.output.json {
                serde_json::to_string_pretty(&record).map(|json| json + "\n")
            } else {
                Ok(text)
            };
            match shown {
                Ok(shown) => print(&shown),
                Err(error) => return anyhow::Error::from(error).into(),
            }
            end_of(&record, args)
        }
        Err(error) => End::usage(error),
    }
}

/// The experiments that a command line asks for: one, or those of a control.
fn prepare(args: &CompareArgs) -> anyhow::Result<Vec<Wish>> {
    match args.control {
        None => Ok(vec![asked(args)?]),
        Some(_) if !args.what.is_empty() => {
            bail!("a control has its own scenario; leave {} out", args.what.join(" "))
        }
        Some(ControlArg::Aa) => Ok(vec![control(&controls::aa(), args)?]),
        Some(ControlArg::KnownBad) => {
            let chosen = controls::CONTROLS.iter().filter(|control| {
                args.profile.is_empty() || args.profile.iter().any(|name| name == control.profile)
            });
            let all: Vec<Wish> = chosen.map(|it| control(it, args)).collect::<anyhow::Result<_>>()?;
            if all.is_empty() {
                let known: Vec<&str> = controls::CONTROLS.iter().map(|control| control.profile).collect();
                bail!(
                    "no known-bad profile is called {}; there are {}",
                    args.profile.join(", "),
                    known.join(", ")
                );
            }
            Ok(all)
        }
    }
}

/// The comparison that a user describes.
fn asked(args: &CompareArgs) -> anyhow::Result<Wish> {
    let [name] = args.what.as_slice() else {
        bail!("name a scenario, or two folders of kept records, or a --control");
    };
    let [baseline, candidate] = args.profile.as_slice() else {
        bail!(
            "a comparison is of two profiles: --profile BASELINE --profile CANDIDATE; there are {}",
            args.profile.len()
        );
    };
    let scenario = scenario::load(name)?;
    let wishes = Wishes {
        nodes: args.load.nodes,
        preset: args.load.fleet.preset,
        at: args.at.clone().or_else(|| args.from.clone()),
        ..Wishes::new(args.duration, args.load.seed, args.load.fleet.start_rate)
    };
    let kind = if args.at.is_some() { Kind::FixedRate } else { args.design.kind() };
    prepared(args, scenario, wishes, (baseline, candidate), (kind, args.metric()?), None)
}

fn control(control: &KnownBad, args: &CompareArgs) -> anyhow::Result<Wish> {
    let settings = control.settings;
    let scenario = scenario::load(control.scenario)?;
    let wishes = Wishes {
        nodes: scenario.scenario.axis_is_a_rate().then_some(settings.nodes),
        at: Some(control.at.to_string()),
        lifetime: Some(settings.lifetime),
        rest_window: Some(settings.window),
        ..Wishes::new(settings.measured, args.load.seed, args.load.fleet.start_rate)
    };
    let names = (control.baseline, control.profile);
    prepared(args, scenario, wishes, names, (control.kind, Some(control.primary)), Some(control))
}

fn prepared(
    args: &CompareArgs,
    scenario: scenario::Loaded,
    wishes: Wishes,
    (baseline, candidate): (&str, &str),
    (kind, primary): (Kind, Option<record::experiment::Metric>),
    control: Option<&KnownBad>,
) -> anyhow::Result<Wish> {
    let profile = |name: &str| {
        let mut set = args.set.clone();
        set.extend(control.filter(|it| it.settings.tmpfs).map(|_| "storage.medium=tmpfs".to_owned()));
        let local =
            LocalArgs { profile: Some(name.to_owned()), set, audit: false, bin_dir: args.bin_dir.clone() };
        plan::profile(&local, &scenario.scenario.set)
    };
    let profiles = Arms { baseline: profile(baseline)?, candidate: profile(candidate)? };
    let plan = Plan::new(scenario.clone(), &wishes)?;
    for profile in [&profiles.baseline, &profiles.candidate] {
        plan::enough_descriptors_with(profile, plan.nodes, plan.classes)?;
    }
    let trial = expected(&plan, kind == Kind::Capacity);
    let wanted = Wanted {
        scenario_name: scenario.name.clone(),
        scenario_text: scenario.text.clone(),
        has_axis: scenario.scenario.axis_is_a_rate(),
        arms: Arms { baseline: subject(&profiles.baseline)?, candidate: subject(&profiles.candidate)? },
        kind,
        primary,
        secondaries: None,
        pairs: pairs(args, control, trial),
        band: args.band.unwrap_or(BAND),
        alpha: ALPHA,
        seed: args.load.seed,
        control: control.map(|it| it.settings.control),
    };
    wanted.check()?;
    let place = Where::Local(LocalArgs {
        profile: None,
        set: Vec::new(),
        audit: false,
        bin_dir: args.bin_dir.clone(),
    });
    let at = (args.at.is_some() || control.is_some()).then_some(plan.at);
    let because = control.map(|it| it.because);
    let scenarios = Arms { baseline: scenario.clone(), candidate: scenario };
    let prepared =
        Prepared { scenarios, wishes, profiles, place, wanted, at, knobs: Vec::new(), anew: false };
    Ok(Wish { prepared, because })
}

fn pairs(args: &CompareArgs, control: Option<&KnownBad>, trial: Duration) -> PairsWanted {
    match (args.pairs, args.budget, control) {
        (Some(pairs), _, _) => PairsWanted::Exactly(pairs),
        (None, Some(budget), _) if args.until_decided => PairsWanted::UntilDecided { budget, trial },
        (None, _, Some(control)) => control.settings.pairs,
        (None, _, None) => PairsWanted::default(),
    }
}

fn subject(profile: &Profile) -> anyhow::Result<Subject> {
    let record::Profile { name, resolved } = about::resolved(profile)?;
    Ok(Subject::new(name, Some(resolved)))
}

/// The experiment of a record, as its own command line described it.
fn resume(dir: &Path) -> anyhow::Result<(Wish, (Folder, ExperimentRecord), Option<Listening>)> {
    let folder = Folder::open(dir)?;
    let record = folder.read_experiment()?;
    if record.ended.is_some() {
        bail!("the experiment in {} is over; there is nothing to go on with", dir.display());
    }
    let cli = Cli::try_parse_from(&record.command)
        .with_context(|| format!("the command line in {} is of another version", dir.display()))?;
    let Command::Compare(args) = cli.command else {
        bail!("the record in {} is not of `loadgen compare`", dir.display());
    };
    match prepare(&args)?.into_iter().find(|wish| wish.prepared.is_of(&record)) {
        Some(wish) => Ok((wish, (folder, record), args.load.metrics.listen()?)),
        None => bail!(
            "the scenario or a profile has changed since the experiment in {} began; begin a new one",
            dir.display()
        ),
    }
}

async fn compare(
    all: Vec<(Wish, Option<(Folder, ExperimentRecord)>)>,
    listening: Option<Listening>,
    args: &CompareArgs,
) -> anyhow::Result<End> {
    let interrupt = Interrupt::listen("`loadgen clean` says what is left and removes it")?;
    let server = MetricsServer::open(listening, tell)?;
    let mut worst = End::Done;
    for (wish, earlier) in all {
        let begun = (earlier, server.as_ref());
        let (record, path) = Box::pin(one(&wish, begun, args, &interrupt)).await?;
        let shown = if args.load.output.json {
            serde_json::to_string_pretty(&record)? + "\n"
        } else {
            text::render(&record, Some(&path))
        };
        print(&shown);
        report::leave(&path);
        let end = end_of(&record, args);
        if !matches!(end, End::Done) {
            worst = end;
        }
    }
    Ok(worst)
}

/// One experiment from its pilots to its verdict.
async fn one(
    Wish { prepared, because }: &Wish,
    (earlier, server): (Option<(Folder, ExperimentRecord)>, Option<&MetricsServer>),
    args: &CompareArgs,
    interrupt: &Interrupt,
) -> anyhow::Result<(ExperimentRecord, std::path::PathBuf)> {
    let progress = Arc::new(Progress::new());
    let (folder, run, earlier) = if let Some((folder, record)) = earlier {
        (folder, record.run_id.clone(), Some(record))
    } else {
        let what = format!("{}-compare", prepared.wanted.scenario_name);
        let run = result::new_run_id(&what, prepared.wishes.seed);
        (Folder::create(&args.load.output.out, &run)?, run, None)
    };
    if let Some(because) = because {
        let [baseline, candidate] = prepared.profiles.both().map(|profile| profile.name.as_str());
        progress.say(&format!("{candidate} against {baseline}: {because}"));
    }
    let telemetry = Telemetry::new(&run, &prepared.wanted.scenario_name);
    let shown = Shown::kept_in(&folder, &telemetry)?;
    let _showing = MetricsServer::shows(server, &shown);
    let begun = Begun { folder: &folder, run: &run, telemetry: &telemetry, shown: &shown, earlier };
    let outcome = prepared.run(begun, &progress, interrupt).await;
    progress.clear();
    match outcome {
        Ok(record) => Ok((record, folder.path().to_owned())),
        Err(error) => Err(stopped(error, &folder)),
    }
}

fn stopped(error: anyhow::Error, folder: &Folder) -> anyhow::Error {
    let path = folder.path().display();
    let can_go_on = folder.read_experiment().is_ok();
    if !can_go_on {
        discard(folder.path());
        return error;
    }
    if error.is::<Interrupted>() {
        tell(&format!("to go on: loadgen compare --resume {path}"));
        return error;
    }
    error.context(format!("the experiment stopped; `loadgen compare --resume {path}` goes on with it"))
}

fn end_of(record: &ExperimentRecord, args: &CompareArgs) -> End {
    if !record.is_valid() {
        return End::Invalid;
    }
    match (record.plan.control, record.control_passed()) {
        (Some(Control::Aa), Some(false)) => End::Failed(anyhow::anyhow!(
            "a profile was found to differ from itself; it may be one of the {:.0} in a hundred that are allowed, or something \
             disturbs this machine: run it several times",
            ALPHA * 100.0
        )),
        (Some(Control::KnownBad), Some(false)) => End::Failed(anyhow::anyhow!(
            "{} is known to be worse and was not found to be: this machine or these lengths cannot tell such a difference",
            record.plan.arms.candidate.name
        )),
        _ if args.fail_if.is_some() && record.hurts() => End::Broken,
        _ => End::Done,
    }
}

impl CompareArgs {
    fn metric(&self) -> anyhow::Result<Option<record::experiment::Metric>> {
        let name = self.metric.as_deref();
        name.map(|name| metrics::by_name(name).map_err(|error| anyhow::anyhow!("--metric: {error}")))
            .transpose()
    }
}
