//! `loadgen run`: one scenario at one load.

use std::sync::Arc;

use measure::{criteria::together, statistics::Judgement};
use profile::Profile;
use record::{Folder, RunRecord};

use super::print;
use crate::{
    cli::{OutputArgs, RunArgs},
    end::End,
    ground::{Ground, Where, discard},
    interrupt::Interrupt,
    plan::{Plan, Wishes},
    progress::Progress,
    result, scenario, table, trial,
};

pub(crate) async fn run(args: RunArgs) -> End {
    let wishes = Wishes {
        nodes: args.load.nodes,
        preset: args.load.fleet.preset,
        at: args.at,
        ..Wishes::new(args.duration, args.load.seed, args.load.fleet.start_rate)
    };
    match Where::of(args.target) {
        Ok(place) => scenario(&args.scenario, &wishes, place, args.load.output).await,
        Err(error) => End::usage(error),
    }
}

/// Runs a scenario from beginning to end.
pub(crate) async fn scenario(name: &str, wishes: &Wishes, place: Where, output: OutputArgs) -> End {
    // What can be known to be wrong is told before anything is started.
    let prepared = || {
        let plan = Plan::new(scenario::load(name)?, wishes)?;
        let profile = place.profile(&plan)?;
        place.check(&plan)?;
        anyhow::Ok((plan, profile))
    };
    match prepared() {
        Ok((plan, profile)) => {
            Box::pin(measure(&plan, profile.as_ref(), &place, output)).await.unwrap_or_else(End::from)
        }
        Err(error) => End::usage(error),
    }
}

async fn measure(
    plan: &Plan,
    profile: Option<&Profile>,
    place: &Where,
    output: OutputArgs,
) -> anyhow::Result<End> {
    let interrupt = Interrupt::listen("`loadgen clean` says what is left and removes it")?;
    let progress = Arc::new(Progress::new());
    let run = result::new_run_id(&plan.scenario.name, plan.seed);
    let folder = Folder::create(&output.out, &run)?;
    let ground = Ground {
        place,
        profile,
        cells: plan.scenario.scenario.cells,
        run: &run,
        folder: &folder,
        progress: &progress,
        interrupt: &interrupt,
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
    Ok(match together(&record.judged) {
        _ if !record.is_valid() => End::Invalid,
        Judgement::Breaks => End::Broken,
        Judgement::Holds | Judgement::Undecided => End::Done,
    })
}
