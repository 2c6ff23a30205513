//! The schedulers and the controller managers while there is no API: after ten seconds those that lead lose their leases and end
//! (client-go `tools/leaderelection`, kubeadm's `--leader-elect`). On a node a kubelet starts them again, and a restart of ours does so
//! too: an apiserver that serves watches takes most of these ten seconds to end. Those that wait for their turn go on waiting.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use profile::Component;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{ControlPlane, Process};
use crate::{Error, Instance, Store};

const ELECTED: [Component; 2] = [Component::ControllerManager, Component::Scheduler];

/// A leader tries to renew its lease every two seconds, and gives up when it has not for ten. On a busy machine both take longer.
const RENEWED_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(5);

/// Processes whose end is no death. They are expected to run again when this is dropped.
pub(super) struct Excused<'a> {
    plane: &'a ControlPlane,
    processes: Vec<Arc<Process>>,
}

impl ControlPlane {
    /// All that may lead.
    fn elected(&self) -> impl Iterator<Item = Instance> + use<> {
        let topology = self.profile.topology;
        ELECTED.into_iter().flat_map(move |component| Instance::of(topology, component))
    }

    /// Excuses those that may end while this process is away, which is nobody where there are other apiservers, or enough members for
    /// a quorum without this one. Nobody ends for want of events.
    pub(super) fn excuse_elected(&self, away: Instance) -> Excused<'_> {
        let topology = self.profile.topology;
        let api_goes = match (away.component, away.store) {
            (Component::Apiserver, _) => topology.apiservers() == 1,
            (Component::Etcd, Store::Main) => topology.etcd_members() < 3,
            (Component::Etcd, Store::Leases) => true,
            (Component::Etcd, Store::Events) | (Component::ControllerManager | Component::Scheduler, _) => {
                false
            }
        };
        let elected = self.elected().filter(|it| api_goes && self.exits.expects(*it));
        let processes: Vec<_> = elected.filter_map(|instance| self.roster.of(instance)).collect();
        for process in &processes {
            self.exits.forget(process.instance);
        }
        Excused { plane: self, processes }
    }

    /// From here on schedulers and controller managers may end: something is about to be done to the API in which they cannot renew their
    /// leases. [`restore_leaders`](Self::restore_leaders) is the end of that.
    pub fn excuse_leaders(&self) {
        for instance in self.elected() {
            self.exits.forget(instance);
        }
    }

    /// Waits until each leader that was excused has renewed its lease or ended, and starts those that have ended, as a kubelet would.
    ///
    /// # Errors
    ///
    /// As [`start_component`](Self::start_component).
    pub async fn restore_leaders(&self) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let excused = self.elected().filter(|instance| !self.exits.expects(*instance));
        let processes = excused.filter_map(|instance| self.roster.of(instance)).collect();
        Excused { plane: self, processes }.back().await
    }

    /// Whether a component's leader, whichever of them that is, has written its lease since a time. One that is not elected loses none.
    /// Where another one leads by now, the one that led before has ended: it had given up five seconds before anybody could follow.
    async fn has_renewed(&self, component: Component, since: Timestamp) -> bool {
        let flag = self.profile.flags(component).get("leader-elect");
        if flag.is_some_and(|flag| flag.values.iter().any(|value| value == "false")) {
            return true;
        }
        let leases = "apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
        let url = format!("{}/{leases}/{}", self.server, component.binary());
        let lease = self.checks.text(&url, PATIENCE).await.ok();
        let lease = lease.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let renewed = lease.and_then(|lease| lease["spec"]["renewTime"].as_str()?.parse::<Timestamp>().ok());
        renewed.is_some_and(|renewed| renewed >= since)
    }
}

impl Excused<'_> {
    /// Now that there is an API again: waits until each has either renewed its lease or ended, and starts those that have ended.
    pub(super) async fn back(mut self) -> Result<(), Error> {
        let (since, begin) = (Timestamp::now(), Instant::now());
        while let Some(process) = self.processes.last() {
            let instance = process.instance;
            // First, because those that wait for their turn see nobody renew anything until the one that led is back.
            if let Some(ended) = self.processes.iter().position(|process| process.has_ended()) {
                let instance = self.processes.swap_remove(ended).instance;
                tracing::info!(process = %instance, "ended without an apiserver, so it is started again");
                self.plane.begin(instance).await?;
            } else if begin.elapsed() > RENEWED_WITHIN
                || self.plane.has_renewed(instance.component, since).await
            {
                self.plane.exits.expect(process);
                self.processes.pop();
            } else {
                sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }
}

impl Drop for Excused<'_> {
    fn drop(&mut self) {
        for process in &self.processes {
            self.plane.exits.expect(process);
        }
    }
}
