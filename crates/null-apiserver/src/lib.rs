//! An API server without anything behind it: a double of kube-apiserver for tests.
//!
//! It speaks TLS and HTTP/2 as kube-apiserver does (100 streams per connection, client certificates), keeps objects in
//! memory, moves resource versions, serves lists and watches with bookmarks and `WatchList`, in protobuf and, for the
//! main fields, in JSON, and compresses what is long. A test scripts what goes wrong and reads the log of what was asked. There is no validation, no
//! authorization, no admission and no managed fields.

mod answer;
mod connection;
mod error;
mod gzip;
mod handle;
mod json;
mod kind;
mod log;
mod moment;
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

pub use self::error::Error;
pub use self::kind::Kind;
pub use self::log::{Logged, Peer};
pub use self::refusal::Refusal;
pub use self::resource::Resource;
pub use self::script::{Action, Rule};
pub use self::server::NullApiserver;
/// The codes a stream can be reset with.
pub use h2::Reason;
