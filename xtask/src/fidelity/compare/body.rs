//! Bodies field by field, their length, and their times' order.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Difference, Item, Key, Kind, Sample, Stream,
    sample::{by_class, difference, labels},
};

/// Bytes that a body may be longer or shorter: names and numbers have lengths of their own.
const BYTES: usize = 64;
/// The same, as a part of the whole: one in so many.
const PART: usize = 10;

/// Each body of a sample with that of theirs that it is nearest to.
pub(super) fn compare(key: &Key, theirs: &[Sample], ours: &Sample) -> Vec<Difference> {
    let counted: Vec<_> = theirs.iter().map(|sample| by_class(sample)).collect();
    let mut differences = Vec::new();
    for (class, items) in by_class(ours) {
        let of_class: Vec<&Vec<&Item>> = counted.iter().filter_map(|classes| classes.get(class)).collect();
        let as_many = of_class.iter().all(|sample| sample.len() == items.len());
        let most = of_class.iter().map(|sample| sample.len()).max().unwrap_or(0);
        let mut of_items = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            // Where everybody has as many, the second is compared with the second.
            let alternatives: Vec<&Item> = of_class
                .iter()
                .flat_map(|sample| if as_many { &sample[index..=index] } else { &sample[..] })
                .copied()
                .collect();
            of_items.push(against(key, class, &alternatives, item));
        }
        // That there are too many has been said. What the surplus ones hold would only hide that.
        of_items.sort_by_key(Vec::len);
        let surplus = if key.stream == Stream::Periodic { 0 } else { items.len().saturating_sub(most) };
        of_items.truncate(items.len() - surplus);
        differences.extend(of_items.into_iter().flatten());
    }
    differences.extend(times(key, theirs, ours));
    differences
}

fn against(key: &Key, class: &str, alternatives: &[&Item], item: &Item) -> Vec<Difference> {
    let with_fields = |other: &&Item| {
        let mut fields = Vec::new();
        diff(&other.body.value, &item.body.value, String::new(), &mut fields);
        fields
    };
    let Some(fields) = alternatives.iter().map(with_fields).min_by_key(|fields| distance(fields)) else {
        return Vec::new();
    };
    let mut differences: Vec<Difference> = fields
        .into_iter()
        .map(|(pointer, theirs, ours)| Difference {
            pointer,
            ..difference(key, Kind::Field, class, theirs, ours)
        })
        .collect();
    let sizes = || alternatives.iter().map(|other| other.body.bytes);
    let near = |size: usize| size.abs_diff(item.body.bytes) <= BYTES.max(size / PART);
    if differences.is_empty() && !sizes().any(near) {
        let theirs = sizes().min_by_key(|size| size.abs_diff(item.body.bytes)).unwrap_or(0);
        let say = |bytes: usize| format!("{bytes} bytes");
        differences.push(difference(key, Kind::Size, class, say(theirs), say(item.body.bytes)));
    }
    differences
}

/// How much is different. Not how many fields: a whole object that is not there is one.
fn distance(fields: &[Field]) -> usize {
    fields.iter().map(|(_, theirs, ours)| theirs.len() + ours.len()).sum()
}

/// A JSON pointer, and what is there on each side.
type Field = (String, String, String);

fn diff(theirs: &Value, ours: &Value, pointer: String, out: &mut Vec<Field>) {
    match (theirs, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => diff(a, b, pointer, out),
                    (a, b) => out.push((pointer, say(a), say(b))),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a != b && typed(a).zip(typed(b)).is_some() => {
            typed_diff(a, b, &pointer, out);
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                diff(a, b, format!("{pointer}/{index}"), out);
            }
        }
        (a, b) if a != b => out.push((pointer, say(Some(a)), say(Some(b)))),
        _ => {}
    }
}

/// The types of a list's items, conditions say, which are what strategic merge patches know them by.
fn typed(items: &[Value]) -> Option<Vec<&str>> {
    let types: Option<Vec<&str>> = items.iter().map(|item| item["type"].as_str()).collect();
    types.filter(|types| types.iter().collect::<BTreeSet<_>>().len() == items.len())
}

fn typed_diff(theirs: &[Value], ours: &[Value], pointer: &str, out: &mut Vec<Field>) {
    let of = |items: &[Value], wanted: &str| items.iter().find(|item| item["type"] == wanted).cloned();
    let (their_types, our_types) = (typed(theirs).unwrap_or_default(), typed(ours).unwrap_or_default());
    let types: BTreeSet<&str> = their_types.iter().chain(&our_types).copied().collect();
    for name in types {
        let pointer = format!("{pointer}/{name}");
        match (of(theirs, name), of(ours, name)) {
            (Some(theirs), Some(ours)) => diff(&theirs, &ours, pointer, out),
            (theirs, ours) => out.push((pointer, say(theirs.as_ref()), say(ours.as_ref()))),
        }
    }
    let common = |types: &[&str], other: &[&str]| {
        types.iter().filter(|name| other.contains(name)).map(|name| (*name).to_owned()).collect::<Vec<_>>()
    };
    let (theirs, ours) = (common(&their_types, &our_types), common(&our_types, &their_types));
    if theirs != ours {
        out.push((format!("{pointer} (order)"), theirs.join(", "), ours.join(", ")));
    }
}

fn say(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Value::to_string)
}

/// The first two times that stand in another order than in all of theirs.
fn times(key: &Key, theirs: &[Sample], ours: &Sample) -> Option<Difference> {
    let theirs: Vec<BTreeMap<Place, String>> =
        theirs.iter().map(|sample| moments(sample).collect()).collect();
    let ours: Vec<(Place, String)> = moments(ours).collect();
    for (index, (later, late)) in ours.iter().enumerate() {
        // Seconds and microseconds are different clocks.
        for (earlier, early) in ours[..index].iter().filter(|(_, early)| early.len() == late.len()) {
            let pairs: Vec<(&String, &String)> =
                theirs.iter().filter_map(|places| Some((places.get(earlier)?, places.get(later)?))).collect();
            let grows = pairs.iter().all(|(early, late)| early < late) && early > late;
            let falls = pairs.iter().all(|(early, late)| early > late) && early < late;
            if !pairs.is_empty() && (grows || falls) {
                let (before, after) = if grows { ("before", "after") } else { ("after", "before") };
                let says = |how: &str| format!("{how} {} of {}", later.1, later.0.0);
                return Some(Difference {
                    pointer: earlier.1.clone(),
                    ..difference(key, Kind::Times, &earlier.0.0, says(before), says(after))
                });
            }
        }
    }
    None
}

/// A request, and a place in its body.
type Place = ((String, usize), String);

fn moments(sample: &[Item]) -> impl Iterator<Item = (Place, String)> {
    labels(sample).into_iter().zip(sample).flat_map(|(label, item)| {
        item.body.moments.iter().map(move |(pointer, time)| ((label.clone(), pointer.clone()), time.clone()))
    })
}
