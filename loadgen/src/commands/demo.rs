//! `loadgen demo`: the whole thing in under five minutes: a quick search, with choices that suit a laptop.

use crate::{
    cli::{ClusterArgs, DemoArgs, LoadArgs, SaturateArgs, TargetArgs},
    end::End,
    metrics_server::MetricsArgs,
    saturate::Confirm,
};

pub(crate) async fn run(args: DemoArgs) -> End {
    super::saturate::run(search(args)).await
}

/// A step of the ramp: what is found is probed and not narrowed down.
const BRACKET: f64 = 1.44;

/// The search that it is.
pub(crate) fn search(args: DemoArgs) -> SaturateArgs {
    let cluster = ClusterArgs { kubeconfig: None, context: None };
    SaturateArgs {
        scenario: Some("pod-churn".to_owned()),
        target: TargetArgs { local: args.local, cluster, ca_cert: None, ca_key: None, yes: true },
        from: Some(args.from),
        quick: true,
        bracket: Some(BRACKET),
        confirm: Confirm::None,
        resume: None,
        load: LoadArgs {
            nodes: Some(args.nodes),
            seed: 1,
            fleet: args.fleet,
            metrics: MetricsArgs::default(),
            output: args.output,
        },
    }
}
