//! `loadgen demo`: the whole thing in a few minutes, with choices that suit a laptop.

use std::time::Duration;

use super::run::{self, Where};
use crate::{cli::DemoArgs, end::End, plan::Wishes};

/// Enough pods at the default rate for a 99th percentile.
const MEASURE: Duration = Duration::from_secs(40);

pub(crate) async fn run(args: DemoArgs) -> End {
    let wishes = Wishes {
        nodes: Some(args.nodes),
        preset: args.fleet.preset,
        at: Some(args.rate.to_string()),
        measure: MEASURE,
        seed: 1,
        start_rate: args.fleet.start_rate,
    };
    run::scenario("pod-churn", &wishes, Where::Local(args.local), args.output).await
}
