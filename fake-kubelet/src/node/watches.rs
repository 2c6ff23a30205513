//! What a node watches from its start to its end, and what it cleans up when it starts.
//!
//! Sends: `WatchList`s of its own Node and of services at once (`kubelet.go`, `NewMainKubelet`), of CSI drivers and runtime classes a
//! little later (`volumePluginMgr.Run`, `runtimeClassManager.Start`), of its pods when its Node is known, polled once a second
//! (`kubelet/config/apiserver.go`); and once `DELETE resourceslices` of its own (`cm/dra/plugin/dra_plugin_manager.go`), again
//! after 1 s, 2 s, ... 5 min while that fails.

use std::time::Duration;

use measure::Nanos;
use wire::{Encoding, Request, WatchSpec};

use super::{Backoff, Common};
use crate::{
    action::{Action, Answer, Call, Now, Watched},
    classes::Class,
};

const POLL: Duration = Duration::from_secs(1);
/// From the start to the deletion of resource slices, as recorded.
const WIPE_AFTER: Duration = Duration::from_millis(60);

#[derive(Debug)]
pub(super) struct Watches {
    /// When to look whether the Node is known, until the pods are watched.
    poll: Option<Nanos>,
    /// When to delete resource slices.
    wipe: Option<Nanos>,
    wipe_backoff: Backoff,
    /// The pods are watched.
    pods: bool,
}

impl Default for Watches {
    fn default() -> Self {
        let wipe_backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(5));
        Self { poll: None, wipe: None, wipe_backoff, pods: false }
    }
}

impl Watches {
    pub(super) fn start(&mut self, common: &Common, now: Now, out: &mut Vec<Action>) {
        let classes = common.spec.classes;
        self.open(common, out);
        self.wipe = classes.has(Class::ResourceSlices).then(|| now.at + WIPE_AFTER);
        // Nodes that share a connection share one watch for all their pods, which is not theirs to start.
        self.poll = classes.has(Class::OwnConnection).then(|| now.at + POLL);
    }

    /// Every watch that has begun or begins now.
    pub(super) fn open(&self, common: &Common, out: &mut Vec<Action>) {
        if common.spec.classes.has(Class::NodeWatches) {
            let node =
                WatchSpec::new("/api/v1/nodes").field_selector(format!("metadata.name={}", common.name));
            let services = WatchSpec::new("/api/v1/services").field_selector("spec.clusterIP!=None");
            out.extend([
                watch(Watched::Node, node),
                watch(Watched::Services, services),
                watch(Watched::CsiDrivers, WatchSpec::new("/apis/storage.k8s.io/v1/csidrivers")),
                watch(Watched::RuntimeClasses, WatchSpec::new("/apis/node.k8s.io/v1/runtimeclasses")),
            ]);
        }
        if self.pods {
            out.push(watch(Watched::Pods, pods_of(common)));
        }
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        [self.poll, self.wipe].into_iter().flatten().min()
    }

    pub(super) fn on_deadline(
        &mut self,
        common: &Common,
        now: Now,
        node_is_known: bool,
        out: &mut Vec<Action>,
    ) {
        if self.poll.is_some_and(|at| at <= now.at) {
            self.poll = (!node_is_known).then(|| now.at + POLL);
            if node_is_known {
                self.pods = true;
                out.push(watch(Watched::Pods, pods_of(common)));
            }
        }
        if let Some(intended) = self.wipe.take_if(|at| *at <= now.at) {
            out.push(Action::Send { call: Call::DeleteResourceSlices, request: wipe(common), intended });
        }
    }

    pub(super) fn on_answer(&mut self, now: Now, answer: &Answer) {
        if !answer.is_success() {
            self.wipe = Some(now.at + self.wipe_backoff.delay());
        }
    }
}

fn watch(watched: Watched, spec: WatchSpec) -> Action {
    Action::Watch { watched, spec }
}

/// No `timeout` beside `timeoutSeconds`, because the pod source uses no typed client.
fn pods_of(common: &Common) -> WatchSpec {
    let selector = format!("spec.nodeName={}", common.name);
    WatchSpec::new("/api/v1/pods").field_selector(selector).without_timeout_param()
}

fn wipe(common: &Common) -> Request {
    let path =
        format!("/apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName%3D{}", common.name);
    let options = k8s_pb::apimachinery::pkg::apis::meta::v1::DeleteOptions::default();
    let body = wire::protobuf::encode("v1", "DeleteOptions", &options);
    Request::delete(path).body(body, Encoding::Protobuf)
}
