//! The page of an experiment.

use maud::{Markup, html};
use measure::statistics::verdict::{Better, Comparison, Verdict};
use record::{
    AnyRecord, Warning,
    experiment::{ExperimentRecord, FALSE_DISCOVERY_RATE, Order, Subject},
};

use super::{
    doubts::{self, Doubt},
    first_run,
    place::Place,
    set_up::{self, SetUp},
    table::{row, table},
};
use crate::{
    Experiment,
    chart::{Axis, Chart, Mark, Range, Scale, Unit},
    words::experiment as words,
};

/// Everything below the answer.
pub(super) fn body(place: &Place, experiment: &Experiment) -> Markup {
    let record = &experiment.record;
    html! {
        (lead(record))
        (measured(place, record))
        (place.section("arms", "What each arm was", &arms(record)))
        (doubts::section(place, &doubts_of(record)))
        (set_up::section(place, &SetUp::of_experiment(record, first_run(&experiment.trials))))
    }
}

/// What was asked, and whether a control came out as it must.
pub(super) fn lead(record: &ExperimentRecord) -> Markup {
    let plan = &record.plan;
    let wanted = match plan.better {
        Better::Lower => "less is better",
        Better::Higher => "more is better",
    };
    html! {
        p.lead {
            (plan.arms.candidate.name) " against " (plan.arms.baseline.name) " on " (plan.scenario.name) ", " (words::design(record)) ". "
            "What decides is " (plan.primary.title()) " (" (wanted) "); ratios within ±" (words::percent(plan.band)) " of 1 mean nothing."
        }
        @if let Some(passed) = record.control_passed().filter(|_| record.ended.is_some()) {
            p { @if passed { span.good { "✓ The control passed: this machine and this program find what is known." } }
                @else { span.bad { "✗ The control FAILED: what is known was not found." } } }
        }
        @if let Some(bootstrap) = &record.bootstrap {
            p.muted {
                "By the bootstrap (BCa), which decides nothing: " (words::percent(1.0 - words::alpha(record))) " "
                (format!("{:.2} to {:.2}", bootstrap.low, bootstrap.high)) "."
            }
        }
    }
}

/// What was measured: the primary metric and the others.
pub(super) fn measured(place: &Place, record: &ExperimentRecord) -> Markup {
    html! {
        (place.section("verdict", "The verdict", &verdict(place, record)))
        (place.section("secondaries", "Other metrics", &secondaries(place, record)))
    }
}

/// The ratios that mean nothing, and that of no difference.
fn behind(record: &ExperimentRecord) -> Vec<Mark> {
    let most = 1.0 + record.plan.band;
    vec![
        Mark::Band {
            label: format!("±{}: no difference that matters", words::percent(record.plan.band)),
            from: 1.0 / most,
            to: most,
            strong: true,
        },
        Mark::Rule { label: String::new(), at: 1.0 },
    ]
}

fn range(row: usize, comparison: &Comparison, of: fn(&Comparison) -> measure::statistics::Interval) -> Range {
    let interval = of(comparison);
    Range { row, low: interval.low, value: comparison.ratio, high: interval.high }
}

