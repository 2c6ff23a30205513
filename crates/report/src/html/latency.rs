//! Curves of percentiles: how long what share of the requests took at most.

use maud::{Markup, html};
use measure::Summary;
use record::KindRecord;

use super::place::Place;
use crate::{
    Latencies,
    chart::{Axis, Chart, LOOKS, Mark, Points, Scale, Unit},
};

/// So many samples must lie beyond a percentile that is drawn, as for those in a record.
const BEYOND: f64 = 5.0;
/// Points of a curve for each time that what lies beyond becomes ten times rarer.
const POINTS: i32 = 10;

/// The curve of each kind of request of one side: from the histograms where they are there, else of what the record has of them.
pub(super) fn curves(
    place: &Place,
    side: &str,
    kinds: &[KindRecord],
    latencies: Option<&Latencies>,
) -> Markup {
    let mut curves: Vec<(String, u64, Points)> = match latencies {
        Some(latencies) => latencies
            .of("response")
            .map(|(tag, histogram)| {
                (format!("{} {}", tag.verb, tag.resource), histogram.len(), of_histogram(histogram))
            })
            .collect(),
        None => kinds
            .iter()
            .map(|kind| {
                (format!("{} {}", kind.verb, kind.resource), kind.response.n, of_summary(&kind.response))
            })
            .collect(),
    };
    curves.retain(|(_, _, points)| points.len() > 1);
    curves.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let left_out = curves.len().saturating_sub(LOOKS.len());
    let marks = curves
        .into_iter()
        .take(LOOKS.len())
        .enumerate()
        .map(|(look, (name, _, points))| Mark::Line { name, look, markers: latencies.is_none(), points });
    let more = match left_out {
        0 => String::new(),
        more => format!(
            " The {} kinds with the most requests; {more} more are in the table of requests.",
            LOOKS.len()
        ),
    };
    let from = if latencies.is_some() { "" } else { " Only a few percentiles were kept of each." };
    let chart = Chart {
        id: place.id(&format!("latency-{side}")),
        title: format!("Response times of the {side}"),
        about: format!(
            "How long requests took from their intended start to the answer: a point at p99 says that 99 of 100 took at most so long. Lines \
             end where fewer than {BEYOND:.0} requests lie beyond.{from}{more}"
        ),
        x: Axis::new("percentile of the requests", Scale::Percentile, Unit::Percentile),
        y: Axis::new("response time", Scale::Log, Unit::Seconds),
        marks: marks.collect(),
    };
    if chart.is_empty() {
        html! {}
    } else {
        chart.render()
    }
}

/// As far as the sample carries it.
fn of_histogram(histogram: &hdrhistogram::Histogram<u64>) -> Points {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a run does not count to 2^53, and the histogram ends at 120 s"
    )]
    let (count, micros) = (histogram.len() as f64, |value: u64| value as f64 / 1e6);
    let share = |place: i32| 1.0 - 10_f64.powf(-f64::from(place) / f64::from(POINTS));
    // As far as 64 bits count.
    (0..20 * POINTS)
        .map(share)
        .take_while(|share| count * (1.0 - share) >= BEYOND)
        .map(|share| (share, micros(histogram.value_at_quantile(share))))
        .collect()
}

fn of_summary(summary: &Summary) -> Points {
    let known = [(0.5, summary.p50), (0.9, summary.p90), (0.99, summary.p99), (0.999, summary.p999)];
    known.into_iter().filter_map(|(share, value)| Some((share, value?))).collect()
}
