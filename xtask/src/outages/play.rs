//! One outage, from the start of a control plane to its end.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use control_plane::{ControlPlane, Options, ProgressSink};
use jiff::Timestamp;
use profile::{Component, Profile};
use tokio::time::sleep;
use wire::{Client, ClientCertificate, Credential, Encoding, Endpoint, Request};

use super::{
    Outage,
    fleet::{self, Fleet},
};
use crate::{binaries, kubectl::Kubectl, traffic::Traffic, until_stopped};

/// After the last node is ready: the first leases, and the first pods.
const SETTLE: Duration = Duration::from_secs(30);
const GONE: Duration = Duration::from_secs(30);
/// Those of which one is elected.
const ELECTED: [Component; 2] = [Component::ControllerManager, Component::Scheduler];

/// What to play.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) outage: Outage,
    pub(super) nodes: u32,
    pub(super) before: Duration,
    pub(super) after: Duration,
    pub(super) keep: Option<PathBuf>,
    /// `fake-kubelet`.
    pub(super) program: PathBuf,
}

/// What was seen.
#[derive(Clone, Debug)]
pub(super) struct Played {
    pub(super) traffic: Traffic,
    /// When measuring began. Seconds as in the traffic, like the others.
    pub(super) begin: f64,
    /// When the part was taken away, and when it was told to come back.
    pub(super) down: f64,
    pub(super) back: f64,
    /// When measuring ended.
    pub(super) end: f64,
    /// Nodes that were ready at the end.
    pub(super) ready: usize,
    /// Events that say that a node is not.
    pub(super) not_ready_events: usize,
    /// What a watch gets that asks for a version from before.
    pub(super) old_version: String,
    /// What the fleet printed.
    pub(super) said: String,
}

/// Plays it. Ctrl-C stops it and leaves nothing behind.
pub(super) fn play(plan: &Plan) -> anyhow::Result<Played> {
    wire::install_crypto_provider();
    until_stopped::run(on_control_plane(plan))
}

fn profile(outage: Outage) -> anyhow::Result<Profile> {
    let mut profile = profile::load("defaults")?;
    profile.set("audit.level=Metadata")?;
    // With election they end when there is no apiserver for ten seconds, which here is left to [`take_away`].
    profile.set("controller-manager.flags.leader-elect=false")?;
    profile.set("scheduler.flags.leader-elect=false")?;
    if outage == Outage::Goaway {
        profile.set("apiserver.flags.goaway-chance=0.02")?;
    }
    Ok(profile)
}

async fn on_control_plane(plan: &Plan) -> anyhow::Result<Played> {
    let progress: ProgressSink = Arc::new(|step| say(&step.to_string()));
    let options = Options {
        profile: profile(plan.outage)?,
        port: None,
        bin_dir: None,
        log_dir: plan.keep.clone(),
        restore: None,
        shim: vec![binaries::shim()?],
        progress,
        run_id: format!("outages-{}-{}", plan.outage.name(), std::process::id()),
    };
    let plane = ControlPlane::start(options).await?;
    let folder = tempfile::TempDir::new().context("cannot make a folder for the fleet")?;
    let kubectl = Kubectl::new(&plane, folder.path())?;
    fleet::deployment(&kubectl).await?;
    let died = plane.died();
    let played = tokio::select! {
        biased;
        error = died => Err(error.into()),
        () = fleet::churn(&kubectl, plan.nodes) => bail!("the churn has no end"),
        played = Box::pin(steps(plan, &plane, &kubectl, folder.path())) => played,
    };
    if let Some(keep) = &plan.keep {
        let _ = fs::copy(folder.path().join("fake-kubelet.log"), keep.join("fake-kubelet.log"));
    }
    let stopped = plane.stop().await;
    let played = played?;
    stopped?;
    Ok(played)
}

