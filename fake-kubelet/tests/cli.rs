//! The program: what it says to bad input, and how it ends.
#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use assert_cmd::cargo::cargo_bin_cmd;
use identity::{Authority, kubeconfig};
use null_apiserver::NullApiserver;
use rustix::process::{Pid, Signal, kill_process};

/// Runs the program to its end, where no kubeconfig can be found by accident.
fn run(arguments: &[&str]) -> Output {
    let mut command = cargo_bin_cmd!("fake-kubelet");
    command.env_remove("KUBECONFIG").env("HOME", "/nonexistent").args(arguments).output().unwrap()
}

#[track_caller]
fn check(arguments: &[&str], code: i32, says: &[&str]) {
    let output = run(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in says {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
}

#[test]
fn wrong_arguments_are_usage_errors() {
    check(&[], 2, &["--ca-cert", "--ca-key"]);
    let ca = ["--ca-cert", "c", "--ca-key", "k"];
    let with_ca = |more: &[&'static str]| [&ca[..], more].concat();
    check(&with_ca(&["--nodes", "0"]), 2, &["--nodes"]);
    check(&with_ca(&["--nodes", "many"]), 2, &["--nodes"]);
    check(&with_ca(&["--start-rate", "0"]), 2, &["--start-rate", "20/s"]);
    check(&with_ca(&["--nodse", "5"]), 2, &["--nodse", "--nodes"]);
    check(&["--ca-cert", "c"], 2, &["--ca-key"]);
    check(&with_ca(&["--preset", "kubelet-onyl"]), 2, &["kubelet-onyl", "kubelet-only"]);
    check(&with_ca(&["--without", "token"]), 2, &["token", "tokens, pod-gets"]);
    check(&with_ca(&["--without", "events", "--with", "events"]), 2, &["events is both"]);
    check(&with_ca(&["--rotate-certificates", "5m"]), 2, &["--rotate-certificates", "10m"]);
    check(&with_ca(&["--kube-api-qps", "0"]), 2, &["--kube-api-qps", "above 0"]);
}

#[test]
fn more_nodes_than_descriptors_name_the_number_that_fits() {
    let limit = fake_kubelet::descriptor_limit();
    // A million is the most that can be asked for; where that fits there is nothing to refuse.
    if limit < 1_000_000 {
        let fit = format!("{} nodes fit", (limit - 256) / 2);
        check(
            &["--nodes", "1000000", "--ca-cert", "c", "--ca-key", "k"],
            1,
            &[&limit.to_string(), &fit, "ulimit"],
        );
    }
}

#[test]
fn a_kubeconfig_that_is_missing_or_malformed_is_named() {
    let ca = ["--ca-cert", "c", "--ca-key", "k", "--kubeconfig"];
    check(&[&ca[..], &["/nonexistent/config"]].concat(), 1, &["/nonexistent/config"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, "clusters: [").unwrap();
    check(&[&ca[..], &[file.to_str().unwrap()]].concat(), 1, &[file.to_str().unwrap()]);
}

/// Files for the program beside a running server.
struct Cluster {
    server: NullApiserver,
    folder: tempfile::TempDir,
}

impl Cluster {
    async fn start() -> Self {
        let server = NullApiserver::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = server.client_certificate("admin", &["system:masters"]).unwrap();
        let config = kubeconfig::render("test", &server.url(), server.ca_pem(), &certificate, &key);
        let files =
            [("config", config.as_str()), ("ca.crt", server.ca_pem()), ("ca.key", server.ca_key_pem())];
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        Self { server, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn command(config: &Path, certificate: &Path, key: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("fake-kubelet"));
    command.arg("--kubeconfig").arg(config).arg("--ca-cert").arg(certificate).arg("--ca-key").arg(key);
    command.args(["--nodes", "2", "--name-prefix", "n-", "--preset", "kubelet-only"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program with these files to its end, which is expected to be an error.
async fn fails(config: PathBuf, certificate: PathBuf, key: PathBuf) -> String {
    let mut command = command(&config, &certificate, &key);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn files_of_the_authority_that_are_missing_or_wrong_are_named() {
    let cluster = Cluster::start().await;
    let (config, certificate, key) = (cluster.file("config"), cluster.file("ca.crt"), cluster.file("ca.key"));
    let missing = cluster.file("missing");
    let said = fails(config.clone(), missing.clone(), key.clone()).await;
    assert!(said.contains(missing.to_str().unwrap()), "{said}");
    let other = cluster.file("other.key");
    std::fs::write(&other, Authority::new("another").unwrap().key_pem()).unwrap();
    let said = fails(config, certificate, other).await;
    assert!(said.contains("certificate authority"), "{said}");
}

#[tokio::test]
async fn a_server_out_of_reach_is_named() {
    let cluster = Cluster::start().await;
    let url = cluster.server.url();
    let (config, certificate, key) = (cluster.file("config"), cluster.file("ca.crt"), cluster.file("ca.key"));
    cluster.server.stop_listening();
    cluster.server.close_connections();
    let said = fails(config, certificate, key).await;
    assert!(said.contains(&url) && said.contains("context test"), "{said}");
}

#[tokio::test]
async fn ctrl_c_ends_the_fleet_and_leaves_the_nodes() {
    let cluster = Cluster::start().await;
    let mut child =
        command(&cluster.file("config"), &cluster.file("ca.crt"), &cluster.file("ca.key")).spawn().unwrap();
    let (status, said) = tokio::task::spawn_blocking(move || interrupt_when_ready(&mut child)).await.unwrap();
    assert_eq!(status, Some(130), "{said}");
    assert!(said.contains("the 2 Node objects stay"), "{said}");
    assert_eq!(cluster.server.list::<k8s_pb::api::core::v1::Node>().len(), 2);
}

#[tokio::test]
async fn kwok_nodes_act_as_the_user_of_the_kubeconfig_and_need_no_authority() {
    let cluster = Cluster::start().await;
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("fake-kubelet"));
    command.arg("--kubeconfig").arg(cluster.file("config")).args(["--nodes", "2", "--preset", "kwok"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (status, said) = tokio::task::spawn_blocking(move || interrupt_when_ready(&mut child)).await.unwrap();
    assert_eq!(status, Some(130), "{said}");
    let requests = cluster.server.requests();
    assert!(requests.iter().all(|request| request.common_name() == "admin"));
    assert!(requests.iter().all(|request| !request.path.contains("csinodes")));
}

#[tokio::test]
async fn kube_proxies_get_an_account_and_a_connection_of_their_own() {
    let cluster = Cluster::start().await;
    let mut command = command(&cluster.file("config"), &cluster.file("ca.crt"), &cluster.file("ca.key"));
    let mut child = command.args(["--with", "kube-proxy"]).spawn().unwrap();
    let (status, said) = tokio::task::spawn_blocking(move || interrupt_when_ready(&mut child)).await.unwrap();
    assert_eq!(status, Some(130), "{said}");
    let requests = cluster.server.requests();
    assert!(requests.iter().any(|it| it.path.ends_with("/serviceaccounts/kube-proxy/token")));
}

/// Reads until both nodes are ready, sends SIGINT, and reads the rest.
fn interrupt_when_ready(child: &mut Child) -> (Option<i32>, String) {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("2 ready") {
        assert!(output.read_line(&mut said).unwrap() > 0, "{said}");
    }
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
    output.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}
