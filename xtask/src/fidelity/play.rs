//! Plays the script: a control plane, fake nodes and hollow nodes beside one another, and the same done to each of them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use control_plane::{ControlPlane, Options, ProgressSink, audit};
use tempfile::TempDir;
use tokio::time::Instant;

use super::{
    recording::{About, Phase, Recording},
    script::{Run, Timed, manifest},
};
use crate::{binaries, kubectl::Kubectl, until_stopped};

mod nodes;

use self::nodes::Nodes;

/// What to play, and on how many nodes.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) timed: Vec<Timed>,
    /// Seconds since the nodes were started.
    pub(crate) end: f64,
    pub(crate) fakes: u32,
    pub(crate) hollows: u32,
    /// Where what the nodes printed is kept.
    pub(crate) keep: Option<PathBuf>,
}

/// What the nodes sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Played {
    pub(crate) fakes: Vec<Recording>,
    pub(crate) hollows: Vec<Recording>,
}

/// Plays it, which takes as long as the script does and half a minute. Ctrl-C stops it and leaves nothing behind.
pub(crate) fn play(plan: &Plan) -> anyhow::Result<Played> {
    wire::install_crypto_provider();
    until_stopped::run(on_control_plane(plan))
}

async fn on_control_plane(plan: &Plan) -> anyhow::Result<Played> {
    let shim = binaries::shim()?;
    let progress: ProgressSink = Arc::new(|step| say(&step.to_string()));
    let mut profile = profile::load("defaults")?;
    profile.set("audit.level=Request")?;
    let version = profile.versions.kubernetes.clone();
    let places = control_plane::binaries::Places::from_env(None);
    let kubemark = if plan.hollows == 0 {
        PathBuf::new()
    } else {
        let shim = [shim.clone()];
        control_plane::binaries::find_kubemark(&version, &places, &shim, &progress).await?
    };
    let options = Options {
        profile,
        port: None,
        bin_dir: None,
        log_dir: None,
        restore: None,
        shim: vec![shim.clone()],
        progress,
        run_id: format!("fidelity-{}", std::process::id()),
    };
    let plane = ControlPlane::start(options).await?;
    let folder = TempDir::new().context("cannot make a folder for the nodes' files")?;
    let nodes = Nodes::new(&plane, folder.path(), shim, &kubemark, plan)?;
    let died = plane.died();
    let played = tokio::select! {
        error = died => Err(error.into()),
        played = steps(plan, &plane, nodes) => played,
    };
    let stopped = plane.stop().await;
    if let Some(to) = &plan.keep {
        keep_logs(folder.path(), to)?;
    }
    let played = played?;
    stopped?;
    Ok(played)
}

async fn steps(plan: &Plan, plane: &ControlPlane, mut nodes: Nodes) -> anyhow::Result<Played> {
    let kubectl = Kubectl::new(plane, nodes.folder())?;
    let before = together("before.yaml", &nodes.names(true))?;
    kubectl.apply(&before).await?;
    let (begin, origin) = (Instant::now(), jiff::Timestamp::now());
    let mut phases: BTreeMap<String, Vec<Phase>> = BTreeMap::new();
    let schedule = schedule(&plan.timed, &nodes.names(true), nodes.fakes().len());
    for Event { at, timed, on } in &schedule {
        until(begin, *at, &mut nodes).await?;
        if on.contains(&nodes.fakes()[0]) {
            let left = plan.end - timed.at;
            say(&format!("{at:>4.0} s  {} {}; {left:.0} s to go", timed.step, timed.action.does));
        }
        for node in on {
            let (step, does) = (timed.step.clone(), timed.action.does.clone());
            let phase = Phase { step, does, at: begin.elapsed().as_secs_f64() };
            phases.entry(node.clone()).or_default().push(phase);
        }
        let taking_part: Vec<&String> =
            on.iter().filter(|node| timed.live || nodes.fakes().contains(node)).collect();
        act(timed, &taking_part, &kubectl, &mut nodes)
            .await
            .with_context(|| format!("{} {}", timed.step, timed.action.does))?;
    }
    until(begin, plan.end + latest(nodes.names(true).len()), &mut nodes).await?;
    let at = begin.elapsed().as_secs_f64();
    for phases in phases.values_mut() {
        phases.push(Phase { step: "end".to_owned(), does: "stop".to_owned(), at });
    }
    nodes.stop_all().await;
    // Their last watches end with them.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let log = plane.audit_log().context("there is no audit log")?;
    let entries = audit::read(log)?;
    let version = plane.versions().kubernetes;
    let record = |who: String, names: Vec<String>| {
        let of = |node: String| {
            let phases = phases.get(&node).cloned().unwrap_or_default();
            let about = About { who: who.clone(), namespace: node.clone(), node, phases };
            Recording::from_audit(&entries, about, origin)
        };
        names.into_iter().map(of).collect()
    };
    Ok(Played {
        fakes: record("fake-kubelet".to_owned(), nodes.fakes()),
        hollows: record(format!("kubemark v{version}"), nodes.hollows()),
    })
}

