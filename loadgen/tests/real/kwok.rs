//! The preset `kwok`: all nodes are one user, who is neither the admin nor refused anything.

use control_plane::audit;
use serde_json::Value;

use crate::support::{Bench, arg, only_entry, output};

#[test]
fn kwok_nodes_share_an_account_that_may_do_what_they_do() {
    let bench = Bench::new();
    let out = bench.path().join("records");
    let args = ["run", "pod-churn", "--preset", "kwok", "--nodes", "10", "--rate", "2", "--duration", "5s"];
    let mut command = bench.with_binaries(&args);
    command.args(["--audit", "--json", "--out", arg(&out)]);
    let (code, stdout, stderr) = output(command);
    // On a busy machine the figures of so short a run may not be valid; they are not looked at here.
    assert!(matches!(code, Some(0 | 3 | 4)), "{stderr}");
    bench.assert_nothing_left();

    let record: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(record["fleet"]["preset"], "kwok");
    assert_eq!(record["fleet"]["identities"], "shared");
    assert_eq!(record["pods"]["deleted"], record["pods"]["offered"], "{}", record["pods"]);
    let warnings = record["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning["name"] == "fidelity"), "{warnings:?}");

    let entries = audit::read(&only_entry(&out).join("logs/audit.log")).unwrap();
    let by_nodes: Vec<_> = entries.iter().filter(|it| it.user_agent.starts_with("kubelet/")).collect();
    assert!(!by_nodes.is_empty());
    for entry in by_nodes {
        let user = &entry.user.username;
        assert!(user.starts_with("system:serviceaccount:kube-system:loadgen-fleet-"), "{user}");
        let code = entry.response_status.as_ref().map_or(0, |status| status.code);
        // Before its Node exists, a lease is looked for in vain.
        assert!(code < 400 || code == 404, "{} {}: {code}", entry.verb, entry.request_uri);
    }
}
