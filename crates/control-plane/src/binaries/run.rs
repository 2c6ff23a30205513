//! Running a program to its end and taking what it printed, without leaving it behind.

use std::{
    fs::File,
    io::{Read, Seek},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::{logs, spawn::Spawner};

/// How often a long run reports that it goes on.
const REPORT_EVERY: Duration = Duration::from_secs(15);

/// What a program prints on stdout. Dropping the future kills the program and everything it has started.
///
/// Stderr goes to the end of `log`, whose last lines become the error; without a log it is thrown away. `goes_on` is
/// called with the time so far every quarter of a minute.
pub(crate) async fn output(
    spawner: &Spawner,
    mut command: Command,
    log: Option<&Path>,
    mut goes_on: impl FnMut(Duration),
) -> Result<String, String> {
    // A file instead of a pipe: nothing has to be read while it runs, and a build may print as much as it likes.
    let mut printed = match log.and_then(Path::parent) {
        Some(folder) => tempfile::tempfile_in(folder),
        None => tempfile::tempfile(),
    }
    .map_err(|error| format!("cannot make a temporary file: {error}"))?;
    let stdout = printed.try_clone().map_err(|error| error.to_string())?;
    command.stdin(Stdio::null()).stdout(stdout);
    match log {
        None => command.stderr(Stdio::null()),
        Some(log) => {
            let file = File::options().create(true).append(true).open(log);
            command.stderr(file.map_err(|error| format!("cannot open {}: {error}", log.display()))?)
        }
    };
    let start = Instant::now();
    let child = spawner.spawn(command).await.map_err(|error| error.to_string())?;
    let mut report = interval_at(start + REPORT_EVERY, REPORT_EVERY);
    report.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let status = loop {
        tokio::select! {
            status = child.ended() => break status,
            _ = report.tick() => goes_on(start.elapsed()),
        }
    };
    let mut text = String::new();
    printed.rewind().and_then(|()| printed.read_to_string(&mut text)).map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(text);
    }
    let mut said = log.map(logs::tail).unwrap_or_default();
    if said.is_empty() {
        said = text.lines().rev().take(5).map(str::to_owned).collect();
        said.reverse();
    }
    Err(format!("{status}: {}", said.join("\n      ")))
}
