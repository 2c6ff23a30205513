//! `cargo xtask fidelity`: does a fake node send what a kubelet sends?

mod compare;
mod exceptions;
mod items;
mod names;
mod normal;
mod oracle;
mod recording;
mod target;
