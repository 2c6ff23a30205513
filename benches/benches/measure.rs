//! What it costs to keep a figure of every request.

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use measure::{Kind, Latency, Nanos, Outcome, Recorder};

fn recorder(criterion: &mut Criterion) {
    let kinds = [
        Kind::new("update", "coordination.k8s.io/leases"),
        Kind::new("patch", "pods/status"),
        Kind::new("get", "pods"),
        Kind::new("create", "events"),
    ];
    let mut recorder = Recorder::default();
    let (mut at, mut turn) = (0, 0);
    criterion.bench_function("record a request", |bencher| {
        bencher.iter(|| {
            at += 1_000_003;
            turn = (turn + 1) % kinds.len();
            let kind = kinds[turn];
            let done = Nanos(at + 2_000_000 + at % 7_000_000);
            recorder.record(black_box(kind), Nanos(at), Nanos(at + 20_000), done, Outcome::Ok);
        });
    });
    let other = recorder.clone();
    criterion.bench_function("merge two recorders of four kinds", |bencher| {
        bencher.iter(|| recorder.merge(black_box(&other)));
    });
    let mut latency = Latency::new();
    (1..10_000_u32).for_each(|micros| latency.record(Duration::from_micros(micros.into())));
    criterion
        .bench_function("summary of a histogram", |bencher| bencher.iter(|| black_box(&latency).summary()));
}

criterion_group!(benches, recorder);
criterion_main!(benches);
