//! The node as a pure machine: virtual time, a small server in memory, no sockets.

mod adoption;
mod certificate;
mod classes;
mod csi;
mod driver;
mod events;
mod lease;
mod oracle;
mod own_node;
mod pod_ends;
mod pod_lives;
mod pod_status;
mod pods;
mod properties;
mod proxy;
mod registration;
mod render;
mod server;
mod shutdown;
mod silence;
mod status;
