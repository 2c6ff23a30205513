//! `loadgen demo`: the whole thing in a few minutes, with choices that suit a laptop.

use std::time::Duration;

use crate::{cli::DemoArgs, end::End, ground::Where, plan::Wishes};

/// Enough pods at the default rate for a 99th percentile.
const MEASURE: Duration = Duration::from_secs(40);

pub(crate) async fn run(args: DemoArgs) -> End {
    let wishes = Wishes {
        nodes: Some(args.nodes),
        preset: args.fleet.preset,
        at: Some(args.rate.to_string()),
        ..Wishes::new(MEASURE, 1, args.fleet.start_rate)
    };
    super::run::scenario("pod-churn", &wishes, Where::Local(args.local), args.output).await
}
