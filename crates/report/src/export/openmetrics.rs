//! OpenMetrics with timestamps, as `promtool tsdb create-blocks-from openmetrics` takes it: a record's metrics for a Prometheus that
//! was not there.
//!
//! Every moment at which the metrics were kept becomes a sample, of a value that did not change too: what is drawn from them is what
//! would have been drawn from a Prometheus that scraped at these moments. Two things are not to be had:
//!
//! - A series that ended is not marked as stale, because the format cannot say so (Prometheus' `model/textparse` makes every NaN an
//!   ordinary one). Queries see its last value for `--query.lookback-delta`, five minutes unless said otherwise; with [`LOOKBACK`] a
//!   control plane that is gone is gone.
//! - `up` and the other series that Prometheus makes of its own scrapes are not there.

use std::{
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use record::metrics::{FILE, read};

use super::Error;
use crate::{
    Record,
    exposition::{EOF, openmetrics_family},
};

/// What `--query.lookback-delta` ought to be over a backfilled record: components are kept every 15 s, and a reading may be late.
pub const LOOKBACK: &str = "20s";

/// So many folders up at most lies what holds a trial: an experiment's trial is in `trials/001`, and the experiment in a test of advice.
const OUTER: usize = 4;

/// Writes everything that was kept of the metrics of the record at `path`, family by family.
///
/// # Errors
///
/// [`Error::Source`] where there is no record; [`Error::NoMetrics`] and [`Error::MetricsOutside`] where it has none;
/// [`Error::Record`] where they cannot be read; [`Error::Write`].
pub fn openmetrics(path: &Path, out: &mut dyn Write) -> Result<(), Error> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    if !folder.join(FILE).is_file() {
        return Err(missing(path, folder));
    }
    let kept = read(folder)?;
    let mut out = BufWriter::new(out);
    let written = kept.families.iter().try_for_each(|family| openmetrics_family(&mut out, family));
    written.and_then(|()| out.write_all(EOF.as_bytes())).and_then(|()| out.flush()).map_err(Error::Write)
}

/// Why a folder has no metrics.
fn missing(path: &Path, folder: &Path) -> Error {
    if let Err(error) = Record::open(path) {
        return error.into();
    }
    let folder = folder.to_owned();
    let absolute = folder.canonicalize().unwrap_or_else(|_| folder.clone());
    let mut outer = absolute.ancestors().skip(1).take(OUTER);
    let outer: Option<PathBuf> = outer.find(|outer| outer.join(FILE).is_file()).map(Path::to_owned);
    match outer.and_then(|outer| Some((Record::open(&outer).ok()?.kind(), outer))) {
        Some((kind, outer)) => Error::MetricsOutside { folder, kind, outer },
        None => Error::NoMetrics { folder },
    }
}
