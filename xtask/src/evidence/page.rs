//! The page of a series: what its records show, first in a sentence, then one by one.

use std::fmt::Write as _;

use measure::{
    Phase,
    criteria::Judged,
    search::End,
    statistics::{
        Judgement,
        verdict::{Comparison, Verdict},
    },
};
use record::{
    Host, Limit, RunRecord, SearchRecord, Warning,
    experiment::{ExperimentRecord, Finished},
};

use super::{
    Kept,
    series::{Item, Series, Shows},
};

/// Searches that find the same differ by no more.
const AGREE_WITHIN: f64 = 1.1;
/// So many differences in twenty experiments that have none to find fail the check.
const TOO_MANY: usize = 3;

/// The page, of what there is so far.
pub(crate) fn page(series: &Series, wanted: usize, kept: &[(Item, Kept)]) -> String {
    let mut text = format!("# {}\n\n{}\n\n{}", series.title, series.about, outcome(series.shows, kept));
    if kept.len() < wanted {
        let _ = write!(text, " So far {} of {wanted} are measured.", kept.len());
    }
    let _ = writeln!(
        text,
        "\n\nMade by `cargo xtask evidence {}`; control plane and load share the machine.\n",
        series.name
    );
    table(&mut text, kept);
    text += "\n## Commands, and what they printed\n\n";
    for (item, _) in kept {
        let name = &item.name;
        let _ =
            writeln!(text, "- `loadgen {}`: [record]({name}.json), [text]({name}.txt)", item.args.join(" "));
    }
    text
}

fn outcome(shows: Shows, kept: &[(Item, Kept)]) -> String {
    match shows {
        Shows::Agreement => agreement(kept),
        Shows::FewDifferences => {
            let differ = verdicts(kept).filter(|it| matches!(it, Verdict::Helps | Verdict::Hurts)).count();
            let fails = if differ < TOO_MANY { "" } else { ": **too many**" };
            format!("{differ} of {} found a difference{fails}.", kept.len())
        }
        Shows::AllHurt => {
            let found = verdicts(kept).filter(|it| *it == Verdict::Hurts).count();
            let fails = if found < kept.len() { ": **not all**" } else { "" };
            format!("{found} of {} are found{fails}.", kept.len())
        }
        Shows::Limits | Shows::Verdict | Shows::Delivery | Shows::Catalogue => {
            "What came of it is in the table.".to_owned()
        }
    }
}

fn agreement(kept: &[(Item, Kept)]) -> String {
    let lambdas = kept.iter().filter_map(|(_, kept)| match kept {
        Kept::Search(record) => record.lambda,
        Kept::Experiment(_) | Kept::Run(_) => None,
    });
    let lambdas: Vec<f64> = lambdas.collect();
    let (low, high) =
        lambdas.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), it| (low.min(*it), high.max(*it)));
    if lambdas.len() < 2 {
        return "There is nothing to compare yet.".to_owned();
    }
    let apart = high / low;
    let mut text = format!("lambda* is {low:.1} to {high:.1}, a factor of {apart:.3}");
    if apart > AGREE_WITHIN {
        text += ": **more than a tenth apart**";
    }
    let wavered = kept
        .iter()
        .filter(|(_, kept)| matches!(kept, Kept::Search(record) if record.wavered().is_some()))
        .count();
    let _ = write!(
        text,
        ". In {wavered} of {} some loads held and broke by turns, as their rows say.",
        kept.len()
    );
    text
}

fn verdicts(kept: &[(Item, Kept)]) -> impl Iterator<Item = Verdict> {
    kept.iter().filter_map(|(_, kept)| match kept {
        Kept::Experiment(record) => Some(record.verdict?.verdict),
        Kept::Search(_) | Kept::Run(_) => None,
    })
}

