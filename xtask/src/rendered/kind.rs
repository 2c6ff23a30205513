//! kind's own types over its form, and kubeadm over the patches in it.

use std::{fs, path::PathBuf, process::Command};

use anyhow::Context;
use profile::Profile;
use serde_json::{Value, json};

use super::kubeadm::documents;
use crate::command::{check as run, root, target};

/// Reads all files as kind would.
pub(crate) fn check(files: &[PathBuf]) -> anyhow::Result<()> {
    let program = fs::canonicalize(target())?.join("kind-check");
    let mut build = Command::new("go");
    build.args(["build", "-trimpath", "-buildvcs=false", "-o"]).arg(&program).arg(".");
    // A workspace or flags of the user's own projects must not reach into this one.
    build.current_dir(root().join("xtask/kind-check")).env("GOWORK", "off").env("GOFLAGS", "-mod=readonly");
    build.env("CGO_ENABLED", "0");
    run(build)?;
    let mut command = Command::new(program);
    command.args(files);
    run(command)
}

/// The patches of kind's form, each as a whole configuration that kubeadm can validate.
///
/// kind before Kubernetes 1.36 generates kubeadm's v1beta3, which kubeadm reads only to convert it; patches of that are left to
/// kind. To join, kubeadm must be told whom, which kind does.
pub(crate) fn patches(profile: &Profile, form: &str) -> anyhow::Result<Vec<String>> {
    let version = format!("v{}", profile.versions.kubernetes);
    let kind = documents(form)?;
    let patches = kind[0]["kubeadmConfigPatches"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut whole = Vec::new();
    for patch in patches.iter().filter_map(Value::as_str) {
        let mut patch: Value = serde_saphyr::from_str(patch).context("a patch is no YAML")?;
        let is_judged =
            patch["apiVersion"] != "kubeadm.k8s.io/v1beta3" && patch["kind"] != "JoinConfiguration";
        // Without a version kubeadm asks the network for one.
        if patch["kind"] == "ClusterConfiguration" {
            patch["kubernetesVersion"] = version.as_str().into();
            whole.extend(is_judged.then(|| format!("{patch:#}\n")));
        } else {
            let cluster = json!({
                "apiVersion": "kubeadm.k8s.io/v1beta4",
                "kind": "ClusterConfiguration",
                "kubernetesVersion": version,
            });
            whole.extend(is_judged.then(|| format!("{patch:#}\n---\n{cluster:#}\n")));
        }
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use profile::{Form, load, render::render};

    use super::{documents, patches};

    #[test]
    fn a_patch_becomes_a_configuration() {
        let mut profile = load("defaults").unwrap();
        profile.set("apiserver.flags.v=4").unwrap();
        profile.set("kubelet.max-pods=20").unwrap();
        profile.set("versions.etcd=3.5.35").unwrap();
        let whole = patches(&profile, &render(&profile, Form::Kind).files[0].text).unwrap();
        let kinds: Vec<Vec<String>> = whole
            .iter()
            .map(|text| {
                documents(text).unwrap().iter().map(|it| it["kind"].as_str().unwrap().to_owned()).collect()
            })
            .collect();
        let cluster = "ClusterConfiguration";
        let expected = [&[cluster][..], &["InitConfiguration", cluster], &["KubeletConfiguration", cluster]];
        assert_eq!(kinds, expected);
        assert!(whole.iter().all(|text| text.contains("v1.36.3")), "{whole:?}");
    }
}
