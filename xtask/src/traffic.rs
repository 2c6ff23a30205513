//! What an audit log says, request by request and small: that of half an hour has a million lines.

use std::{collections::HashSet, path::Path, rc::Rc};

use control_plane::audit::{self, Entry, Stage};
use jiff::Timestamp;

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Who {
    /// A kubelet.
    Node,
    /// A kube-proxy; all of them are one user.
    Proxy,
    /// What loads the control plane.
    Driver,
    /// The node lifecycle controller, and the controller of pod address ranges, whose account is the same.
    NodeController,
    /// The rest of the control plane, and whoever sets up.
    Other,
}

impl Who {
    fn of(user: &str) -> Self {
        match user {
            "system:serviceaccount:kube-system:kube-proxy" => Self::Proxy,
            "system:serviceaccount:kube-system:node-controller" => Self::NodeController,
            _ if user.starts_with("system:node:") => Self::Node,
            _ if user.starts_with("system:serviceaccount:loadgen-") => Self::Driver,
            _ => Self::Other,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Proxy => "kube-proxy",
            Self::Driver => "driver",
            Self::NodeController => "node-controller",
            Self::Other => "other",
        }
    }
}

/// A request that was answered, or a watch that began.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) who: Who,
    pub(crate) user: Rc<str>,
    /// The audit log's.
    pub(crate) verb: Rc<str>,
    /// `pods/status`.
    pub(crate) resource: Rc<str>,
    /// `namespace/name`; either may be empty.
    pub(crate) object: Rc<str>,
    /// Of watches and lists only.
    pub(crate) query: Rc<str>,
    /// 0 where the log has none.
    pub(crate) code: u16,
    /// When it came in. Seconds since the origin.
    pub(crate) at: f64,
    /// When this was logged. Seconds since the origin.
    pub(crate) done: f64,
    /// A watch begins; otherwise the answer is complete.
    pub(crate) begins: bool,
    /// A watch that goes on from a list, as a reflector does whose streamed list was refused.
    pub(crate) after_list: bool,
}

impl Request {
    pub(crate) fn is_watch(&self) -> bool {
        &*self.verb == "watch"
    }

    /// A watch that asks for what there is, not for what comes after a version.
    pub(crate) fn asks_for_all(&self) -> bool {
        self.query.contains("sendInitialEvents=true")
    }

    /// A watch that is not the continuation of an earlier one.
    pub(crate) fn is_anew(&self) -> bool {
        self.asks_for_all() || self.after_list
    }

    pub(crate) fn failed(&self) -> bool {
        self.code >= 400 && !self.begins
    }

    pub(crate) fn succeeded(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// The seconds after which the server ends the watch.
    pub(crate) fn timeout(&self) -> Option<f64> {
        self.parameter("timeoutSeconds").and_then(|text| text.parse().ok())
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// What is watched: the same for all requests of one reflector.
    pub(crate) fn selection(&self) -> Selection {
        let selectors =
            ["fieldSelector", "labelSelector"].map(|name| self.parameter(name).unwrap_or_default());
        (self.user.clone(), self.resource.clone(), self.object.clone(), selectors.join("&"))
    }
}

/// User, resource, object and selectors.
type Selection = (Rc<str>, Rc<str>, Rc<str>, String);

/// Seconds, whole ones.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a run has fewer seconds, and no negative ones"
)]
pub(crate) fn whole_seconds(seconds: f64) -> usize {
    seconds.max(0.0) as usize
}

/// All of it, in the order of the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) requests: Vec<Request>,
    origin: Option<Timestamp>,
    words: HashSet<Rc<str>>,
    /// What was listed and is not watched yet.
    listed: HashSet<Selection>,
}

impl Traffic {
    /// Reads an audit log with its rotated parts.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let mut traffic = Self::default();
        audit::each(path, |entry| traffic.add(&entry))?;
        Ok(traffic)
    }

    /// Seconds since the origin, which is when the first request came in.
    pub(crate) fn seconds(&self, at: Timestamp) -> f64 {
        self.origin.map_or(0.0, |origin| at.duration_since(origin).as_secs_f64())
    }

    /// When a node was heard last: what comes later is the end of the run.
    pub(crate) fn end(&self) -> f64 {
        let beats = self.requests.iter().filter(|it| it.who == Who::Node && &*it.resource == "leases");
        beats.map(|request| request.done).fold(0.0, f64::max)
    }

    fn add(&mut self, entry: &Entry) {
        let begins = entry.stage == Stage::ResponseStarted;
        if begins && entry.verb != "watch" {
            return;
        }
        self.origin.get_or_insert(entry.request_received_timestamp);
        let object = entry.object_ref.clone().unwrap_or_default();
        let resource = match object.subresource.as_str() {
            "" => object.resource,
            sub => [&*object.resource, sub].join("/"),
        };
        let query = entry.request_uri.split_once('?').map_or("", |(_, query)| query);
        let code = entry.response_status.map_or(0, |status| status.code);
        let reads_many = matches!(&*entry.verb, "watch" | "list");
        let mut request = Request {
            who: Who::of(&entry.user.username),
            user: self.word(&entry.user.username),
            verb: self.word(&entry.verb),
            resource: self.word(&resource),
            object: self.word(&[&*object.namespace, &object.name].join("/")),
            query: self.word(if reads_many { query } else { "" }),
            code: if entry.stage == Stage::Panic { 500 } else { code },
            at: self.seconds(entry.request_received_timestamp),
            done: self.seconds(entry.stage_timestamp),
            begins,
            after_list: false,
        };
        if request.succeeded() && &*request.verb == "list" {
            self.listed.insert(request.selection());
        } else if request.succeeded() && begins {
            request.after_list = self.listed.remove(&request.selection()) && !request.asks_for_all();
        }
        self.requests.push(request);
    }

    fn word(&mut self, text: &str) -> Rc<str> {
        if let Some(word) = self.words.get(text) {
            return word.clone();
        }
        let word: Rc<str> = text.into();
        self.words.insert(word.clone());
        word
    }
}