fn verdict(place: &Place, record: &ExperimentRecord) -> Markup {
    let primary = record.plan.primary;
    let alpha = words::alpha(record);
    let mut rows: Vec<String> =
        record.pairs.iter().map(|pair| format!("pair {}", words::number(pair))).collect();
    let points = |left_out: bool| -> Vec<(f64, f64)> {
        let pairs = record.pairs.iter().enumerate().filter(|(_, pair)| pair.left_out.is_some() == left_out);
        pairs.filter_map(|(row, pair)| Some((pair.log_ratio(primary)?.exp(), number(row)))).collect()
    };
    let mut marks = behind(record);
    for (name, look, points) in [("a pair", 0, points(false)), ("left out of the verdict", 5, points(true))] {
        if !points.is_empty() {
            marks.push(Mark::Points { name: name.to_owned(), look, points });
        }
    }
    if let Some(comparison) = &record.verdict {
        let both: [(String, usize, Range); 2] = [
            (
                format!("all together, {}", words::percent(1.0 - alpha)),
                1,
                range(rows.len(), comparison, |it| it.interval),
            ),
            (
                format!("{} (held against the band)", words::percent(1.0 - 2.0 * alpha)),
                2,
                range(rows.len() + 1, comparison, |it| it.equivalence),
            ),
        ];
        rows.extend(["all together".to_owned(), "held against the band".to_owned()]);
        marks.extend(both.map(|(name, look, range)| Mark::Ranges { name, look, ranges: vec![range] }));
    }
    let chart = Chart {
        id: place.id("forest"),
        title: format!("{}: candidate over baseline", primary.title()),
        about: format!(
            "{}. Each mark is the ratio of a pair of trials, the bars below are what all of them say together; the shaded stretch are ratios \
             that mean nothing.",
            words::answer(record).replace('`', "")
        ),
        x: Axis::new(&format!("ratio of {}", primary.title()), Scale::Log, Unit::Times),
        y: Axis::new("pair", Scale::Rows(rows), Unit::Plain),
        marks,
    };
    html! {
        @if !chart.is_empty() { (chart.render()) }
        (looks(record))
        (pairs(record))
        (unpaired(record))
    }
}

fn number(row: usize) -> f64 {
    f64::from(u32::try_from(row).unwrap_or(u32::MAX))
}

fn looks(record: &ExperimentRecord) -> Markup {
    if record.looks.len() < 2 {
        return html! {};
    }
    let rows: Vec<Vec<Markup>> = record
        .looks
        .iter()
        .map(|look| {
            let said = look.comparison.map_or_else(
                || "too few pairs".to_owned(),
                |comparison| words::with_interval(&comparison, look.alpha),
            );
            let word = look.comparison.map_or("-", |it| crate::words::advice::word(it.verdict));
            row([
                look.pairs.to_string(),
                look.valid.to_string(),
                format!("{:.4}", look.alpha),
                said,
                word.to_owned(),
            ])
        })
        .collect();
    html! {
        p { "It was looked at " (record.looks.len()) " times, each at a level of its own, so that all looks together keep theirs." }
        (table("Looks", &["after pairs", "that count", "level", "ratio", "verdict"], &rows))
    }
}

fn pairs(record: &ExperimentRecord) -> Markup {
    if record.pairs.is_empty() {
        return html! {};
    }
    let primary = record.plan.primary;
    let [baseline, candidate] = record.plan.arms.both().map(|arm| arm.name.as_str());
    let rows: Vec<Vec<Markup>> = record
        .pairs
        .iter()
        .map(|pair| {
            let [of_baseline, of_candidate] = pair.trials.both().map(|trial| {
                trial.values.get(&primary).map_or_else(|| "-".to_owned(), |value| primary.show(*value))
            });
            let ratio =
                pair.log_ratio(primary).map_or_else(|| "-".to_owned(), |it| format!("{:.3}", it.exp()));
            let first = match pair.order {
                Order::BaselineFirst => "baseline",
                Order::CandidateFirst => "candidate",
            };
            row([
                words::number(pair),
                words::load(&pair.load),
                of_baseline,
                of_candidate,
                ratio,
                first.to_owned(),
                pair.left_out.as_ref().map(|why| format!("left out: {why}")).unwrap_or_default(),
            ])
        })
        .collect();
    let [baseline, candidate] = [format!("baseline: {baseline}"), format!("candidate: {candidate}")];
    table(
        &format!("{} by pair", primary.title()),
        &["pair", "at", &baseline, &candidate, "ratio", "first", "note"],
        &rows,
    )
}

fn unpaired(record: &ExperimentRecord) -> Markup {
    let Some(unpaired) = &record.unpaired else { return html! {} };
    let primary = record.plan.primary;
    let sides = ["before", "after"].into_iter().zip(unpaired.both());
    let rows: Vec<Vec<Markup>> = sides
        .flat_map(|(side, trials)| {
            trials.iter().map(move |trial| {
                let value = trial.values.get(&primary).map(|value| primary.show(*value));
                row([side.to_owned(), trial.path.clone(), value.unwrap_or_else(|| "-".to_owned())])
            })
        })
        .collect();
    table("Trials", &["side", "record", primary.title()], &rows)
}

