//! `cargo xtask evidence scraping`: what it costs to be looked at.
//!
//! The same run with and without a Prometheus that scrapes it and all components at its default interval, in pairs of one seed, the
//! first of a pair in turn. What is compared is CPU time of the harness and of the control plane, by the records; Prometheus' own is not
//! counted, because whoever has one has it elsewhere.
//!
//! The harness reads the components' metrics in both arms, every 15 s, because it says what limited a run by them, and there is no run
//! without it. A Prometheus asks for the same three times as often by the same way, so a third of what it costs is reckoned for that.

use std::{ffi::OsString, fmt::Write as _, fs, path::Path, time::Duration};

use anyhow::{Context, ensure};
use measure::{Phase, statistics::signed_rank::Walsh};
use record::RunRecord;
use tokio::time::sleep;

use super::{Args, RUN, page, portable, records_in, say};
use crate::{
    binaries, command,
    generated::{self, File},
    prometheus::{self, Prometheus, free_address},
    started::Started,
    until_stopped,
};

pub(super) const NAME: &str = "scraping";
pub(super) const TITLE: &str = "What scraping and sampling cost";

/// Pairs; six are the least of which an interval at 95 % can be made.
const PAIRS: u32 = 8;
const LEVEL: f64 = 0.95;
/// What it may cost: this share of the machine.
const MOST: f64 = 0.01;
/// How often the harness reads components itself, for each time that Prometheus asks at its default interval.
const OWN_READING: f64 = 5.0 / 15.0;
/// A load that both carry with ease, so that what is looked at is the cost and not what a lack of CPU makes of it.
const WORDS: &str = "run pod-churn --profile defaults-unthrottled --nodes 200 --at 8/s --duration 120s";

/// Whether somebody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arm {
    Alone,
    Scraped,
}

impl Arm {
    fn name(self) -> &'static str {
        match self {
            Arm::Alone => "alone",
            Arm::Scraped => "scraped",
        }
    }
}

/// Measures what is missing.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(args.only.is_empty(), "{NAME} has no items to choose from");
    if args.page {
        return generated::write(&[page()?]);
    }
    let programs = prometheus::Programs::find()?;
    let (loadgen, shim) = (command::build("loadgen", false)?, binaries::shim()?);
    for pair in 1..=PAIRS {
        let order = if pair % 2 == 1 { [Arm::Alone, Arm::Scraped] } else { [Arm::Scraped, Arm::Alone] };
        // Half a pair is none: what was interrupted is measured again as a whole.
        let is_kept = order.into_iter().all(|arm| kept(pair, arm).is_some());
        if is_kept && !args.anew {
            continue;
        }
        for arm in order {
            say(&format!("=== {NAME}/{pair:02}-{}: loadgen {}", arm.name(), words(pair).join(" ")));
            until_stopped::run(measure(pair, arm, &programs, &loadgen, &shim))?;
        }
        generated::write(&[page()?])?;
    }
    Ok(())
}

fn words(pair: u32) -> Vec<String> {
    format!("{WORDS} --seed {pair}").split_whitespace().map(str::to_owned).collect()
}

/// One run, and what is kept of it.
async fn measure(
    pair: u32,
    arm: Arm,
    programs: &prometheus::Programs,
    loadgen: &Path,
    shim: &OsString,
) -> anyhow::Result<()> {
    let work = command::target().join("evidence").join(NAME);
    fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
    let folder = tempfile::TempDir::new_in(&work)
        .with_context(|| format!("cannot make a folder in {}", work.display()))?;
    let records = folder.path().join("records");
    let mut args: Vec<OsString> = words(pair).into_iter().map(OsString::from).collect();
    args.extend(["--out".into(), records.clone().into()]);
    let mut scraper = None;
    if arm == Arm::Scraped {
        let metrics = free_address().await?;
        args.extend(["--metrics-addr".into(), metrics.to_string().into()]);
        let config = prometheus::configuration(metrics)?;
        scraper = Some(Prometheus::start(programs, shim, folder.path(), "prometheus", &config, &[]).await?);
    }
    let mut run = Started::new("loadgen".to_owned(), loadgen.to_owned(), args, folder.path());
    run.start(folder.path(), shim)?;
    let status = loop {
        if let Some(status) = run.ended()? {
            break status;
        }
        if let Some(scraper) = &mut scraper {
            scraper.check()?;
        }
        sleep(Duration::from_secs(1)).await;
    };
    if let Some(scraper) = &mut scraper {
        scraper.stop().await?;
    }
    let record = records_in(&records)?.pop();
    let record =
        record.with_context(|| format!("loadgen ended with {status} and no record:\n{}", run.said()))?;
    ensure!(status.success(), "loadgen ended with {status}:\n{}", run.said());
    let content = portable(&record.join(RUN), &words(pair))?;
    generated::write(&[File { path: path(pair, arm), content }])
}

/// From the repository's root.
fn path(pair: u32, arm: Arm) -> std::path::PathBuf {
    Path::new("docs/evidence").join(NAME).join(format!("{pair:02}-{}.json", arm.name()))
}

fn kept(pair: u32, arm: Arm) -> Option<RunRecord> {
    let text = fs::read_to_string(command::root().join(path(pair, arm))).ok()?;
    serde_json::from_str(&text).ok()
}

/// Whether anything is measured yet.
pub(super) fn is_there() -> bool {
    command::root().join("docs/evidence").join(NAME).exists()
}

/// The page, of what there is so far.
pub(super) fn page() -> anyhow::Result<File> {
    let pairs: Vec<(u32, RunRecord, RunRecord)> = (1..=PAIRS)
        .filter_map(|pair| Some((pair, kept(pair, Arm::Alone)?, kept(pair, Arm::Scraped)?)))
        .collect();
    Ok(File { path: Path::new("docs/evidence").join(NAME).join("README.md"), content: text(&pairs)? })
}

