use super::*;
use crate::fidelity::{
    exceptions::{self, Oracle},
    oracle,
    recording::Line,
};

fn one(theirs: &Recording, ours: &Recording) -> Vec<Difference> {
    compare(std::slice::from_ref(theirs), std::slice::from_ref(ours), |_| true)
}

fn kubelet() -> Recording {
    oracle::read("kubelet-v1.36.3").unwrap()
}

#[test]
fn a_recording_is_like_itself() {
    for name in ["kubelet-v1.36.3", "hollow-kubelet-v1.36.3"] {
        let recording = oracle::read(name).unwrap();
        assert_eq!(one(&recording, &recording), []);
        assert_eq!(check_intervals(std::slice::from_ref(&recording)), []);
        assert_eq!(check_agents(std::slice::from_ref(&recording), std::slice::from_ref(&recording)), None);
    }
}

/// Both are the code of a kubelet, so what differs is what the table says of kubemark, no more and no less.
#[test]
fn a_hollow_node_differs_from_a_kubelet_as_the_table_says() {
    let (theirs, ours) = ([oracle::read("hollow-kubelet-v1.36.3").unwrap()], [kubelet()]);
    let steps = ["start", "simple", "cmsecret", "force", "steady"];
    let mut found = compare(&theirs, &ours, |step| steps.contains(&step));
    found.extend(check_agents(&theirs, &ours));
    let table = exceptions::load().unwrap();
    let unexplained: Vec<&Difference> = found
        .iter()
        .filter(|difference| !table.iter().any(|entry| entry.explains(Oracle::Live, difference)))
        .collect();
    assert_eq!(unexplained, Vec::<&Difference>::new());
    let stale: Vec<&str> = table
        .iter()
        .filter(|entry| entry.id.starts_with("hollow-") && !entry.sometimes)
        .filter(|entry| !found.iter().any(|difference| entry.explains(Oracle::Live, difference)))
        .map(|entry| entry.id.as_str())
        .collect();
    assert_eq!(stale, Vec::<&str>::new());
}

/// Changes a copy of the recording, and expects what is found by the change.
#[track_caller]
fn check(change: impl Fn(&mut Recording), expected: &[(&str, Kind, &str)]) {
    let theirs = kubelet();
    let mut ours = theirs.clone();
    change(&mut ours);
    let found = one(&theirs, &ours);
    let found: Vec<(&str, Kind, &str)> =
        found.iter().map(|d| (d.key.step.as_str(), d.kind, d.class.as_str())).collect();
    assert_eq!(found, expected);
}

/// The index of a request of the pod `simple`.
fn of_simple(recording: &Recording, verb: &str, which: usize) -> usize {
    let about = |line: &Line| line.path.contains("pods/simple") && line.verb == verb;
    let found = recording.lines.iter().enumerate().filter(|(_, line)| about(line)).nth(which);
    found.unwrap().0
}

#[test]
fn a_missing_request_is_found() {
    check(
        |recording| {
            recording.lines.retain(|line| !line.path.ends_with("resourceslices"));
            let delete = of_simple(recording, "delete", 0);
            recording.lines.remove(delete);
        },
        &[
            (
                "restart",
                Kind::Missing,
                "DELETE COLLECTION resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName=NODE",
            ),
            ("simple", Kind::Missing, "DELETE pods/POD"),
            (
                "start",
                Kind::Missing,
                "DELETE COLLECTION resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName=NODE",
            ),
        ],
    );
}

#[test]
fn an_extra_request_is_found() {
    check(
        |recording| {
            let token = recording.lines.iter().position(|line| line.path.ends_with("/token")).unwrap();
            recording.lines.insert(token, recording.lines[token].clone());
        },
        &[("simple", Kind::Extra, "POST serviceaccounts/default/token")],
    );
}

#[test]
fn a_swapped_order_is_found() {
    check(
        |recording| {
            let (get, patch) = (of_simple(recording, "get", 0), of_simple(recording, "patch", 0));
            let token = recording.lines.iter().position(|line| line.path.ends_with("/token")).unwrap();
            assert!(get < patch && patch < token);
            let times = [get, patch, token].map(|index| recording.lines[index].t);
            recording.lines.swap(patch, token);
            for (index, t) in [get, patch, token].into_iter().zip(times) {
                recording.lines[index].t = t;
            }
        },
        &[("simple", Kind::Order, "POST serviceaccounts/default/token, PATCH pods/POD/status")],
    );
}

