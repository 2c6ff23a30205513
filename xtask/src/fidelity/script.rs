//! What is done to a node: xtask/fidelity/script.toml.

use std::{fs, path::PathBuf};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::recording::Phase;
use crate::command::root;

/// The steps, one after the other.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    pub(crate) step: Vec<Step>,
}

/// One thing that happens to a node, usually with one pod.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) name: String,
    /// Whether a hollow node can do it too.
    #[serde(default)]
    pub(crate) live: bool,
    /// Whether it is part of a short run.
    #[serde(default = "yes")]
    short: bool,
    actions: Vec<Action>,
}

fn yes() -> bool {
    true
}

/// What is done, and for how long nothing else is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Action {
    /// The name of the phase that begins with it.
    pub(crate) does: String,
    pub(crate) run: Run,
    /// A manifest of xtask/fidelity/script.
    #[serde(default)]
    pub(crate) file: Option<String>,
    /// Seconds, in a short run.
    wait: f64,
}

/// How it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Run {
    Create,
    Replace,
    Delete,
    /// With a grace period of zero.
    ForceDelete,
    /// The nodes' processes; a start that follows a stop is of fake nodes only.
    Start,
    Stop,
}

/// An action with its time.
#[derive(Clone, Debug)]
pub(crate) struct Timed {
    pub(crate) step: String,
    pub(crate) live: bool,
    pub(crate) action: Action,
    /// Seconds since the nodes were started.
    pub(crate) at: f64,
}

impl Script {
    pub(crate) fn load() -> anyhow::Result<Self> {
        let script: Self = toml::from_str(include_str!("../../fidelity/script.toml"))
            .context("xtask/fidelity/script.toml")?;
        for file in
            script.step.iter().flat_map(|step| &step.actions).filter_map(|action| action.file.as_ref())
        {
            ensure!(manifest_path(file).is_file(), "xtask/fidelity/script has no {file}");
        }
        Ok(script)
    }

    /// Keeps the first step and those that were asked for.
    pub(crate) fn only(&mut self, steps: &[String]) -> anyhow::Result<()> {
        for wanted in steps {
            let names: Vec<&str> = self.step.iter().map(|step| step.name.as_str()).collect();
            ensure!(names.contains(&wanted.as_str()), "no step `{wanted}`; there are: {}", names.join(", "));
        }
        if !steps.is_empty() {
            self.step.retain(|step| step.name == "start" || steps.contains(&step.name));
        }
        Ok(())
    }

    pub(crate) fn is_live(&self, name: &str) -> bool {
        self.step.iter().any(|step| step.name == name && step.live)
    }

    /// The short form: what is left, as soon as it may be. And when it ends.
    pub(crate) fn short(&self) -> (Vec<Timed>, f64) {
        let mut at = 0.0;
        let mut timed = Vec::new();
        for step in self.step.iter().filter(|step| step.short) {
            for action in &step.actions {
                timed.push(Timed { step: step.name.clone(), live: step.live, action: action.clone(), at });
                at += action.wait;
            }
        }
        (timed, at)
    }

    /// All of it when it was done to the recorded node, but without the gaps that steps left out would leave.
    pub(crate) fn full(&self, recorded: &[Phase]) -> anyhow::Result<(Vec<Timed>, f64)> {
        let mut at = 0.0;
        let mut timed = Vec::new();
        for step in &self.step {
            for action in &step.actions {
                let phase =
                    recorded.iter().position(|phase| phase.step == step.name && phase.does == action.does);
                let phase =
                    phase.with_context(|| format!("{} {} was not recorded", step.name, action.does))?;
                timed.push(Timed { step: step.name.clone(), live: step.live, action: action.clone(), at });
                let next = recorded.get(phase + 1).map_or(recorded[phase].at + action.wait, |next| next.at);
                at += next - recorded[phase].at;
            }
        }
        Ok((timed, at))
    }
}

/// A manifest for one node.
pub(crate) fn manifest(file: &str, node: &str) -> anyhow::Result<String> {
    let path = manifest_path(file);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.replace("NODE", node).replace("NAMESPACE", node))
}

fn manifest_path(file: &str) -> PathBuf {
    root().join("xtask/fidelity/script").join(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fidelity::oracle;

    #[test]
    fn a_full_run_does_what_was_recorded_when_it_was() {
        let recorded = oracle::read("kubelet-v1.36.3").unwrap().about.phases;
        let (timed, end) = Script::load().unwrap().full(&recorded).unwrap();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert_eq!(timed.len() + 1, recorded.len());
        for (timed, recorded) in timed.iter().zip(&recorded) {
            assert_eq!((timed.step.as_str(), timed.action.does.as_str()), (&*recorded.step, &*recorded.does));
            assert!(near(timed.at, recorded.at), "{} {}", timed.at, recorded.at);
        }
        assert!(near(end, recorded.last().unwrap().at));
    }

    #[test]
    fn a_short_run_leaves_the_quiet_time_out() {
        let mut script = Script::load().unwrap();
        let (timed, end) = script.short();
        assert!(timed.iter().all(|timed| timed.step != "steady"));
        assert!(end < 300.0, "{end} s of a short run's six minutes");
        script.only(&["simple".to_owned()]).unwrap();
        let steps: Vec<_> = script.short().0.iter().map(|timed| (timed.step.clone(), timed.live)).collect();
        assert_eq!(
            steps,
            [("start".to_owned(), true), ("simple".to_owned(), true), ("simple".to_owned(), true)]
        );
        assert!(script.only(&["smple".to_owned()]).is_err());
    }

    #[test]
    fn a_manifest_is_of_its_node() {
        let text = manifest("simple.yaml", "fake-0").unwrap();
        assert!(text.contains("kubernetes.io/hostname: fake-0") && text.contains("namespace: fake-0"));
    }
}
