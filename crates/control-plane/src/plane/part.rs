//! One component stopped while the others run, and started again: the same flags, ports and data.

use profile::Component;
use rustix::process::Signal;

use super::{ControlPlane, Process};
use crate::{Error, ports::Claim};

impl ControlPlane {
    /// Ends one component by SIGTERM and, should it not end within ten seconds, by SIGKILL. The others go on;
    /// [`died`](Self::died) does not report the one that was asked to end. One that does not run is left as it is.
    ///
    /// # Errors
    ///
    /// When the process survives SIGKILL, or somebody takes its port.
    pub async fn stop_component(&mut self, component: Component) -> Result<(), Error> {
        self.end(component, Signal::TERM).await
    }

    /// Ends one component as a crash does, by SIGKILL; otherwise like [`stop_component`](Self::stop_component).
    ///
    /// # Errors
    ///
    /// As `stop_component`.
    pub async fn kill_component(&mut self, component: Component) -> Result<(), Error> {
        self.end(component, Signal::KILL).await
    }

    /// Starts a component that was stopped, or that has ended by itself, and waits until it is ready. Its output goes on in
    /// the same log. One that runs is left as it is.
    ///
    /// # Errors
    ///
    /// When it cannot be started, ends or does not become ready, or another component ends meanwhile.
    pub async fn start_component(&mut self, component: Component) -> Result<(), Error> {
        let has_ended = |process: &Process| process.child.exit().borrow().is_some();
        if self.processes.iter().any(|process| process.component == component && !has_ended(process)) {
            return Ok(());
        }
        self.forget(component);
        self.spawn(component).await?;
        let checks = self.checks.clone();
        self.ready(component, &checks).await?;
        self.claims.retain(|(of, _)| *of != component);
        Ok(())
    }

    /// Stops a component and starts it again.
    ///
    /// # Errors
    ///
    /// As [`stop_component`](Self::stop_component) and [`start_component`](Self::start_component).
    pub async fn restart(&mut self, component: Component) -> Result<(), Error> {
        self.stop_component(component).await?;
        self.start_component(component).await
    }

    async fn end(&mut self, component: Component, signal: Signal) -> Result<(), Error> {
        self.exits.forget(component);
        for process in self.processes.iter().filter(|process| process.component == component) {
            process.child.signal(signal);
            process.end().await?;
        }
        self.forget(component);
        for port in self.layout.ports.of(component) {
            self.claims.push((component, Claim::new(port)?));
        }
        Ok(())
    }

    fn forget(&mut self, component: Component) {
        self.exits.forget(component);
        self.processes.retain(|process| process.component != component);
    }
}
