//! What a request and an object cost on the wire.

use std::{hint::black_box, time::Duration};

use benches::{lease, pod};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fake_kubelet::{PodNews, SeenPod};
use k8s_pb::api::{coordination::v1::Lease, core::v1::Pod};
use null_apiserver::{Config, NullApiserver};
use prost::Message;
use tokio::runtime::Runtime;
use wire::{Client, Credential, Encoding, Object, Request, protobuf};

/// A lease to and from bytes, as protobuf and as JSON text.
fn codecs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lease");
    let object = lease("bench-0");
    let enveloped = protobuf::encode("coordination.k8s.io/v1", "Lease", &object);
    group.bench_function("encode protobuf", |bencher| {
        bencher.iter(|| protobuf::encode("coordination.k8s.io/v1", "Lease", black_box(&object)));
    });
    group.bench_function("decode protobuf", |bencher| {
        bencher.iter(|| protobuf::decode::<Lease>(black_box(&enveloped)));
    });
    let text = br#"{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"bench-0","namespace":"kube-node-lease","uid":"9a2d3c52-35a1-4df5-8a43-5c6f1f1a0c1e","resourceVersion":"123456","creationTimestamp":"2026-11-22T12:00:00Z","ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"bench-0","uid":"3f0c4b7e-58a0-4b8e-9c61-d6a3a0f5b6d1"}]},"spec":{"holderIdentity":"bench-0","leaseDurationSeconds":40,"renewTime":"2026-11-22T12:00:00.123456Z"}}"#;
    group.bench_function("decode JSON", |bencher| {
        bencher.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(text)));
    });
    group.finish();
}

/// A pod as a watch delivers it: all of it, and what a node takes out of it.
fn watch_events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pod of a watch event");
    let enveloped = protobuf::encode("v1", "Pod", &pod("bench", "churn-1", "bench-0"));
    group.bench_function("resource version", |bencher| {
        bencher.iter(|| Object::from_enveloped_protobuf(black_box(&enveloped))?.resource_version());
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| Object::from_enveloped_protobuf(black_box(&enveloped))?.decode::<Pod>());
    });
    group.bench_function("what a node sees of one it knows", |bencher| {
        bencher.iter(|| PodNews::read(Object::from_enveloped_protobuf(black_box(&enveloped)).ok()?));
    });
    group.bench_function("what a node sees", |bencher| {
        bencher.iter(|| {
            let pod: Pod = Object::from_enveloped_protobuf(black_box(&enveloped)).ok()?.decode().ok()?;
            SeenPod::from_pod(pod)
        });
    });
    let message = pod("bench", "churn-1", "bench-0");
    group.bench_function("encode", |bencher| bencher.iter(|| black_box(&message).encode_to_vec()));
    group.finish();
}

/// A PUT and a PATCH over TLS and HTTP/2, with the server on another thread: time, not CPU time.
fn requests(criterion: &mut Criterion) {
    let server_runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let (Ok(server_runtime), Ok(runtime)) = (server_runtime, client_runtime()) else { return };
    let Ok(server) = server_runtime.block_on(NullApiserver::start_as(Config::for_load())) else { return };
    server.put(&lease("bench-0"));
    server.put(&pod("bench", "churn-1", "bench-0"));
    let Ok(endpoint) = server.endpoint() else { return };
    let Ok(client) = Client::new(endpoint, Credential::anonymous(), "bench") else { return };
    let path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/bench-0?timeout=10s";
    // Without a resource version it is written over whatever is there.
    let mut object = lease("bench-0");
    object.metadata.get_or_insert_default().resource_version = None;
    object.metadata.get_or_insert_default().uid = None;
    let body = protobuf::encode("coordination.k8s.io/v1", "Lease", &object);
    let status = r#"{"status":{"$setElementOrder/conditions":[{"type":"Ready"}],"conditions":[{"status":"True","type":"Ready"}],"phase":"Running"}}"#;
    let requests = [
        ("PUT lease", Request::put(path, body, Encoding::Protobuf)),
        (
            "PATCH pod status",
            Request::patch_strategic("/api/v1/namespaces/bench/pods/churn-1/status", status),
        ),
    ];
    let mut group = criterion.benchmark_group("round trip");
    for (name, request) in &requests {
        group.bench_with_input(BenchmarkId::from_parameter(name), request, |bencher, request| {
            bencher.iter(|| {
                let answer = runtime.block_on(client.send(request));
                assert!(answer.is_ok_and(|answer| answer.is_success()), "{request}");
            });
        });
    }
    group.finish();
}

fn client_runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(3));
    targets = codecs, watch_events, requests
}
criterion_main!(benches);
