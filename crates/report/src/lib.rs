//! What people and other programs see of a record: a page, a comment, files for other tools, and the dashboards.
//!
//! Everything here is a function from records to text. Nothing is fetched, and nothing of it is needed to measure.

mod chart;
pub mod dashboards;
pub mod export;
pub mod exposition;
pub mod html;
pub mod markdown;
#[cfg(test)]
mod samples;
mod source;
pub mod words;

pub use source::{
    Advice, Child, Error, Experiment, Holds, Latencies, Reading, Record, Run, Sample, Search, Series, Tag,
};