fn secondaries(place: &Place, record: &ExperimentRecord) -> Markup {
    if record.secondaries.is_empty() {
        return html! {};
    }
    let ranges = |differs: bool| -> Vec<Range> {
        let all = record.secondaries.iter().enumerate().filter(|(_, it)| it.differs == differs);
        all.map(|(row, it)| range(row, &it.comparison, |it| it.interval)).collect()
    };
    let mut marks = behind(record);
    for (name, look, ranges) in
        [("no difference is shown", 5, ranges(false)), ("a difference", 1, ranges(true))]
    {
        if !ranges.is_empty() {
            marks.push(Mark::Ranges { name: name.to_owned(), look, ranges });
        }
    }
    let names: Vec<String> = record
        .secondaries
        .iter()
        .map(|it| if it.differs { format!("{} *", it.metric.title()) } else { it.metric.title().to_owned() })
        .collect();
    let chart = Chart {
        id: place.id("secondary-metrics"),
        title: "Other metrics: candidate over baseline".to_owned(),
        about: format!(
            "They decide nothing. An asterisk marks what is called a difference (Benjamini and Hochberg): at most {} of those are expected to be \
             none.",
            words::percent(FALSE_DISCOVERY_RATE)
        ),
        x: Axis::new("ratio", Scale::Log, Unit::Times),
        y: Axis::new("metric", Scale::Rows(names), Unit::Plain),
        marks,
    };
    let rows: Vec<Vec<Markup>> = record
        .secondaries
        .iter()
        .map(|it| {
            let Comparison { ratio, interval, .. } = &it.comparison;
            row([
                it.metric.title().to_owned(),
                format!("{ratio:.2}"),
                format!("{:.2} to {:.2}", interval.low, interval.high),
                format!("{:.3}", it.adjusted_p_value),
                if it.differs { format!("* {}", words::said(it)) } else { words::said(it).to_owned() },
            ])
        })
        .collect();
    let interval = words::percent(1.0 - words::alpha(record));
    html! {
        @if !chart.is_empty() { (chart.render()) }
        (table("Other metrics", &["metric", "ratio", &interval, "adjusted p", "said"], &rows))
    }
}

fn arms(record: &ExperimentRecord) -> Markup {
    let plan = &record.plan;
    let changes = |name: &str, arm: &Subject| {
        html! {
            @if !arm.changes.is_empty() {
                p.caption { "The " (name) " is put through the scenario with" }
                ul { @for (path, value) in &arm.changes { li { (path) " = " (crate::words::settings::shown(value)) } } }
            }
        }
    };
    html! {
        dl {
            dt { "Baseline" } dd { (plan.arms.baseline.name) }
            dt { "Candidate" } dd { (plan.arms.candidate.name) }
        }
        @if plan.differences.is_empty() {
            p { "They differ in nothing." }
        } @else {
            p { "They differ in" }
            ul.settings { @for difference in &plan.differences { li { code { (difference) } } } }
        }
        (changes("baseline", &plan.arms.baseline))
        (changes("candidate", &plan.arms.candidate))
    }
}

/// Doubts about the whole, and those about trials, each once.
pub(super) fn doubts_of(record: &ExperimentRecord) -> Vec<Doubt<'_>> {
    let all = words::trials(record).len();
    let whole = record.warnings.iter().map(|warning: &Warning| (warning, None));
    let shared = words::shared(record).into_iter();
    let shared = shared.map(|shared| (shared.worst, Some(format!("{} of {all} trials", shared.count))));
    whole.chain(shared).collect()
}

/// The sign and the class of a verdict.
pub(super) fn sign(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Helps => ("▲", "good"),
        Verdict::Hurts => ("▼", "bad"),
        Verdict::Equivalent => ("=", "accent"),
        Verdict::Inconclusive => ("?", "muted"),
    }
}

/// An experiment that is part of another record.
pub(super) fn part(place: &Place, record: &AnyRecord) -> Markup {
    let AnyRecord::Experiment(record) = record else { return html! {} };
    html! {
        article id=(place.id("top")) {
            (place.title(&words::answer(record)))
            (lead(record))
            (measured(place, record))
            (place.section("arms", "What each arm was", &arms(record)))
        }
    }
}
