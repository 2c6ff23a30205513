//! What holds whatever happens, in whatever order.

use std::collections::HashSet;

use k8s_pb::api::core::v1 as core;
use proptest::prelude::*;
use serde_json::json;

use super::{
    driver::{Driver, Fault, Sent, millis, pod, seconds},
    server::Server,
};
use crate::{Call, Event, Milestone};

#[derive(Clone, Debug)]
enum Happening {
    Wait(u64),
    Bind(u8),
    Delete(u8),
    DeleteByForce(u8),
    /// A controller says that a pod is not ready.
    Deny(u8),
    ChangeSpec(u8),
    Relist,
    TouchLease,
    LoseLease,
    /// The machine is cut off.
    Silence,
    /// The server can be reached again.
    Resume,
}

fn happening() -> impl Strategy<Value = Happening> {
    let pods = 0u8..4;
    prop_oneof![
        6 => (0u64..3_000).prop_map(Happening::Wait),
        1 => (3_000u64..60_000).prop_map(Happening::Wait),
        5 => pods.clone().prop_map(Happening::Bind),
        3 => pods.clone().prop_map(Happening::Delete),
        1 => pods.clone().prop_map(Happening::DeleteByForce),
        1 => pods.clone().prop_map(Happening::Deny),
        1 => pods.prop_map(Happening::ChangeSpec),
        1 => Just(Happening::Relist),
        1 => Just(Happening::TouchLease),
        1 => Just(Happening::LoseLease),
        1 => Just(Happening::Silence),
        2 => Just(Happening::Resume),
    ]
}

/// What happens to requests, one after the other, over and over.
fn fates() -> impl Strategy<Value = Vec<Option<Fault>>> {
    let fate = prop_oneof![
        6 => Just(None),
        1 => prop::sample::select(vec![403, 404, 409, 429, 500, 503]).prop_map(|code| Some(Fault::Refused(code))),
        1 => Just(Some(Fault::Unreachable)),
        1 => Just(Some(Fault::AnswerLost)),
    ];
    prop::collection::vec(fate, 1..40)
}

/// A pod of this name that has never been there before.
fn another(name: &str, incarnation: &mut u32) -> core::Pod {
    *incarnation += 1;
    let mut pod = pod(name);
    pod.metadata.as_mut().unwrap().uid = Some(format!("{name}-{incarnation}"));
    pod
}

fn happen(driver: &mut Driver, happening: &Happening, incarnation: &mut u32) {
    let name = |index: u8| format!("p{index}");
    match *happening {
        Happening::Wait(time) => driver.run_for(millis(time)),
        Happening::Bind(index) if !driver.server.pods.contains_key(&name(index)) => {
            driver.bind(&another(&name(index), incarnation));
        }
        Happening::Delete(index)
            if driver.server.pods.get(&name(index)).is_some_and(|pod| !pod.is_deleting()) =>
        {
            driver.delete(&name(index));
        }
        Happening::DeleteByForce(index) => driver.delete_by_force(&name(index)),
        Happening::Deny(index) => {
            let running = driver.server.pods.get(&name(index)).filter(|pod| pod.status["phase"] == "Running");
            if running.is_some() {
                let patch = json!({ "conditions": [{ "type": "Ready", "status": "False" }] });
                driver.server.patch_pod(&name(index), patch);
                driver.deliver_events();
            }
        }
        Happening::ChangeSpec(index) if driver.server.pods.contains_key(&name(index)) => {
            driver.server.next_generation(&name(index));
            driver.deliver_events();
        }
        Happening::Relist => driver.relist(),
        Happening::TouchLease if driver.server.lease.is_some() => driver.server.touch_lease(),
        Happening::LoseLease => driver.server.lease = None,
        Happening::Silence => driver.happen(Event::Silence),
        Happening::Resume => driver.happen(Event::Resume),
        _ => {}
    }
}

