//! Gives out the intended starts of a schedule when they are due.
//!
//! A thread of its own with 1 ns timer slack, because tokio's timers have a grain of 1 ms: measured at 2,000 starts a second,
//! half of tokio's are more than 0.8 ms late, and half of this thread's more than 0.04 ms.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::mpsc::{self, error::TrySendError};

use crate::{Clock, Nanos};

/// The longest the thread sleeps before it looks whether its receiver is still there.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// One request that ought to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Its number in the schedule, from zero. A dropped start leaves a gap.
    pub index: u64,
    /// When it ought to start.
    pub intended: Nanos,
}

/// How many starts came due, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacerCounts {
    /// Starts that came due.
    pub due: u64,
    /// Those of them that found the channel full and were given up.
    pub dropped: u64,
}

/// The pacing thread. It ends with its schedule, when its receiver is dropped, or when this handle is.
#[derive(Debug)]
pub struct Pacer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    due: AtomicU64,
    dropped: AtomicU64,
}

impl Pacer {
    /// Starts the thread: each offset of `schedule` is due at `begin` plus the offset.
    ///
    /// The channel holds `capacity` starts (at least one); a start that finds it full is counted as dropped, never sent
    /// later. The channel closes when the schedule ends. Fails only if the thread cannot be started.
    pub fn start(
        clock: Clock,
        begin: Nanos,
        schedule: impl Iterator<Item = Nanos> + Send + 'static,
        capacity: usize,
    ) -> std::io::Result<(Self, mpsc::Receiver<Start>)> {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        let shared = Arc::new(Shared::default());
        let starts =
            (0..).zip(schedule).map(move |(index, offset)| Start { index, intended: begin + offset.into() });
        let thread = thread::Builder::new().name("pacer".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || pace(clock, starts, &sender, &shared)
        })?;
        Ok((Self { shared, thread: Some(thread) }, receiver))
    }

    /// What became of the starts so far.
    pub fn counts(&self) -> PacerCounts {
        PacerCounts {
            due: self.shared.due.load(Ordering::Acquire),
            dropped: self.shared.dropped.load(Ordering::Acquire),
        }
    }

    /// Stops at once and waits for the thread, which takes microseconds; the counts are final.
    pub fn stop(mut self) -> PacerCounts {
        self.signal();
        if let Some(thread) = self.thread.take() {
            // The thread cannot panic but for a bug in the schedule's iterator, and then the counts still hold.
            let _ = thread.join();
        }
        self.counts()
    }

    fn signal(&self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.signal();
    }
}

fn pace(clock: Clock, starts: impl Iterator<Item = Start>, sender: &mpsc::Sender<Start>, shared: &Shared) {
    least_timer_slack();
    for start in starts {
        loop {
            if shared.stop.load(Ordering::Acquire) || sender.is_closed() {
                return;
            }
            let wait = start.intended.since(clock.now());
            if wait.is_zero() {
                break;
            }
            thread::park_timeout(wait.min(LONGEST_SLEEP));
        }
        shared.due.fetch_add(1, Ordering::AcqRel);
        match sender.try_send(start) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                shared.dropped.fetch_add(1, Ordering::AcqRel);
            }
            Err(TrySendError::Closed(_)) => return,
        }
    }
}

/// Asks the kernel not to group this thread's wake-ups with later ones, which by default makes them up to 50 us late.
fn least_timer_slack() {
    #[cfg(target_os = "linux")]
    {
        // A kernel that refuses makes starts a little late, and lateness is recorded.
        let _ = rustix::thread::set_current_timer_slack(Some(std::num::NonZeroU64::MIN));
    }
}

#[cfg(test)]
mod tests;
