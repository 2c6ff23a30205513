//! Order, counting and stopping. How punctual the thread is, is a benchmark's question.

use super::*;

/// A deadline that no test waits for.
const NEVER: Nanos = Nanos(u64::MAX / 2);

fn millis(offsets: impl IntoIterator<Item = u64>) -> Vec<Nanos> {
    offsets.into_iter().map(|offset| Nanos::from(Duration::from_millis(offset))).collect()
}

#[test]
fn gives_every_start_in_order_and_never_early() {
    let clock = Clock::start();
    let begin = clock.now();
    let offsets = millis([0, 1, 1, 2, 5, 9]);
    let (pacer, mut starts) = Pacer::start(clock, begin, offsets.clone().into_iter(), 16).unwrap();
    let mut seen = Vec::new();
    while let Some(start) = starts.blocking_recv() {
        assert!(clock.now() >= start.intended);
        assert_eq!(start.index, seen.len() as u64);
        seen.push(start.intended);
    }
    assert_eq!(seen, offsets.into_iter().map(|offset| begin + offset.into()).collect::<Vec<_>>());
    assert_eq!(pacer.stop(), PacerCounts { due: 6, dropped: 0 });
}

#[test]
fn a_full_channel_counts_what_it_drops() {
    let clock = Clock::start();
    let (pacer, mut starts) = Pacer::start(clock, Nanos(0), millis([0; 10]).into_iter(), 3).unwrap();
    // Nobody reads until the schedule is over.
    while pacer.counts().due < 10 {
        thread::yield_now();
    }
    let kept: Vec<u64> = std::iter::from_fn(|| starts.blocking_recv()).map(|start| start.index).collect();
    assert_eq!(kept, [0, 1, 2]);
    assert_eq!(pacer.stop(), PacerCounts { due: 10, dropped: 7 });
}

#[test]
fn stops_without_waiting_for_the_next_start() {
    let (pacer, mut starts) =
        Pacer::start(Clock::start(), Nanos(0), [Nanos(0), NEVER].into_iter(), 4).unwrap();
    assert!(starts.blocking_recv().is_some());
    assert_eq!(pacer.stop(), PacerCounts { due: 1, dropped: 0 });
    assert_eq!(starts.blocking_recv(), None);
}

#[test]
fn dropping_the_handle_closes_the_channel() {
    let (pacer, mut starts) = Pacer::start(Clock::start(), Nanos(0), [NEVER].into_iter(), 4).unwrap();
    drop(pacer);
    assert_eq!(starts.blocking_recv(), None);
}

#[test]
fn dropping_the_receiver_ends_the_thread() {
    let (mut pacer, starts) = Pacer::start(Clock::start(), Nanos(0), [NEVER].into_iter(), 4).unwrap();
    drop(starts);
    // Joins without a signal: hangs if the thread does not notice by itself.
    pacer.thread.take().unwrap().join().unwrap();
    assert_eq!(pacer.counts(), PacerCounts::default());
}
