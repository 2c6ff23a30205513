//! A run in a sentence.

use measure::{
    Summary,
    criteria::{Judged, together},
    statistics::Judgement,
};
use record::{Ended, LoadRecord, RunRecord};

use super::{nodes, seconds, setting};

/// What came of it, with the figure first that the scenario is about.
pub fn answer(record: &RunRecord) -> String {
    let name = &record.scenario.name;
    match &record.goodput {
        Some(goodput) => format!(
            "{name}: {:.1}/s offered, {:.1}/s done{}",
            goodput.offered_per_second,
            goodput.goodput_per_second,
            slowest(&record.loads)
        ),
        None => format!("{name}: {}, {}", nodes(&record.fleet, &record.scenario), alive(record)),
    }
}

/// On what, where the answer does not say it.
pub fn on(record: &RunRecord) -> String {
    let nodes = record.goodput.map(|_| nodes(&record.fleet, &record.scenario));
    setting(record.profile.as_ref(), &record.target, &record.versions, nodes.as_deref())
}

/// Whether the control plane kept its limits, and whether that is to be believed.
pub fn standing(record: &RunRecord) -> &'static str {
    match (record.ended, together(&record.judged)) {
        (Ended::Interrupted, _) => "The run was interrupted.",
        (Ended::Failed, _) => "The run failed.",
        _ if !record.is_valid() => "The harness does not vouch for these figures: see the doubts.",
        (_, Judgement::Breaks) => "The control plane did not keep every limit.",
        (_, Judgement::Undecided) => "No limit is shown to be broken, and not every one to be kept.",
        (_, Judgement::Holds) if record.judged.is_empty() => "No limit was judged.",
        (_, Judgement::Holds) => "Every limit was kept.",
    }
}

/// The limits that were not kept, a line each: the first of them, and how many more there are.
pub fn broken(record: &RunRecord) -> Vec<String> {
    const MOST: usize = 4;
    let broke: Vec<&Judged> = record.judged.iter().filter(|it| it.judgement == Judgement::Breaks).collect();
    let mut told: Vec<String> = broke.iter().take(MOST).map(|judged| super::broken(judged)).collect();
    if broke.len() > MOST {
        told.push(format!("and {} more", broke.len() - MOST));
    }
    told
}

/// How well the nodes said that they are alive.
fn alive(record: &RunRecord) -> String {
    let value = |criterion: &str| {
        let judged = record.judged.iter().find(|judged| judged.criterion == criterion);
        judged.map_or(0.0, |judged| judged.value)
    };
    let dead = value("not-ready");
    let dead =
        if dead > 0.0 { format!("{dead:.0} taken for dead") } else { "none taken for dead".to_owned() };
    format!("{dead}; the longest time without a renewed lease is {:.1} s", value("lease-gap"))
}

/// How long the operations took of the first load that is judged by theirs; nothing where there is none.
fn slowest(loads: &[LoadRecord]) -> String {
    let judged = loads.iter().find(|load| load.judged && load.goodput.is_some() && load.response.n > 0);
    let Some(LoadRecord { name, response, .. }) = judged else { return String::new() };
    let (at, value) = tail(response);
    format!("; {name} take {} at the {at}", seconds(value))
}

/// The highest percentile the sample carries.
fn tail(summary: &Summary) -> (&'static str, Option<f64>) {
    match summary.p99 {
        Some(p99) => ("99th percentile", Some(p99)),
        None => ("longest", summary.max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_of_a_load_that_is_judged_and_done_at_a_rate() {
        let goodput = record::Goodput::new(
            10,
            10,
            std::time::Duration::from_secs(1),
            std::time::Duration::from_secs(2),
        );
        let watchers = LoadRecord {
            name: "watchers".to_owned(),
            driver: "watches".to_owned(),
            judged: true,
            rate_per_second: None,
            count: Some(5),
            goodput: None,
            response: Summary { n: 20, max: Some(1.5), ..Summary::default() },
            watch_lag: None,
            operations: None,
            figures: std::collections::BTreeMap::new(),
        };
        let lists = LoadRecord { goodput: Some(goodput), name: "lists".to_owned(), ..watchers.clone() };
        assert_eq!(slowest(&[watchers, lists]), "; lists take 1.50 s at the longest");
        assert_eq!(slowest(&[]), "");
    }
}
