//! `loadgen doctor`: can this machine, and this cluster, carry a run?

use std::fmt::Write as _;

use control_plane::binaries::{self, Located, Places};
use fake_kubelet::{Capacity, Classes, descriptor_limit};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::{Api, PostParams};

use super::print;
use crate::{
    cli::{ClusterArgs, DoctorArgs, LocalArgs},
    end::End,
    plan,
    target::{self, Admin},
};

/// Measured: a node with its own connection takes under 64 KiB in the fleet and about as much again in the apiserver and
/// kernel; 256 KiB leaves room for its objects in the watch caches.
const BYTES_PER_NODE: u64 = 256 * 1024;
/// etcd, kube-apiserver, scheduler and controller-manager right after their start, with room to grow.
const BYTES_CONTROL_PLANE: u64 = 2 << 30;

/// What one check found.
struct Finding {
    subject: &'static str,
    verdict: Verdict,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Note,
    Bad,
}

impl Finding {
    fn new(subject: &'static str, verdict: Verdict, text: impl Into<String>) -> Self {
        Self { subject, verdict, text: text.into() }
    }
}

pub(crate) async fn run(args: DoctorArgs) -> End {
    let profile = match plan::profile(&args.local, &[]) {
        Ok(profile) => profile,
        Err(error) => return End::usage(error),
    };
    let mut findings = vec![
        descriptors(args.nodes, args.preset.classes(), descriptor_limit()),
        memory(args.nodes, scrape::Host::read().memory_bytes),
        cores(),
    ];
    if args.cluster.kubeconfig.is_some() {
        findings.extend(cluster(&args.cluster).await);
    } else {
        findings.extend(local(&profile, &args.local).await);
    }
    print(&render(&findings));
    let bad = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count();
    if bad == 0 {
        End::Done
    } else {
        End::Failed(anyhow::anyhow!("{bad} of {} checks failed", findings.len()))
    }
}

fn render(findings: &[Finding]) -> String {
    findings.iter().fold(String::new(), |mut text, Finding { subject, verdict, text: found }| {
        let mark = match verdict {
            Verdict::Good => "ok  ",
            Verdict::Note => "note",
            Verdict::Bad => "BAD ",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{mark} {subject:<12} {found}");
        text
    })
}

fn descriptors(nodes: u32, classes: Classes, limit: u64) -> Finding {
    let each = classes.connections_per_node();
    match Capacity::of(nodes.into(), classes, limit) {
        Capacity::Enough => Finding::new(
            "descriptors",
            Verdict::Good,
            format!("the limit of {limit} carries {nodes} nodes with {each} connections each"),
        ),
        Capacity::TooFew { fit, needed, .. } => Finding::new(
            "descriptors",
            Verdict::Bad,
            format!(
                "the limit is {limit}: {fit} nodes with {each} connections each fit, not {nodes}. Raise it with `ulimit -Hn {needed}` \
                 as root and `ulimit -n {needed}`, `* hard nofile {needed}` in /etc/security/limits.conf, or LimitNOFILE={needed} in \
                 a unit"
            ),
        ),
    }
}

fn memory(nodes: u32, total: Option<u64>) -> Finding {
    let needed = u64::from(nodes) * BYTES_PER_NODE + BYTES_CONTROL_PLANE;
    let gib = |bytes: u64| format!("{}.{} GiB", bytes >> 30, ((bytes & ((1 << 30) - 1)) * 10) >> 30);
    let Some(total) = total else {
        return Finding::new("memory", Verdict::Note, format!("a run takes about {}", gib(needed)));
    };
    let text = format!(
        "{} in all; {nodes} nodes and a control plane on this machine take about {}",
        gib(total),
        gib(needed)
    );
    Finding::new("memory", if needed <= total { Verdict::Good } else { Verdict::Bad }, text)
}

fn cores() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (verdict, text) = match cores {
        1 => (Verdict::Bad, "one core: harness and control plane would take turns".to_owned()),
        2..4 => (
            Verdict::Note,
            format!(
                "{cores} cores, shared by the harness and a local control plane; the record says the harness's share"
            ),
        ),
        _ => (Verdict::Good, format!("{cores} cores")),
    };
    Finding::new("cores", verdict, text)
}

