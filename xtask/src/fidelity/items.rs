//! A recording's requests, each with what it is about, its class, and a body that can be compared.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use serde_json::Value;

use super::{
    names::Names,
    normal::{self, Body},
    recording::{Line, Recording},
    target::{Target, query_shape, timed_out},
};

/// Requests of one stream follow one another; between streams there is no order, they are goroutines of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stream {
    Requests,
    Events,
    /// Watches begin and end side by side.
    Watches,
    /// Volumes are mounted beside the pod's status.
    Volumes,
    /// What comes again and again is a matter of intervals.
    Periodic,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Requests => "requests",
            Self::Events => "events",
            Self::Watches => "watches",
            Self::Volumes => "volumes",
            Self::Periodic => "periodic",
        })
    }
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Index of the phase it falls into.
    pub(crate) phase: usize,
    /// Seconds since that began.
    pub(crate) into: f64,
    /// Seconds since the node's first request.
    pub(crate) t: f64,
    /// Seconds until it was answered.
    pub(crate) took: f64,
    pub(crate) stream: Stream,
    /// `node`, `lease`, `csi`, `objects`, or pods that are alike.
    pub(crate) subject: String,
    /// Which of the pods.
    pub(crate) instance: String,
    pub(crate) class: String,
    pub(crate) body: Body,
    /// The program, as it names itself.
    pub(crate) agent: String,
}

/// How long after a phase began what comes again is still taken for a part of the beginning. Seconds.
const SETTLED: f64 = 30.0;

/// All requests of a recording, in order.
pub(crate) fn items(recording: &Recording) -> Vec<Item> {
    let about = &recording.about;
    let mut reader = Reader {
        names: Names::new(&about.node, &about.namespace),
        reasons: HashMap::new(),
        registering_again: false,
        lease_read: false,
    };
    let mut items = Vec::with_capacity(recording.lines.len());
    for line in &recording.lines {
        let Some(phase) = recording.phase_of(line.t) else { continue };
        let begins = &about.phases[phase];
        let moment = Moment { phase, into: line.t - begins.at, starting: begins.does == "start" };
        items.push(reader.item(line, moment));
    }
    mark_reads_without_a_change(&mut items);
    items
}

#[derive(Clone, Copy)]
struct Moment {
    phase: usize,
    into: f64,
    starting: bool,
}

struct Reader {
    names: Names,
    /// Reasons of events by their names: a repetition says only how often.
    reasons: HashMap<String, String>,
    /// The node was there already, and is read next.
    registering_again: bool,
    lease_read: bool,
}

/// What a request is about.
struct Place {
    stream: Stream,
    subject: String,
    instance: String,
    words: String,
}

impl Reader {
    fn item(&mut self, line: &Line, moment: Moment) -> Item {
        let target = Target::of(&line.path);
        let place = self.place(line, &target, moment);
        let pod = Some(place.instance.as_str()).filter(|instance| !instance.is_empty());
        let of_status = place.words == "nodes/NODE/status" && place.stream == Stream::Requests;
        let short = line.request.as_ref().filter(|_| of_status).map(normal::without_heartbeats);
        let body = normal::body(short.as_ref().or(line.request.as_ref()), &self.names, pod);
        Item {
            phase: moment.phase,
            into: moment.into,
            t: line.t,
            took: line.ms / 1e3,
            class: class(line, &place.words, &self.names.node),
            stream: place.stream,
            subject: place.subject,
            instance: place.instance,
            body,
            agent: line.agent.split(['/', '|']).next().unwrap_or_default().to_owned(),
        }
    }

    fn place(&mut self, line: &Line, target: &Target<'_>, moment: Moment) -> Place {
        let node = self.names.node.clone();
        let name = target.name.map(|name| match target.resource {
            // They are nobody's namespace's, so each node's has a name of its own.
            "persistentvolumes" => "VOLUME",
            _ if name == node => "NODE",
            _ => name,
        });
        let words = target.words(&self.names, name);
        let of = |stream: Stream, subject: &str| Place {
            stream,
            subject: subject.to_owned(),
            instance: String::new(),
            words: words.clone(),
        };
        match target.resource {
            "events" => self.event(line, target),
            "pods" if target.name.is_some() => {
                self.pod(target.name.unwrap_or_default(), |name| target.words(name, Some("POD")))
            }
            "serviceaccounts" => {
                let pod =
                    line.request.as_ref().and_then(|body| body["spec"]["boundObjectRef"]["name"].as_str());
                self.pod(pod.unwrap_or_default(), |_| words.clone())
            }
            "persistentvolumeclaims" | "persistentvolumes" if moment.into > SETTLED => {
                of(Stream::Periodic, "volumes")
            }
            "persistentvolumeclaims" | "persistentvolumes" => of(Stream::Volumes, "volumes"),
            "leases" => {
                let renewed = line.verb == "update" && !self.lease_read;
                self.lease_read = line.verb == "get" && line.code == 200;
                of(if renewed { Stream::Periodic } else { Stream::Requests }, "lease")
            }
            "nodes" if line.verb == "get" && line.query.contains("timeout=") => of(Stream::Requests, "lease"),
            "nodes" if line.verb == "get" && !std::mem::take(&mut self.registering_again) => {
                of(Stream::Requests, "csi")
            }
            "csinodes" => of(Stream::Requests, "csi"),
            _ if line.verb.starts_with("watch") => watch(line, of),
            "nodes" => {
                self.registering_again |= line.verb == "create" && line.code == 409;
                let periodic = target.subresource.is_some()
                    && line.request.as_ref().is_some_and(is_heartbeat)
                    && !(moment.starting && moment.into < SETTLED);
                of(if periodic { Stream::Periodic } else { Stream::Requests }, "node")
            }
            other => of(Stream::Requests, other),
        }
    }

