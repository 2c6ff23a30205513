//! Our samples of one group against theirs.

use std::collections::{BTreeMap, BTreeSet};

use super::{Difference, Item, Key, Kind, Sample, Stream, body};
use crate::fidelity::items;

/// What is different, each difference once.
///
/// `known` is everything that they ever sent.
pub(super) fn compare(
    key: &Key,
    theirs: &[Sample],
    ours: &[Sample],
    known: &BTreeSet<String>,
) -> Vec<Difference> {
    let mut found: Vec<Difference> = Vec::new();
    for sample in ours {
        let mut of_sample = counts(key, theirs, sample, known);
        if matches!(key.stream, Stream::Requests | Stream::Events) {
            of_sample.extend(order(key, theirs, sample));
        }
        of_sample.extend(body::compare(key, theirs, sample));
        // A sample counts once, however many of its requests show the same.
        let mut unlike: Vec<Difference> = Vec::new();
        for difference in of_sample {
            if !unlike.iter().any(|other| alike(other, &difference)) {
                unlike.push(difference);
            }
        }
        for difference in unlike {
            match found.iter_mut().find(|other| alike(other, &difference)) {
                Some(known) => known.seen += 1,
                None => found.push(Difference { of: ours.len(), ..difference }),
            }
        }
    }
    found
}

fn alike(one: &Difference, other: &Difference) -> bool {
    (one.kind, &one.class, &one.pointer) == (other.kind, &other.class, &other.pointer)
}

/// A difference of a sample, before it is added up.
pub(super) fn difference(key: &Key, kind: Kind, class: &str, theirs: String, ours: String) -> Difference {
    let (class, pointer) = (class.to_owned(), String::new());
    Difference { key: key.clone(), kind, class, pointer, theirs, ours, seen: 1, of: 1 }
}

pub(super) fn by_class(sample: &[Item]) -> BTreeMap<&str, Vec<&Item>> {
    let mut classes: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    for item in sample {
        classes.entry(&item.class).or_default().push(item);
    }
    classes
}

fn counts(key: &Key, theirs: &[Sample], ours: &Sample, known: &BTreeSet<String>) -> Vec<Difference> {
    let theirs: Vec<_> = theirs.iter().map(|sample| by_class(sample)).collect();
    let ours = by_class(ours);
    let mut classes: Vec<&str> = theirs.iter().flat_map(|sample| sample.keys().copied()).collect();
    classes.extend(ours.keys());
    classes.sort_unstable();
    classes.dedup();
    let check = |class: &str| {
        let count = |sample: &BTreeMap<&str, Vec<&Item>>| sample.get(class).map_or(0, Vec::len);
        let least = theirs.iter().map(count).min().unwrap_or(0);
        let most = theirs.iter().map(count).max().unwrap_or(0);
        let mine = count(&ours);
        let kind = match key.stream {
            // How often is a matter of intervals, and which watches were renewed of chance. But each has been begun before.
            Stream::Periodic
                if mine > 0
                    && !class.starts_with("END OF WATCH")
                    && !known.contains(items::first_of(class)) =>
            {
                Kind::Extra
            }
            Stream::Periodic => return None,
            _ if mine < least => Kind::Missing,
            _ if mine > most => Kind::Extra,
            _ => return None,
        };
        let range = if least == most { format!("{least} times") } else { format!("{least} to {most} times") };
        Some(difference(key, kind, class, range, format!("{mine} times")))
    };
    classes.into_iter().filter_map(check).collect()
}

/// The first pair of requests that all of theirs have the other way round.
fn order(key: &Key, theirs: &[Sample], ours: &Sample) -> Option<Difference> {
    let theirs: Vec<BTreeMap<(String, usize), usize>> = theirs
        .iter()
        .map(|sample| labels(sample).into_iter().enumerate().map(|(place, label)| (label, place)).collect())
        .collect();
    let ours = labels(ours);
    for (index, later) in ours.iter().enumerate() {
        for earlier in &ours[..index] {
            let orders = theirs.iter().filter_map(|places| Some((places.get(earlier)?, places.get(later)?)));
            let (mut swapped, mut kept) = (0, 0);
            for (earlier, later) in orders {
                *(if earlier > later { &mut swapped } else { &mut kept }) += 1;
            }
            if swapped > 0 && kept == 0 {
                let say = |first: &(String, usize), second: &(String, usize)| {
                    format!("{} before {}", named(first), named(second))
                };
                let class = format!("{}, {}", earlier.0, later.0);
                return Some(difference(key, Kind::Order, &class, say(later, earlier), say(earlier, later)));
            }
        }
    }
    None
}

fn named((class, which): &(String, usize)) -> String {
    if *which == 0 { class.clone() } else { format!("{class} (number {})", which + 1) }
}

/// Each request by its class and how many of them came before.
pub(super) fn labels(sample: &[Item]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let label = |item: &'_ Item, count: &mut usize| {
        *count += 1;
        (item.class.clone(), *count - 1)
    };
    sample.iter().map(|item| label(item, counts.entry(&item.class).or_default())).collect()
}
