//! Runs what starts other programs so that Ctrl-C leaves none of them behind.

use anyhow::bail;
use tokio::signal::unix::{SignalKind, signal};

/// Runs `work` on a runtime of its own. A signal drops it half-way: it must kill what it has started and remove its folders
/// when it is dropped.
pub(crate) fn run<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            done = Box::pin(work) => done,
            _ = interrupt.recv() => bail!("interrupted; everything that was started is stopped"),
            _ = terminate.recv() => bail!("terminated; everything that was started is stopped"),
        }
    })
}
