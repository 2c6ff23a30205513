//! Profiles: named, complete descriptions of how a control plane is tuned.
//!
//! Pure: reads TOML, resolves `extends`, checks every flag against the vocabulary of the binary's version, and knows
//! nothing of processes; the crate control-plane starts what a profile describes.

mod audit;
mod builtin;
mod component;
mod document;
mod error;
mod flags;
pub mod input;
mod kubelet;
mod load;
mod nearest;
mod resolved;
mod set;
mod storage;
mod topology;
pub mod vocabulary;

pub use self::{
    audit::{Audit, AuditBackend, AuditLevel, AuditMode},
    builtin::builtin_names,
    component::Component,
    error::Error,
    flags::{Flag, Flags},
    kubelet::Kubelet,
    load::{from_text, load},
    nearest::nearest,
    resolved::{Profile, Versions},
    storage::{Medium, Storage},
    topology::Topology,
};
