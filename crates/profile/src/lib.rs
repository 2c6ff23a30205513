//! Profiles: named, complete descriptions of how a control plane is tuned.
//!
//! Pure: reads TOML, resolves `extends`, checks every flag against the vocabulary of the binary's version, and knows
//! nothing of processes; the crate control-plane starts what a profile describes.

mod ancestry;
mod apf;
mod audit;
mod builtin;
mod check;
mod component;
mod cpu;
mod document;
mod error;
mod flags;
mod form;
mod free_form;
mod gates;
pub mod input;
mod kubelet;
mod load;
mod manifest;
mod merge;
mod nearest;
mod removed;
pub mod render;
mod resolved;
mod scheduler;
mod set;
mod settings;
mod source;
mod storage;
mod topology;
pub mod vocabulary;

pub use self::{
    ancestry::Ancestry,
    apf::Apf,
    audit::{Audit, AuditBackend, AuditLevel, AuditMode},
    builtin::builtin_names,
    component::Component,
    cpu::{Cpu, CpuSet},
    error::Error,
    flags::{Flag, Flags},
    form::Form,
    gates::Gate,
    kubelet::Kubelet,
    load::{from_text, load},
    manifest::Manifest,
    nearest::nearest,
    resolved::{Profile, Versions},
    settings::{Setting, settings},
    storage::{Medium, Storage},
    topology::Topology,
};
