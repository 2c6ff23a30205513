//! The client and the reflector against the null API server.
//!
//! Over TCP unless time matters; then without sockets and with paused time.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking, also in what it shares with others")]

mod compression;
mod connections;
mod fixture;
mod pool;
mod reflectors;
mod requests;
mod tls12;
mod watches;
