//! What benchmarks share: objects of the size and shape that a real control plane sends, and a node without a network.

mod machine;
mod objects;

pub use self::machine::{Machine, Outside, node_spec};
pub use self::objects::{lease, pod, root_certificate, service_account};
