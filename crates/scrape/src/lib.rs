//! Reading what the system under test says about itself.
//!
//! Two sources: what its processes take from the machine ([`Sampler`], [`Machine`]) and how they were [`started`], and what its components tell in
//! the Prometheus text format: [`exposition`] reads it, [`series`] holds it, [`change`] is what happened between two
//! readings, [`names`] says which metrics there are and what older versions called them, and [`limits`] judges what
//! held the system back. Nothing in here opens a socket: who fetches hands over the text.
//!
//! `/proc` is Linux only: elsewhere every reading is absent, and results say so by not having the figure.

pub mod change;
pub mod exposition;
mod host;
pub mod limits;
mod machine;
pub mod names;
mod process;
pub mod series;
pub mod started;
mod tally;

pub use host::Host;
pub use machine::Machine;
pub use process::{Sample, Sampler};
pub use tally::{Tally, Usage};
