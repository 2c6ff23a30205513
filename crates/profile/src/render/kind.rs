//! kind's form: a `Cluster` whose patches are kubeadm's configuration.
//!
//! Feature gates stand among the arguments of their component: kind's own `featureGates` go to every component, and one that
//! does not know a gate does not start. kind puts arguments one over another by their names, so what is repeated is added by JSON
//! patches behind (kind v0.33, `pkg/internal/patch/kubeadm_merge.go`).

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    FILES, File, Inexpressible, PATCHES,
    cluster::{self, Cluster, Dialect},
    component::{Part, Told},
    etcd, head, inexpressible, yaml,
};
use crate::{Component, Form, Profile};

/// kind.x-k8s.io/v1alpha4.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KindCluster {
    kind: &'static str,
    api_version: &'static str,
    nodes: Vec<Node>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kubeadm_config_patches: Vec<String>,
    #[serde(rename = "kubeadmConfigPatchesJSON6902", skip_serializing_if = "Vec::is_empty")]
    kubeadm_config_patches_json6902: Vec<JsonPatch>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    role: &'static str,
    image: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extra_mounts: Vec<Mount>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Mount {
    host_path: &'static str,
    container_path: &'static str,
    read_only: bool,
}

#[derive(Debug, Serialize)]
struct JsonPatch {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    patch: String,
}

pub(super) fn file(profile: &Profile, told: &Told, inexpressible: &[Inexpressible]) -> File {
    let dialect = Dialect::of(profile, Form::Kind);
    let cluster = Cluster::new(profile, told, Form::Kind);
    let patches_etcd = etcd::patch(profile).is_some();
    let mut patches = Vec::new();
    if !cluster.is_empty() {
        patches.push(yaml::document(&cluster));
    }
    if patches_etcd {
        let kinds = ["InitConfiguration", "JoinConfiguration"].into_iter();
        patches.extend(kinds.map(|kind| yaml::document(&cluster::patched(kind, dialect))));
    }
    patches.extend(cluster::kubelet(&profile.kubelet).map(|kubelet| yaml::document(&kubelet)));

    let files = Mount { host_path: "files", container_path: FILES, read_only: true };
    let for_etcd = Mount { host_path: "patches", container_path: PATCHES, read_only: true };
    let mounts = [(!told.files.is_empty(), files), (patches_etcd, for_etcd)].into_iter();
    let node = Node {
        role: "control-plane",
        image: format!("kindest/node:v{}", profile.versions.kubernetes),
        extra_mounts: mounts.filter_map(|(is, mount)| is.then_some(mount)).collect(),
    };
    let number = inexpressible::nodes(profile.topology).unwrap_or(1);
    let kind = KindCluster {
        kind: "Cluster",
        api_version: "kind.x-k8s.io/v1alpha4",
        nodes: vec![node; usize::from(number)],
        kubeadm_config_patches: patches,
        kubeadm_config_patches_json6902: repeated(told, dialect),
    };

    let mut usage = vec![
        "kind create cluster --config kind.yaml, in this folder, with kind v0.33 or later.",
        "There are images of some versions; `kind build node-image` makes the others.",
    ];
    if cluster::has_manifests(profile) {
        usage.push("What is in the folder manifests is applied when the cluster is up.");
    }
    let text = format!("{}{}", head(profile, &usage, inexpressible), yaml::document(&kind));
    File { path: "kind.yaml".to_owned(), text }
}

/// The values of repeated flags after the first. v1beta3 has no place for them.
fn repeated(told: &Told, dialect: Dialect) -> Vec<JsonPatch> {
    let places = [
        (Component::Apiserver, "/apiServer"),
        (Component::ControllerManager, "/controllerManager"),
        (Component::Scheduler, "/scheduler"),
        (Component::Etcd, "/etcd/local"),
    ];
    let operations: Vec<Value> =
        places.into_iter().flat_map(|(component, place)| again(told.of(component), place)).collect();
    if dialect == Dialect::V1Beta3 || operations.is_empty() {
        return Vec::new();
    }
    vec![JsonPatch {
        group: "kubeadm.k8s.io",
        version: "v1beta4",
        kind: "ClusterConfiguration",
        patch: yaml::document(&operations),
    }]
}

fn again(part: &Part, place: &str) -> Vec<Value> {
    let add = |(name, value): &(String, String)| {
        let argument = json!({ "name": name, "value": value });
        json!({ "op": "add", "path": format!("{place}/extraArgs/-"), "value": argument })
    };
    part.first_and_again().1.into_iter().map(add).collect()
}
