//! How often the steady paths of a fleet allocate: a line that a careless change crosses.
//!
//! The bounds are what was counted when they were set, and a little: a count does not depend on the machine.
#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use std::time::Duration;

use allocation_counter::{AllocationInfo, measure, opt_out};
use benches::{Machine, lease};
use fake_kubelet::Preset;
use null_apiserver::{Config, NullApiserver};
use wire::{Client, Credential, Encoding, Request, protobuf};

/// Fails when `counted` for each of `times` is more than `most`, and when it is so much less that the bound says nothing.
#[track_caller]
fn check(what: &str, counted: &AllocationInfo, times: u64, most: u64) {
    let each = counted.count_total / times;
    assert!(each <= most, "{what}: {each} allocations, not {most} at most ({times} times: {counted:?})");
    assert!(each * 2 > most, "{what}: {each} allocations; lower the bound of {most}");
}

#[test]
fn a_node_that_renews_its_lease() {
    let mut machine = Machine::watched(Preset::Kwok, |work| opt_out(work)).unwrap();
    let before = machine.sent();
    let counted = measure(|| machine.run_for(Duration::from_mins(30)));
    check("a lease renewed", &counted, machine.sent() - before, 10);
    // Answers that the server made are given back.
    assert!(counted.count_current <= 0, "a node at rest grows: {counted:?}");
}

#[test]
fn a_pod_from_its_binding_to_its_end() {
    let mut machine = Machine::watched(Preset::KubeletOnly, |work| opt_out(work)).unwrap();
    assert!((0..20).all(|number| machine.pod_life(number)));
    let before = machine.sent();
    let counted = measure(|| assert!((20..120).all(|number| machine.pod_life(number))));
    let requests = (machine.sent() - before) / 100;
    // Beside the pod's own there are heartbeats of a minute.
    assert!((20..45).contains(&requests), "{requests} requests for each pod");
    check("a pod's life", &counted, 100, 1250);
}

#[test]
fn a_put_on_an_open_connection() {
    let (_server_runtime, server) = server();
    server.put(&lease("bench-0"));
    let client = Client::new(server.endpoint().unwrap(), Credential::anonymous(), "bench").unwrap();
    let mut object = lease("bench-0");
    let metadata = object.metadata.as_mut().unwrap();
    (metadata.uid, metadata.resource_version) = (None, None);
    let body = protobuf::encode("coordination.k8s.io/v1", "Lease", &object);
    let path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/bench-0?timeout=10s";
    let request = Request::put(path, body, Encoding::Protobuf);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let put = |times: u64| {
        for _ in 0..times {
            let answer = runtime.block_on(client.send(&request)).unwrap();
            assert!(answer.is_success(), "{answer:?}");
        }
    };
    put(100);
    // The server allocates on its own thread.
    let counted = measure(|| put(1000));
    check("a PUT", &counted, 1000, 15);
}

#[test]
fn what_a_connection_with_five_watches_keeps_at_rest() {
    const CONNECTIONS: u64 = 50;
    let (_server_runtime, server) = server();
    server.put(&lease("bench-0"));
    let endpoint = server.endpoint().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let open = async || {
        let client = Client::new(endpoint.clone(), Credential::anonymous(), "bench").unwrap();
        // What it once read and wrote must leave nothing behind.
        let body = format!(r#"{{"metadata":{{"name":"m"}},"data":{{"v":"{}"}}}}"#, "x".repeat(100_000));
        let post = Request::post("/api/v1/namespaces/default/configmaps?dryRun=All", body, Encoding::Json);
        client.send(&post).await.unwrap();
        let mut watches = Vec::with_capacity(5);
        for _ in 0..5 {
            watches.push(client.watch(&Request::get("/api/v1/pods?watch=true")).await.unwrap());
        }
        (client, watches)
    };
    let _first = runtime.block_on(open());
    let mut fleet = Vec::with_capacity(50);
    let counted = measure(|| {
        for _ in 0..CONNECTIONS {
            fleet.push(runtime.block_on(open()));
        }
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(200)).await });
    });
    let bytes = u64::try_from(counted.bytes_current).unwrap() / CONNECTIONS;
    assert!(bytes <= 9_000, "{bytes} bytes ({counted:?})");
}

/// A server in a thread of its own, whose allocations are not counted, and what it runs on.
fn server() -> (tokio::runtime::Runtime, NullApiserver) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(NullApiserver::start_as(Config::for_load())).unwrap();
    (runtime, server)
}