fn table(text: &mut String, kept: &[(Item, Kept)]) {
    match kept.first() {
        Some((_, Kept::Search(_))) => {
            *text += "| | date | lambda* | holds | breaks | by turns | broken first | limited by | tried | minutes | warnings | machine |\n\
                      |---|---|---:|---:|---:|---:|---|---|---:|---:|---|---|\n";
        }
        Some((_, Kept::Experiment(_))) => {
            *text += "| | date | verdict | ratio | interval | pairs | left out | minutes | warnings | machine |\n\
                      |---|---|---|---:|---|---:|---:|---:|---|---|\n";
        }
        Some((_, Kept::Run(_))) => {
            *text += "| | date | watchers | deliveries/s | lag p50 | lag p99 | lag max | harness's share of the CPU | broken | limited by | warnings | machine |\n\
                      |---|---|---:|---:|---:|---:|---:|---:|---|---|---|---|\n";
        }
        None => return,
    }
    for (item, kept) in kept {
        let row = match kept {
            Kept::Search(record) => search(record),
            Kept::Experiment(record) => experiment(record),
            Kept::Run(record) => delivery(record),
        };
        let _ = writeln!(text, "| {} | {row} |", item.name);
    }
}

fn search(record: &SearchRecord) -> String {
    let rate = |rate: Option<f64>| {
        rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}{}", record.axis.unit))
    };
    let end = record.answer.map(|answer| answer.end);
    let lambda = match end {
        Some(End::Found) | None => rate(record.lambda),
        Some(end) => format!("{end:?}"),
    };
    let broken = record.broke_first.iter().map(|Judged { criterion, .. }| criterion.as_str());
    let (low, high) = record.answer.map_or((None, None), |answer| (answer.low, answer.high));
    let span = record.trials.first().zip(record.trials.last());
    let minutes = span.map_or(0.0, |(first, last)| {
        (last.start.duration_since(first.start).as_secs_f64() + last.seconds) / 60.0
    });
    let date = record.trials.first().map(|trial| trial.start.strftime("%Y-%m-%d %H:%M").to_string());
    [
        date.unwrap_or_default(),
        lambda,
        rate(low),
        rate(high),
        record
            .wavered()
            .map_or_else(|| "-".to_owned(), |(from, to)| format!("{from:.1} to {to:.1}{}", record.axis.unit)),
        broken.collect::<Vec<_>>().join(", "),
        limits(&record.limited_by),
        record.trials.len().to_string(),
        format!("{minutes:.0}"),
        names(&record.warnings),
        machine(&record.host),
    ]
    .join(" | ")
}

/// Of a run with watchers.
fn delivery(record: &RunRecord) -> String {
    let watchers = record.loads.iter().find(|load| load.watch_lag.is_some());
    let lag = watchers.and_then(|load| load.watch_lag.clone()).unwrap_or_default();
    let window =
        record.phases.iter().find(|phase| phase.phase == Phase::Measure).map_or(0.0, |phase| phase.seconds);
    #[expect(clippy::cast_precision_loss, reason = "a run does not count to 2^53")]
    let rate = lag.n as f64 / window;
    let time = |value: Option<f64>| {
        value.map_or_else(|| "-".to_owned(), |seconds| format!("{:.0} ms", seconds * 1000.0))
    };
    let broken = record.judged.iter().filter(|it| it.judgement == Judgement::Breaks);
    let broken: Vec<String> = broken.map(|it| format!("{} of {}", it.criterion, it.group)).collect();
    [
        record
            .phases
            .first()
            .map(|phase| phase.start.strftime("%Y-%m-%d %H:%M").to_string())
            .unwrap_or_default(),
        watchers.and_then(|load| load.count).unwrap_or_default().to_string(),
        format!("{rate:.0}"),
        time(lag.p50),
        time(lag.p99),
        time(lag.max),
        record.harness_cpu_share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0)),
        broken.join(", "),
        limits(&record.limited_by),
        names(&record.warnings),
        machine(&record.host),
    ]
    .join(" | ")
}

