//! Two sets of recordings, request by request.
//!
//! The requests fall into groups: what was sent about one subject, in one stream, in one phase of the script. A node's, or a
//! pod's, requests of a group are a *sample*. Several samples of the one side show what is chance there: ours must be within
//! their counts, follow the order that all of theirs have, and have a body that one of theirs has.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    items::{Item, Stream, items},
    recording::Recording,
};

mod body;
mod interval;
mod sample;

pub(crate) use interval::check as check_intervals;

/// Which requests belong together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) step: String,
    pub(crate) does: String,
    pub(crate) subject: String,
    pub(crate) stream: Stream,
}

impl Key {
    /// For what has no place in the script.
    fn all_the_time(subject: &str) -> Self {
        let (step, subject) = ("all the time".to_owned(), subject.to_owned());
        Self { step, does: String::new(), subject, stream: Stream::Periodic }
    }
}

/// What is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A request that we do not send.
    Missing,
    /// A request that only we send.
    Extra,
    /// Requests in another order.
    Order,
    /// A field of a body.
    Field,
    /// The length of a body.
    Size,
    /// Times in another order.
    Times,
    /// The time between repetitions.
    Interval,
    /// The program that sends it.
    Agent,
}

/// One difference, wherever it was seen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    pub(crate) key: Key,
    pub(crate) kind: Kind,
    pub(crate) class: String,
    /// Where in the body, as a JSON pointer.
    pub(crate) pointer: String,
    pub(crate) theirs: String,
    pub(crate) ours: String,
    /// In how many of our samples.
    pub(crate) seen: usize,
    /// Of how many.
    pub(crate) of: usize,
}

impl Difference {
    /// Something that fewer than half of our samples show is chance.
    pub(crate) fn is_chance(&self) -> bool {
        self.seen * 2 < self.of
    }
}

/// One node's or pod's requests of a group.
type Sample = Vec<Item>;

/// Differences in what `ours` sent from what `theirs` did, in the steps that both have and that are wanted.
pub(crate) fn compare(
    theirs: &[Recording],
    ours: &[Recording],
    wanted: impl Fn(&str) -> bool,
) -> Vec<Difference> {
    let lengths = lengths(theirs, ours);
    let wanted = |key: &(String, String)| lengths.contains_key(key) && wanted(&key.0);
    let (theirs, ours) = (groups(theirs, &lengths, wanted), groups(ours, &lengths, wanted));
    let keys: BTreeSet<&Key> = theirs.keys().chain(ours.keys()).collect();
    let known = theirs.classes();
    let mut differences = Vec::new();
    for key in keys {
        let theirs = padded(theirs.get(key), theirs.nodes, 0);
        let fewest = theirs.iter().map(Vec::len).min().unwrap_or(0);
        let ours = padded(ours.get(key), ours.nodes, fewest);
        let flat = |nodes: Vec<Vec<Sample>>| nodes.into_iter().flatten().collect::<Vec<Sample>>();
        differences.extend(sample::compare(key, &flat(theirs), &flat(ours), &known));
    }
    differences
}

/// What a node sent how often, by class: theirs and ours, on average.
pub(crate) type Counts = BTreeMap<String, (f64, f64)>;

/// Counts what [`compare`] looks at.
pub(crate) fn counts(theirs: &[Recording], ours: &[Recording], wanted: impl Fn(&str) -> bool) -> Counts {
    let lengths = lengths(theirs, ours);
    let wanted = |key: &(String, String)| lengths.contains_key(key) && wanted(&key.0);
    let mut counts = Counts::new();
    let mut add = |groups: &Groups, place: fn(&mut (f64, f64)) -> &mut f64| {
        let share = 1.0 / f64::from(u32::try_from(groups.nodes.max(1)).unwrap_or(u32::MAX));
        for item in groups.by_key.values().flatten().flat_map(BTreeMap::values).flatten() {
            *place(counts.entry(item.class.clone()).or_default()) += share;
        }
    };
    add(&groups(theirs, &lengths, wanted), |count| &mut count.0);
    add(&groups(ours, &lengths, wanted), |count| &mut count.1);
    counts
}

