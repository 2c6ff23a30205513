//! What can be done to a node of a running fleet.

use std::time::Duration;

/// How a node is silent: it sends nothing at all, and its connections were closed without a word. The server sees them closed, where
/// those of a machine without a link stay open until TCP gives them up: it lets go of their watches earlier than it would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The machine cannot reach the server. Its kubelet and its pods go on; back in contact it renews its lease and reports its
    /// status at once, goes on with its watches, and tells what has become of its pods.
    ///
    /// After less than 45 s its watches go on where they were, as they would if nobody had noticed. After more their reflectors have,
    /// and list anew: most at once, and those that are in a pause up to 3.2 s later.
    Network,
    /// The machine has no power. When it is back, kubelet and kube-proxy start.
    Power,
}

/// Something that happens to a node.
///
/// Nodes that share a connection share the watch of their pods too: one that is started again learns of the pods it had when that
/// watch lists them anew. One that is cut off learns of its pods all the same, and says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeCommand {
    /// The kubelet's process is killed and started again at once: a new connection, and all that a kubelet sends at its start. The
    /// kube-proxy goes on. Starts a node that has shut down, too.
    Restart,
    /// The machine loses its power and comes back after this time: nothing is sent, and then kubelet and kube-proxy start.
    Flap(Duration),
    /// The node falls silent until [`NodeCommand::Resume`]. Nothing happens to one that does not run.
    Silence(Silence),
    /// A silent node is heard again. Any other command but [`NodeCommand::Silence`] ends a silence too; a node that is started again
    /// out of one starts with its whole machine.
    Resume,
    /// The machine shuts down gracefully: it says that it is not ready, its pods end and stay as failed, and then it is silent
    /// until [`NodeCommand::Restart`].
    Shutdown,
    /// The same for good. The Node object is for whoever asked to delete.
    Leave,
}
