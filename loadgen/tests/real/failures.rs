//! What goes wrong while a control plane is up: one clear error, and nothing is left.

use crate::support::{Bench, Running, arg, output, signal};

#[test]
fn a_component_that_dies_at_start_shows_its_last_words() {
    let bench = Bench::new();
    let profile =
        "about = \"broken\"\nextends = \"defaults\"\n[apiserver.flags]\nmax-requests-inflight = \"-7\"\n";
    let profile = bench.file("broken.toml", profile);
    let (code, _, stderr) = output(bench.with_binaries(&["up", "--profile", arg(&profile)]));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("kube-apiserver") && stderr.contains("max-requests-inflight"), "{stderr}");
    bench.assert_nothing_left();
}

#[test]
fn a_component_that_dies_later_ends_the_command() {
    let bench = Bench::new();
    let mut up = Running::start(bench.with_binaries(&["up"]));
    up.line_with("is ready");
    let processes = bench.pids();
    let etcd =
        processes.iter().find(|(_, line)| line.split(' ').next().is_some_and(|name| name.ends_with("/etcd")));
    signal(etcd.unwrap_or_else(|| panic!("no etcd among {processes:?}")).0, "KILL");
    let (status, output) = up.wait();
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains("error:") && output.contains("etcd"), "{output}");
    bench.assert_nothing_left();
}

#[test]
fn a_port_that_is_taken_is_named() {
    let bench = Bench::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, _, stderr) = output(bench.with_binaries(&["up", "--port", &port]));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains(&port) && stderr.contains("--port"), "{stderr}");
    bench.assert_nothing_left();
}

#[test]
fn without_binaries_and_toolchain_every_step_is_named() {
    let bench = Bench::new();
    let nobody = "http://127.0.0.1:9";
    let mut command = bench.command(&["up"]);
    command
        .env("PATH", bench.path())
        .env_remove("KUBEBUILDER_ASSETS")
        .env("LOADGEN_KUBERNETES_MIRROR", nobody)
        .env("LOADGEN_ETCD_MIRROR", nobody);
    let (code, _, stderr) = output(command);
    assert_eq!(code, Some(1), "{stderr}");
    for step in ["KUBEBUILDER_ASSETS", "PATH", "cache", nobody, "`go`"] {
        assert!(stderr.contains(step), "{step} in {stderr}");
    }
    bench.assert_nothing_left();
}
