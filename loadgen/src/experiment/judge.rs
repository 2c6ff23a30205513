//! From pairs to what they say.

use measure::statistics::{
    bca, fdr,
    signed_rank::{self, hodges_lehmann},
    verdict::{self, Comparison, Question, Verdict},
};
use record::{
    Warning, WarningClass,
    experiment::{
        Arm, Arms, ExperimentRecord, FALSE_DISCOVERY_RATE, Finished, Metric, Pair, Plan, Secondary, Trial,
    },
};

use super::metrics;

/// From so many pairs up the bootstrap keeps its level well enough to be shown.
const BOOTSTRAP_FROM: usize = 20;

/// Why a pair takes no part; `None` where it does.
pub(super) fn left_out(trials: &Arms<Trial>, primary: Metric) -> Option<String> {
    [Arm::Baseline, Arm::Candidate].into_iter().find_map(|arm| {
        let trial = trials.of(arm);
        let void: Vec<&str> = trial.invalid().map(|warning| warning.name.as_str()).collect();
        if !void.is_empty() {
            return Some(format!("the {}'s trial is void: {}", arm.name(), void.join(", ")));
        }
        let title = primary.title();
        match trial.values.get(&primary) {
            None => Some(format!("the {}'s trial has no {title}", arm.name())),
            Some(value) if *value <= 0.0 => {
                Some(format!("the {}'s trial has a {title} of {value}, which makes no ratio", arm.name()))
            }
            Some(_) => None,
        }
    })
}

/// The pairs that take part.
pub(super) fn valid(pairs: &[Pair]) -> impl Iterator<Item = &Pair> {
    pairs.iter().filter(|pair| pair.left_out.is_none())
}

fn log_ratios(pairs: &[Pair], metric: Metric) -> Vec<f64> {
    valid(pairs).filter_map(|pair| pair.log_ratio(metric)).collect()
}

/// The ratio as it stands.
pub(super) fn ratio(pairs: &[Pair], metric: Metric) -> Option<f64> {
    hodges_lehmann(&log_ratios(pairs, metric)).map(f64::exp)
}

/// Judges one metric at this level; `None` where too few pairs have it.
pub(super) fn compare(plan: &Plan, pairs: &[Pair], metric: Metric, alpha: f64) -> Option<Comparison> {
    let better = if metric == plan.primary { plan.better } else { metric.row().better };
    verdict::paired(&log_ratios(pairs, metric), Question { better, band: plan.band, alpha }).ok()
}

/// Whether this is an answer.
pub(super) fn decides(comparison: Comparison) -> bool {
    comparison.verdict != Verdict::Inconclusive
}

/// Whether this is a difference.
pub(super) fn differs(comparison: &Comparison) -> bool {
    matches!(comparison.verdict, Verdict::Helps | Verdict::Hurts)
}

/// Fills in what can be said once no trial is left.
pub(super) fn conclude(record: &mut ExperimentRecord, finished: Finished, alpha: f64) {
    let (plan, pairs) = (&record.plan, &record.pairs);
    record.verdict = match finished {
        Finished::TooFewValid => None,
        _ => record.looks.last().and_then(|look| look.comparison),
    };
    record.bootstrap = bootstrap(plan, &log_ratios(pairs, plan.primary), alpha);
    let others = plan.secondaries.clone().unwrap_or_else(|| metrics::usual().collect());
    let others = others.into_iter().filter(|metric| *metric != plan.primary);
    let comparisons =
        others.filter_map(|metric| Some((metric, compare(plan, pairs, metric, alpha)?))).collect();
    record.secondaries = secondaries(comparisons);
    record.warnings = warnings(pairs, signed_rank::least_pairs(alpha));
}

fn bootstrap(plan: &Plan, log_ratios: &[f64], alpha: f64) -> Option<measure::statistics::Interval> {
    if log_ratios.len() < BOOTSTRAP_FROM {
        return None;
    }
    let how = bca::Plan { resamples: 10_000, level: 1.0 - alpha, seed: plan.seed };
    let found = bca::interval(log_ratios, |sample| hodges_lehmann(sample).unwrap_or_default(), how).ok()?;
    Some(found.interval.map(f64::exp))
}

/// The secondary metrics with what they say together.
pub(super) fn secondaries(comparisons: Vec<(Metric, Comparison)>) -> Vec<Secondary> {
    let p_values: Vec<f64> = comparisons.iter().map(|(_, comparison)| comparison.p_value).collect();
    // The tests' own p-values are between 0 and 1, so this does not fail; 1 would hide a difference and never make one.
    let adjusted = fdr::adjusted(&p_values).unwrap_or_else(|_| vec![1.0; p_values.len()]);
    comparisons
        .into_iter()
        .zip(adjusted)
        .map(|((metric, comparison), adjusted_p_value)| Secondary {
            metric,
            comparison,
            adjusted_p_value,
            differs: adjusted_p_value <= FALSE_DISCOVERY_RATE && differs(&comparison),
        })
        .collect()
}

/// What is to be said about the experiment as a whole.
fn warnings(pairs: &[Pair], least: usize) -> Vec<Warning> {
    let void = pairs.iter().filter(|pair| pair.left_out.is_some()).count();
    let valid = pairs.len() - void;
    let warn = |name: &str, class, value, threshold, advice: &str| Warning {
        name: name.to_owned(),
        class,
        value: real(value),
        threshold: real(threshold),
        advice: advice.to_owned(),
    };
    let mut warnings = Vec::new();
    if void > 0 {
        warnings.push(warn(
            "pairs-left-out",
            WarningClass::Warn,
            void,
            0,
            "pairs with a void trial took no part; the warnings of the trials say what to change",
        ));
    }
    if valid < least {
        warnings.push(warn(
            "too-few-valid-pairs",
            WarningClass::Invalid,
            valid,
            least,
            "too few pairs are left for a verdict; remove what voids the trials, then compare again",
        ));
    }
    warnings
}

/// `None` of nothing.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / real(values.len()))
}

/// A count as a number.
#[expect(clippy::cast_precision_loss, reason = "nobody measures 2^53 pairs")]
pub(super) fn real(count: usize) -> f64 {
    count as f64
}
