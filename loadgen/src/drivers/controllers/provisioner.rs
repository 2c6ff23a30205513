//! A provisioner of volumes with what attaches them: the external-provisioner and the attach-detach controller in one.
//!
//! Sends, for each claim that has no volume: `POST persistentvolumes` with its `claimRef`, and `PATCH` of the claim with the volume's name;
//! the controller-manager binds the two (`pv_controller.go`, `syncUnboundClaim`, a claim that asks for a volume). When the watch shows
//! the claim Bound: `POST volumeattachments` and `PATCH <attachment>/status`. When the claim is gone: `DELETE` of both. An operation is a
//! claim, due when the watch shows it without a volume and done when it shows it Bound.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use measure::{ErrorClass, Kind, Nanos};
use serde_json::{Value, json};
use wire::{Encoding, Request};

use super::{
    super::{Senders, version},
    reconciling::{Controller, Ended, Work},
    tally::Tally,
};
use crate::{fleet::FleetHandle, nodes::RUN_LABEL};

const CREATE_VOLUME: Kind = Kind::new("create", "persistentvolumes");
const DELETE_VOLUME: Kind = Kind::new("delete", "persistentvolumes");
const PATCH_CLAIM: Kind = Kind::new("patch", "persistentvolumeclaims");
const CREATE_ATTACHMENT: Kind = Kind::new("create", "storage.k8s.io/volumeattachments");
const PATCH_ATTACHMENT: Kind = Kind::new("patch", "storage.k8s.io/volumeattachments/status");
const DELETE_ATTACHMENT: Kind = Kind::new("delete", "storage.k8s.io/volumeattachments");

/// The CSI driver that there is not.
const DRIVER: &str = "csi.loadgen";
const VOLUMES: &str = "/api/v1/persistentvolumes";
const ATTACHMENTS: &str = "/apis/storage.k8s.io/v1/volumeattachments";

/// A provisioner's cache, and what it has to do.
pub(super) struct Provisioner {
    run: String,
    fleet: FleetHandle,
    senders: Senders,
    tally: Arc<Tally>,
    claims: HashMap<String, Claim>,
}

/// A claim, as far as it has come.
#[derive(Clone, Debug)]
struct Claim {
    uid: String,
    object: Value,
    stage: Stage,
    /// The stage that is being worked on: the watch may be ahead of it.
    doing: Option<Stage>,
    /// Since when it has waited for its volume; nothing of one that is bound.
    due: Option<Nanos>,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A volume is to be made.
    Volume,
    /// The controller-manager is to bind it.
    Binding,
    /// It is to be attached.
    Attachment,
    /// Nothing, as long as the claim is there.
    Attached,
    /// The claim is gone, and with it is to go what was made for it.
    Removal,
}

/// A request of one kind.
type Step = (Kind, Request);

impl Provisioner {
    pub(super) fn new(run: String, fleet: FleetHandle, senders: Senders, tally: Arc<Tally>) -> Self {
        Self { run, fleet, senders, tally, claims: HashMap::new() }
    }

    /// What is sent for a claim at its stage; nothing where somebody else has to do something.
    fn steps(&self, claim: &Claim) -> Vec<Step> {
        match claim.stage {
            Stage::Volume => {
                vec![(CREATE_VOLUME, post(VOLUMES, &self.volume(claim))), (PATCH_CLAIM, name_volume(claim))]
            }
            Stage::Attachment => {
                let name = attachment_name(&claim.uid);
                let status = Request::patch_merge(
                    format!("{ATTACHMENTS}/{name}/status"),
                    json!({ "status": { "attached": true } }).to_string(),
                );
                vec![
                    (CREATE_ATTACHMENT, post(ATTACHMENTS, &self.attachment(claim))),
                    (PATCH_ATTACHMENT, status.accept(Encoding::Json)),
                ]
            }
            Stage::Removal => vec![
                (
                    DELETE_ATTACHMENT,
                    Request::delete(format!("{ATTACHMENTS}/{}", attachment_name(&claim.uid))),
                ),
                (DELETE_VOLUME, Request::delete(format!("{VOLUMES}/{}", volume_name(&claim.uid)))),
            ],
            Stage::Binding | Stage::Attached => Vec::new(),
        }
    }