fn pod_of(sent: &Sent) -> Option<&str> {
    match &sent.call {
        Call::GetPod(uid) | Call::PatchPodStatus(uid) | Call::DeletePod(uid) => Some(uid),
        _ => None,
    }
}

fn invariants(driver: &Driver, before: usize) {
    // Cut off it waits for answers that do not come, and sends nothing.
    assert!(
        driver.cut_off || driver.is_waiting() || driver.node.next_deadline().is_some(),
        "the node has gone to sleep for ever"
    );
    assert!(!driver.cut_off || driver.sent.len() == before, "sent while it was cut off");
    for (index, sent) in driver.sent.iter().enumerate().skip(before) {
        let Some(uid) = pod_of(sent) else { continue };
        let earlier: Vec<&Sent> = driver.sent[..index].iter().filter(|sent| pod_of(sent).is_some()).collect();
        assert!(
            earlier.iter().all(|sent| sent.outcome.is_some()),
            "two status requests at once: {}",
            sent.line
        );
        let previous =
            earlier.last().filter(|previous| pod_of(previous) == Some(uid) && previous.outcome == Some(true));
        match sent.call {
            Call::PatchPodStatus(_) => {
                let read = previous.is_some_and(|previous| matches!(previous.call, Call::GetPod(_)));
                assert!(read, "{} without a look before it", sent.line);
            }
            Call::DeletePod(_) => {
                assert!(previous.is_some(), "{} without a look or a patch before it", sent.line);
                let told = earlier.iter().position(|sent| {
                    let phase = &sent.body["status"]["phase"];
                    pod_of(sent) == Some(uid) && (phase == "Succeeded" || phase == "Failed")
                });
                // The answer to the PATCH may be lost; then a look has shown the end.
                let known = told.is_some_and(|told| {
                    let since = earlier[told..].iter().filter(|sent| pod_of(sent) == Some(uid));
                    since.into_iter().any(|sent| sent.outcome == Some(true))
                });
                assert!(known, "{} before its end was known", sent.line);
                assert!(driver.server.was_deleted(uid), "{} that nobody wants gone", sent.line);
            }
            _ => {}
        }
    }
    let mut addresses = HashSet::new();
    for pod in driver.server.pods.values() {
        if let Some(address) = pod.status.get("podIP") {
            assert!(addresses.insert(address), "{address} is used twice");
        }
    }
}

/// Nothing has failed for some minutes: everything is as it should be.
fn check_recovered(driver: &Driver) {
    let lease = driver.server.lease.as_ref().unwrap().spec.as_ref().unwrap();
    let age = driver.wall().as_second() - lease.renew_time.as_ref().unwrap().seconds.unwrap();
    assert!(age <= 11, "the lease is {age} s old");
    assert!(driver.milestones.contains(&Milestone::NodeReady));
    assert_eq!(driver.server.node_condition("Ready"), "True");
    for (name, pod) in &driver.server.pods {
        assert!(!pod.is_deleting(), "{name} is still there");
        assert_eq!(pod.status["phase"], "Running", "{name}");
        assert_eq!(pod.condition("Ready")["status"], "True", "{name}");
        assert_eq!(pod.status["observedGeneration"], pod.generation(), "{name}");
    }
}

proptest! {
    #[test]
    fn a_node_keeps_the_rules_and_recovers(
        seed in any::<u64>(),
        fates in fates(),
        happenings in prop::collection::vec(happening(), 0..40),
    ) {
        let mut driver = Driver::with_seed(Server::default(), seed);
        driver.invariants = Some(invariants);
        let mut number = 0;
        driver.on_request(move |_| {
            number += 1;
            fates[(number - 1) % fates.len()]
        });
        driver.start();
        let mut incarnation = 0;
        for happening in &happenings {
            happen(&mut driver, happening, &mut incarnation);
        }
        driver.happen(Event::Resume);
        driver.serve_all();
        driver.run_for(seconds(200));
        check_recovered(&driver);
    }
}