fn text(pairs: &[(u32, RunRecord, RunRecord)]) -> anyhow::Result<String> {
    let all = |record: &RunRecord| share(record, |_| true);
    let differences: Vec<f64> = pairs.iter().map(|(_, alone, scraped)| all(scraped) - all(alone)).collect();
    let mut text = format!("# {TITLE}\n\n{}", outcome(&differences)?);
    if pairs.len() < PAIRS as usize {
        let _ = write!(text, " So far {} of {PAIRS} pairs are measured.", pairs.len());
    }
    let machine = pairs.first().map(|(_, alone, _)| page::machine(&alone.host)).unwrap_or_default();
    let _ = write!(
        text,
        "\n\n`loadgen {WORDS}` with and without a Prometheus that scrapes the run and all of its components every 5 s \
         (`dashboards/prometheus.yml`). CPU time in the measured window, as a share of the machine ({machine}). Prometheus' own is not in \
         it. The harness reads the components' metrics every 15 s in both; a third of the difference is reckoned for that.\n\n\
         Made by `cargo xtask evidence {NAME}`; control plane and load share the machine.\n\n\
         | pair | date | alone | scraped | difference | of the harness | of apiservers | records |\n|---|---|---:|---:|---:|---:|---:|---|\n"
    );
    for (pair, alone, scraped) in pairs {
        let difference = |of: &dyn Fn(&str) -> bool| points(share(scraped, of) - share(alone, of));
        let begun = alone.phases.first().map(|phase| phase.start.strftime("%Y-%m-%d %H:%M").to_string());
        let records =
            [Arm::Alone, Arm::Scraped].map(Arm::name).map(|arm| format!("[{arm}]({pair:02}-{arm}.json)"));
        let cells = [
            format!("{pair:02}"),
            begun.unwrap_or_default(),
            percent(all(alone)),
            percent(all(scraped)),
            difference(&|_| true),
            difference(&|name| name == "harness"),
            difference(&|name| name.contains("kube-apiserver")),
            records.join(", "),
        ];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    Ok(text)
}

/// The answer in a sentence.
fn outcome(differences: &[f64]) -> anyhow::Result<String> {
    if differences.is_empty() {
        return Ok("Nothing is measured yet.".to_owned());
    }
    let walsh = Walsh::of(differences)?;
    let cost = |difference: f64| difference * (1.0 + OWN_READING);
    let middle = cost(walsh.hodges_lehmann());
    let Ok(interval) = walsh.interval(LEVEL) else {
        return Ok(format!("{} of the machine, of too few pairs for an interval.", percent(middle)));
    };
    let (low, high) = (cost(interval.low), cost(interval.high));
    let verdict = if high < MOST {
        "less than 1 % of the machine"
    } else if low < MOST {
        "**not shown to be less than 1 % of the machine**"
    } else {
        "**more than 1 % of the machine**"
    };
    Ok(format!(
        "Scraping and sampling cost {verdict}: {} [{}, {}] ({:.1} %, exact interval of the paired differences, {} pairs).",
        percent(middle),
        percent(low),
        percent(high),
        interval.level * 100.0,
        differences.len()
    ))
}

/// The share of the machine's CPU time that some processes took in the measured window.
fn share(record: &RunRecord, of: impl Fn(&str) -> bool) -> f64 {
    let window =
        record.phases.iter().find(|phase| phase.phase == Phase::Measure).map_or(0.0, |phase| phase.seconds);
    let used = record.resources.iter().filter(|(name, _)| of(name)).map(|(_, used)| used.cpu_seconds);
    used.sum::<f64>() / (window * f64::from(record.host.cpus))
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn points(difference: f64) -> String {
    format!("{:+.2} %", difference * 100.0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use measure::Phase;
    use record::{PhaseRecord, ProcessUse};

    use super::*;

    const RECORD: &str = include_str!("../../../crates/record/testdata/run-v1.json");

    /// A run of 100 s on two processors.
    fn run(harness: f64, apiserver: f64) -> RunRecord {
        let record: RunRecord = serde_json::from_str(RECORD).unwrap();
        let used = |cpu_seconds| ProcessUse { cpu_seconds, ..ProcessUse::default() };
        let start = record.phases[0].start;
        RunRecord {
            phases: vec![PhaseRecord { phase: Phase::Measure, start, seconds: 100.0 }],
            resources: BTreeMap::from([
                ("harness".to_owned(), used(harness)),
                ("kube-apiserver".to_owned(), used(apiserver)),
            ]),
            ..record
        }
    }

    #[test]
    fn a_pair_is_told_as_shares_of_the_machine() {
        let text = text(&[(1, run(20.0, 60.0), run(20.4, 61.0))]).unwrap();
        assert!(text.contains("| 40.00 % | 40.70 % | +0.70 % | +0.20 % | +0.50 % |"), "{text}");
        assert!(text.contains("So far 1 of 8 pairs are measured."), "{text}");
        assert!(text.contains("of too few pairs for an interval"), "{text}");
    }

    #[test]
    fn what_costs_too_much_is_told() {
        let with = |each: f64| outcome(&[each; 8]).unwrap();
        assert!(with(0.004).contains("cost less than 1 % of the machine: 0.53 %"), "{}", with(0.004));
        // The harness' own reading is a third of as much again.
        assert!(with(0.008).contains("**more than 1 %"), "{}", with(0.008));
        let apart = outcome(&[-0.02, 0.02, -0.01, 0.01, -0.03, 0.03, -0.04, 0.04]).unwrap();
        assert!(apart.contains("**not shown"), "{apart}");
    }
}