    /// As external-provisioner makes it (`controller.go`, `Provision`): named after the claim's uid, and the claim's from the beginning.
    fn volume(&self, claim: &Claim) -> Value {
        let (metadata, spec) = (&claim.object["metadata"], &claim.object["spec"]);
        json!({
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {
                "name": volume_name(&claim.uid),
                "labels": { RUN_LABEL: self.run },
                // Without it the controller-manager looks for a plugin of its own that deletes the volume.
                "annotations": { "pv.kubernetes.io/provisioned-by": DRIVER },
            },
            "spec": {
                "accessModes": spec["accessModes"],
                "capacity": spec["resources"]["requests"],
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": metadata["namespace"],
                    "name": metadata["name"],
                    "uid": claim.uid,
                },
                "csi": { "driver": DRIVER, "volumeHandle": claim.uid },
                "persistentVolumeReclaimPolicy": "Delete",
                "storageClassName": spec["storageClassName"].as_str().unwrap_or_default(),
                "volumeMode": spec["volumeMode"].as_str().unwrap_or("Filesystem"),
            },
        })
    }

    fn attachment(&self, claim: &Claim) -> Value {
        json!({
            "apiVersion": "storage.k8s.io/v1",
            "kind": "VolumeAttachment",
            "metadata": { "name": attachment_name(&claim.uid), "labels": { RUN_LABEL: self.run } },
            "spec": {
                "attacher": DRIVER,
                "nodeName": self.node(&claim.uid),
                "source": { "persistentVolumeName": volume_name(&claim.uid) },
            },
        })
    }

    /// The node that a volume is attached to: any of the fleet's, and always the same.
    fn node(&self, uid: &str) -> String {
        let mut hasher = DefaultHasher::new();
        uid.hash(&mut hasher);
        let index = u32::try_from(hasher.finish() % u64::from(self.fleet.nodes().max(1))).unwrap_or(0);
        self.fleet.with(|fleet| fleet.node_name(index)).unwrap_or_else(|_| format!("{}-{index}", self.run))
    }

    fn bound(&mut self, key: &str, at: Nanos) {
        let Some(claim) = self.claims.get_mut(key) else { return };
        if let Some(due) = claim.due.take() {
            self.senders.told.achieves(due, at);
            self.tally.achieved();
        }
        if matches!(claim.stage, Stage::Volume | Stage::Binding) {
            claim.stage = Stage::Attachment;
        }
    }
}

impl Controller for Provisioner {
    fn see(&mut self, key: &str, object: Value, at: Nanos) -> bool {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let is_bound = object["status"]["phase"] == "Bound";
        let is_leaving = !object["metadata"]["deletionTimestamp"].is_null();
        // Another of the same name is a new one.
        if self.claims.get(key).is_none_or(|claim| claim.uid != uid) {
            // One that is bound has what it needs: a load before this saw to it.
            let waits = !is_bound && !is_leaving && object["spec"]["volumeName"].is_null();
            let stage = if waits { Stage::Volume } else { Stage::Attached };
            if waits {
                self.senders.told.offers(at);
                self.tally.offered();
            }
            let claim = Claim { uid, object, stage, doing: None, due: waits.then_some(at) };
            self.claims.insert(key.to_owned(), claim);
            return waits;
        }
        if is_bound {
            self.bound(key, at);
        }
        self.claims.get(key).is_some_and(|claim| claim.stage == Stage::Attachment)
    }

    fn gone(&mut self, key: &str, at: Nanos) -> bool {
        let Some(claim) = self.claims.get_mut(key) else { return false };
        claim.stage = Stage::Removal;
        if let Some(due) = claim.due.take() {
            self.senders.told.achieves(due, at);
            self.tally.moot();
        }
        true
    }

    fn work(&mut self, key: &str) -> Option<Work> {
        let steps = self.steps(self.claims.get(key)?);
        if steps.is_empty() {
            return None;
        }
        if let Some(claim) = self.claims.get_mut(key) {
            claim.doing = Some(claim.stage);
        }
        let senders = self.senders.clone();
        Some(Box::pin(async move {
            let mut at = senders.clock.now();
            for (kind, request) in steps {
                let (done, response) = senders.send(0, kind, at, request).await;
                at = done.ended;
                let error = done.outcome.error().filter(|class| !is_as_wanted(kind, *class));
                if error.is_some() {
                    return Ended { at, error };
                }
                let stored = response.filter(|_| done.outcome.error().is_none());
                if let Some(version) = stored.as_ref().and_then(version) {
                    senders.told.acknowledges(version, at);
                }
            }
            Ended { at, error: None }
        }))
    }

    fn over(&mut self, key: &str, ended: Ended) -> bool {
        if ended.error.is_some() {
            return true;
        }
        let Some(claim) = self.claims.get_mut(key) else { return false };
        // What it has come to meanwhile is in the queue already.
        if claim.doing.take() != Some(claim.stage) {
            return false;
        }
        match claim.stage {
            Stage::Volume => claim.stage = Stage::Binding,
            Stage::Attachment => claim.stage = Stage::Attached,
            Stage::Removal => _ = self.claims.remove(key),
            Stage::Binding | Stage::Attached => {}
        }
        false
    }
}

/// Whether a refusal says that things are as they are to become: what is to be made is there, what is to go is gone.
fn is_as_wanted(kind: Kind, class: ErrorClass) -> bool {
    match kind.verb {
        "create" => class == ErrorClass::Conflict,
        // A claim or an attachment that is to be patched went meanwhile, and the watch says so.
        _ => class == ErrorClass::NotFound,
    }
}

fn volume_name(uid: &str) -> String {
    format!("pvc-{uid}")
}

fn attachment_name(uid: &str) -> String {
    format!("csi-{uid}")
}

fn post(path: &str, object: &Value) -> Request {
    Request::post(path, object.to_string(), Encoding::Json).accept(Encoding::Json)
}

fn name_volume(claim: &Claim) -> Request {
    let metadata = &claim.object["metadata"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let path = format!(
        "/api/v1/namespaces/{}/persistentvolumeclaims/{}",
        text(&metadata["namespace"]),
        text(&metadata["name"])
    );
    let named = json!({ "spec": { "volumeName": volume_name(&claim.uid) } });
    Request::patch_merge(path, named.to_string()).accept(Encoding::Json)
}

#[cfg(test)]
mod tests;