async fn steps(
    plan: &Plan,
    plane: &ControlPlane,
    kubectl: &Kubectl,
    folder: &Path,
) -> anyhow::Result<Played> {
    let mut fleet = Fleet::start(plane, folder, &plan.program, plan.nodes)?;
    fleet.wait_until_ready(kubectl, plan.nodes as usize).await?;
    say(&format!("{} nodes are ready", plan.nodes));
    sleep(SETTLE).await;
    let begin = Timestamp::now();
    say(&format!("measuring the steady state for {} s", plan.before.as_secs()));
    sleep(plan.before).await;
    let version = version(kubectl).await?;
    let down = Timestamp::now();
    say(&plan.outage.name());
    let back = take_away(plan.outage, plane, &version).await?;
    say(&format!("everything is there again; measuring for {} s", plan.after.as_secs()));
    sleep(plan.after).await;
    let end = Timestamp::now();
    let ready = fleet::ready_nodes(kubectl).await?;
    let events = ["get", "events", "-A", "--field-selector=reason=NodeNotReady", "-o", "name"];
    let not_ready_events = kubectl.ask(&events).await?.lines().count();
    let old = format!("/api/v1/pods?watch=true&resourceVersion={version}&timeoutSeconds=2");
    let old_version = kubectl.ask(&["get", "--raw", &old]).await.unwrap_or_else(|error| error.to_string());
    let said = fleet.said();
    fleet.stop().await?;
    say("reading the audit log");
    let traffic = Traffic::read(plane.audit_log().context("there is no audit log")?)?;
    let at = |time: Timestamp| traffic.seconds(time);
    let (begin, down, back, end) = (at(begin), at(down), at(back), at(end));
    Ok(Played { traffic, begin, down, back, end, ready, not_ready_events, old_version, said })
}

/// Does it, and says when the part was told to come back.
async fn take_away(outage: Outage, plane: &ControlPlane, version: &str) -> anyhow::Result<Timestamp> {
    let part = match outage {
        Outage::ApiserverRestart => {
            plane.stop_component(Component::Apiserver).await?;
            Component::Apiserver
        }
        Outage::ApiserverGone => {
            plane.kill_component(Component::Apiserver).await?;
            // They would have lost their leases after ten seconds, and a kubelet would start them again. A controller manager that
            // stays takes nodes for dead whose heartbeats it has not asked for again yet: its watches wait up to 30 s.
            for part in ELECTED {
                plane.stop_component(part).await?;
            }
            sleep(GONE).await;
            Component::Apiserver
        }
        Outage::EtcdRestart => {
            plane.stop_component(Component::Etcd).await?;
            Component::Etcd
        }
        Outage::VersionsExpire => {
            plane.stop_component(Component::Apiserver).await?;
            compact(plane, version).await?;
            Component::Apiserver
        }
        Outage::Goaway => return Ok(Timestamp::now()),
    };
    let back = Timestamp::now();
    plane.start_component(part).await?;
    if outage == Outage::ApiserverGone {
        for part in ELECTED {
            plane.start_component(part).await?;
        }
    }
    Ok(back)
}

/// The newest version of all.
async fn version(kubectl: &Kubectl) -> anyhow::Result<String> {
    let list = kubectl.ask(&["get", "--raw", "/api/v1/namespaces?limit=1"]).await?;
    let list: serde_json::Value = serde_json::from_str(&list)?;
    let version = list["metadata"]["resourceVersion"].as_str();
    version.map(str::to_owned).context("a list has no version")
}

/// etcd forgets all versions before this one (`/v3/kv/compaction` of its gateway).
async fn compact(plane: &ControlPlane, version: &str) -> anyhow::Result<()> {
    let argv = plane
        .processes()
        .into_iter()
        .find(|process| process.name == "etcd")
        .context("etcd does not run")?
        .argv;
    let value_of = |flag: &str| argv.iter().find_map(|argument| argument.strip_prefix(flag));
    let url = value_of("--listen-client-urls=").context("etcd has no address")?;
    let read = |name: &str| {
        let path = plane.work_dir().join("pki").join(name);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let certificate = ClientCertificate::from_pem(
        &read("apiserver-etcd-client.crt")?,
        &read("apiserver-etcd-client.key")?,
    )?;
    let endpoint = Endpoint::new(url, Some(&read("etcd/ca.crt")?))?;
    let client = Client::new(endpoint, Credential::certificate(certificate), "xtask")?;
    let body = serde_json::json!({ "revision": version, "physical": true }).to_string();
    let response = client.send(&Request::post("/v3/kv/compaction", body, Encoding::Json)).await?;
    if !response.is_success() {
        bail!("etcd does not compact: {} {}", response.status, String::from_utf8_lossy(&response.body));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what a person who waits wants to know")]
fn say(text: &str) {
    println!("{text}");
}