fn experiment(record: &ExperimentRecord) -> String {
    let (verdict, ratio, interval) = match &record.verdict {
        Some(Comparison { verdict, ratio, interval, .. }) => (
            format!("{verdict:?}").to_lowercase(),
            format!("{ratio:.3}"),
            format!("{:.3} to {:.3} ({:.1} %)", interval.low, interval.high, interval.level * 100.0),
        ),
        None => ("none".to_owned(), "-".to_owned(), "-".to_owned()),
    };
    let ended = if record.ended == Some(Finished::TooFewValid) { " (too few valid)" } else { "" };
    let left_out = record.pairs.iter().filter(|pair| pair.left_out.is_some()).count();
    let trials = record.pairs.iter().flat_map(|pair| pair.trials.both());
    let minutes = trials.clone().map(|trial| trial.seconds).sum::<f64>() / 60.0;
    let warnings: Vec<Warning> =
        trials.flat_map(|trial| trial.warnings.clone()).chain(record.warnings.clone()).collect();
    [
        record.start.strftime("%Y-%m-%d %H:%M").to_string(),
        format!("{verdict}{ended}"),
        ratio,
        interval,
        (record.pairs.len() - left_out).to_string(),
        left_out.to_string(),
        format!("{minutes:.0}"),
        names(&warnings),
        machine(&record.host),
    ]
    .join(" | ")
}

/// What was used up, in words.
pub(super) fn limits(limits: &[Limit]) -> String {
    limits.iter().map(|limit| limit.text.as_str()).collect::<Vec<_>>().join("; ")
}

/// Each once.
pub(super) fn names(warnings: &[Warning]) -> String {
    let mut names: Vec<&str> = warnings.iter().map(|warning| warning.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

pub(super) fn machine(host: &Host) -> String {
    let memory = host.memory_bytes.map(|bytes| format!(", {} GiB", bytes >> 30)).unwrap_or_default();
    format!("{} CPUs{memory}, {}", host.cpus, host.kernel)
}

#[cfg(test)]
mod tests {
    use super::{super::series, *};

    const EXPERIMENT: &str = include_str!("../../../crates/record/testdata/experiment-v1.json");

    fn with(verdicts: &[Verdict]) -> Vec<(Item, Kept)> {
        let record: ExperimentRecord = serde_json::from_str(EXPERIMENT).unwrap();
        let items = series::by_name("aa").unwrap().items().unwrap();
        let kept = verdicts.iter().map(|verdict| {
            let mut record = record.clone();
            record.verdict.as_mut().unwrap().verdict = *verdict;
            Kept::Experiment(Box::new(record))
        });
        items.into_iter().zip(kept).collect()
    }

    #[test]
    fn two_differences_in_twenty_are_chance_and_three_are_too_many() {
        let mut verdicts = [Verdict::Equivalent; 20];
        verdicts[..2].copy_from_slice(&[Verdict::Helps, Verdict::Hurts]);
        assert_eq!(outcome(Shows::FewDifferences, &with(&verdicts)), "2 of 20 found a difference.");
        verdicts[2] = Verdict::Hurts;
        let outcome = outcome(Shows::FewDifferences, &with(&verdicts));
        assert_eq!(outcome, "3 of 20 found a difference: **too many**.");
    }

    #[test]
    fn a_profile_that_was_not_found_to_be_bad_is_told() {
        let all = with(&[Verdict::Hurts, Verdict::Hurts]);
        assert_eq!(outcome(Shows::AllHurt, &all), "2 of 2 are found.");
        let not = with(&[Verdict::Hurts, Verdict::Inconclusive]);
        assert_eq!(outcome(Shows::AllHurt, &not), "1 of 2 are found: **not all**.");
    }

    #[test]
    fn a_page_says_what_is_missing_and_has_a_row_for_what_is_there() {
        let series = series::by_name("aa").unwrap();
        let page = page(series, 20, &with(&[Verdict::Helps]));
        assert!(page.contains("So far 1 of 20 are measured."), "{page}");
        assert!(page.contains("| 01 | 1970-01-01 00:00 | helps | 1.840 |"), "{page}");
        assert!(page.contains("- `loadgen compare --control aa --seed 1`: [record](01.json)"), "{page}");
    }
}
