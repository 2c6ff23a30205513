//! What was used last, up to a number of things: client-go's LRU caches, without a table of their own on each of thousands of nodes.

use std::collections::VecDeque;

/// Most entries. client-go has 4096, which a fleet of thousands could not afford once filled. Forgetting is seen only when something is
/// repeated after this many others: between two rounds of a crash loop, five minutes apart, that is a pod started every five
/// seconds on one node.
pub(super) const CAPACITY: usize = 256;

/// Values by hashes of their keys, least recently used first. So few are searched faster than hashed again.
#[derive(Debug)]
pub(super) struct Recent<V> {
    entries: VecDeque<(u64, V)>,
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self { entries: VecDeque::new() }
    }
}

impl<V> Recent<V> {
    /// Takes a value out, to be put back as the one used last.
    pub(super) fn take(&mut self, key: u64) -> Option<V> {
        let index = self.entries.iter().position(|(it, _)| *it == key)?;
        self.entries.remove(index).map(|(_, value)| value)
    }

    /// Puts in a value under a key that is not there; without room, what has not been used longest goes.
    pub(super) fn put(&mut self, key: u64, value: V) {
        if self.entries.len() == CAPACITY {
            self.entries.pop_front();
        }
        self.entries.push_back((key, value));
    }

    /// Drops the least recently used for as long as they are `stale`.
    pub(super) fn drop_while(&mut self, stale: impl Fn(&V) -> bool) {
        while self.entries.front().is_some_and(|(_, value)| stale(value)) {
            self.entries.pop_front();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut recent = Recent::default();
        let capacity = u64::try_from(CAPACITY).unwrap();
        (0..capacity).for_each(|key| recent.put(key, key));
        let first = recent.take(0).unwrap();
        recent.put(0, first);
        recent.put(capacity, capacity);
        assert_eq!(recent.take(1), None);
        assert_eq!(
            (recent.take(0), recent.take(2), recent.take(capacity)),
            (Some(0), Some(2), Some(capacity))
        );
    }
}
