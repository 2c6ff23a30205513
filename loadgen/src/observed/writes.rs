//! Which watcher was told of which write, and how long after its acknowledgement.
//!
//! A write and what a watch delivers of it have one resourceVersion: etcd's revision, which no other write to the same control plane
//! has. A watcher may be told before the writer is.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use measure::Nanos;

/// So long after a write nobody is told of it any more, or the lag is beyond any limit.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(2);

/// A write: the cell whose control plane it was to, and its resourceVersion.
pub(super) type Version = (u32, u64);

/// Writes of the last minutes.
#[derive(Debug, Default)]
pub(super) struct Writes {
    by_version: HashMap<Version, Write>,
    order: VecDeque<(Nanos, Version)>,
}

/// One write.
#[derive(Debug, Default)]
struct Write {
    acknowledged: Option<Nanos>,
    /// Who was told of it before it was acknowledged, by the watcher's load.
    early: Vec<(usize, Nanos)>,
}

/// A delivery whose write is known: the watcher's load, the acknowledgement, and when the watcher was told.
pub(super) type Delivery = (usize, Nanos, Nanos);

impl Writes {
    /// A write was acknowledged. Those who were told of it already are handed out.
    pub(super) fn acknowledged(&mut self, version: Version, at: Nanos) -> Vec<Delivery> {
        let write = self.write(version, at);
        write.acknowledged.get_or_insert(at);
        std::mem::take(&mut write.early).into_iter().map(|(load, seen)| (load, at, seen)).collect()
    }

    /// A watcher was told of it. Nothing as long as the write is not known: it may be somebody else's.
    pub(super) fn seen(&mut self, load: usize, version: Version, at: Nanos) -> Option<Delivery> {
        let write = self.write(version, at);
        if write.acknowledged.is_none() {
            write.early.push((load, at));
        }
        write.acknowledged.map(|acknowledged| (load, acknowledged, at))
    }

    fn write(&mut self, version: Version, at: Nanos) -> &mut Write {
        while let Some((_, old)) = self.order.pop_front_if(|(then, _)| *then + FORGOTTEN_AFTER < at) {
            self.by_version.remove(&old);
        }
        let order = &mut self.order;
        self.by_version.entry(version).or_insert_with(|| {
            order.push_back((at, version));
            Write::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Nanos {
        Nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_delivery_is_known_when_both_sides_are() {
        let mut writes = Writes::default();
        assert_eq!(writes.seen(1, (0, 7), at(1)), None);
        assert_eq!(writes.seen(2, (0, 7), at(2)), None);
        assert_eq!(writes.acknowledged((0, 7), at(3)), [(1, at(3), at(1)), (2, at(3), at(2))]);
        assert_eq!(writes.seen(1, (0, 7), at(4)), Some((1, at(3), at(4))));
        assert_eq!(writes.acknowledged((0, 8), at(4)), []);
    }

    #[test]
    fn writes_to_two_control_planes_may_have_one_version() {
        let mut writes = Writes::default();
        assert_eq!(writes.seen(1, (1, 7), at(1)), None);
        assert_eq!(writes.acknowledged((0, 7), at(2)), []);
        assert_eq!(writes.acknowledged((1, 7), at(3)), [(1, at(3), at(1))]);
        assert_eq!(writes.seen(1, (0, 7), at(4)), Some((1, at(2), at(4))));
    }

    #[test]
    fn what_nobody_can_be_told_of_any_more_is_forgotten() {
        let mut writes = Writes::default();
        for version in 0..1000 {
            writes.acknowledged((0, version), at(version));
        }
        assert!(writes.by_version.len() <= 121, "{}", writes.by_version.len());
        assert_eq!(writes.seen(1, (0, 0), at(1000)), None);
    }
}
