//! `loadgen run`: one scenario at one load.

use std::sync::Arc;

use measure::{criteria::together, statistics::Judgement};
use profile::Profile;
use record::{Folder, RunRecord};

use super::{print, report};
use crate::{
    cli::{OutputArgs, RunArgs},
    end::End,
    ground::{Ground, Where, discard},
    interrupt::Interrupt,
    metrics_server::{Listening, MetricsArgs, MetricsServer},
    plan::{Plan, Wishes},
    progress::Progress,
    result, scenario,
    shown::Shown,
    table,
    telemetry::Telemetry,
    trial,
};

pub(crate) async fn run(args: RunArgs) -> End {
    let wishes = Wishes {
        nodes: args.load.nodes,
        preset: args.load.fleet.preset,
        at: args.at,
        ..Wishes::new(args.duration, args.load.seed, args.load.fleet.start_rate)
    };
    match Where::of(args.target) {
        Ok(place) => scenario(&args.scenario, &wishes, place, &args.load.metrics, args.load.output).await,
        Err(error) => End::usage(error),
    }
}

/// Runs a scenario from beginning to end.
async fn scenario(
    name: &str,
    wishes: &Wishes,
    place: Where,
    metrics: &MetricsArgs,
    output: OutputArgs,
) -> End {
    // What can be known to be wrong is told before anything is started.
    let prepared = || {
        let plan = Plan::new(scenario::load(name)?, wishes)?;
        let profile = place.profile(&plan)?;
        place.check(&plan)?;
        anyhow::Ok((plan, profile, metrics.listen()?))
    };
    match prepared() {
        Ok((plan, profile, listening)) => {
            let measured = Box::pin(measure(&plan, profile.as_ref(), &place, listening, output));
            measured.await.unwrap_or_else(End::from)
        }
        Err(error) => End::usage(error),
    }
}

async fn measure(
    plan: &Plan,
    profile: Option<&Profile>,
    place: &Where,
    listening: Option<Listening>,
    output: OutputArgs,
) -> anyhow::Result<End> {
    let interrupt = Interrupt::listen("`loadgen clean` says what is left and removes it")?;
    let progress = Arc::new(Progress::new());
    let server = MetricsServer::open(listening, |text| progress.say(text))?;
    let run = result::new_run_id(&plan.scenario.name, plan.seed);
    let folder = Folder::create(&output.out, &run)?;
    let telemetry = Telemetry::new(&run, &plan.scenario.name);
    let shown = Shown::kept_in(&folder, &telemetry)?;
    let _showing = MetricsServer::shows(server.as_ref(), &shown);
    let ground = Ground {
        place,
        profile,
        cells: plan.scenario.scenario.cells,
        run: &run,
        folder: &folder,
        progress: &progress,
        interrupt: &interrupt,
        telemetry: &telemetry,
        shown: &shown,
        inventory: None,
        witness: None,
    };
    let mut began = false;
    let record = ground
        .with(1, async |target| {
            began = true;
            trial::measure(&ground, plan, target).await
        })
        .await;
    progress.clear();
    if !began {
        discard(folder.path());
    }
    let record: RunRecord = record?;
    if output.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&record)?));
    } else {
        print(&table::render(&record, folder.path()));
    }
    report::leave(folder.path());
    Ok(match together(&record.judged) {
        _ if !record.is_valid() => End::Invalid,
        Judgement::Breaks => End::Broken,
        Judgement::Holds | Judgement::Undecided => End::Done,
    })
}
