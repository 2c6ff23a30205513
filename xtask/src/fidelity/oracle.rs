//! The recordings of real node agents that are kept in the repository.

use super::recording::Recording;
use crate::command::root;

/// A recording of fake-kubelet/tests/oracle, by its name.
pub(crate) fn read(name: &str) -> anyhow::Result<Recording> {
    Recording::read(&root().join("fake-kubelet/tests/oracle").join(name))
}