/// Something to do, when, and on which nodes.
struct Event<'a> {
    at: f64,
    timed: &'a Timed,
    on: Vec<String>,
}

/// How much later each node's turn is than the one's before. Seconds. Side by side they would load the machine as the
/// recorded kubelet did not, and what it told apart would run together.
const STAGGER: f64 = 1.0;

/// How much later than the first the last node's turn is.
fn latest(nodes: usize) -> f64 {
    STAGGER * f64::from(u32::try_from(nodes.saturating_sub(1)).unwrap_or(u32::MAX))
}

/// The fake nodes are one process, so they start and stop together; everything else is for one node at a time.
fn schedule<'a>(timed: &'a [Timed], nodes: &[String], fakes: usize) -> Vec<Event<'a>> {
    let mut events = Vec::new();
    for timed in timed {
        let turn = |(index, node): (usize, &String)| Event {
            at: timed.at + latest(index + 1),
            timed,
            on: vec![node.clone()],
        };
        match timed.action.run {
            Run::Start if timed.step == "start" => {
                events.push(Event { at: timed.at, timed, on: nodes[..fakes].to_vec() });
                events.extend(nodes.iter().enumerate().skip(fakes).map(turn));
            }
            Run::Start | Run::Stop => {
                events.push(Event { at: timed.at + latest(nodes.len()), timed, on: nodes.to_vec() });
            }
            _ => events.extend(nodes.iter().enumerate().map(turn)),
        }
    }
    events.sort_by(|a, b| a.at.total_cmp(&b.at));
    events
}

async fn act(timed: &Timed, on: &[&String], kubectl: &Kubectl, nodes: &mut Nodes) -> anyhow::Result<()> {
    let file = || {
        let file = timed.action.file.as_deref().context("the action has no file")?;
        together(file, on)
    };
    match timed.action.run {
        Run::Start => nodes.start(on),
        Run::Stop => nodes.stop_fakes().await,
        _ if on.is_empty() => Ok(()),
        Run::Create => kubectl.create(&file()?).await,
        Run::Replace => kubectl.replace(&file()?).await,
        Run::Delete => kubectl.delete(&file()?, false).await,
        Run::ForceDelete => kubectl.delete(&file()?, true).await,
    }
}

/// One manifest for all of the nodes.
fn together(file: &str, nodes: &[impl AsRef<str>]) -> anyhow::Result<String> {
    let each: Vec<String> =
        nodes.iter().map(|node| manifest(file, node.as_ref())).collect::<anyhow::Result<_>>()?;
    Ok(each.join("\n---\n"))
}

/// Waits, unless a node ends meanwhile.
async fn until(begin: Instant, at: f64, nodes: &mut Nodes) -> anyhow::Result<()> {
    let time = begin + Duration::from_secs_f64(at);
    loop {
        nodes.check()?;
        let now = Instant::now();
        if now >= time {
            return Ok(());
        }
        tokio::time::sleep((time - now).min(Duration::from_secs(1))).await;
    }
}

fn keep_logs(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if let (Some(name), Some("log")) = (path.file_name(), path.extension().and_then(|end| end.to_str())) {
            fs::copy(&path, to.join(name)).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}

/// Writes the recordings into a folder.
pub(crate) fn keep(played: &Played, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for recording in played.fakes.iter().chain(&played.hollows) {
        recording.write(&folder.join(&recording.about.node))?;
    }
    say(&format!("the recordings are in {}", folder.display()));
    Ok(())
}

/// Reads them again.
pub(crate) fn kept(folder: &Path) -> anyhow::Result<Played> {
    let mut played = Played::default();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")) {
        let recording = Recording::read(&path.with_extension(""))?;
        let of = if recording.about.who == "fake-kubelet" { &mut played.fakes } else { &mut played.hollows };
        of.push(recording);
    }
    Ok(played)
}

#[expect(clippy::print_stdout, reason = "what a person who waits wants to know")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fidelity::script::Script;

    #[test]
    fn nodes_take_turns_but_start_and_stop_together() {
        let mut script = Script::load().unwrap();
        script.only(&["simple".to_owned(), "restart".to_owned()]).unwrap();
        let (timed, _) = script.short();
        let nodes = ["a", "b", "c"].map(str::to_owned);
        let schedule = schedule(&timed, &nodes, 2);
        let said: Vec<String> = schedule
            .iter()
            .map(|event| format!("{} {} {}", event.at, event.timed.action.does, event.on.concat()))
            .collect();
        assert_eq!(
            said,
            [
                "0 start ab",
                "2 start c",
                "13 apply a",
                "14 apply b",
                "15 apply c",
                "18 delete a",
                "19 delete b",
                "20 delete c",
                "24 stop abc",
                "27 start abc"
            ]
        );
    }
}
