//! The metrics that a run kept of itself and of its control planes: `metrics.jsonl`, from which it can be shown again.
//!
//! Each line is one of four, and says only what the lines before it did not:
//!
//! ```text
//! {"metrics":{"version":1,"unix":1795461234.5}}                              the lines of one command begin
//! {"family":{"name":"workqueue_depth","kind":"gauge","help":"..."}}          a family, once
//! {"series":{"id":7,"name":"workqueue_depth","source":"components","labels":{"name":"node"}}}      a series, once
//! {"moment":{"seconds":15.0,"unix":1795461249.5,"source":"components","values":[[7,[3]]],"gone":[[2,5]]}}
//! ```
//!
//! A moment has the values that are not what they were, each as the id of a series and the values of it and of those that follow it, and
//! the series that are not there any more, from the first to the last. What it says nothing of is as it was. Whoever tells is a source,
//! which always tells all of its families at once: a moment of one source says nothing of another's series.
//! A histogram is one `series` line, with the list of the bounds of its buckets (`le`) and the names of its sum and count (`then`), whose
//! ids follow one another. Among values that follow one another a whole number behind a whole number is the difference to it: `[3,1,0]` are
//! 3, 4 and 4. `seconds` count from the line at the top. A number that JSON does not have is a string: `"NaN"`, `"+Inf"`, `"-Inf"`.
//!
//! A command that goes on with a record appends: its lines begin with a `metrics` line, after which nothing is there that was there before,
//! and ids count from zero again. A crash may cut off the last line; what is before it is read all the same ([`Kept::cut`]).

mod kept;
mod line;
mod read;
mod write;

pub use self::{
    kept::{Kept, KeptFamily, KeptSeries},
    read::read,
    write::Writer,
};

/// The file in a record's folder.
pub const FILE: &str = "metrics.jsonl";

/// Of the lines: others of another version would not be understood.
const VERSION: u32 = 1;

#[cfg(test)]
mod tests;
