//! kubeadm itself: what it says of a configuration, and the static pods that it makes of one. It touches nothing but the folder
//! that it is given, and needs neither a network nor certificates.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use profile::Component;
use serde_json::{Value, json};

use super::compare::Container;
use crate::command::display;

/// kubeadm of one version.
#[derive(Clone, Debug)]
pub(crate) struct Kubeadm(PathBuf);

impl Kubeadm {
    /// By its path.
    pub(crate) fn new(program: PathBuf) -> Self {
        Self(program)
    }

    /// Fails where a field is not known or a value cannot be.
    pub(crate) fn validate(&self, config: &Path) -> anyhow::Result<()> {
        let mut command = Command::new(&self.0);
        command.args(["config", "validate", "--config"]).arg(config);
        output(command)
    }

    /// The containers of the static pods that come of a configuration.
    pub(crate) fn static_pods(
        &self,
        config: &Path,
        folder: &Path,
    ) -> anyhow::Result<BTreeMap<Component, Container>> {
        let pods = folder.join("static-pods");
        fs::create_dir(&pods).with_context(|| format!("cannot make {}", pods.display()))?;
        let placed = folder.join("kubeadm-here.yaml");
        let text = fs::read_to_string(config).with_context(|| format!("cannot read {}", config.display()))?;
        let text = here(documents(&text)?, &folder.join("patches"));
        fs::write(&placed, text).with_context(|| format!("cannot write {}", placed.display()))?;
        for phase in [&["control-plane", "all"], &["etcd", "local"]] {
            let mut command = Command::new(&self.0);
            command.args(["init", "phase"]).args(phase).arg("--config").arg(&placed).arg("--dry-run");
            command.env("KUBEADM_INIT_DRYRUN_DIR", &pods);
            output(command)?;
        }
        let read = |component: Component| {
            let path = pods.join(format!("{}.yaml", component.binary()));
            let text =
                fs::read_to_string(&path).with_context(|| format!("kubeadm made no {}", path.display()))?;
            let container = container(&text).with_context(|| format!("cannot read {}", path.display()))?;
            Ok((component, container))
        };
        Component::ALL.into_iter().map(read).collect()
    }
}

/// What a program says that does not take arguments. With `--version` behind them it reads them all, says its version and ends.
pub(crate) fn refused(program: &Path, arguments: &[String]) -> anyhow::Result<Option<String>> {
    let output = Command::new(program).args(arguments).arg("--version").output();
    let output = output.with_context(|| format!("cannot start {}", program.display()))?;
    if output.status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().find(|line| line.contains("rror") || line.contains("flag"));
    Ok(Some(first.or_else(|| said.lines().next()).unwrap_or("nothing").to_owned()))
}

/// Every document of a stream of YAML.
pub(crate) fn documents(text: &str) -> anyhow::Result<Vec<Value>> {
    serde_saphyr::from_multiple(text).context("what was rendered is no YAML")
}

/// What a file says to its reader.
pub(crate) fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
}

/// The same configuration with what kubeadm would find out about its machine, and with patches from another folder. JSON is YAML.
fn here(mut documents: Vec<Value>, patches: &Path) -> String {
    const INIT: &str = "InitConfiguration";
    if !documents.iter().any(|document| document["kind"] == INIT) {
        documents.push(json!({ "apiVersion": "kubeadm.k8s.io/v1beta4", "kind": INIT }));
    }
    for init in documents.iter_mut().filter(|document| document["kind"] == INIT) {
        // Of a range for benchmarks; kubeadm takes any address but a loopback one.
        init["localAPIEndpoint"] = json!({ "advertiseAddress": "198.18.0.1" });
        init["nodeRegistration"] =
            json!({ "name": "judged", "criSocket": "unix:///run/containerd/containerd.sock" });
        if let Some(folder) = init.pointer_mut("/patches/directory") {
            *folder = patches.to_string_lossy().into();
        }
    }
    let texts: Vec<String> = documents.iter().map(|document| format!("{document:#}\n")).collect();
    texts.join("---\n")
}

/// What the only container of a pod is started with.
fn container(pod: &str) -> anyhow::Result<Container> {
    let pod: Value = serde_saphyr::from_str(pod)?;
    let [container] = &pod["spec"]["containers"].as_array().context("it has no containers")?[..] else {
        bail!("it has not one container");
    };
    let list = |name: &str| container[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(Container {
        arguments: list("command").iter().skip(1).map(text).collect(),
        variables: list("env")
            .iter()
            .map(|variable| (text(&variable["name"]), text(&variable["value"])))
            .collect(),
    })
}

/// Runs it to its end; what it says is told where it fails.
fn output(mut command: Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("cannot start {}", display(&command)))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{} failed with {}: {}", display(&command), output.status, said.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::{container, documents, here};

    #[test]
    fn what_kubeadm_would_find_out_is_told_and_nothing_else_changed() {
        let cluster = json!({ "kind": "ClusterConfiguration", "kubernetesVersion": "v1.36.3" });
        let init = json!({ "kind": "InitConfiguration", "patches": { "directory": "/etc/x" } });
        let told = |all| documents(&here(all, Path::new("/tmp/patches"))).unwrap();
        let made = told(vec![cluster.clone()]);
        assert_eq!((made.len(), &made[0]), (2, &cluster));
        assert_eq!(made[1]["localAPIEndpoint"]["advertiseAddress"], "198.18.0.1");
        assert_eq!(made[1].get("patches"), None);
        let made = told(vec![cluster, init]);
        assert_eq!(made.len(), 2);
        assert_eq!(made[1]["patches"]["directory"], "/tmp/patches");
    }

    #[test]
    fn a_pod_is_its_container() {
        let pod = "spec:\n  containers:\n  - command:\n    - etcd\n    - --a=b\n    env:\n    - name: GOGC\n      value: \"50\"\n";
        let read = container(pod).unwrap();
        assert_eq!(read.arguments, ["--a=b"]);
        assert_eq!(read.variables, [("GOGC".to_owned(), "50".to_owned())]);
        assert!(container("spec: {}").is_err());
    }
}
