//! API times: RFC 3339 in JSON, seconds and nanoseconds in protobuf.

use jiff::Timestamp;
use k8s_pb::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

/// The present, in whole seconds, as an API server stamps objects.
pub(crate) fn now() -> Time {
    after_seconds(0)
}

/// So many seconds from now.
pub(crate) fn after_seconds(seconds: i64) -> Time {
    Time { seconds: Some(Timestamp::now().as_second() + seconds), nanos: Some(0) }
}

/// RFC 3339 in whole seconds.
pub(crate) fn render(time: Time) -> Option<String> {
    Timestamp::from_second(time.seconds?).ok().map(|timestamp| timestamp.to_string())
}

/// RFC 3339 in microseconds.
pub(crate) fn render_micro(time: MicroTime) -> Option<String> {
    let timestamp = Timestamp::new(time.seconds?, time.nanos.unwrap_or_default()).ok()?;
    Some(format!("{timestamp:.6}"))
}

/// Reads RFC 3339, to the second.
pub(crate) fn parse(text: &str) -> Option<Time> {
    let timestamp: Timestamp = text.parse().ok()?;
    Some(Time { seconds: Some(timestamp.as_second()), nanos: Some(0) })
}

/// Reads RFC 3339, to the microsecond.
pub(crate) fn parse_micro(text: &str) -> Option<MicroTime> {
    let timestamp: Timestamp = text.parse().ok()?;
    Some(MicroTime { seconds: Some(timestamp.as_second()), nanos: Some(timestamp.subsec_nanosecond()) })
}
