//! Progress for a person: a bar on a terminal, plain lines otherwise, always on stderr.

use std::{
    borrow::Cow,
    io::{IsTerminal, Write},
    sync::Mutex,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
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
