//! `loadgen demo`: the whole thing in under five minutes: a quick search, with choices that suit a laptop.

use crate::{
    cli::{ClusterArgs, DemoArgs, LoadArgs, SaturateArgs, TargetArgs},
    end::End,
    saturate::Confirm,
};

pub(crate) async fn run(args: DemoArgs) -> End {
    super::saturate::run(search(args)).await
}

/// The search that it is.
pub(crate) fn search(args: DemoArgs) -> SaturateArgs {
    let cluster = ClusterArgs { kubeconfig: None, context: None };
    SaturateArgs {
        scenario: Some("pod-churn".to_owned()),
        target: TargetArgs { local: args.local, cluster, ca_cert: None, ca_key: None, yes: true },
        from: Some(args.from),
        quick: true,
        bracket: None,
        confirm: Confirm::Short,
        resume: None,
        load: LoadArgs { nodes: Some(args.nodes), seed: 1, fleet: args.fleet, output: args.output },
    }
}
