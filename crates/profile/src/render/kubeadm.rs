//! kubeadm's form: one file for `kubeadm init --config`.

use super::{
    FILES, File, Inexpressible, PATCHES,
    cluster::{self, Cluster, Dialect},
    component::Told,
    etcd, head, yaml,
};
use crate::{Form, Profile};

pub(super) fn file(profile: &Profile, told: &Told, inexpressible: &[Inexpressible]) -> File {
    let dialect = Dialect::of(profile, Form::Kubeadm);
    let mut cluster = Cluster::new(profile, told, Form::Kubeadm);
    cluster.kubernetes_version = Some(format!("v{}", profile.versions.kubernetes));
    let patches = etcd::patch(profile).map(|_| cluster::patched("InitConfiguration", dialect));
    let kubelet = cluster::kubelet(&profile.kubelet);
    let documents = [Some(yaml::document(&cluster)), patches.as_ref().map(yaml::document)];
    let documents = documents.into_iter().chain([kubelet.as_ref().map(yaml::document)]).flatten();

    let mut usage = vec!["kubeadm init --config kubeadm.yaml".to_owned()];
    if !told.files.is_empty() {
        usage.push(format!("The folder files is to be {FILES} on every control-plane node."));
    }
    if patches.is_some() {
        usage.push(format!("The folder patches is to be {PATCHES} there."));
    }
    if cluster::has_manifests(profile) {
        usage.push("What is in the folder manifests is applied when the cluster is up.".to_owned());
    }
    let usage: Vec<&str> = usage.iter().map(String::as_str).collect();
    let text = format!("{}{}", head(profile, &usage, inexpressible), yaml::stream(documents));
    File { path: "kubeadm.yaml".to_owned(), text }
}
