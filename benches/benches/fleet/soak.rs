//! A fleet under a steady load for a long time: nothing of what it holds may grow.

use std::{fmt::Write, thread::sleep, time::Duration};

use anyhow::Context;
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use measure::{Clock, Nanos, statistics::trend::theil_sen};

use crate::{
    churn::Churn,
    client::Sent,
    pods::Went,
    result::megabytes,
    serve::Order,
    trial::{self, Trial},
};

const EVERY: Duration = Duration::from_secs(15);
/// What comes before is the fleet filling up: caches of events, and watches that are renewed for the first time after ten minutes.
const FROM: Duration = Duration::from_mins(10);

/// What a fleet holds at a moment.
struct Sample {
    at: f64,
    rss: f64,
    tasks: f64,
    streams: f64,
    deadlines: f64,
}

/// A quantity: its name, its unit, and where it is in a sample.
type Quantity = (&'static str, fn(&Sample) -> f64);

const QUANTITIES: [Quantity; 4] = [
    ("resident memory, MB", |it| it.rss),
    ("tasks", |it| it.tasks),
    ("open streams", |it| it.streams),
    ("deadlines", |it| it.deadlines),
];

/// What came out.
pub(crate) struct Soak {
    samples: Vec<Sample>,
    errors: u64,
    pods: u64,
}

/// Runs a fleet of one process for so long, with so many pods a second that come and go.
pub(crate) fn run(trial: &Trial, length: Duration, rate: f64) -> anyhow::Result<Soak> {
    let mut pairs = vec![trial::start(trial, 0)?];
    trial::wait_until_ready(&mut pairs)?;
    trial::take(&mut pairs)?;
    let clock = Clock::start();
    pairs[0].server.tell(&Order::Churn(Churn { rate, seconds: length.as_secs() }))?;
    let mut soak = Soak { samples: Vec::new(), errors: 0, pods: 0 };
    let mut due = Nanos::from(EVERY);
    while due <= Nanos::from(length) {
        sleep(due.since(clock.now()));
        let Sent { held, errors, .. } = trial::take(&mut pairs)?;
        soak.errors += errors;
        soak.samples.push(Sample {
            at: clock.now().as_secs_f64(),
            rss: megabytes(trial::look(&pairs)?.rss),
            tasks: count(held.tasks),
            streams: count(held.streams),
            deadlines: count(held.deadlines),
        });
        due = due + EVERY;
    }
    pairs[0].server.hear::<Went>().context("pods could not be made or deleted")?;
    soak.pods = trial::take(&mut pairs)?.pods_gone;
    Ok(soak)
}

#[expect(clippy::cast_precision_loss, reason = "a fleet holds far fewer than 2^52 of anything")]
fn count(count: usize) -> f64 {
    count as f64
}

impl Soak {
    /// What grew, and how surely; and the samples.
    pub(crate) fn page(&self) -> anyhow::Result<String> {
        let (begin, settled): (Vec<&Sample>, Vec<&Sample>) =
            self.samples.iter().partition(|sample| sample.at < FROM.as_secs_f64());
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN).set_header([
            "",
            "after 15 s",
            "after 10 min",
            "at the end",
            "slope per hour",
            "95 % interval",
        ]);
        for (name, of) in QUANTITIES {
            let values: Vec<f64> = settled.iter().map(|sample| of(sample)).collect();
            let trend = theil_sen(&values, EVERY.as_secs_f64(), 0.95).context("the soak was too short")?;
            let hourly = |slope: f64| format!("{:.1}", slope * 3600.0);
            let of = |sample: Option<&&Sample>| format!("{:.1}", sample.map_or(0.0, |sample| of(sample)));
            table.add_row([
                name.to_owned(),
                of(begin.first()),
                of(settled.first()),
                of(settled.last()),
                hourly(trend.slope),
                format!("{} to {}", hourly(trend.interval.low), hourly(trend.interval.high)),
            ]);
        }
        let mut page = format!(
            "{table}\n\n{} pods came and went; {} requests failed or were refused.\n\nseconds,rss_mb,tasks,streams,deadlines\n",
            self.pods, self.errors
        );
        for Sample { at, rss, tasks, streams, deadlines } in &self.samples {
            writeln!(page, "{at:.0},{rss:.1},{tasks},{streams},{deadlines}")?;
        }
        Ok(page)
    }
}