#[cfg(test)]
pub(crate) mod synthetic {
    //! Logs written by hand.

    use super::*;

    /// A request by `user` that was answered after a millisecond: `get pods ns/p`.
    pub(crate) fn request(user: &str, words: &str, code: u16, at: f64) -> Request {
        let mut words = words.split(' ').map(Rc::from);
        let mut word = || words.next().unwrap_or_else(|| "".into());
        let (verb, resource, object) = (word(), word(), word());
        Request {
            who: Who::of(user),
            user: user.into(),
            verb,
            resource,
            object,
            query: "".into(),
            code,
            at,
            done: at + 0.001,
            begins: false,
            after_list: false,
        }
    }

    /// All of a log.
    pub(crate) fn traffic(requests: Vec<Request>) -> Traffic {
        Traffic { requests, ..Traffic::default() }
    }

    /// The beginning of a watch, and its end.
    pub(crate) fn watch(
        user: &str,
        resource: &str,
        query: &str,
        at: f64,
        ended: Option<f64>,
    ) -> Vec<Request> {
        let begun = Request {
            query: query.into(),
            begins: true,
            ..request(user, &format!("watch {resource} /"), 200, at)
        };
        let end = ended.map(|done| Request { begins: false, done, ..begun.clone() });
        std::iter::once(begun).chain(end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[String]) -> Vec<Request> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        Traffic::read(&path).unwrap().requests
    }

    #[test]
    fn a_watch_that_goes_on_from_a_list_is_no_renewal() {
        let line = |stage: &str, verb: &str, query: &str| {
            format!(
                r#"{{"auditID":"1","stage":"{stage}","requestURI":"/c?fieldSelector=a%3Db&{query}","verb":"{verb}","user":{{"username":"system:node:n-1"}},"objectRef":{{"resource":"configmaps","namespace":"a"}},"responseStatus":{{"code":200}},"requestReceivedTimestamp":"2026-11-22T12:00:01.500000Z","stageTimestamp":"2026-11-22T12:00:03.500000Z"}}"#
            )
        };
        let watch = "resourceVersion=7&watch=true";
        let requests = read(&[
            line("ResponseComplete", "list", "resourceVersion=0"),
            line("ResponseStarted", "watch", watch),
            line("ResponseStarted", "watch", watch),
        ]);
        let anew: Vec<bool> = requests.iter().map(Request::is_anew).collect();
        assert_eq!(anew, [false, true, false]);
    }

    #[test]
    fn a_log_is_made_small() {
        let line = |stage: &str, verb: &str, uri: &str| {
            format!(
                r#"{{"auditID":"1","stage":"{stage}","requestURI":"{uri}","verb":"{verb}","user":{{"username":"system:node:n-1"}},"objectRef":{{"resource":"pods","namespace":"a","name":"p","subresource":"status"}},"responseStatus":{{"code":200}},"requestReceivedTimestamp":"2026-11-22T12:00:01.500000Z","stageTimestamp":"2026-11-22T12:00:03.500000Z"}}"#
            )
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let watch = "/api/v1/pods?fieldSelector=x%3D1&sendInitialEvents=true&timeoutSeconds=302&watch=true";
        let lines =
            [line("ResponseComplete", "patch", "/p?timeout=10s"), line("ResponseStarted", "watch", watch)];
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        let traffic = Traffic::read(&path).unwrap();
        let [patched, watch] = traffic.requests.as_slice() else { panic!("{traffic:?}") };
        assert_eq!((patched.who, &*patched.resource, &*patched.object), (Who::Node, "pods/status", "a/p"));
        assert_eq!((&*patched.query, patched.at, patched.done, patched.begins), ("", 0.0, 2.0, false));
        assert!(watch.begins && watch.asks_for_all());
        assert_eq!((watch.timeout(), watch.selection().3.as_str()), (Some(302.0), "x%3D1&"));
        assert!(traffic.end() < 0.1, "no lease was renewed");
    }
}
