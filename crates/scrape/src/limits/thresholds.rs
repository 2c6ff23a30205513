//! From which figure on a resource counts as what limited, and why from there.

use std::fmt;

/// A resource that can be used up, or whose want shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// All processors of the machine, whoever used them.
    MachineCpu,
    /// The processors that one component may use.
    Cpu,
    /// The requests that the component's own clients allow themselves.
    OwnLimiter,
    /// The seats of a priority level, on average over time.
    Seats,
    /// The time in which a priority level had no seat left.
    AllSeats,
    /// The write-ahead log, which syncs one write after the other.
    WalBusy,
    /// The scheduler's loop, which looks for one pod's node after the other.
    SchedulingLoop,
    /// How long the write-ahead log takes to sync.
    WalFsync,
    /// How long the database takes to commit.
    BackendCommit,
    /// How long requests of a priority level wait for a seat.
    SeatWait,
    /// How many requests of a priority level are turned away.
    Rejections,
    /// Writes that wait for raft.
    Proposals,
    /// Pods that the scheduler has not come to.
    SchedulingQueue,
    /// How long items of a controller's queue wait.
    WorkQueueWait,
    /// Items of a controller's queue at the end.
    WorkQueueBacklog,
}

/// How much a finding explains, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// There was no more of it.
    UsedUp,
    /// It takes longer than it should, and others wait for it.
    Slow,
    /// Something waits, for one of the above.
    Queue,
}

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A part of a whole, 0 to 1.
    Share,
    /// Seconds.
    Seconds,
    /// Requests.
    Requests,
}

/// From where on a figure counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// The figure must be above this.
    pub above: f64,
    /// Its unit.
    pub unit: Unit,
    /// How much it explains.
    pub class: Class,
    /// Why there.
    pub reason: &'static str,
}

impl Resource {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::MachineCpu,
        Self::Cpu,
        Self::OwnLimiter,
        Self::Seats,
        Self::AllSeats,
        Self::WalBusy,
        Self::SchedulingLoop,
        Self::WalFsync,
        Self::BackendCommit,
        Self::SeatWait,
        Self::Rejections,
        Self::Proposals,
        Self::SchedulingQueue,
        Self::WorkQueueWait,
        Self::WorkQueueBacklog,
    ];

    /// The threshold of its figure.
    pub const fn threshold(self) -> Threshold {
        use Class::{Queue, Slow, UsedUp};
        use Unit::{Requests, Seconds, Share};

        let (above, unit, class, reason) = match self {
            Self::MachineCpu => {
                (0.9, Share, UsedUp, "nine tenths of a mean is all of it in the busy seconds")
            }
            Self::Cpu => (
                0.8,
                Share,
                UsedUp,
                "at 0.8 a single queue already waits four times as long as it works, and garbage collection comes in bursts",
            ),
            Self::OwnLimiter => (
                0.1,
                Share,
                UsedUp,
                "a tenth of the window is more than one burst: the rate is the limiter's",
            ),
            Self::Seats => (
                0.8,
                Share,
                UsedUp,
                "as for CPU; a mean over time of one level's seats, which borrow and lend",
            ),
            Self::AllSeats => {
                (0.1, Share, UsedUp, "as for the limiter: a tenth of the window is more than one burst")
            }
            Self::WalBusy => {
                (0.5, Share, UsedUp, "at a half a write waits as long for the log as the log takes for it")
            }
            Self::SchedulingLoop => (
                0.8,
                Share,
                UsedUp,
                "the rest of the loop's time goes to taking pods up, assuming and reserving",
            ),
            Self::WalFsync => (0.01, Seconds, Slow, "etcd's FAQ: the 99th percentile should be below 10 ms"),
            Self::BackendCommit => {
                (0.025, Seconds, Slow, "etcd's FAQ: the 99th percentile should be below 25 ms")
            }
            Self::SeatWait => (
                0.1,
                Seconds,
                Queue,
                "a mean of a tenth of the second that a request may take at the 99th percentile",
            ),
            Self::Rejections => {
                (0.005, Share, Queue, "0.5 %: the budget of errors, an availability of 99.5 %")
            }
            Self::Proposals => (
                5.0,
                Requests,
                Queue,
                "a healthy member commits what is proposed at once and shows none or a few",
            ),
            Self::SchedulingQueue => {
                (1.0, Seconds, Queue, "work for a second is a fifth of the 5 s in which a pod should start")
            }
            Self::WorkQueueWait => (
                1.0,
                Seconds,
                Queue,
                "as for the scheduler, and a pod's way leads through two or three queues",
            ),
            Self::WorkQueueBacklog => (
                1.0,
                Seconds,
                Queue,
                "work for more than a second; what never gets a worker shows nowhere else",
            ),
        };
        Threshold { above, unit, class, reason }
    }
}

impl Unit {
    pub(super) fn show(self, figure: f64) -> String {
        match self {
            Self::Share => format!("{:.1} %", figure * 100.0),
            Self::Seconds if figure < 1.0 => format!("{:.1} ms", figure * 1000.0),
            Self::Seconds => format!("{figure:.1} s"),
            Self::Requests => format!("{figure:.0}"),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::MachineCpu | Self::Cpu => "CPU",
            Self::OwnLimiter => "time in its own request limiter",
            Self::Seats => "seats taken",
            Self::AllSeats => "time without a free seat",
            Self::WalBusy => "WAL busy syncing",
            Self::SchedulingLoop => "scheduling loop busy",
            Self::WalFsync => "WAL fsync p99",
            Self::BackendCommit => "backend commit p99",
            Self::SeatWait => "mean wait for a seat",
            Self::Rejections => "rejected requests",
            Self::Proposals => "proposals pending",
            Self::SchedulingQueue => "work in the active queue",
            Self::WorkQueueWait => "mean wait in the queue",
            Self::WorkQueueBacklog => "work in the queue",
        })
    }
}
