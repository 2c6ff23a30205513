//! CSINode: the object without which a kubelet does not call itself ready.
//!
//! Sends, from the process's start and whether or not the Node exists yet: `GET csinodes/<node>?resourceVersion=0` every second
//! until the server answers 200 or 404 (`csi_plugin.go`, `waitForAPIServerForever`), then `GET nodes/<node>` for the owner
//! reference, `GET csinodes/<node>`, and on 404 `POST csinodes` (`nodeinfomanager.go`, `InitializeCSINodeWithAnnotation`). A
//! CSINode that belongs to an earlier Node of this name is deleted first. On failure the sequence starts again, with two nested
//! back-offs; after the outer one a kubelet exits and its unit starts it again, which here is a pause.

use std::time::Duration;

use k8s_pb::{api::storage::v1 as storage, apimachinery::pkg::apis::meta::v1 as meta};
use measure::Nanos;
use wire::{Encoding, Request};

use super::{Common, object, uid_in};
use crate::{
    action::{Action, Answer, Call, Now},
    classes::Class,
};

/// In-tree plugins that have moved to CSI drivers, as a kubelet of 1.36 lists them in the object's annotation.
const MIGRATED_PLUGINS: &str = "kubernetes.io/aws-ebs,kubernetes.io/azure-disk,kubernetes.io/azure-file,\
                                kubernetes.io/cinder,kubernetes.io/gce-pd,kubernetes.io/portworx-volume,\
                                kubernetes.io/vsphere-volume";

const PROBE_EVERY: Duration = Duration::from_secs(1);
/// Pauses between the tries of one round (`updateBackoff`: 10 ms, factor 5, 4 steps).
const TRIES: [Duration; 3] =
    [Duration::from_millis(10), Duration::from_millis(50), Duration::from_millis(250)];
/// Pauses between rounds (`initBackoff`: 30 ms, factor 8, 6 steps), and last the time until a unit has started a kubelet again.
const ROUNDS: [Duration; 6] = [
    Duration::from_millis(30),
    Duration::from_millis(240),
    Duration::from_millis(1_920),
    Duration::from_millis(15_360),
    Duration::from_millis(122_880),
    Duration::from_secs(10),
];

#[derive(Debug, Default)]
pub(super) struct CsiNode {
    due: Option<Nanos>,
    reached: bool,
    done: bool,
    tries: usize,
    rounds: usize,
    node_uid: String,
}

impl CsiNode {
    pub(super) fn start(&mut self, common: &Common, now: Now, out: &mut Vec<Action>) {
        if !common.spec.classes.has(Class::CsiNode) {
            self.done = true;
            return;
        }
        self.due = Some(now.at);
        self.on_deadline(common, out);
    }

    /// Whether the CSINode exists, or is not wanted.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        self.due
    }

    pub(super) fn on_deadline(&mut self, common: &Common, out: &mut Vec<Action>) {
        let Some(intended) = self.due.take() else { return };
        let (call, request) = if self.reached {
            (Call::GetNodeForCsiNode, object::get_node(common))
        } else {
            (Call::ProbeCsiNode, Request::get(format!("{}?resourceVersion=0", path(common))))
        };
        out.push(Action::Send { call, request, intended });
    }

    /// Returns whether the CSINode now exists.
    pub(super) fn on_answer(
        &mut self,
        common: &mut Common,
        now: Now,
        call: &Call,
        answer: &Answer,
        out: &mut Vec<Action>,
    ) -> bool {
        let next = match (call, answer.code()) {
            (Call::ProbeCsiNode, Some(200 | 404)) => {
                self.reached = true;
                (Call::GetNodeForCsiNode, object::get_node(common))
            }
            (Call::ProbeCsiNode, _) => {
                self.due = Some(now.at + PROBE_EVERY);
                return false;
            }
            (Call::GetNodeForCsiNode, Some(200)) => {
                self.node_uid = uid_in(answer);
                (Call::GetCsiNode, Request::get(path(common)))
            }
            (Call::GetCsiNode, Some(404)) => (Call::CreateCsiNode, create(common, self.node_uid.clone())),
            (Call::GetCsiNode, Some(200)) if !self.is_ours(answer) => {
                (Call::DeleteCsiNode, Request::delete(path(common)))
            }
            (Call::GetCsiNode, Some(200)) | (Call::CreateCsiNode, Some(200 | 201)) => {
                self.done = true;
                return true;
            }
            _ => {
                self.pause(common, now);
                return false;
            }
        };
        let (call, request) = next;
        out.push(Action::Send { call, request, intended: now.at });
        false
    }

    fn pause(&mut self, common: &mut Common, now: Now) {
        let pause = if let Some(&pause) = TRIES.get(self.tries) {
            self.tries += 1;
            pause
        } else {
            self.tries = 0;
            self.rounds += 1;
            ROUNDS[(self.rounds - 1) % ROUNDS.len()]
        };
        self.due = Some(now.at + common.stretched(pause, 0.1));
    }

    fn is_ours(&self, answer: &Answer) -> bool {
        let owners = answer
            .object::<storage::CSINode>()
            .and_then(|found| found.metadata)
            .map(|it| it.owner_references);
        owners.unwrap_or_default().iter().any(|owner| owner.uid.as_deref() == Some(&self.node_uid))
    }
}

fn path(common: &Common) -> String {
    format!("/apis/storage.k8s.io/v1/csinodes/{}", common.name)
}

fn create(common: &Common, node_uid: String) -> Request {
    let annotations =
        [("storage.alpha.kubernetes.io/migrated-plugins".to_owned(), MIGRATED_PLUGINS.to_owned())];
    let node = storage::CSINode {
        metadata: Some(meta::ObjectMeta {
            name: Some(common.name.to_string()),
            annotations: annotations.into(),
            owner_references: vec![object::owner_reference(common, node_uid)],
            ..Default::default()
        }),
        spec: Some(storage::CSINodeSpec::default()),
    };
    let body = wire::protobuf::encode("storage.k8s.io/v1", "CSINode", &node);
    Request::post("/apis/storage.k8s.io/v1/csinodes", body, Encoding::Protobuf)
}
