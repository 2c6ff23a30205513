//! Faults: requests are denied and delayed as the scenario says, as many as the drivers see, and nobody else's.

use std::fs;

use control_plane::audit;
use serde_json::Value;

use crate::support::{Bench, arg, only_entry, output};

const FAULTS: &str = r#"
[[faults]]
name = "refusals"
resource = "pods"
operations = ["create"]
percent = 50
code = 503

[[faults]]
name = "slow-ends"
resource = "pods"
operations = ["delete"]
delay = "50ms"

[[faults]]
name = "slow-status"
resource = "pods/status"
operations = ["update"]
delay = "10ms"
"#;

#[test]
fn half_of_the_creations_are_denied_and_what_nodes_do_to_pods_is_left_alone() {
    let bench = Bench::new();
    let churn = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/pod-churn.toml"));
    let churn = churn.unwrap().replace("lifetime = \"10s\"", "lifetime = \"2s\"");
    let mine = bench.file("mine.toml", &(churn + FAULTS));
    let out = bench.path().join("records");
    let args = ["run", arg(&mine), "--nodes", "3", "--at", "8/s", "--duration", "6s", "--audit", "--json"];
    let mut command = bench.with_binaries(&args);
    command.args(["--out", arg(&out)]);
    let (code, stdout, stderr) = output(command);
    bench.assert_nothing_left();
    let record: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
    // Half of what is offered fails; on a busy machine the harness is late as well.
    assert!(matches!(code, Some(3 | 4)), "{code:?}: {stderr}");

    let fault = |name: &str| {
        let faults = record["faults"].as_array().unwrap();
        let fault = faults.iter().find(|fault| fault["name"] == name).unwrap();
        (fault["asked"].as_u64().unwrap(), fault["denied"].as_u64().unwrap())
    };
    let pods = &record["pods"];
    let (asked, denied) = fault("refusals");
    assert_eq!(Some(asked), pods["offered"].as_u64(), "{pods}");
    assert_eq!(Some(denied), pods["failed_by_reason"]["create-server-error"].as_u64(), "{pods}");
    assert_eq!(Some(denied), pods["failed"].as_u64(), "nothing fails but what is to: {pods}");
    // A binomial of at least a hundred creations is within this but once in a million years of test runs.
    assert!(asked >= 100 && denied * 10 > asked * 3 && denied * 10 < asked * 7, "{denied} of {asked}");

    let entries = audit::read(&only_entry(&out).join("logs/audit.log")).unwrap();
    let requests = |prefix: &str, verb: &str, subresource: &str| {
        let is_one = |entry: &&audit::Entry| {
            let object = entry.object_ref.as_ref();
            let is_of = object.is_some_and(|it| it.resource == "pods" && it.subresource == subresource);
            entry.user.username.starts_with(prefix) && entry.verb == verb && is_of
        };
        entries.iter().filter(is_one).count() as u64
    };
    let driver = "system:serviceaccount:loadgen-";
    assert_eq!(asked, requests(driver, "create", ""));
    assert_eq!(fault("slow-ends"), (requests(driver, "delete", ""), 0));
    assert!(requests("system:node:", "delete", "") > 0, "nodes end their pods");
    let (reports, denied) = fault("slow-status");
    assert!(
        reports > 0 && denied == 0 && reports <= requests("system:node:", "patch", "status"),
        "{reports}"
    );
}
