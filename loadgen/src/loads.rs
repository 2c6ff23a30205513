//! What came of each load, from what was observed to its part of a record.

use std::time::Duration;

use measure::{Nanos, Summary};
use record::{Goodput, LoadRecord, Operations};

use crate::{
    criteria::{Criteria, good_within},
    drivers::{Accounting, Report},
    probe::Probed,
    scenario::{Load, Turn},
};

/// The records of all loads of a probe.
pub(crate) fn records(loads: &[Load], criteria: &Criteria, probed: &Probed) -> Vec<LoadRecord> {
    let record = |(place, load): (usize, &Load)| {
        let (rate, count) = match load.turn() {
            Turn::Rate(rate) => (Some(rate.get()), None),
            Turn::Count(count) => (None, Some(count)),
        };
        let measured = &probed.seen.measured;
        let lag = probed.observed.lags(place, measured).summary();
        LoadRecord {
            name: load.name().to_owned(),
            driver: load.driver().to_owned(),
            judged: load.is_judged(),
            rate_per_second: rate,
            count,
            goodput: rate.is_some().then(|| goodput(probed, place, load.limit(criteria), probed.end)),
            response: probed.observed.responses(place, measured).summary(),
            watch_lag: (lag.n > 0).then_some(lag),
            operations: None,
            figures: std::collections::BTreeMap::new(),
        }
    };
    loads.iter().enumerate().map(record).collect()
}

/// Adds what their drivers said in the end, of which a load has one in each cell.
pub(crate) fn add_reports(records: &mut [LoadRecord], reports: &[(usize, Report)]) {
    for (place, record) in records.iter_mut().enumerate() {
        let mut total: Option<Accounting> = None;
        for (_, report) in reports.iter().filter(|(of, _)| *of == place) {
            total.get_or_insert_default().add(&report.accounting);
            for (name, figure) in &report.figures {
                *record.figures.entry(name.clone()).or_default() += figure;
            }
        }
        record.operations = total.as_ref().map(operations);
    }
}

/// Of one load, in the seconds of the window whose operations have had their time.
pub(crate) fn goodput(probed: &Probed, place: usize, limit: Duration, now: Nanos) -> Goodput {
    let (offered, good, counted) = probed.observed.goodput(place, &probed.seen.measured, now);
    Goodput::new(offered, good, good_within(limit), counted.max(Duration::from_secs(1)))
}

/// Of several loads together: rates add up. Nothing where none is done at a rate.
pub(crate) fn together(records: &[LoadRecord]) -> Option<Goodput> {
    let goodputs = records.iter().filter(|record| record.judged).filter_map(|record| record.goodput);
    goodputs.reduce(|a, b| Goodput {
        offered: a.offered + b.offered,
        good: a.good + b.good,
        limit_seconds: a.limit_seconds.max(b.limit_seconds),
        offered_per_second: a.offered_per_second + b.offered_per_second,
        goodput_per_second: a.goodput_per_second + b.goodput_per_second,
    })
}

/// The response of the load that is turned up, or of the first that is judged.
pub(crate) fn response<'a>(records: &'a [LoadRecord], turned: Option<&str>) -> Option<&'a Summary> {
    let of_turned = records.iter().find(|record| Some(record.name.as_str()) == turned);
    of_turned.or_else(|| records.iter().find(|record| record.judged)).map(|record| &record.response)
}

fn operations(accounting: &Accounting) -> Operations {
    Operations {
        offered: accounting.offered,
        there: accounting.there,
        gone: accounting.gone,
        failed: accounting.failed(),
        failed_by_reason: accounting.failed_by_reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str) -> LoadRecord {
        LoadRecord {
            name: name.to_owned(),
            driver: "pods".to_owned(),
            judged: true,
            rate_per_second: None,
            count: None,
            goodput: None,
            response: Summary::default(),
            watch_lag: None,
            operations: None,
            figures: std::collections::BTreeMap::new(),
        }
    }

    fn report(gone: u64, late: u64, bytes: f64) -> Report {
        let accounting = Accounting {
            offered: gone + late,
            gone,
            failed_by_reason: [("late".to_owned(), late)].into(),
            ..Accounting::default()
        };
        Report { accounting, stages: None, figures: [("bytes".to_owned(), bytes)].into() }
    }

    #[test]
    fn the_drivers_of_two_cells_report_of_one_load() {
        let mut records = ["pods", "others", "nobody"].map(record);
        let reports = [(0, report(3, 1, 10.0)), (1, report(9, 0, 7.0)), (0, report(4, 2, 5.0))];
        add_reports(&mut records, &reports);
        let operations = records[0].operations.as_ref().unwrap();
        assert_eq!((operations.offered, operations.gone, operations.failed), (10, 7, 3));
        assert_eq!(operations.failed_by_reason, [("late".to_owned(), 3)].into());
        assert_eq!(records[0].figures, [("bytes".to_owned(), 15.0)].into());
        assert_eq!(records[1].operations.as_ref().unwrap().gone, 9);
        assert_eq!(records[2].operations, None);
    }
}
