//! `loadgen saturate`: the highest load that a control plane sustains.

use std::{path::Path, sync::Arc};

use anyhow::{Context, bail};
use clap::Parser;
use measure::search::{Answer, End as SearchEnd};
use profile::Profile;
use record::{Ended, Folder, SEARCH_SCHEMA_VERSION, SearchAxis, SearchKind, SearchRecord};

use super::{
    print,
    run::{Where, discard, start_target, tear_down},
};
use crate::{
    about,
    cli::{Cli, Command, SaturateArgs},
    end::End,
    interrupt::{Interrupt, Interrupted},
    plan::{Plan, Wishes},
    progress::Progress,
    result,
    saturate::{self, Lengths, Searching, Turn},
    scenario::{self, Axis},
    search_table,
    target::Target,
};

/// What is known to be right before anything is started.
struct Prepared {
    plan: Plan,
    axis: Axis,
    place: Where,
    profile: Option<Profile>,
    lengths: Lengths,
    start: f64,
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
        bail!("scenario {name} has no axis, so there is nothing to turn up; `loadgen run {name}` runs it");
    };
    let wishes = Wishes {
        nodes: args.nodes,
        preset: args.fleet.preset,
        at: args.from.clone(),
        measure: Lengths::quick().measure,
        seed: args.seed,
        start_rate: args.fleet.start_rate,
    };
    if axis == Axis::Nodes {
        bail!(
            "the axis of {name} is fleet.nodes, and a search over nodes is not there yet; `loadgen run {name} --nodes N` \
             measures one level"
        );
    }
    let plan = Plan::new(loaded, &wishes)?;
    let place = Where::of(args.target.clone())?;
    let profile = place.profile()?;
    place.check(&plan)?;
    let lengths = if args.quick { Lengths::quick() } else { Lengths::full(args.confirm) };
    Ok(Prepared { start: plan.at, plan, axis, place, profile, lengths })
}

/// The search of a record, as its own command line described it.
fn resume(dir: &Path) -> anyhow::Result<(Prepared, Option<(Folder, SearchRecord)>)> {
    let record = SearchRecord::read(dir)?;
    if let Some(ended) = record.ended.filter(|ended| *ended == Ended::Completed) {
        bail!("the search in {} is over ({ended:?}); there is nothing to go on with", dir.display());
    }
    let cli = Cli::try_parse_from(&record.command)
        .with_context(|| format!("the command line in {} is of another version", dir.display()))?;
    let Command::Saturate(args) = cli.command else {
        bail!("the record in {} is not of `loadgen saturate`", dir.display());
    };
    let mut prepared = prepare(&args)?;
    prepared.lengths = Lengths::of(&record.settings);
    let profile = prepared.profile.as_ref().map(about::resolved).transpose()?;
    if about::scenario(&prepared.plan)? != record.scenario || profile != record.profile {
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
    let Prepared { plan, axis, place, profile, lengths, start } = prepared;
    let (folder, run, mut earlier) = if let Some((folder, record)) = earlier {
        (folder, record.run_id.clone(), Some(record))
    } else {
        let run = result::new_run_id(&plan.scenario.name, plan.seed);
        (Folder::create(&args.output.out, &run)?, run, None)
    };
    let mut searching: Option<Searching<'_>> = None;
    let turns = async {
        loop {
            let plane = searching.as_ref().map_or_else(|| planes(earlier.as_ref()), Searching::planes) + 1;
            let name = format!("{run}-{plane}");
            let opened = start_target(profile.as_ref(), &place, &name, &folder, &progress);
            let target = interrupt.unless(opened).await.map_err(Into::into).flatten()?;
            if searching.is_none() {
                let record = match earlier.take() {
                    Some(record) => record,
                    None => begin(&plan, &axis, profile.as_ref(), &target, &run, &lengths, start)?,
                };
                let parts = (run.as_str(), &folder, progress.as_ref());
                searching = Some(Searching::new(&plan, axis.clone(), lengths, parts, record)?);
            }
            let Some(searching) = &mut searching else { bail!("a search without a record") };
            let turn = tokio::select! {
                biased;
                () = interrupt.requested() => Err(Interrupted.into()),
                error = target.failure() => Err(error),
                turn = searching.on(&target) => turn,
            };
            progress.doing("teardown", "");
            let torn_down = tear_down(target, &run).await;
            match (turn, torn_down) {
                (Ok(Turn::Over(answer)), Ok(())) => return Ok(answer),
                (Ok(Turn::Fresh), Ok(())) => {}
                (Err(error), Ok(())) | (Ok(_), Err(error)) => return Err(error),
                (Err(error), Err(left)) => return Err(left.context(format!("{error:#}, and then"))),
            }
        }
    };
    let answer = turns.await;
    progress.clear();
    let Some(searching) = searching else {
        if earlier.is_none() {
            discard(&folder);
        }
        return Err(answer.err().unwrap_or_else(|| anyhow::anyhow!("the search did not begin")));
    };
    end(searching.into_record(), answer, &folder, args.output.json)
}

/// Control planes that a record has used up.
fn planes(record: Option<&SearchRecord>) -> u32 {
    record.and_then(|record| record.trials.last()).map_or(0, |trial| trial.plane)
}

fn end(
    mut record: SearchRecord,
    answer: anyhow::Result<Answer>,
    folder: &Folder,
    json: bool,
) -> anyhow::Result<End> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let interrupted = error.is::<Interrupted>();
            record.ended = Some(if interrupted { Ended::Interrupted } else { Ended::Failed });
            folder.write_search(&record)?;
            let path = folder.path().display();
            return Err(if interrupted {
                crate::progress::tell(&format!("to go on: loadgen saturate --resume {path}"));
                error
            } else {
                error
                    .context(format!("the search failed; `loadgen saturate --resume {path}` goes on with it"))
            });
        }
    };
    record.ended = Some(Ended::Completed);
    saturate::conclude(&mut record, answer);
    folder.write_search(&record)?;
    if json {
        print(&format!("{}\n", serde_json::to_string_pretty(&record)?));
    } else {
        print(&search_table::render(&record, folder.path()));
    }
    Ok(match answer.end {
        SearchEnd::Found | SearchEnd::NotReached => End::Done,
        SearchEnd::NothingHolds => End::Broken,
        SearchEnd::HarnessLimited => End::Invalid,
    })
}

fn begin(
    plan: &Plan,
    axis: &Axis,
    profile: Option<&Profile>,
    target: &Target,
    run: &str,
    lengths: &Lengths,
    start: f64,
) -> anyhow::Result<SearchRecord> {
    Ok(SearchRecord {
        schema_version: SEARCH_SCHEMA_VERSION,
        kind: SearchKind::Search,
        run_id: run.to_owned(),
        ended: None,
        loadgen_version: env!("CARGO_PKG_VERSION").to_owned(),
        command: std::env::args().collect(),
        seed: plan.seed,
        scenario: about::scenario(plan)?,
        axis: SearchAxis { name: axis.to_string(), unit: axis.unit().to_owned() },
        profile: profile.map(about::resolved).transpose()?,
        target: about::describe(target),
        components: about::components(target),
        versions: about::versions(target),
        host: about::host(),
        fleet: about::fleet(plan),
        driver_identities: about::driver_identities(plan),
        settings: lengths.settings(start, plan.seed),
        trials: Vec::new(),
        answer: None,
        lambda: None,
        knee: None,
        broke_first: Vec::new(),
        limited_by: Vec::new(),
        cpu_ms_per_operation: std::collections::BTreeMap::new(),
        warnings: lengths.warnings(),
    })
}
