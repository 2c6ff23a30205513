//! What a panel's numbers are, as Grafana calls it.

/// A unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Operations per second.
    OperationsPerSecond,
    /// Requests per second.
    RequestsPerSecond,
    /// Events per second.
    EventsPerSecond,
    /// Seconds, shown as ms or µs where they are short.
    Seconds,
    /// Bytes, by 1024.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Shares of 1, shown in percent.
    Share,
    /// How many processors.
    Cores,
    /// Milliseconds since 1970, shown as a date and a time.
    Moment,
    /// How many.
    Count,
    /// One value over another.
    Ratio,
}

impl Unit {
    /// Its id: one of Grafana's list (`valueFormats/categories.ts`), or a suffix of ours.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::OperationsPerSecond => "ops",
            Self::RequestsPerSecond => "reqps",
            Self::EventsPerSecond => "eps",
            Self::Seconds => "s",
            Self::Moment => "dateTimeAsIso",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "binBps",
            Self::Share => "percentunit",
            Self::Cores => "suffix: cores",
            Self::Count => "short",
            Self::Ratio => "suffix:x",
        }
    }
}
