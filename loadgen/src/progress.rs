//! Progress for a person: a bar on a terminal, plain lines otherwise, always on stderr.
//!
//! A load has two lines on a terminal: what it is for and how far that has come, and below it the bar with what the load does.

use std::{
    borrow::Cow,
    io::{IsTerminal, Write},
    sync::Mutex,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use measure::Phase;
use tokio::time::Instant;

/// Between two plain lines of the same phase.
const EVERY: Duration = Duration::from_secs(5);

/// Tells what is going on.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    /// The phase of the last plain line, and when it was printed.
    last: Mutex<Option<(String, Instant)>>,
}

/// What a load is for, as a person is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Title {
    /// In a few words, such as `probe at 84.3/s`.
    pub(crate) what: String,
    /// What it is part of, and how far that has come; empty where there is nothing to say.
    pub(crate) standing: String,
}

impl Progress {
    /// For the terminal we have, or have not.
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, last: Mutex::new(None) }
    }

    /// A phase without a known length is under way.
    pub(crate) fn doing(&self, phase: &str, detail: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_style(style("{spinner} {prefix}: {msg} ({elapsed})"));
                show(bar, phase, detail);
            }
            None => self.line(phase, detail),
        }
    }

    /// A phase of which `done` of `total` is done; gives an estimate of the end.
    pub(crate) fn step(&self, phase: &str, done: u64, total: u64, detail: &str) {
        match &self.bar {
            Some(bar) => {
                if bar.prefix() != phase {
                    bar.reset();
                    bar.set_style(style("{prefix} {wide_bar} {pos}/{len} {msg} eta {eta}"));
                }
                bar.set_length(total);
                bar.set_position(done);
                show(bar, phase, detail);
            }
            None => self.line(phase, &format!("{done}/{total} {detail}")),
        }
    }

    /// A load is under way, in a phase that has lasted so long of so much, and does this.
    pub(crate) fn under_load(
        &self,
        title: Option<&Title>,
        phase: Phase,
        (passed, of): (Duration, Duration),
        does: &str,
    ) {
        let (passed, of) = (passed.as_secs(), of.as_secs());
        let Some(bar) = &self.bar else {
            let phase = title.map_or_else(|| phase.to_string(), |title| format!("{}: {phase}", title.what));
            return self.line(&phase, &format!("{passed:>3}/{of} s  {does}"));
        };
        let above = above(title, phase);
        if bar.prefix() != above {
            bar.set_style(style("{prefix}\n{wide_bar} {pos:>3}/{len} s  {msg}"));
        }
        bar.set_length(of);
        bar.set_position(passed);
        show(bar, &above, does);
    }

    /// Something happened that stays of interest.
    pub(crate) fn say(&self, text: &str) {
        self.beside(|| tell(text));
    }

    /// Prints something that stays, while the bar is out of the way.
    pub(crate) fn beside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, phase: &str, detail: &str) {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let fresh = last.as_ref().is_none_or(|(before, at)| before != phase || now - *at >= EVERY);
        if fresh {
            *last = Some((phase.to_owned(), now));
            tell(&format!("{phase}: {detail}"));
        }
    }
}

/// The line above a load's bar.
fn above(title: Option<&Title>, phase: Phase) -> String {
    match title {
        None => phase.to_string(),
        Some(Title { what, standing }) if standing.is_empty() => format!("{what}: {phase}"),
        Some(Title { what, standing }) => format!("{what}: {phase} ({standing})"),
    }
}

fn show(bar: &ProgressBar, phase: &str, detail: &str) {
    bar.set_prefix(Cow::Owned(phase.to_owned()));
    bar.set_message(Cow::Owned(detail.to_owned()));
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Writes a line to stderr. A terminal that has been closed is no reason to stop, least of all in the middle of a teardown.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_load_is_for_is_above_its_bar() {
        let title =
            |standing: &str| Title { what: "probe at 84.3/s".to_owned(), standing: standing.to_owned() };
        assert_eq!(above(None, Phase::WarmUp), "warm-up");
        assert_eq!(above(Some(&title("")), Phase::Measure), "probe at 84.3/s: measure");
        assert_eq!(
            above(Some(&title("holds 70.3/s, breaks 101/s, about 6 min left")), Phase::Measure),
            "probe at 84.3/s: measure (holds 70.3/s, breaks 101/s, about 6 min left)"
        );
    }
}
