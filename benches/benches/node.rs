//! What a node's own thinking costs, without a network. The server's answers are part of it: they cost about as much.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use benches::Machine;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use fake_kubelet::Preset;

/// A period at rest: a lease renewed, a look at the node status; and a pod from its binding to its end.
fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("node");
    for preset in [Preset::KubeletOnly, Preset::Kwok] {
        let Ok(mut machine) = Machine::at_rest(preset) else { return };
        group.bench_function(format!("ten seconds at rest, {preset}"), |bencher| {
            bencher.iter(|| machine.run_for(Duration::from_secs(10)));
        });
    }
    let Ok(mut machine) = Machine::at_rest(Preset::KubeletOnly) else { return };
    let mut number = 0;
    group.bench_function("life of a pod", |bencher| {
        bencher.iter(|| {
            number += 1;
            assert!(machine.pod_life(number), "pod {number} did not run, or is not gone");
        });
    });
    group.finish();
}

/// The heap of a shard's deadlines: the next one out, and a later one in.
fn deadlines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deadlines");
    for nodes in [1_000_usize, 10_000] {
        let heap: BinaryHeap<_> =
            (0..nodes).map(|slot| Reverse((slot as u64 * 1_000_003 % 10_000_000, slot))).collect();
        group.bench_function(format!("{nodes} nodes"), |bencher| {
            bencher.iter_batched_ref(
                || heap.clone(),
                |heap| {
                    for _ in 0..1000 {
                        if let Some(Reverse((at, slot))) = heap.pop() {
                            heap.push(Reverse((at + 10_000_000, slot)));
                        }
                    }
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, steps, deadlines);
criterion_main!(benches);