    fn pod(&mut self, name: &str, words: impl Fn(&Names) -> String) -> Place {
        let pod = self.names.pod(name);
        Place {
            stream: Stream::Requests,
            subject: format!("pod {}", pod.group),
            instance: pod.instance,
            words: words(&self.names),
        }
    }

    fn event(&mut self, line: &Line, target: &Target<'_>) -> Place {
        let body = line.request.as_ref().unwrap_or(&Value::Null);
        let name = target.name.or_else(|| body["metadata"]["name"].as_str()).unwrap_or_default().to_owned();
        if let Some(reason) = body["reason"].as_str() {
            self.reasons.insert(name.clone(), reason.to_owned());
        }
        let reason = self.reasons.get(&name).map_or("of an unknown reason", String::as_str).to_owned();
        let about = name.rsplit_once('.').map_or(name.as_str(), |(about, _)| about);
        let mut place = if about == self.names.node {
            let (subject, instance) = ("node".to_owned(), String::new());
            Place { stream: Stream::Events, subject, instance, words: String::new() }
        } else {
            self.pod(about, |_| String::new())
        };
        place.stream = Stream::Events;
        place.words = format!("event {reason}");
        place
    }
}

fn watch(line: &Line, of: impl Fn(Stream, &str) -> Place) -> Place {
    let of_object = line.path.ends_with("/configmaps") || line.path.ends_with("/secrets");
    let renewed = if line.verb == "watch" { is_renewal(line) } else { timed_out(line) };
    let subject = if of_object { "objects" } else { "node" };
    of(if renewed { Stream::Periodic } else { Stream::Watches }, subject)
}

/// A watch goes on where the last one ended.
fn is_renewal(line: &Line) -> bool {
    line.query.contains("resourceVersion=") && !line.query.contains("sendInitialEvents")
}

const FIRST_EVENTS: &str = "resourceVersionMatch=NotOlderThan&sendInitialEvents=true";
const AGAIN: &str = ", again";

/// The class of a watch's first time.
pub(crate) fn first_of(class: &str) -> &str {
    class.trim_end_matches(AGAIN)
}

/// Whether a status patch says only that the node is alive.
fn is_heartbeat(body: &Value) -> bool {
    let Some(fields) = body.as_object() else { return false };
    let Some(status) = fields.get("status") else { return fields.is_empty() };
    let only = |value: &Value, allowed: &[&str]| {
        value.as_object().is_some_and(|fields| fields.keys().all(|key| allowed.contains(&key.as_str())))
    };
    only(status, &["$setElementOrder/conditions", "conditions"])
        && status["conditions"]
            .as_array()
            .is_some_and(|all| all.iter().all(|condition| only(condition, &["type", "lastHeartbeatTime"])))
}

/// `PATCH pods/POD/status`; with the query's shape, and the answer where it is no success.
fn class(line: &Line, words: &str, node: &str) -> String {
    let verb = match line.verb.as_str() {
        "create" => "POST",
        "update" => "PUT",
        "watch-end" => "END OF WATCH",
        "deletecollection" => "DELETE COLLECTION",
        verb => &verb.to_uppercase(),
    };
    let mut class = format!("{verb} {words}");
    // What a watch that ends was begun with has been compared already.
    let query = if line.verb == "watch-end" {
        let selector = line.query.split('&').filter(|pair| pair.starts_with("fieldSelector="));
        selector.collect::<Vec<_>>().join("&")
    } else {
        line.query.clone()
    };
    if !query.is_empty() {
        class.push('?');
        class += &query_shape(&query, node);
    }
    if line.verb == "watch-end" && timed_out(line) {
        class += " at its time-out";
    }
    if line.verb == "watch" && is_renewal(line) {
        class = class.replace("resourceVersion=<version>", FIRST_EVENTS) + AGAIN;
    }
    if !(200..300).contains(&line.code) {
        class.push(' ');
        class += &line.code.to_string();
    }
    class
}

/// A pod is read before it is written. Where two syncs come close together, the second finds nothing to do.
fn mark_reads_without_a_change(items: &mut [Item]) {
    let mut following: BTreeMap<String, String> = BTreeMap::new();
    for item in items.iter_mut().rev().filter(|item| item.class.contains("pods/POD")) {
        let next = following.insert(item.instance.clone(), item.class.clone());
        if item.class == "GET pods/POD" && !next.is_some_and(|next| next.starts_with("PATCH")) {
            item.class += " (nothing to change)";
        }
    }
}
