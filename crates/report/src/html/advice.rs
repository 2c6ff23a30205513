//! The page of a test of a rule of advice.

use maud::{Markup, html};
use record::{
    AnyRecord,
    advice::{AdviceMode, AdviceRecord, Outcome, Tested},
};

use super::{
    doubts::{self, Doubt},
    experiment,
    place::Place,
    set_up::{self, SetUp},
    table::table,
};
use crate::{
    Advice,
    chart::{Axis, Chart, Mark, Range, Scale, Unit},
    words::advice as words,
};

/// Everything below the answer.
pub(super) fn body(place: &Place, advice: &Advice) -> Markup {
    let record = &advice.record;
    let doubts: Vec<Doubt<'_>> = advice
        .experiments
        .iter()
        .filter_map(|child| match &child.record {
            AnyRecord::Experiment(experiment) => Some(experiment::doubts_of(experiment)),
            _ => None,
        })
        .flatten()
        .collect();
    html! {
        section aria-labelledby=(place.id("rule")) {
            blockquote id=(place.id("rule")) { (record.rule) }
            p { strong { "Expected: " } (record.expect) }
            @for refused in &record.refused {
                p { code { (refused.setting) } " itself is refused: " (refused.reason) "." }
            }
        }
        (place.section("verdicts", "What was measured", &verdicts(place, record)))
        (place.section("seen", "What was seen on the server's side", &seen(record)))
        @for (number, child) in advice.experiments.iter().enumerate() {
            (experiment::part(&place.inner(&format!("experiment-{}", number + 1)), &child.record))
        }
        @if !advice.experiments.is_empty() { (doubts::section(place, &doubts)) }
        (set_up::section(place, &SetUp::of_advice(record)))
    }
}

fn verdicts(place: &Place, record: &AdviceRecord) -> Markup {
    let compared: Vec<&Tested> = record.tested.iter().filter(|tested| tested.verdict.is_some()).collect();
    let ranges = compared.iter().enumerate().filter_map(|(row, tested)| {
        let comparison = tested.verdict.as_ref()?;
        let (low, high) = (comparison.interval.low, comparison.interval.high);
        Some(Range { row, low, value: comparison.ratio, high })
    });
    let name = |tested: &Tested| format!("{}: {}", tested.arms.candidate, tested.primary.title());
    let chart = Chart {
        id: place.id("candidates"),
        title: "Candidate over baseline".to_owned(),
        about: "The ratio of the metric that decides, with its interval. Whether more or less is better is as the metric has it.".to_owned(),
        x: Axis::new("ratio", Scale::Log, Unit::Times),
        y: Axis::new("candidate", Scale::Rows(compared.iter().map(|tested| name(tested)).collect()), Unit::Plain),
        marks: vec![
            Mark::Rule { label: "no difference".to_owned(), at: 1.0 },
            Mark::Ranges { name: "ratio with its interval".to_owned(), look: 0, ranges: ranges.collect() },
        ],
    };
    let rows: Vec<Vec<Markup>> = record.tested.iter().map(|tested| row_of(record, tested)).collect();
    html! {
        @if !chart.is_empty() { (chart.render()) }
        (table(
            "Candidates",
            &["candidate", "baseline", "scenario", "decides", "the rule says", "measured", "to the rule", "p of all"],
            &rows,
        ))
    }
}

fn row_of(record: &AdviceRecord, tested: &Tested) -> Vec<Markup> {
    let to_the_rule = match tested.outcome() {
        Outcome::BorneOut => ("good", "✓ borne out"),
        Outcome::NoEffect => ("bad", "✗ no effect"),
        Outcome::Contradicted => ("bad", "✗ contradicted"),
        Outcome::Open if record.mode == AdviceMode::Smoke => ("muted", "-"),
        Outcome::Open => ("muted", "? open"),
    };
    let adjusted = tested.adjusted_p_value.map_or_else(|| "-".to_owned(), |p| format!("{p:.3}"));
    let measured = html! {
        @if let Some(comparison) = &tested.verdict {
            @let (sign, class) = experiment::sign(comparison.verdict);
            span class=(class) { (sign) " " (words::word(comparison.verdict)) }
            " " (format!("{:.2}× ({:.2} to {:.2})", comparison.ratio, comparison.interval.low, comparison.interval.high))
        } @else { (words::told_in(record.mode, tested)) }
    };
    vec![
        html! { (tested.arms.candidate) },
        html! { (tested.arms.baseline) },
        html! { (tested.scenario) },
        html! { (tested.primary.title()) },
        html! { (words::word(tested.predict)) },
        measured,
        html! { span class=(to_the_rule.0) { (to_the_rule.1) } },
        html! { (adjusted) },
    ]
}

fn seen(record: &AdviceRecord) -> Markup {
    let all: Vec<String> = record
        .tested
        .iter()
        .flat_map(|tested| {
            let candidate = &tested.arms.candidate;
            tested.knobs.iter().map(move |knob| format!("{candidate}: {}", words::knob(knob)))
        })
        .collect();
    if all.is_empty() {
        html! {}
    } else {
        super::list(&all)
    }
}