#[test]
fn a_changed_field_is_found() {
    let change = |recording: &mut Recording| {
        let patch = of_simple(recording, "patch", 2);
        let body = recording.lines[patch].request.as_mut().unwrap();
        body["status"]["containerStatuses"][0]["restartCount"] = 1.into();
        body["status"]["conditions"][0]["status"] = "False".into();
    };
    check(change, &[("simple", Kind::Field, "PATCH pods/POD/status"); 2]);
    let (theirs, mut ours) = (kubelet(), kubelet());
    change(&mut ours);
    let found = one(&theirs, &ours);
    let fields: Vec<_> =
        found.iter().map(|d| (d.pointer.as_str(), d.theirs.as_str(), d.ours.as_str())).collect();
    assert_eq!(
        fields,
        [
            ("/status/conditions/Ready/status", "\"True\"", "\"False\""),
            ("/status/containerStatuses/0/restartCount", "0", "1"),
        ]
    );
}

#[test]
fn a_wrong_size_is_found() {
    check(
        |recording| {
            let post = |line: &&mut Line| line.verb == "create" && line.path == "/api/v1/nodes";
            let post = recording.lines.iter_mut().find(post).unwrap();
            let images = post.request.as_mut().unwrap()["status"]["images"].as_array_mut().unwrap();
            images.extend((0..50).map(|number| serde_json::json!({"names": [format!("image-{number}")]})));
        },
        &[("start", Kind::Size, "POST nodes")],
    );
}

#[test]
fn times_in_another_order_are_found() {
    check(
        |recording| {
            let patch = of_simple(recording, "patch", 4);
            let body = recording.lines[patch].request.as_mut().unwrap();
            let ended = &mut body["status"]["containerStatuses"][0]["state"]["terminated"];
            (ended["startedAt"], ended["finishedAt"]) =
                (ended["finishedAt"].clone(), ended["startedAt"].clone());
        },
        &[("simple", Kind::Times, "PATCH pods/POD/status")],
    );
}

#[test]
fn a_lease_that_is_renewed_late_is_found() {
    let mut recording = kubelet();
    let renewal =
        recording.lines.iter().rposition(|line| line.path.contains("leases") && line.t < 500.0).unwrap();
    recording.lines.remove(renewal);
    let found = check_intervals(&[recording]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].kind, Kind::Interval);
    assert!(found[0].ours.starts_with("after 20."), "{}", found[0].ours);
}

#[test]
fn a_watch_with_another_time_out_is_found() {
    check(
        |recording| recording.lines[0].query = recording.lines[0].query.replace("534", "1000"),
        &[
            (
                "start",
                Kind::Extra,
                "WATCH nodes?allowWatchBookmarks=true&fieldSelector=metadata.name=NODE&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeout=8m54s&timeoutSeconds=1000&watch=true",
            ),
            (
                "start",
                Kind::Missing,
                "WATCH nodes?allowWatchBookmarks=true&fieldSelector=metadata.name=NODE&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeout=timeoutSeconds&timeoutSeconds=300..600&watch=true",
            ),
        ],
    );
}

/// What only one of three nodes shows is chance, and so is what varies among theirs.
#[test]
fn chance_is_told_from_difference() {
    let theirs = kubelet();
    let mut other = theirs.clone();
    let token = other.lines.iter().position(|line| line.path.ends_with("/token")).unwrap();
    other.lines.remove(token);
    let nodes = [theirs.clone(), theirs.clone(), other.clone()];
    let found = compare(std::slice::from_ref(&theirs), &nodes, |_| true);
    assert_eq!(found.iter().map(|d| (d.seen, d.of, d.is_chance())).collect::<Vec<_>>(), [(1, 3, true)]);
    let found = compare(std::slice::from_ref(&theirs), &[other.clone(), other.clone()], |_| true);
    assert_eq!(found.iter().map(Difference::is_chance).collect::<Vec<_>>(), [false]);
    assert_eq!(compare(&nodes, &[theirs], |_| true), []);
    assert_eq!(compare(&nodes, &[other], |_| true), []);
}

#[test]
fn a_lease_that_is_renewed_no_more_is_found() {
    let mut recording = kubelet();
    recording.lines.retain(|line| !(line.path.contains("leases") && (500.0..900.0).contains(&line.t)));
    let found = check_intervals(&[recording]);
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert!(found.ours.starts_with("no more in 32"), "{}", found.ours);
}

#[test]
fn a_watch_that_is_not_opened_again_is_found() {
    let mut recording = kubelet();
    let renewed = |line: &Line| {
        line.verb == "watch" && line.path.ends_with("csidrivers") && !line.query.contains("sendInitialEvents")
    };
    let again = recording.lines.iter().position(renewed).unwrap();
    recording.lines.remove(again);
    let found = check_intervals(&[recording]);
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(found.class, "END OF WATCH storage.k8s.io/v1/csidrivers at its time-out");
}
