//! Measuring: one monotonic clock, open-loop schedules and their pacing, histograms of what came of them, [`criteria`] that a
//! window keeps or breaks, the [`search`] for the highest load that holds, and [`statistics`] that say what may be believed.
//!
//! Knows nothing of Kubernetes. Every measured time of a run is a [`Nanos`] of one [`Clock`]; every request that users or
//! timers cause has an intended start from a seeded [`Schedule`], and a [`Recorder`] counts from that, so that a server
//! that stalls cannot hide by making the load wait.

mod clock;
mod cohorts;
pub mod criteria;
mod latency;
pub mod metrics;
mod pacer;
mod phase;
mod rate;
mod recorder;
mod schedule;
pub mod search;
pub mod statistics;
mod summary;

pub use clock::{Clock, Nanos};
pub use cohorts::Cohorts;
pub use latency::Latency;
pub use pacer::{Pacer, PacerCounts, Start};
pub use phase::Phase;
pub use rate::{InvalidRate, Rate};
pub use recorder::{ErrorClass, Errors, Kind, KindStats, Outcome, Recorder};
pub use schedule::{Arrivals, Schedule, nth_seed};
pub use summary::Summary;
