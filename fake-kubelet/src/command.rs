//! What can be done to a node of a running fleet.

use std::time::Duration;

/// Something that happens to a node.
///
/// Nodes that share a connection share the watch of their pods too: one that is started again learns of the pods it had when that
/// watch lists them anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeCommand {
    /// The kubelet's process is killed and started again at once: a new connection, and all that a kubelet sends at its start. The
    /// kube-proxy goes on. Starts a node that has shut down, too.
    Restart,
    /// The machine loses its power and comes back after this time: nothing is sent, and then kubelet and kube-proxy start.
    Flap(Duration),
    /// The machine shuts down gracefully: it says that it is not ready, its pods end and stay as failed, and then it is silent
    /// until [`NodeCommand::Restart`].
    Shutdown,
    /// The same for good. The Node object is for whoever asked to delete.
    Leave,
}
