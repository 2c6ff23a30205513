//! The wire between a Kubernetes client and an API server: the HTTP/2 connections of one credential, protobuf and JSON,
//! watches, and the reflector that keeps a watch going as client-go does.
//!
//! Nothing here knows what a node or a load generator is, and there is no kube crate: a fleet needs the connection shape
//! and the timing of a Go client, and connections that cost next to nothing while they are silent (`http2`).

mod acceptor;
mod body;
mod client;
mod connection;
mod credential;
mod dial;
mod encoding;
mod endpoint;
mod error;
mod frames;
mod http2;
mod inflate;
mod life;
mod list;
mod meter;
mod object;
mod pool;
pub mod protobuf;
mod reflector;
mod request;
mod response;
mod status;
mod tls;
mod traffic;
mod watch;

pub use self::acceptor::{Accepted, Acceptor, ClientTrust, ServerCertificate};
pub use self::client::Client;
pub use self::credential::{Auth, Credential, Impersonate, Token};
pub use self::dial::{Dial, Dialing, Stream};
pub use self::encoding::Encoding;
pub use self::endpoint::Endpoint;
pub use self::error::Error;
pub use self::http2::{Http2Error, Reason};
pub use self::list::List;
pub use self::object::{INITIAL_EVENTS_END, Meta, Object};
pub use self::reflector::{Reflector, ReflectorCounters, Seen, Step, WatchSpec};
pub use self::request::Request;
pub use self::response::Response;
pub use self::status::Status;
pub use self::tls::{ClientCertificate, install_crypto_provider};
pub use self::traffic::Traffic;
pub use self::watch::{Watch, WatchEvent, WatchKind};
