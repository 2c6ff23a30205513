//! `loadgen saturate`: the highest load that a control plane sustains.

use std::{path::Path, sync::Arc};

use anyhow::{Context, bail};
use clap::Parser;
use measure::search::{Answer, End as SearchEnd, From};
use profile::Profile;
use record::{Ended, Folder, SearchRecord};

use super::{print, report};
use crate::{
    about,
    cli::{Cli, Command, SaturateArgs},
    end::End,
    ground::{Ground, Inventory, Where, discard},
    interrupt::{Interrupt, Interrupted},
    metrics_server::{Listening, MetricsServer},
    plan::{Plan, Wishes},
    progress::{Progress, tell},
    result,
    saturate::{self, Confirm, Lengths, Searched, Wanted},
    scenario::{self, Axis},
    search_table,
    shown::Shown,
    telemetry::Telemetry,
};

/// What is known to be right before anything is started.
struct Prepared {
    wanted: Wanted,
    place: Where,
    profile: Option<Profile>,
    listening: Option<Listening>,
}

pub(crate) async fn run(args: SaturateArgs) -> End {
    let begun = match &args.resume {
        None => prepare(&args).map(|prepared| (prepared, None)),
        Some(dir) => resume(dir),
    };
    match begun {
        Ok((prepared, earlier)) => Box::pin(search(prepared, earlier, &args)).await.unwrap_or_else(End::from),
        Err(error) => End::usage(error),
    }
}

fn prepare(args: &SaturateArgs) -> anyhow::Result<Prepared> {
    let name = args.scenario.as_deref().unwrap_or_default();
    let loaded = scenario::load(name)?;
    let Some(axis) = loaded.scenario.axis.clone() else {
        bail!("scenario {name} has no axis, so there is nothing to turn up; `loadgen run {name}` runs it")
    };
    let wishes = Wishes {
        nodes: args.load.nodes,
        preset: args.load.fleet.preset,
        at: args.from.clone(),
        ..Wishes::new(Lengths::quick().measure, args.load.seed, args.load.fleet.start_rate)
    };
    let plan = Plan::new(loaded, &wishes)?;
    let place = Where::of(args.target.clone())?;
    let profile = place.profile(&plan)?;
    place.check(&plan)?;
    let lengths = match (args.quick, args.confirm) {
        (true, Confirm::None) => Lengths::demo(),
        (true, _) => Lengths::quick(),
        (false, confirm) => Lengths::full(confirm),
    };
    // The scenario's own load is one to run at, and a ramp needs a few steps before its first break: in the first nothing is deleted yet.
    let start = if args.from.is_some() { plan.at } else { plan.at / 2.0 };
    let mut search = lengths.from(start, plan.seed);
    search.bracket = args.bracket.unwrap_or(search.bracket);
    search.most = plan.most();
    if axis == Axis::Nodes {
        search.from = From::Start { at: start };
    }
    let listening = args.load.metrics.listen()?;
    Ok(Prepared { wanted: Wanted { plan, axis, lengths, search }, place, profile, listening })
}

/// The search of a record, as its own command line described it.
fn resume(dir: &Path) -> anyhow::Result<(Prepared, Option<(Folder, SearchRecord)>)> {
    let record = SearchRecord::read(dir)?;
    if record.ended == Some(Ended::Completed) {
        bail!("the search in {} is over; there is nothing to go on with", dir.display());
    }
    let cli = Cli::try_parse_from(&record.command)
        .with_context(|| format!("the command line in {} is of another version", dir.display()))?;
    let args = match cli.command {
        Command::Saturate(args) => args,
        Command::Demo(args) => super::demo::search(args),
        _ => bail!("the record in {} is not of `loadgen saturate`", dir.display()),
    };
    let mut prepared = prepare(&args)?;
    prepared.wanted.lengths = Lengths::of(&record.settings);
    let profile = prepared.profile.as_ref().map(about::resolved).transpose()?;
    if about::scenario(&prepared.wanted.plan)? != record.scenario || profile != record.profile {
        bail!(
            "the scenario or the profile has changed since the search in {} began; begin a new one",
            dir.display()
        );
    }
    Ok((prepared, Some((Folder::open(dir)?, record))))
}

async fn search(
    prepared: Prepared,
    earlier: Option<(Folder, SearchRecord)>,
    args: &SaturateArgs,
) -> anyhow::Result<End> {
    let interrupt = Interrupt::listen("`loadgen clean` says what is left and removes it")?;
    let progress = Arc::new(Progress::new());
    let Prepared { wanted, place, profile, listening } = prepared;
    let server = MetricsServer::open(listening, |text| progress.say(text))?;
    let (folder, run, earlier) = if let Some((folder, record)) = earlier {
        (folder, record.run_id.clone(), Some(record))
    } else {
        let run = result::new_run_id(&wanted.plan.scenario.name, wanted.plan.seed);
        (Folder::create(&args.load.output.out, &run)?, run, None)
    };
    let inventory = Inventory::default();
    let telemetry = Telemetry::new(&run, &wanted.plan.scenario.name);
    let shown = Shown::kept_in(&folder, &telemetry)?;
    let _showing = MetricsServer::shows(server.as_ref(), &shown);
    let ground = Ground {
        place: &place,
        profile: profile.as_ref(),
        cells: wanted.plan.scenario.scenario.cells,
        run: &run,
        folder: &folder,
        progress: &progress,
        interrupt: &interrupt,
        telemetry: &telemetry,
        shown: &shown,
        inventory: Some(&inventory),
        witness: None,
    };
    let Searched { record, answer } = saturate::search(&ground, &wanted, earlier).await;
    progress.clear();
    match (record, answer) {
        (Some(record), Ok(answer)) => end(record, answer, &folder, args.load.output.json),
        (Some(record), Err(error)) => Err(stopped(record, error, &folder)),
        (None, answer) => {
            discard(folder.path());
            Err(answer.err().unwrap_or_else(|| anyhow::anyhow!("the search did not begin")))
        }
    }
}

/// Keeps what is known of a search that did not come to its end, and says how to go on.
fn stopped(mut record: SearchRecord, error: anyhow::Error, folder: &Folder) -> anyhow::Error {
    let interrupted = error.is::<Interrupted>();
    record.ended = Some(if interrupted { Ended::Interrupted } else { Ended::Failed });
    let path = folder.path().display();
    if let Err(unwritten) = folder.write_search(&record) {
        return anyhow::Error::from(unwritten).context(format!("{error:#}, and then"));
    }
    if interrupted {
        tell(&format!("to go on: loadgen saturate --resume {path}"));
        return error;
    }
    error.context(format!("the search failed; `loadgen saturate --resume {path}` goes on with it"))
}

fn end(mut record: SearchRecord, answer: Answer, folder: &Folder, json: bool) -> anyhow::Result<End> {
    record.ended = Some(Ended::Completed);
    saturate::conclude(&mut record, answer);
    folder.write_search(&record)?;
    if json {
        print(&format!("{}\n", serde_json::to_string_pretty(&record)?));
    } else {
        print(&search_table::render(&record, folder.path()));
    }
    report::leave(folder.path());
    Ok(match answer.end {
        SearchEnd::Found | SearchEnd::NotReached => End::Done,
        SearchEnd::NothingHolds => End::Broken,
        SearchEnd::HarnessLimited => End::Invalid,
    })
}
