//! An API server without anything behind it: a double of kube-apiserver for tests, and the limit for benchmarks of the fleet.
//!
//! It speaks TLS, HTTP/2 and HTTP/1.1 as kube-apiserver does (100 streams per connection, client certificates), keeps objects in
//! memory, moves resource versions, serves lists and watches with bookmarks and `WatchList`, in protobuf and, for the
//! main fields, in JSON, and compresses what is long. A test scripts what goes wrong and reads the log of what was asked; a benchmark has it
//! bind pods and make default ServiceAccounts, and lets it do only so much. There is no validation, no authorization, no admission and no managed fields.

mod answer;
mod binding;
mod capacity;
mod config;
mod connection;
mod discovery;
mod error;
mod gzip;
mod handle;
mod json;
mod kind;
mod log;
mod moment;
mod pace;
mod pki;
mod query;
mod refusal;
mod resource;
mod script;
mod select;
mod server;
mod store;
mod stored;
mod verbs;
mod watch;
mod watchers;

pub use self::capacity::Capacity;
pub use self::config::Config;
pub use self::error::Error;
pub use self::kind::Kind;
pub use self::log::{Logged, Peer};
pub use self::pace::Pace;
pub use self::refusal::Refusal;
pub use self::resource::Resource;
pub use self::script::{Action, Rule};
pub use self::server::NullApiserver;
/// The codes a stream can be reset with.
pub use h2::Reason;
