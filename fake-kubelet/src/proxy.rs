//! kube-proxy: the watches of the one beside each kubelet, and its one event.
//!
//! Sends: a `WatchList` of its own Node, and when that has shown it, which is looked at every 100 ms, those of service CIDRs, of
//! endpoint slices but headless ones, and of services but headless ones and those of other proxies; and once an event `Starting`
//! (`cmd/kube-proxy/app/server.go`, `newProxyServer` and `Run`; `pkg/proxy/node.go`). The event is tried twelve times about 10 s
//! apart while there is no answer, and given up when it is refused (`client-go tools/events`, `attemptRecording`).
//!
//! It is a pod of a daemon set, so it begins when its Node exists; its image has to be pulled, so that is after the node is ready.

use std::{ops::Range, time::Duration};

use k8s_pb::{
    api::{core::v1 as core, events::v1 as events},
    apimachinery::pkg::apis::meta::v1 as meta,
};
use measure::Nanos;
use wire::{Encoding, Request, WatchSpec};

use crate::{
    action::{Action, Answer, Call, Now, ProxyWatch, Watched},
    classes::Class,
    node::Common,
};

/// From the node being ready to kube-proxy's container running.
const STARTS_AFTER: Range<Duration> = Duration::from_millis(200)..Duration::from_millis(900);
/// How often an informer that is waited for is looked at (`cache.syncedPollPeriod`).
const POLL: Duration = Duration::from_millis(100);
const EVENT_TRIES: u32 = 12;
const EVENT_PAUSE: Duration = Duration::from_secs(10);

/// The kube-proxy of one node.
#[derive(Debug, Default)]
pub(crate) struct KubeProxy {
    state: State,
    /// The event while it has not been delivered, and how often that was tried.
    event: Option<(Request, u32)>,
    /// When the event is tried again.
    event_due: Option<Nanos>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Not beside this node, or not yet.
    #[default]
    Absent,
    /// Its container starts at this time.
    Starting(Nanos),
    /// It waits for its Node since this time.
    WaitingForNode(Nanos),
    /// It has seen its Node and looks at this time whether it has.
    NodeSeen(Nanos),
    /// It watches everything.
    Running,
}

impl KubeProxy {
    /// The node is ready, perhaps again.
    pub(crate) fn node_is_ready(&mut self, common: &mut Common, now: Now) {
        if common.spec.classes.has(Class::KubeProxy) && matches!(self.state, State::Absent) {
            self.state = State::Starting(now.at + common.draw(&STARTS_AFTER));
        }
    }

    /// Every watch that has begun.
    pub(crate) fn open(&self, common: &Common, out: &mut Vec<Action>) {
        let begun: &[ProxyWatch] = match self.state {
            State::Absent | State::Starting(_) => &[],
            State::WaitingForNode(_) | State::NodeSeen(_) => &[ProxyWatch::Node],
            State::Running => &[
                ProxyWatch::Node,
                ProxyWatch::ServiceCidrs,
                ProxyWatch::EndpointSlices,
                ProxyWatch::Services,
            ],
        };
        out.extend(begun.iter().map(|watched| watch(*watched, &common.name)));
    }

    pub(crate) fn deadline(&self) -> Option<Nanos> {
        let state = match self.state {
            State::Starting(at) | State::NodeSeen(at) => Some(at),
            State::Absent | State::WaitingForNode(_) | State::Running => None,
        };
        state.into_iter().chain(self.event_due).min()
    }

    /// The watch of its own Node has shown what there is.
    pub(crate) fn node_synced(&mut self, now: Now) {
        if let State::WaitingForNode(since) = self.state {
            let period = Nanos::from(POLL).0;
            let looks = now.at.0.saturating_sub(since.0).div_ceil(period);
            self.state = State::NodeSeen(Nanos(since.0 + looks * period));
        }
    }

    pub(crate) fn on_deadline(&mut self, common: &Common, now: Now, out: &mut Vec<Action>) {
        match self.state {
            State::Starting(at) if at <= now.at => {
                self.state = State::WaitingForNode(now.at);
                out.push(watch(ProxyWatch::Node, &common.name));
            }
            State::NodeSeen(at) if at <= now.at => {
                self.state = State::Running;
                let rest = [ProxyWatch::ServiceCidrs, ProxyWatch::EndpointSlices, ProxyWatch::Services];
                out.extend(rest.map(|watched| watch(watched, &common.name)));
                self.event = Some((birth_cry(common, now), 0));
                self.event_due = Some(now.at);
            }
            _ => {}
        }
        if let Some(intended) = self.event_due.take_if(|due| *due <= now.at)
            && let Some((request, tries)) = &mut self.event
        {
            *tries += 1;
            out.push(Action::Send { call: Call::CreateProxyEvent, request: request.clone(), intended });
        }
    }

    pub(crate) fn on_answer(&mut self, common: &mut Common, now: Now, answer: &Answer) {
        match (answer, &self.event) {
            (Answer::Failed, Some((_, tries))) if *tries < EVENT_TRIES => {
                self.event_due = Some(now.at + common.stretched(EVENT_PAUSE, 0.25));
            }
            _ => self.event = None,
        }
    }
}

fn watch(watched: ProxyWatch, node: &str) -> Action {
    let spec = match watched {
        ProxyWatch::Node => WatchSpec::new("/api/v1/nodes").field_selector(format!("metadata.name={node}")),
        ProxyWatch::Services => WatchSpec::new("/api/v1/services")
            .field_selector("spec.clusterIP!=None")
            .label_selector("!service.kubernetes.io/service-proxy-name"),
        ProxyWatch::EndpointSlices => WatchSpec::new("/apis/discovery.k8s.io/v1/endpointslices")
            .label_selector("!service.kubernetes.io/headless"),
        ProxyWatch::ServiceCidrs => WatchSpec::new("/apis/networking.k8s.io/v1/servicecidrs"),
    };
    Action::Watch { watched: Watched::Proxy(watched), spec }
}

/// The event by which a kube-proxy says that it has started (`birthCry`, `tools/events` `makeEvent`). Its pod is on the host's
/// network, so its host name is the node's.
fn birth_cry(common: &Common, now: Now) -> Request {
    let text = |text: &str| Some(text.to_owned());
    let event = events::Event {
        metadata: Some(meta::ObjectMeta {
            name: Some(format!("{}.{:x}", common.name, now.wall.as_nanosecond())),
            namespace: text("default"),
            ..Default::default()
        }),
        event_time: Some(meta::MicroTime {
            seconds: Some(now.wall.as_second()),
            // Truncated to microseconds on the way into JSON; here so that both encodings agree.
            nanos: Some(now.wall.subsec_nanosecond() / 1000 * 1000),
        }),
        reporting_controller: text("kube-proxy"),
        reporting_instance: Some(format!("kube-proxy-{}", common.name)),
        action: text("StartKubeProxy"),
        reason: text("Starting"),
        regarding: Some(core::ObjectReference {
            api_version: text("v1"),
            kind: text("Node"),
            name: Some(common.name.to_string()),
            ..Default::default()
        }),
        r#type: text("Normal"),
        ..Default::default()
    };
    let body = wire::protobuf::encode("events.k8s.io/v1", "Event", &event);
    Request::post("/apis/events.k8s.io/v1/namespaces/default/events", body, Encoding::Protobuf)
}
