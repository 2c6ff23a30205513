//! Ctrl-C: once stops the work and lets everything be torn down, twice stops at once. SIGTERM and a closed terminal are the same.

use std::{future::Future, process};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::progress::tell;

/// The error of work that was cut short by a signal.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// Knows whether the user wants out. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens for SIGINT, SIGTERM and SIGHUP from now on. `left_behind` is printed when a second one ends the program at once: what
    /// may be left, and how to remove it.
    pub(crate) fn listen(left_behind: &'static str) -> std::io::Result<Self> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        let mut hangups = signal(SignalKind::hangup())?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupts.recv() => {}
                    _ = terminations.recv() => {}
                    _ = hangups.recv() => {}
                }
                // The channel is gone only when the program is ending anyway.
                if sender.send_replace(true) {
                    stop_at_once(left_behind);
                }
                tell("stopping; once more stops at once");
            }
        });
        Ok(Self(receiver))
    }

    /// Resolves when the user wants out.
    pub(crate) async fn requested(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|requested| *requested).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Does `work` unless the user wants out first; it is dropped where it stands.
    pub(crate) async fn unless<T>(&self, work: impl Future<Output = T>) -> Result<T, Interrupted> {
        tokio::select! {
            biased;
            () = self.requested() => Err(Interrupted),
            result = work => Ok(result),
        }
    }
}

fn stop_at_once(left_behind: &str) -> ! {
    tell(&format!("stopped at once; {left_behind}"));
    process::exit(130)
}
