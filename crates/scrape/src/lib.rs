//! Reading what the system under test says about itself: so far, what its processes take from the machine.
//!
//! Linux only: elsewhere there is no `/proc`, every reading is absent, and results say so by not having the figure.

mod host;
mod machine;
mod process;
mod tally;

pub use host::Host;
pub use machine::Machine;
pub use process::{Sample, Sampler};
pub use tally::{Tally, Usage};
