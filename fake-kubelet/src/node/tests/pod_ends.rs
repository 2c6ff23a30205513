//! Pods that are refused, evicted, cannot be mounted, or end with their node; and what is left out of their lives.

use serde_json::{Value, json};

use super::{
    driver::{Driver, LIFE_ONLY, millis, pod, seconds, spec},
    render,
    server::Server,
};
use crate::{Class, Classes, NodeSpec, ObjectKind};

fn ready_with(classes: Classes, node: impl FnOnce(&mut NodeSpec)) -> Driver {
    let mut spec = NodeSpec { classes, ..spec() };
    node(&mut spec);
    let mut driver = Driver::of(spec, Server::default(), 1);
    driver.start();
    driver.run_until(seconds(12));
    driver.forget();
    driver
}

/// Phase, reason and message of a pod on the server.
fn outcome(driver: &Driver, name: &str) -> Value {
    let status = &driver.server.pods[name].status;
    json!([status["phase"], status.get("reason"), status.get("message")])
}

fn reasons(driver: &Driver) -> Vec<String> {
    let events = driver.sent.iter().filter(|sent| sent.line.starts_with("POST events"));
    let about_pods = events.filter(|sent| sent.body["involvedObject"]["kind"] == "Pod");
    about_pods.map(|sent| sent.body["reason"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_pod_that_does_not_fit_is_refused() {
    let mut driver = ready_with(LIFE_ONLY.with(Class::Events), |node| node.cpu = "25m".to_owned());
    for name in ["a", "b", "c"] {
        driver.bind(&pod(name));
        driver.run_for(seconds(1));
    }
    assert_eq!(driver.server.pods["b"].status["phase"], "Running");
    let message =
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 10, used: 20, capacity: 25";
    assert_eq!(outcome(&driver, "c"), json!(["Failed", "OutOfcpu", message]));
    assert_eq!(driver.server.pods["c"].status["conditions"], json!([]));
    assert_eq!(reasons(&driver).last().unwrap(), "OutOfcpu");
    // Its end makes no room for it, but for the next one.
    driver.delete("a");
    driver.run_for(seconds(3));
    driver.bind(&pod("d"));
    driver.run_for(seconds(1));
    assert_eq!(driver.server.pods["d"].status["phase"], "Running");
    assert_eq!(driver.server.pods["c"].status["phase"], "Failed");
}

#[test]
fn a_full_node_refuses_pods() {
    let mut driver = ready_with(LIFE_ONLY, |node| node.max_pods = 1);
    driver.bind(&pod("a"));
    driver.run_for(seconds(1));
    driver.bind(&pod("b"));
    driver.run_for(seconds(1));
    assert_eq!(outcome(&driver, "b")[1], "OutOfpods");
}

#[test]
fn an_evicted_pod_fails_and_stays() {
    let mut driver = ready_with(LIFE_ONLY.with(Class::Events), |_| ());
    let mut evicted = pod("p");
    let annotations = &mut evicted.metadata.as_mut().unwrap().annotations;
    annotations.insert("pod.loadgen/evicted-after".to_owned(), "5s".to_owned());
    driver.bind(&evicted);
    driver.run_for(seconds(10));
    let status = outcome(&driver, "p");
    assert_eq!((&status[0], &status[1]), (&json!("Failed"), &json!("Evicted")));
    let disruption = driver.server.pods["p"].condition("DisruptionTarget");
    assert_eq!(
        (&disruption["status"], &disruption["reason"]),
        (&json!("True"), &json!("TerminationByKubelet"))
    );
    assert_eq!(reasons(&driver), ["Pulled", "Created", "Started", "Evicted", "Killing"]);
    assert!(!driver.sent.iter().any(|sent| sent.line.starts_with("DELETE pods")));
}

#[test]
fn a_pod_waits_for_a_secret_and_says_so() {
    let classes = LIFE_ONLY.with(Class::Events).with(Class::ObjectWatches);
    let mut driver = ready_with(classes, |_| ());
    driver.hides_objects = true;
    let mut waiting = pod("p");
    let volume = k8s_pb::api::core::v1::Volume {
        name: Some("s".to_owned()),
        volume_source: Some(render::object_volume(ObjectKind::Secret, "s1")),
    };
    waiting.spec.as_mut().unwrap().volumes.push(volume);
    driver.bind(&waiting);
    driver.run_for(millis(900));
    assert!(reasons(&driver).is_empty());
    driver.run_for(seconds(4));
    assert_eq!(reasons(&driver), ["FailedMount"]);
    assert_eq!(driver.server.pods["p"].status["phase"], "Pending");
    driver.show_objects();
    driver.run_for(seconds(5));
    assert_eq!(driver.server.pods["p"].status["phase"], "Running");
}

#[test]
fn a_token_is_replaced_after_four_fifths_of_its_life() {
    let mut driver = ready_with(LIFE_ONLY.with(Class::Tokens), |_| ());
    let mut with_token = pod("p");
    let spec = with_token.spec.as_mut().unwrap();
    spec.service_account_name = Some("default".to_owned());
    spec.volumes.push(render::api_access("t"));
    driver.bind(&with_token);
    driver.run_for(seconds(2 * 3600));
    let asked: Vec<u64> = driver.times_of("/token").iter().map(|ms| ms / 1000).collect();
    assert_eq!(asked.len(), 3, "{asked:?}");
    for pair in asked.windows(2) {
        // 0.8 x 3607 s, less up to 10 s, and then the next sync of the pod: within 90 s.
        let age = pair[1] - pair[0];
        assert!((2_875..2_980).contains(&age), "{age} s");
    }
}

#[test]
fn a_token_that_cannot_be_had_is_asked_for_again() {
    let mut driver = ready_with(LIFE_ONLY.with(Class::Tokens), |_| ());
    let mut with_token = pod("p");
    let spec = with_token.spec.as_mut().unwrap();
    spec.service_account_name = Some("default".to_owned());
    spec.volumes.push(render::api_access("t"));
    let mut tries = 0;
    driver.on_request(move |call| {
        let refused = matches!(call, crate::Call::CreateToken(..)) && tries < 2;
        tries += usize::from(refused);
        refused.then_some(super::driver::Fault::Refused(403))
    });
    driver.bind(&with_token);
    driver.run_for(seconds(4));
    let asked = driver.times_of("/token");
    assert_eq!(asked.len(), 3);
    assert_eq!((asked[1] - asked[0], asked[2] - asked[1]), (502, 1002));
    assert_eq!(driver.server.pods["p"].status["phase"], "Running");
}

#[test]
fn a_failing_job_is_tried_again_until_it_succeeds_or_not_at_all() {
    for (policy, phase, runs) in [("OnFailure", "Running", 2), ("Never", "Failed", 0)] {
        let mut driver = ready_with(LIFE_ONLY, |_| ());
        let mut job = pod("p");
        job.spec.as_mut().unwrap().restart_policy = Some(policy.to_owned());
        let annotations = &mut job.metadata.as_mut().unwrap().annotations;
        annotations.insert("containers.loadgen/c".to_owned(), "exit 3 after 1s".to_owned());
        driver.bind(&job);
        driver.run_for(seconds(20));
        let status = &driver.server.pods["p"].status;
        assert_eq!(status["phase"], phase, "{policy}");
        assert_eq!(status["containerStatuses"][0]["restartCount"], runs, "{policy}");
    }
}

#[test]
fn an_init_container_that_fails_for_good_fails_its_pod() {
    let mut driver = ready_with(LIFE_ONLY, |_| ());
    let mut job = pod("p");
    let spec = job.spec.as_mut().unwrap();
    spec.restart_policy = Some("Never".to_owned());
    spec.init_containers.push(spec.containers[0].clone());
    spec.init_containers[0].name = Some("i".to_owned());
    let annotations = &mut job.metadata.as_mut().unwrap().annotations;
    annotations.insert("containers.loadgen/i".to_owned(), "exit 1 after 1s".to_owned());
    driver.bind(&job);
    driver.run_for(seconds(10));
    let status = &driver.server.pods["p"].status;
    assert_eq!(status["phase"], "Failed");
    assert_eq!(status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"], 1);
    assert_eq!(status["containerStatuses"][0]["state"]["waiting"]["reason"], "PodInitializing");
}

#[test]
fn a_pod_in_the_network_of_its_node_has_the_node_s_address() {
    let mut driver = ready_with(LIFE_ONLY, |_| ());
    let mut host = pod("p");
    host.spec.as_mut().unwrap().host_network = Some(true);
    driver.bind(&host);
    driver.run_for(seconds(2));
    let status = &driver.server.pods["p"].status;
    assert_eq!((&status["phase"], &status["podIP"]), (&json!("Running"), &status["hostIP"]));
}

#[test]
fn an_image_that_is_always_pulled_takes_its_time() {
    let mut driver = ready_with(LIFE_ONLY.with(Class::Events), |_| ());
    let mut pulled = pod("p");
    pulled.spec.as_mut().unwrap().containers[0].image_pull_policy = Some("Always".to_owned());
    driver.bind(&pulled);
    driver.run_for(seconds(3));
    assert_eq!(reasons(&driver), ["Pulling", "Pulled", "Created", "Started"]);
}

#[test]
fn several_containers_are_told_of_by_name_and_added_up() {
    let mut driver = ready_with(LIFE_ONLY, |_| ());
    let mut two = pod("p");
    let spec = two.spec.as_mut().unwrap();
    let mut second = spec.containers[0].clone();
    second.name = Some("b".to_owned());
    spec.containers.push(second);
    driver.bind(&two);
    driver.run_for(seconds(2));
    let status = &driver.server.pods["p"].status;
    let names: Vec<&Value> =
        status["containerStatuses"].as_array().unwrap().iter().map(|container| &container["name"]).collect();
    assert_eq!(names, ["b", "c"]);
    assert_eq!(status["resources"]["requests"], json!({ "cpu": "20m", "memory": "32Mi" }));
    assert_eq!(status["phase"], "Running");
}

#[test]
fn without_phases_and_looks_a_pod_costs_one_patch_and_one_delete() {
    let mut driver = ready_with(Classes::NONE.with(Class::OwnConnection), |_| ());
    driver.bind(&pod("p"));
    driver.run_for(seconds(3));
    driver.check_of("pods/", &["PATCH pods/p/status"]);
    assert_eq!(driver.server.pods["p"].status["phase"], "Running");
    driver.delete("p");
    driver.run_for(seconds(3));
    driver.check_of("pods/", &["DELETE pods/p"]);
}
