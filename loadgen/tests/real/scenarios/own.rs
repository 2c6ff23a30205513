//! Scenarios that do something to the control plane itself: each has one of its own, whose logs tell.

use std::{
    fs,
    path::{Path, PathBuf},
};

use control_plane::audit;
use serde_json::Value;

use super::{
    Who::{Driver, Node},
    check, record, run_id, small,
};
use crate::support::{Bench, arg, only_entry};

/// A scenario, and a look at what is to be seen of it: of the run with this record, in the folder with its logs.
type Tried = (&'static str, fn(&Value, &Path));

/// All that are tried here.
const TRIED: [Tried; 5] = [
    ("cells", each_cell_has_its_part_of_the_nodes_and_of_the_pods),
    ("etcd-maintenance", etcd_was_looked_after),
    ("etcd-quota", etcd_was_full_and_is_well_again),
    ("rolling", nodes_are_replaced),
    ("several-apiservers", two_apiservers_share_the_nodes),
];

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TRIED.iter().map(|(name, _)| *name)
}

/// Tries one after the other.
pub(super) fn try_all(bench: &Bench) {
    for (name, see) in TRIED {
        let (record, logs) = run(bench, name);
        see(&record, &logs);
    }
}

/// Runs a scenario small and returns the run's record and where its logs are.
fn run(bench: &Bench, name: &str) -> (Value, PathBuf) {
    let out = bench.path().join(format!("records-{name}"));
    let mut command =
        bench.with_binaries(&["run", arg(&small(bench, name)), "--duration", "6s", "--audit", "--json"]);
    command.args(["--out", arg(&out)]);
    let record = record(name, command);
    bench.assert_nothing_left();
    (record, only_entry(&out).join("logs"))
}

fn assert_says(log: &Path, wanted: &[&str]) {
    let text = fs::read_to_string(log).unwrap();
    for wanted in wanted {
        assert!(text.contains(wanted), "{wanted} in {}", log.display());
    }
}

fn etcd_was_looked_after(_: &Value, logs: &Path) {
    assert_says(
        &logs.join("etcd.log"),
        &["sending database snapshot to client", "finished scheduled compaction", "finished defragment"],
    );
}

fn etcd_was_full_and_is_well_again(record: &Value, logs: &Path) {
    assert_says(&logs.join("etcd.log"), &["finished defragment"]);
    let entries = audit::read(&logs.join("audit.log")).unwrap();
    let drivers = format!("system:serviceaccount:loadgen-{}:", run_id(record));
    let patches = entries.iter().filter(|it| it.verb == "patch" && it.user.username.starts_with(&drivers));
    let answers: Vec<u16> = patches.filter_map(|it| Some(it.response_status?.code)).collect();
    let refused = answers.iter().position(|code| *code == 500);
    let refused = refused.unwrap_or_else(|| panic!("no patch was refused: {answers:?}"));
    assert!(answers[refused..].contains(&200), "patched again: {answers:?}");
}

fn nodes_are_replaced(record: &Value, logs: &Path) {
    let entries = audit::read(&logs.join("audit.log")).unwrap();
    let wanted =
        [(Driver, "patch", "nodes", 4), (Driver, "delete", "nodes", 4), (Node, "create", "nodes", 6 + 4)];
    check("rolling", record, &wanted, &entries);
}

fn two_apiservers_share_the_nodes(record: &Value, logs: &Path) {
    for log in ["audit.log", "audit.1.log"] {
        let entries = audit::read(&logs.join(log)).unwrap();
        check(
            "several-apiservers",
            record,
            &[(Node, "update", "leases", 1), (Driver, "create", "pods", 5)],
            &entries,
        );
    }
}

fn each_cell_has_its_part_of_the_nodes_and_of_the_pods(record: &Value, logs: &Path) {
    for cell in ["cell-1", "cell-2"] {
        let entries = audit::read(&logs.join(cell).join("audit.log")).unwrap();
        check("cells", record, &[(Node, "create", "leases", 3), (Driver, "create", "pods", 5)], &entries);
    }
}
