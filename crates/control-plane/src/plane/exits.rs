//! Ends that nobody asked for.

use std::{future::Future, path::PathBuf, process::ExitStatus};

use futures_util::future::select_all;
use tokio::sync::watch;

use super::Process;
use crate::{Error, Instance, logs, spawn};

/// The processes that are meant to run. One that is to be stopped is taken out first.
#[derive(Debug, Default)]
pub(super) struct Exits(watch::Sender<Vec<Exit>>);

#[derive(Clone, Debug)]
struct Exit {
    instance: Instance,
    log: PathBuf,
    status: watch::Receiver<Option<ExitStatus>>,
}

impl Exits {
    pub(super) fn expect(&self, process: &Process) {
        let Process { instance, log, child, .. } = process;
        let exit = Exit { instance: *instance, log: log.clone(), status: child.exit() };
        self.0.send_modify(|running| running.push(exit));
    }

    pub(super) fn expects(&self, instance: Instance) -> bool {
        self.0.borrow().iter().any(|exit| exit.instance == instance)
    }

    pub(super) fn forget(&self, instance: Instance) {
        self.0.send_modify(|running| running.retain(|exit| exit.instance != instance));
    }

    pub(super) fn forget_all(&self) {
        self.0.send_modify(Vec::clear);
    }

    /// The first end of a process that is meant to run.
    pub(super) fn unasked(&self) -> impl Future<Output = Error> + Send + use<> {
        let mut running = self.0.subscribe();
        async move {
            loop {
                let exits = running.borrow_and_update().clone();
                tokio::select! {
                    // First, because a process is taken out before it is stopped.
                    biased;
                    changed = running.changed() => if changed.is_err() {
                        // The control plane is gone, and with it whoever could end.
                        return std::future::pending().await;
                    },
                    error = first(exits) => return error,
                }
            }
        }
    }
}

async fn first(exits: Vec<Exit>) -> Error {
    if exits.is_empty() {
        return std::future::pending().await;
    }
    let ends = exits.into_iter().map(|Exit { instance, log, status }| {
        Box::pin(async move {
            let status = spawn::wait(status).await;
            let tail = logs::tail(&log);
            Error::Died { instance, status, log, tail }
        })
    });
    select_all(ends).await.0
}