/// Where the binaries of a control plane on this machine are, or would come from.
async fn local(profile: &profile::Profile, local: &LocalArgs) -> Vec<Finding> {
    let places = Places::from_env(local.bin_dir.clone().or_else(|| profile.versions.bin_dir.clone()));
    let shim = match target::shim() {
        Ok(shim) => shim,
        Err(error) => return vec![Finding::new("binaries", Verdict::Bad, format!("{error:#}"))],
    };
    let versions = &profile.versions;
    match binaries::locate(&versions.kubernetes, &versions.etcd, &places, &shim).await {
        Ok(located) => located.into_iter().map(|located| located_finding(&located)).collect(),
        Err(error) => vec![Finding::new("binaries", Verdict::Bad, error.to_string())],
    }
}

fn located_finding(Located { what, release, go }: &Located) -> Finding {
    match (release, go) {
        (Some(release), _) => {
            let text = format!("{what}: {} ({})", release.folder.display(), release.origin);
            Finding::new("binaries", Verdict::Good, text)
        }
        (None, Some(go)) => {
            let text = format!(
                "{what}: not here; downloaded, or built with {} (about 7 minutes) at the first use",
                go.display()
            );
            Finding::new("binaries", Verdict::Note, text)
        }
        (None, None) => {
            let text = format!(
                "{what}: not here, and there is no `go` to build it with if it cannot be downloaded; --bin-dir names a folder"
            );
            Finding::new("binaries", Verdict::Bad, text)
        }
    }
}

/// Whether a cluster can be reached, and whether we may do there what a run does.
async fn cluster(args: &ClusterArgs) -> Vec<Finding> {
    let admin = match Admin::connect(args.kubeconfig.as_deref(), args.context.as_deref()).await {
        Ok(admin) => admin,
        Err(error) => return vec![Finding::new("cluster", Verdict::Bad, format!("{error:#}"))],
    };
    let text = format!("{} is {} at {}", admin.context, admin.version, admin.endpoint.server());
    let mut findings = vec![Finding::new("cluster", Verdict::Good, text)];
    for (verb, group, resource) in [
        ("create", "", "namespaces"),
        ("delete", "", "namespaces"),
        ("create", "", "serviceaccounts"),
        ("create", "rbac.authorization.k8s.io", "rolebindings"),
        ("list", "", "nodes"),
        ("delete", "", "nodes"),
    ] {
        findings.push(right(&admin.kube, verb, group, resource).await);
    }
    findings
}

async fn right(client: &kube::Client, verb: &str, group: &str, resource: &str) -> Finding {
    let attributes = ResourceAttributes {
        verb: Some(verb.to_owned()),
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    match Api::<SelfSubjectAccessReview>::all(client.clone()).create(&PostParams::default(), &review).await {
        Ok(answer) if answer.status.as_ref().is_some_and(|status| status.allowed) => {
            Finding::new("rights", Verdict::Good, format!("may {verb} {resource}"))
        }
        Ok(_) => Finding::new("rights", Verdict::Bad, format!("may not {verb} {resource}, which a run does")),
        Err(error) => Finding::new(
            "rights",
            Verdict::Bad,
            format!("cannot ask whether we may {verb} {resource}: {error}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use fake_kubelet::Preset;

    use super::*;

    #[test]
    fn too_low_a_descriptor_limit_says_what_fits_and_how_to_raise_it() {
        let (kubelets, both) = (Preset::KubeletOnly.classes(), Preset::Kubelet.classes());
        let finding = descriptors(20_000, kubelets, 1024);
        assert!(finding.verdict == Verdict::Bad);
        let text = finding.text;
        assert!(text.contains("768 nodes with 1 connections") && text.contains("ulimit -n 20256"), "{text}");
        let text = descriptors(20_000, both, 1024).text;
        assert!(text.contains("384 nodes with 2 connections") && text.contains("ulimit -n 40256"), "{text}");
        assert!(descriptors(500, kubelets, 1024).verdict == Verdict::Good);
    }

    #[test]
    fn memory_is_judged_with_the_control_plane_in_it() {
        assert!(memory(1000, Some(24 << 30)).verdict == Verdict::Good);
        assert!(memory(1000, Some(2 << 30)).verdict == Verdict::Bad);
    }
}
