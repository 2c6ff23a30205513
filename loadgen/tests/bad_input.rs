//! Mistakes on the command line: one clear error each, before anything is started.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

/// Runs loadgen and expects exit code `code` and an error that holds all of `texts`.
fn check(args: &[&str], code: i32, texts: &[&str]) {
    check_in(TempDir::new().unwrap().path(), args, code, texts);
}

fn check_in(folder: &Path, args: &[&str], code: i32, texts: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(args)
        .current_dir(folder)
        .env("LOADGEN_CACHE_DIR", folder.join("cache"))
        .env_remove("KUBECONFIG")
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
    assert!(output.stdout.is_empty(), "{args:?} printed a result");
    assert_eq!(error.matches("error:").count(), 1, "{args:?}: one error, not\n{error}");
    for text in texts {
        assert!(error.contains(text), "{args:?}: no `{text}` in\n{error}");
    }
    assert!(!folder.join("loadgen-runs").exists(), "{args:?} left a record");
}

#[test]
fn an_unknown_scenario_gets_the_nearest_name() {
    check(&["run", "pod-chrun"], 2, &["pod-chrun", "did you mean `pod-churn`"]);
}

#[test]
fn a_scenario_file_is_checked_without_being_run() {
    let folder = TempDir::new().unwrap();
    let write = |text: &str| fs::write(folder.path().join("mine.toml"), text).unwrap();
    write("about = \"mine\"\naxes = \"pods.rate\"\n[fleet]\nnodes = 3\n");
    let texts = ["mine.toml:2:1", "`axes`", "did you mean `axis`?"];
    check_in(folder.path(), &["scenario", "check", "mine.toml"], 2, &texts);
    write("about = \"mine\"\naxis = \"pods.rate\"\n[fleet]\nnodes = 3\n");
    check_in(folder.path(), &["scenario", "check", "mine.toml"], 2, &["the axis pods.rate is of no load"]);
    check(&["scenario", "show", "pod-chrun"], 2, &["did you mean `pod-churn`?"]);
}

#[test]
fn a_fault_that_cannot_be_is_told_before_anything_is_started() {
    let folder = TempDir::new().unwrap();
    let churn =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/pod-churn.toml")).unwrap();
    let fault = "[[faults]]\nname = \"refusals\"\nresource = \"pods\"\noperations = [\"create\"]\n";
    let with =
        |more: &str| fs::write(folder.path().join("mine.toml"), format!("{churn}\n{fault}{more}")).unwrap();
    for (more, texts) in [
        ("percent = 5\ncodes = 503\n", ["mine.toml:", "unknown field `codes`", "did you mean `code`?"]),
        ("percent = 500\n", ["mine.toml", "percent of the fault refusals is 500", "100 at most"]),
        ("percent = 5\ncode = 302\n", ["mine.toml", "code of the fault refusals is 302", "400 to 599"]),
        ("delay = \"soon\"\n", ["mine.toml:", "`soon` is not a time", "1500ms"]),
    ] {
        with(more);
        check_in(folder.path(), &["scenario", "check", "mine.toml"], 2, &texts);
    }
    with("percent = 5\n");
    let args = ["run", "mine.toml", "--kubeconfig", "nowhere", "--preset", "kwok"];
    check_in(folder.path(), &args, 2, &["the faults of scenario mine", "cannot reach"]);
    let text = fs::read_to_string(folder.path().join("mine.toml")).unwrap();
    let text = text.replace("[\"create\"]", "[\"crate\"]");
    fs::write(folder.path().join("mine.toml"), text).unwrap();
    let texts = ["mine.toml:", "unknown value `crate`", "did you mean `create`?"];
    check_in(folder.path(), &["run", "mine.toml"], 2, &texts);
}

#[test]
fn an_unknown_profile_gets_the_nearest_name() {
    check(&["run", "pod-churn", "--profile", "default"], 2, &["default", "`defaults`"]);
}

#[test]
fn an_unknown_flag_gets_the_nearest_one() {
    check(&["run", "pod-churn", "--node", "5"], 2, &["--node", "--nodes"]);
}

#[test]
fn an_unknown_profile_field_is_named_with_line_and_column() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("mine.toml"), "about = \"mine\"\n[version]\netcd = \"3.6.8\"\n").unwrap();
    check_in(folder.path(), &["up", "--profile", "mine.toml"], 2, &["mine.toml:2:2", "version", "versions"]);
}

