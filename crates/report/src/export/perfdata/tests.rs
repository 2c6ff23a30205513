use super::*;

const RUN: &str = include_str!("../../../../record/testdata/run-v1.json");

fn run() -> RunRecord {
    serde_json::from_str(RUN).unwrap()
}

fn files() -> Vec<(String, PerfData)> {
    let files = of_run(&run()).unwrap().into_iter();
    // Unknown fields are refused, so this is the shape of the Go struct and nothing beside.
    files.map(|file| (file.name, serde_json::from_str(&file.content).unwrap())).collect()
}

fn labels(labels: &[(&str, &str)]) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn files_are_called_as_perfdash_looks_for_them() {
    let names: Vec<String> = files().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "APIResponsivenessPrometheus_pod-churn_2026-11-22T14:30:00Z.json",
            "PodStartupLatency_PodStartupLatency_pod-churn_2026-11-22T14:30:00Z.json"
        ]
    );
}

#[test]
fn requests_are_told_in_milliseconds_by_verb_and_resource() {
    let (_, api) = files().swap_remove(0);
    assert_eq!(api.version, "v1");
    assert_eq!(api.labels["scenario"], "pod-churn");
    assert_eq!(api.labels["etcd"], "3.6.8");
    let [item] = api.data_items.as_slice() else { panic!("{api:?}") };
    assert_eq!(item.data, BTreeMap::from([("Perc50".to_owned(), 9.0), ("Perc90".to_owned(), 19.0)]));
    assert_eq!(item.unit, "ms");
    let wanted = [
        ("Verb", "POST"),
        ("Resource", "pods"),
        ("Subresource", ""),
        ("Scope", "resource"),
        ("Count", "60"),
        ("Client", "drivers"),
    ];
    assert_eq!(item.labels, labels(&wanted));
}

#[test]
fn pods_are_told_by_the_names_of_their_transitions() {
    let (_, startup) = files().swap_remove(1);
    // The sample's other stages have no samples, so they have no item.
    let [item] = startup.data_items.as_slice() else { panic!("{startup:?}") };
    assert_eq!(item.labels, labels(&[("Metric", "pod_startup")]));
    assert_eq!(item.data.get("Perc90"), Some(&1500.0));
}

#[test]
fn json_has_the_keys_of_the_go_struct() {
    let file = of_run(&run()).unwrap().swap_remove(0);
    let json: serde_json::Value = serde_json::from_str(&file.content).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&json), ["dataItems", "labels", "version"]);
    assert_eq!(keys(&json["dataItems"][0]), ["data", "labels", "unit"]);
}

#[test]
fn a_resource_has_a_group_where_its_first_part_can_be_one() {
    assert_eq!(parts("pods"), ("", "pods", ""));
    assert_eq!(parts("pods/status"), ("", "pods", "status"));
    assert_eq!(parts("apps/deployments"), ("apps", "deployments", ""));
    assert_eq!(parts("apps/deployments/scale"), ("apps", "deployments", "scale"));
    assert_eq!(parts("coordination.k8s.io/leases"), ("coordination.k8s.io", "leases", ""));
    assert_eq!(
        parts("storage.k8s.io/volumeattachments/status"),
        ("storage.k8s.io", "volumeattachments", "status")
    );
}

#[test]
fn a_list_is_not_said_to_be_of_anything() {
    let mut run = run();
    run.requests.drivers[0].verb = "list".to_owned();
    let file = of_run(&run).unwrap().swap_remove(0);
    let data: PerfData = serde_json::from_str(&file.content).unwrap();
    assert_eq!(data.data_items[0].labels["Verb"], "LIST");
    assert!(!data.data_items[0].labels.contains_key("Scope"));
}

#[test]
fn a_search_tells_of_the_highest_load_that_held() {
    let search: SearchRecord =
        serde_json::from_str(include_str!("../../../../../docs/evidence/limiter/defaults.json")).unwrap();
    let files = of_search(&search).unwrap().unwrap();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    assert!(file.name.starts_with("APIResponsivenessPrometheus_pod-churn_"), "{}", file.name);
    let data: PerfData = serde_json::from_str(&file.content).unwrap();
    let held = search.held().unwrap();
    assert_eq!(data.labels["pods.rate"], format!("{}/s", held.task.at));
    assert!(data.data_items.iter().any(|item| item.labels["Client"] == "drivers"));
    let nothing = SearchRecord { answer: None, ..search };
    assert!(of_search(&nothing).unwrap().is_none());
}