/// How the nodes name themselves.
pub(crate) fn check_agents(theirs: &[Recording], ours: &[Recording]) -> Option<Difference> {
    let agents = |recordings: &[Recording]| {
        let all = recordings.iter().flat_map(items).map(|item| item.agent);
        all.collect::<BTreeSet<String>>().into_iter().collect::<Vec<_>>().join(", ")
    };
    let (theirs, ours) = (agents(theirs), agents(ours));
    let key = Key::all_the_time("node");
    (theirs != ours).then(|| sample::difference(&key, Kind::Agent, "every request", theirs, ours))
}

/// A node that sent nothing of a group has an empty sample; one with fewer pods than theirs has as many more.
fn padded(nodes: Option<&Vec<BTreeMap<String, Sample>>>, count: usize, fewest: usize) -> Vec<Vec<Sample>> {
    let none = vec![BTreeMap::new(); count];
    let nodes = nodes.unwrap_or(&none);
    let pad = |node: &BTreeMap<String, Sample>| {
        let mut samples: Vec<Sample> = node.values().cloned().collect();
        samples.resize(samples.len().max(fewest).max(1), Sample::new());
        samples
    };
    nodes.iter().map(pad).collect()
}

type PhaseName = (String, String);

/// The phases that both have, and how much of each: as long as the shortest.
fn lengths(theirs: &[Recording], ours: &[Recording]) -> BTreeMap<PhaseName, f64> {
    let of = |recordings: &[Recording]| {
        let mut shortest: BTreeMap<PhaseName, f64> = BTreeMap::new();
        for recording in recordings {
            for (index, phase) in
                recording.about.phases.iter().enumerate().filter(|(_, phase)| phase.step != "end")
            {
                let length = recording.length(index);
                let entry = shortest.entry((phase.step.clone(), phase.does.clone())).or_insert(length);
                *entry = entry.min(length);
            }
        }
        shortest
    };
    let ours = of(ours);
    let both = of(theirs).into_iter().filter_map(|(name, length)| {
        let other = ours.get(&name)?;
        Some((name, length.min(*other)))
    });
    both.collect()
}

/// Samples by group, then by node, then by pod.
struct Groups {
    by_key: BTreeMap<Key, Vec<BTreeMap<String, Sample>>>,
    nodes: usize,
}

impl Groups {
    fn keys(&self) -> impl Iterator<Item = &Key> {
        self.by_key.keys()
    }

    /// Everything that was ever sent.
    fn classes(&self) -> BTreeSet<String> {
        let items = self.by_key.values().flatten().flat_map(BTreeMap::values).flatten();
        items.map(|item| item.class.clone()).collect()
    }

    fn get(&self, key: &Key) -> Option<&Vec<BTreeMap<String, Sample>>> {
        self.by_key.get(key)
    }
}

fn groups(
    recordings: &[Recording],
    lengths: &BTreeMap<PhaseName, f64>,
    wanted: impl Fn(&PhaseName) -> bool,
) -> Groups {
    let mut by_key = BTreeMap::new();
    let nodes = recordings.len();
    for (node, recording) in recordings.iter().enumerate() {
        for item in items(recording) {
            let phase = &recording.about.phases[item.phase];
            let name = (phase.step.clone(), phase.does.clone());
            let periodic = item.stream == Stream::Periodic;
            if !wanted(&name) || (!periodic && item.into > lengths[&name]) {
                continue;
            }
            let key = if periodic {
                Key::all_the_time(&item.subject)
            } else {
                Key { step: name.0, does: name.1, subject: item.subject.clone(), stream: item.stream }
            };
            let samples: &mut Vec<BTreeMap<String, Sample>> =
                by_key.entry(key).or_insert_with(|| vec![BTreeMap::new(); nodes]);
            samples[node].entry(item.instance.clone()).or_default().push(item);
        }
    }
    Groups { by_key, nodes }
}

#[cfg(test)]
mod tests;
