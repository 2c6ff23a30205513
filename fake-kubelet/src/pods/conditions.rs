//! The conditions that a kubelet writes into a pod's status (`status/generate.go`).

use super::{
    container::{State, View},
    seen::{Role, SeenContainer},
    status::{Phase, Snapshot},
};
use crate::json::{Fields, Json};

/// Reason and message of a condition.
type Why = (Option<&'static str>, Option<String>);

impl<'a> Snapshot<'a> {
    /// The conditions. One that has not changed gets the time that the server has of it later.
    pub(super) fn conditions(&self) -> Vec<Fields<'a>> {
        // A pod that was refused loses those that a kubelet owns (`rejectPod` sets a status without any).
        if self.verdict.is_some_and(|verdict| !verdict.disrupts) {
            return Vec::new();
        }
        let (initialized, why_initialized) = self.initialized();
        let (ready, why_ready) = self.containers_ready();
        let has_sandbox = self.sandbox_ready.is_some();
        let mut conditions = vec![
            self.condition("PodReadyToStartContainers", has_sandbox, (None, None)),
            self.condition("Initialized", initialized, why_initialized),
            self.condition("Ready", ready, why_ready.clone()),
            self.condition("ContainersReady", ready, why_ready),
            self.condition("PodScheduled", true, (None, None)),
        ];
        // Told only with the end (`mergePodStatus`).
        if let Some(verdict) = self.verdict.filter(|_| self.finished.is_some()) {
            let why = (Some("TerminationByKubelet"), Some(verdict.message.clone()));
            conditions.push(self.condition("DisruptionTarget", true, why));
        }
        conditions
    }

    fn condition(&self, kind: &'static str, status: bool, (reason, message): Why) -> Fields<'a> {
        let mut condition = Fields::from([
            ("lastProbeTime", Json::Null),
            ("lastTransitionTime", Json::time(self.set_at)),
            ("observedGeneration", self.generation.into()),
            ("status", if status { "True" } else { "False" }.into()),
            ("type", kind.into()),
        ]);
        condition.insert_filled("message", message);
        condition.insert_filled("reason", reason);
        condition
    }

    /// `GeneratePodInitializedCondition`.
    fn initialized(&self) -> (bool, Why) {
        let done = |(spec, view): (&SeenContainer, &View)| match spec.role {
            Role::Init => view.has_succeeded(),
            Role::Sidecar => view.started || view.ended().is_some(),
            Role::Main => true,
        };
        let phase = self.phase();
        if phase == Phase::Succeeded {
            return (true, (Some("PodCompleted"), None));
        }
        let incomplete = self.containers().filter(|&it| !done(it)).map(|(spec, _)| spec.name.as_str());
        let incomplete: Vec<&str> = incomplete.collect();
        // Once a container of the pod's own has run, the pod has been initialised.
        if incomplete.is_empty() || self.has_run() {
            return (true, (None, None));
        }
        let message = format!("containers with incomplete status: [{}]", incomplete.join(" "));
        (false, (Some("ContainersNotInitialized"), Some(message)))
    }

    /// `GenerateContainersReadyCondition`.
    fn containers_ready(&self) -> (bool, Why) {
        let counted = || self.containers().filter(|(spec, _)| spec.role != Role::Init);
        let unready = counted().filter(|(_, view)| !view.ready).map(|(spec, _)| spec.name.as_str());
        let unready: Vec<&str> = unready.collect();
        let never_ran = counted().any(|(_, view)| view.state == State::NeverRan);
        match self.phase() {
            Phase::Succeeded => (false, (Some("PodCompleted"), None)),
            // A pod that ends before its containers ran keeps the condition it had (`TerminatePod`).
            Phase::Failed if self.has_run() && !never_ran => (false, (Some("PodFailed"), None)),
            _ if unready.is_empty() => (true, (None, None)),
            _ => {
                let message = format!("containers with unready status: [{}]", unready.join(" "));
                (false, (Some("ContainersNotReady"), Some(message)))
            }
        }
    }
}
