//! One process stopped while the others run, and started again: the same flags, ports and data.
//!
//! A component stands for its first process, which is the only one unless the profile has several of it. Whoever stops or
//! starts one waits for whoever else does. Given up half way, a process is left amid what was done to it, and the next of these
//! calls goes on from there.

use std::{
    collections::BTreeMap,
    sync::{MutexGuard, PoisonError},
};

use rustix::process::Signal;

use super::ControlPlane;
use crate::{Error, Instance, ports::Claim};

impl ControlPlane {
    /// Ends one process by SIGTERM and, should it not end within ten seconds, by SIGKILL. The others go on;
    /// [`died`](Self::died) does not report the one that was asked to end. One that does not run is left as it is.
    ///
    /// # Errors
    ///
    /// When there is no such process, it survives SIGKILL, or somebody takes its port.
    pub async fn stop_component(&self, which: impl Into<Instance>) -> Result<(), Error> {
        let instance = which.into();
        let _turn = self.turn.lock().await;
        self.end(instance, Signal::TERM).await
    }

    /// Ends one process as a crash does, by SIGKILL; otherwise like [`stop_component`](Self::stop_component).
    ///
    /// # Errors
    ///
    /// As `stop_component`.
    pub async fn kill_component(&self, which: impl Into<Instance>) -> Result<(), Error> {
        let instance = which.into();
        let _turn = self.turn.lock().await;
        self.end(instance, Signal::KILL).await
    }

    /// Starts a process that was stopped, or that has ended by itself, and waits until it is ready. Its output goes on in
    /// the same log. One that runs is left as it is.
    ///
    /// # Errors
    ///
    /// When there is no such process, it cannot be started, ends or does not become ready, or another one ends meanwhile.
    pub async fn start_component(&self, which: impl Into<Instance>) -> Result<(), Error> {
        let instance = which.into();
        let _turn = self.turn.lock().await;
        self.begin(instance).await
    }

    /// Stops a process and starts it again, and with it whatever ends for want of an API meanwhile: without one for ten seconds
    /// the scheduler and the controller manager do. An apiserver that serves watches takes the ten seconds that it is given.
    ///
    /// # Errors
    ///
    /// As [`stop_component`](Self::stop_component) and [`start_component`](Self::start_component).
    pub async fn restart(&self, which: impl Into<Instance>) -> Result<(), Error> {
        let instance = which.into();
        let _turn = self.turn.lock().await;
        let excused = self.excuse_elected(instance);
        self.end(instance, Signal::TERM).await?;
        self.begin(instance).await?;
        excused.back().await
    }

    async fn end(&self, instance: Instance, signal: Signal) -> Result<(), Error> {
        self.known(instance)?;
        self.exits.forget(instance);
        if let Some(process) = self.roster.of(instance) {
            process.child.signal(signal);
            process.end().await?;
        }
        self.roster.remove(instance);
        let ports = self.layout.ports.of(instance).iter();
        let claims = ports.map(|port| Claim::new(*port)).collect::<Result<_, _>>()?;
        self.claims().insert(instance, claims);
        Ok(())
    }

    pub(super) async fn begin(&self, instance: Instance) -> Result<(), Error> {
        self.known(instance)?;
        if let Some(process) = self.roster.of(instance).filter(|process| !process.has_ended()) {
            if self.exits.expects(instance) {
                return Ok(());
            }
            // It was told to end, and nobody waited for that.
            process.end().await?;
        }
        self.exits.forget(instance);
        self.roster.remove(instance);
        self.spawn(instance).await?;
        self.ready(instance, &self.checks).await?;
        self.claims().remove(&instance);
        Ok(())
    }

    /// Whether this control plane has such a process, running or not.
    fn known(&self, instance: Instance) -> Result<(), Error> {
        self.instance(&instance.name()).map(drop)
    }

    fn claims(&self) -> MutexGuard<'_, BTreeMap<Instance, Vec<Claim>>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
