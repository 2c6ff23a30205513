//! Which nodes are next: stretches of a fleet, one after the other and round again. Pure.

use std::ops::Range;

/// The nodes of time `turn`, when `count` of `nodes` are taken at a time: one range, or two where it goes over the end.
pub(super) fn stretch(nodes: u32, count: u32, turn: u64) -> impl Iterator<Item = Range<u32>> {
    let begin = turn.wrapping_mul(u64::from(count)) % u64::from(nodes.max(1));
    let begin = u32::try_from(begin).unwrap_or(0);
    let end = begin.saturating_add(count.min(nodes));
    [begin..end.min(nodes), 0..end.saturating_sub(nodes)].into_iter().filter(|range| !range.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stretch_follows_the_other_and_goes_over_the_end() {
        let stretch = |nodes, count, turn| stretch(nodes, count, turn).flatten().collect::<Vec<u32>>();
        assert_eq!(stretch(10, 4, 0), [0, 1, 2, 3]);
        assert_eq!(stretch(10, 4, 1), [4, 5, 6, 7]);
        assert_eq!(stretch(10, 4, 2), [8, 9, 0, 1]);
        assert_eq!(stretch(10, 4, 3), [2, 3, 4, 5]);
        assert_eq!(stretch(10, 10, 7), (0..10).collect::<Vec<u32>>());
        assert_eq!(stretch(3, 5, 1), [2, 0, 1], "no node twice");
    }
}
