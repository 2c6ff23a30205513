//! Families of metrics as Prometheus reads them: its text format, and OpenMetrics with timestamps.

mod number;
mod openmetrics;
mod text;

pub use self::{
    number::Number,
    openmetrics::{EOF, openmetrics_family},
    text::{CONTENT_TYPE, text},
};

#[cfg(test)]
mod tests;