#[test]
fn an_unknown_apiserver_flag_gets_the_nearest_one() {
    let folder = TempDir::new().unwrap();
    let profile =
        "about = \"mine\"\nextends = \"defaults\"\n\n[apiserver.flags]\nmax-request-inflight = 800\n";
    fs::write(folder.path().join("mine.toml"), profile).unwrap();
    let texts = ["mine.toml:5:1", "max-request-inflight", "`max-requests-inflight`", "kube-apiserver"];
    check_in(folder.path(), &["up", "--profile", "mine.toml"], 2, &texts);
    check(&["up", "--set", "apiserver.flags.max-request-inflight=800"], 2, &texts[1..]);
}

#[test]
fn a_profile_that_is_none_is_neither_shown_nor_rendered() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("mine.toml"), "about = \"mine\"\nextend = \"defaults\"\n").unwrap();
    let texts = ["mine.toml:2:1", "`extend`", "did you mean `extends`?"];
    check_in(folder.path(), &["profile", "show", "mine.toml"], 2, &texts);
    check_in(folder.path(), &["profile", "diff", "defaults", "mine.toml"], 2, &texts);
    check_in(folder.path(), &["profile", "render", "mine.toml", "--for", "kind"], 2, &texts);
    check(&["profile", "show", "default"], 2, &["`defaults`"]);
    check(&["profile", "render", "defaults"], 2, &["--for"]);
    check(&["profile", "render", "defaults", "--for", "kubadm"], 2, &["kubadm", "kubeadm"]);
    check(&["profile", "show", "defaults", "--set", "storage.medium=tmpfs"], 2, &["--resolved"]);
    let set = ["--set", "apiserver.flags.max-request-inflight=8"];
    let nearest = ["max-request-inflight", "`max-requests-inflight`"];
    check(&[&["profile", "diff", "defaults", "defaults"][..], &set].concat(), 2, &nearest);
    for form in ["local", "kubeadm", "kind"] {
        let render = ["profile", "render", "defaults", "--for", form];
        check(&[&render[..], &set].concat(), 2, &nearest);
        let ours = [&render[..], &["--set", "apiserver.flags.secure-port=1"]].concat();
        check(&ours, 2, &["secure-port", "cannot be set in a profile"]);
    }
    let full = ["profile", "render", "defaults", "--for", "kind", "--out", "."];
    check_in(folder.path(), &full, 2, &["--out .", "no empty folder"]);
}

#[test]
fn more_nodes_than_descriptors_are_refused_with_the_number_that_fits() {
    check(&["run", "pod-churn", "--nodes", "4000000000"], 2, &["nodes fit", "doctor"]);
}

#[test]
fn odd_rates_and_times_are_refused() {
    check(&["run", "pod-churn", "--rate", "0"], 2, &["--at 0", "not a rate"]);
    check(&["run", "pod-churn", "--duration", "soon"], 2, &["soon", "60s"]);
    check(&["run", "pod-churn", "--nodes", "0"], 2, &["--nodes", "0"]);
}

#[test]
fn metrics_cannot_be_served_where_somebody_else_listens_or_nobody_can() {
    let run = |address: &str, texts: &[&str]| {
        check(&["run", "pod-churn", "--metrics-addr", address], 2, &[&["--metrics-addr"], texts].concat());
    };
    run("9095", &["`9095` is not a host and a port", "127.0.0.1:9095"]);
    run("[::1:9095", &["is not a host and a port"]);
    run("192.0.2.1:9095", &["cannot listen on 192.0.2.1:9095"]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    run(&taken, &[&taken, "is taken"]);
    for command in [
        &["saturate", "pod-churn"][..],
        &["compare", "pod-churn", "--profile", "defaults", "--profile", "kcm-sched-500", "--at", "20"],
        &["advice", "test", "kube-api-qps"],
        &["up"],
    ] {
        check(&[command, &["--metrics-addr", &taken]].concat(), 2, &["is taken"]);
    }
}

#[test]
fn a_kubeconfig_that_is_missing_malformed_or_leads_nowhere() {
    let folder = TempDir::new().unwrap();
    let cluster = |server: &str| {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: there\n\
             clusters: [{{name: there, cluster: {{server: '{server}', insecure-skip-tls-verify: true}}}}]\n\
             users: [{{name: me, user: {{token: t}}}}]\n\
             contexts: [{{name: there, context: {{cluster: there, user: me}}}}]\n"
        )
    };
    fs::write(folder.path().join("malformed"), "clusters: [{name: there").unwrap();
    fs::write(folder.path().join("nowhere"), cluster("https://127.0.0.1:9")).unwrap();
    let ca = identity::Authority::new("ca").unwrap();
    fs::write(folder.path().join("ca.crt"), ca.cert_pem()).unwrap();
    fs::write(folder.path().join("ca.key"), ca.key_pem()).unwrap();
    let run = |kubeconfig: &str, texts: &[&str]| {
        let args = [
            "run",
            "pod-churn",
            "--yes",
            "--kubeconfig",
            kubeconfig,
            "--ca-cert",
            "ca.crt",
            "--ca-key",
            "ca.key",
        ];
        check_in(folder.path(), &args, 1, texts);
    };
    run("missing", &["missing"]);
    run("malformed", &["malformed"]);
    run("nowhere", &["127.0.0.1:9", "there"]);
    let args = ["run", "pod-churn", "--kubeconfig", "nowhere"];
    check_in(folder.path(), &args, 2, &["--ca-cert", "--ca-key"]);
    let args = ["run", "pod-churn", "--kubeconfig", "nowhere", "--profile", "defaults-unthrottled"];
    check_in(folder.path(), &args, 2, &["--profile", "the cluster of a --kubeconfig is as it is"]);
    let args = ["run", "pod-churn", "--context", "x"];
    check_in(folder.path(), &args, 2, &["--kubeconfig"]);
}

