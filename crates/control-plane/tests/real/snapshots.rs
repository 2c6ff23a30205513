//! What a control plane holds, taken from one that runs and started again.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use control_plane::{ControlPlane, Error, Snapshot};
use profile::Component;
use tokio::time::Instant;

use super::{kubectl, options, processes_in, work_dir};

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_starts_with_what_was_there_when_it_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshots/one");
    let begin = Instant::now();
    let plane = ControlPlane::start(options("snapshot", &[])).await.unwrap();
    println!("fresh: ready after {:?}", begin.elapsed());
    kubectl(&plane, "create namespace kept");
    kubectl(&plane, "wait --for=create --timeout=60s -n kept serviceaccount/default");
    println!("fresh: a controller at work after {:?}", begin.elapsed());
    kubectl(&plane, "create configmap -n kept first");
    let token = kubectl(&plane, "create token -n kept default");
    let begin = Instant::now();
    let snapshot = plane.snapshot(&path).await.unwrap();
    println!("snapshot taken in {:?}", begin.elapsed());
    kubectl(&plane, "create configmap -n kept second");
    let before = fs::read_to_string(plane.kubeconfig()).unwrap();
    let last = revision(&plane);
    let error = plane.snapshot(&path).await.unwrap_err();
    assert!(matches!(error, Error::TakeSnapshot { .. }), "{error}");
    let etcd = plane.binaries().path(Component::Etcd);
    plane.stop().await.unwrap();

    assert_eq!(Snapshot::open(&path).unwrap(), snapshot);
    let manifest = snapshot.manifest();
    let revision_then = manifest.databases["etcd.db"].revision;
    assert!(0 < revision_then && revision_then < last, "{manifest:?}");
    // default, kube-node-lease, kube-public, kube-system and ours.
    assert_eq!(manifest.keys.get("namespaces"), Some(&5), "{manifest:?}");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&path.join("etcd.db"))), (0o700, 0o600));
    let beside: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(beside.len(), 1, "{beside:?}");

    without_etcdutl_nothing_is_restored(&path, &etcd).await;

    let mut options = options("restored", &["scheduler.flags.v=1"]);
    options.restore = Some(path);
    let work = work_dir(&options);
    let begin = Instant::now();
    let plane = ControlPlane::start(options).await.unwrap();
    println!("restored: ready after {:?}", begin.elapsed());
    kubectl(&plane, "create namespace later");
    kubectl(&plane, "wait --for=create --timeout=60s -n later serviceaccount/default");
    println!("restored: a controller at work after {:?}", begin.elapsed());
    let there = kubectl(&plane, "get configmaps -n kept -o name");
    assert_eq!(
        there.split_whitespace().collect::<Vec<_>>(),
        ["configmap/first", "configmap/kube-root-ca.crt"]
    );
    assert!(revision(&plane) > last, "revisions went back");
    assert_eq!(user_of(&plane, token.trim()), "system:serviceaccount:kept:default");
    // Client certificates of the first one are good for the second.
    let old = plane.work_dir().join("old.kubeconfig");
    let server = before.lines().find_map(|line| line.trim().strip_prefix("server: ")).unwrap();
    fs::write(&old, before.replace(server.trim_matches('"'), plane.server())).unwrap();
    let ready = format!("--kubeconfig {} get --raw /readyz", old.display());
    assert_eq!(kubectl(&plane, &ready), "ok");
    plane.stop().await.unwrap();
    assert_eq!(processes_in(&work), [""; 0]);
}

/// As in a `KUBEBUILDER_ASSETS` that has etcd alone.
async fn without_etcdutl_nothing_is_restored(path: &Path, etcd: &Path) {
    let folder = tempfile::tempdir().unwrap();
    symlink(etcd, folder.path().join("etcd")).unwrap();
    let mut options = options("no-tool", &[]);
    (options.bin_dir, options.restore) = (Some(folder.path().to_owned()), Some(path.to_owned()));
    let work = work_dir(&options);
    let error = ControlPlane::start(options).await.unwrap_err();
    assert!(matches!(error, Error::NoSnapshotTool { .. }), "{error}");
    assert!(!work.exists());
}

#[tokio::test]
async fn what_cannot_be_restored_is_an_error_that_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut missing = options("missing", &[]);
    missing.restore = Some(folder.path().join("nowhere"));
    let work = work_dir(&missing);
    let error = ControlPlane::start(missing).await.unwrap_err();
    assert!(matches!(error, Error::Snapshot { .. }), "{error}");
    assert!(!work.exists());
}

/// The newest revision that a list knows of.
fn revision(plane: &ControlPlane) -> i64 {
    let list = kubectl(plane, "get --raw /api/v1/namespaces/kept/configmaps");
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    list["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

/// Whom the apiserver takes the owner of a token for.
fn user_of(plane: &ControlPlane, token: &str) -> String {
    let review = serde_json::json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": { "token": token },
    });
    let file = plane.work_dir().join("review.json");
    fs::write(&file, review.to_string()).unwrap();
    let create = format!("create -o jsonpath={{.status.user.username}} -f {}", file.display());
    kubectl(plane, &create)
}