#[test]
fn a_search_needs_something_to_turn_up() {
    let folder = TempDir::new().unwrap();
    let churn =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/pod-churn.toml")).unwrap();
    fs::write(folder.path().join("mine.toml"), churn.replace("axis = \"pods.rate\"\n", "")).unwrap();
    check_in(folder.path(), &["saturate", "mine.toml"], 2, &["mine.toml has no axis", "loadgen run"]);
    check_in(folder.path(), &["run", "mine.toml", "--at", "5/s"], 2, &["has no axis"]);
    let compared = ["compare", "mine.toml", "--profile", "defaults", "--profile", "defaults-unthrottled"];
    check_in(folder.path(), &compared, 2, &["has no axis", "fixed rate"]);
    fs::write(folder.path().join("odd.toml"), churn.replace("pods.rate", "pod.rate")).unwrap();
    check_in(folder.path(), &["saturate", "odd.toml"], 2, &["pod.rate", "did you mean `pods.rate`"]);
    check(&["saturate", "pod-churn", "--from", "fast"], 2, &["--at fast"]);
}

#[test]
fn a_comparison_is_of_two_profiles_that_differ_by_pairs_enough() {
    let two = ["compare", "pod-churn", "--profile", "defaults", "--profile", "defaults-unthrottled"];
    let with = |more: &[&'static str]| [&two[..], more].concat();
    check(&with(&["--pairs", "5"]), 2, &["too few pairs", "6 is the least"]);
    check(&with(&["--until-decided", "--budget", "10m"]), 2, &["too small for the first look", "8 pairs"]);
    check(&with(&["--until-decided"]), 2, &["--budget"]);
    check(&with(&["--metric", "latency"]), 2, &["`latency` is no metric", "cpu-per-operation"]);
    check(&with(&["--metric", "cpu-per-operation"]), 2, &["cannot decide this design", "lambda"]);
    check(&with(&["--band", "0"]), 2, &["the band"]);
    check(&with(&["--profile", "defaults"]), 2, &["of two profiles", "there are 3"]);
    check(&two[..4], 2, &["of two profiles", "there are 1"]);
    check(&["compare", "pod-churn", "--profile", "defaults", "--profile", "defautls"], 2, &["`defaults`"]);
    let same = ["compare", "pod-churn", "--at", "20", "--profile", "defaults", "--profile", "defaults"];
    check(&same, 2, &["differ in nothing", "--control aa"]);
    check(&["compare", "pod-churn", "--control", "aa"], 2, &["its own scenario"]);
    check(
        &["compare", "--control", "known-bad", "--profile", "defaults"],
        2,
        &["no known-bad profile", "node-status-10s"],
    );
    check(&["compare"], 2, &["SCENARIO"]);
}

#[test]
fn a_record_that_is_missing_cut_off_or_of_something_else_is_not_gone_on_with() {
    let folder = TempDir::new().unwrap();
    let record = folder.path().join("record");
    fs::create_dir(&record).unwrap();
    let resume =
        |command: &str, texts: &[&str]| check_in(folder.path(), &[command, "--resume", "record"], 2, texts);
    resume("saturate", &["search.json"]);
    resume("compare", &["experiment.json"]);
    fs::write(record.join("search.json"), "{\"schema_version\": 1, \"kind\": \"sea").unwrap();
    resume("saturate", &["search.json is cut off"]);
    fs::write(record.join("search.json"), "{\"schema_version\": 1, \"kind\": \"run\"}").unwrap();
    resume("saturate", &["kind run"]);
    fs::write(record.join("experiment.json"), "{\"schema_version\": 9, \"kind\": \"experiment\"}").unwrap();
    resume("compare", &["version 9"]);
    check_in(folder.path(), &["saturate", "pod-churn", "--resume", "record"], 2, &["--resume"]);
    check_in(folder.path(), &["compare", "record", "record"], 2, &["run.json"]);
}
