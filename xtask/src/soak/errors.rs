//! Refusals: which of them belong to how Kubernetes works.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use serde::Serialize;

use crate::traffic::{Request, Who};

/// An authorizer learns of a binding from a watch, as the node does; by then both know it. Seconds.
const SOON: f64 = 10.0;

const AFTER_BINDING: &str = "the node was told of the binding before the authorizer";
const GONE: &str = "the pod was deleted meanwhile";
const BEFORE_IT_EXISTS: &str = "the node looks before it creates";
const EXISTS: &str = "the node is there already";
const CONFLICT: &str = "somebody else wrote it, and the next try succeeded";
const AGAIN: &str = "the watch goes on from another version";
const SHED: &str = "the server shed load, and a later try was answered";

/// Refusals of one kind for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Refusals {
    pub(crate) who: &'static str,
    pub(crate) verb: String,
    pub(crate) resource: String,
    pub(crate) code: u16,
    pub(crate) count: u64,
    /// None if nothing explains them.
    pub(crate) because: Option<&'static str>,
    /// One of them: who and what.
    pub(crate) example: String,
}

/// All refusals of nodes, kube-proxies and drivers, of which `judged` says which count.
pub(crate) fn refusals(requests: &[Request], judged: impl Fn(&Request) -> bool) -> Vec<Refusals> {
    let history = History::of(requests);
    let mut found: BTreeMap<_, Refusals> = BTreeMap::new();
    let of_load = |who: Who| matches!(who, Who::Node | Who::Proxy | Who::Driver);
    for request in requests.iter().filter(|it| it.failed() && of_load(it.who) && judged(it)) {
        let because = history.reason(request);
        let Request { who, verb, resource, code, user, object, at, .. } = request;
        let key = (because.is_some(), *who, verb.clone(), resource.clone(), *code, because);
        let refusals = found.entry(key).or_insert_with(|| Refusals {
            who: who.name(),
            verb: verb.to_string(),
            resource: resource.to_string(),
            code: *code,
            count: 0,
            because,
            example: format!("{user} {object} at {at:.1} s"),
        });
        refusals.count += 1;
    }
    found.into_values().collect()
}

type Key = (Rc<str>, Rc<str>, Rc<str>, Rc<str>);

/// A reflector whose watch is refused lists instead, and if that is refused too it watches again: to it that is one.
fn key(request: &Request) -> Key {
    let verb = if &*request.verb == "list" { "watch".into() } else { request.verb.clone() };
    (request.user.clone(), verb, request.resource.clone(), object(request))
}

/// Of a request that creates the log has the name only when it was let in, unless the path has it.
fn object(request: &Request) -> Rc<str> {
    let names_in_body = &*request.verb == "create" && !request.resource.contains('/');
    match request.object.split_once('/') {
        Some((namespace, _)) if names_in_body => [namespace, "/"].concat().into(),
        _ => request.object.clone(),
    }
}

/// When what succeeded.
struct History {
    successes: HashMap<Key, Vec<f64>>,
    /// By anything but another refusal for want of room.
    answers: HashMap<Key, Vec<f64>>,
    bound: HashMap<Rc<str>, f64>,
    deleted: HashMap<Rc<str>, f64>,
    /// By user and resource.
    created: HashMap<(Rc<str>, Rc<str>), f64>,
}

impl History {
    fn of(requests: &[Request]) -> Self {
        let mut history = Self {
            successes: HashMap::new(),
            answers: HashMap::new(),
            bound: HashMap::new(),
            deleted: HashMap::new(),
            created: HashMap::new(),
        };
        let refused: std::collections::HashSet<Key> =
            requests.iter().filter(|it| it.failed()).map(key).collect();
        let answered = |it: &&Request| (200..500).contains(&it.code) && it.code != 429;
        for request in requests.iter().filter(answered) {
            let key = key(request);
            if refused.contains(&key) {
                history.answers.entry(key).or_default().push(request.done);
            }
        }
        for request in requests.iter().filter(|it| it.succeeded()) {
            match (&*request.verb, &*request.resource) {
                ("create", "pods/binding") => {
                    history.bound.insert(request.object.clone(), request.at);
                }
                ("delete", "pods") => {
                    history.deleted.entry(request.object.clone()).or_insert(request.at);
                }
                ("create", _) => {
                    let of = (request.user.clone(), request.resource.clone());
                    history.created.entry(of).or_insert(request.done);
                }
                _ => {}
            }
            let key = key(request);
            if refused.contains(&key) {
                history.successes.entry(key).or_default().push(request.done);
            }
        }
        history
    }

    fn succeeded_after(&self, request: &Request, within: f64) -> bool {
        Self::came_after(&self.successes, request, within)
    }

    fn came_after(times: &HashMap<Key, Vec<f64>>, request: &Request, within: f64) -> bool {
        let times = times.get(&key(request));
        times.is_some_and(|all| all.iter().any(|at| (request.at..=request.at + within).contains(at)))
    }

    fn reason(&self, request: &Request) -> Option<&'static str> {
        let Request { who, verb, resource, object, code, at, user, .. } = request;
        let just_bound = || self.bound.get(object).is_some_and(|bound| (0.0..SOON).contains(&(at - bound)));
        let is_gone = || self.deleted.get(object).is_some_and(|deleted| deleted <= at);
        let later = self.succeeded_after(request, SOON);
        match (who, &**verb, &**resource, code) {
            (Who::Node, "get", "pods", 403 | 404) if is_gone() => Some(GONE),
            (Who::Node, "get", "pods", 403) if just_bound() && later => Some(AFTER_BINDING),
            (
                Who::Node,
                "get" | "list" | "watch" | "create",
                "serviceaccounts/token"
                | "secrets"
                | "configmaps"
                | "persistentvolumeclaims"
                | "persistentvolumes",
                403,
            ) if later => Some(AFTER_BINDING),
            (Who::Node, "get", "nodes" | "leases" | "csinodes", 404) => {
                let created = self.created.get(&(user.clone(), resource.clone()));
                created.is_none_or(|created| at <= created).then_some(BEFORE_IT_EXISTS)
            }
            (Who::Node, "create", "nodes", 409) => Some(EXISTS),
            (Who::Node, "update" | "create", "leases", 409) if later => Some(CONFLICT),
            (_, "watch", _, 410) if self.succeeded_after(request, 120.0) => Some(AGAIN),
            (_, _, _, 429) if Self::came_after(&self.answers, request, 120.0) => Some(SHED),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::synthetic::request;

    const NODE: &str = "system:node:n-1";

    /// What becomes of the only refusal among requests by the node and others.
    #[track_caller]
    fn check(requests: &[(&str, &str, u16, f64)], expected: Option<&str>) {
        let requests: Vec<Request> =
            requests.iter().map(|(user, words, code, at)| request(user, words, *code, *at)).collect();
        let found = refusals(&requests, |_| true);
        let [only] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(only.because, expected, "{only:?}");
    }

    #[test]
    fn a_pod_that_was_just_bound_is_refused_once() {
        let bound = ("system:kube-scheduler", "create pods/binding ns/p", 201, 1.0);
        let refused = (NODE, "get pods ns/p", 403, 1.1);
        let again = (NODE, "get pods ns/p", 200, 1.2);
        check(&[bound, refused, again], Some(AFTER_BINDING));
        check(&[bound, refused], None);
        check(&[refused, again], None);
        check(&[bound, (NODE, "get pods ns/p", 403, 20.0), (NODE, "get pods ns/p", 200, 20.1)], None);
        let other = ("system:node:n-2", "get pods ns/p", 200, 1.2);
        check(&[bound, refused, other], None);
    }

    #[test]
    fn a_token_that_was_refused_must_be_had_in_the_end() {
        let refused = (NODE, "create serviceaccounts/token ns/default", 403, 1.0);
        check(&[refused, (NODE, "create serviceaccounts/token ns/default", 201, 2.0)], Some(AFTER_BINDING));
        check(&[refused], None);
        let listed = (NODE, "list configmaps ns/kube-root-ca.crt", 403, 1.0);
        check(&[listed, (NODE, "watch configmaps ns/kube-root-ca.crt", 200, 2.0)], Some(AFTER_BINDING));
        check(&[listed, (NODE, "watch configmaps ns/other", 200, 2.0)], None);
    }

    #[test]
    fn a_pod_that_is_gone_is_not_found() {
        let deleted = ("system:serviceaccount:loadgen-x:d", "delete pods ns/p", 200, 1.0);
        check(&[deleted, (NODE, "get pods ns/p", 404, 2.0)], Some(GONE));
        check(&[deleted, (NODE, "get pods ns/q", 404, 2.0)], None);
        check(&[(NODE, "get pods ns/p", 404, 0.5), deleted], None);
    }

    #[test]
    fn what_a_node_creates_is_missing_only_before() {
        let created = (NODE, "create leases kube-node-lease/", 201, 5.0);
        check(&[(NODE, "get leases kube-node-lease/n-1", 404, 1.0), created], Some(BEFORE_IT_EXISTS));
        check(&[created, (NODE, "get leases kube-node-lease/n-1", 404, 9.0)], None);
        check(&[(NODE, "get runtimeclasses /x", 404, 1.0)], None);
    }

    #[test]
    fn conflicts_must_end() {
        check(&[(NODE, "create nodes /", 409, 1.0)], Some(EXISTS));
        let conflict = (NODE, "update leases kube-node-lease/n-1", 409, 1.0);
        check(&[conflict, (NODE, "update leases kube-node-lease/n-1", 200, 1.1)], Some(CONFLICT));
        check(&[conflict], None);
        check(&[(NODE, "patch pods/status ns/p", 409, 1.0)], None);
    }

    #[test]
    fn shed_load_and_expired_watches_must_go_on() {
        check(&[(NODE, "watch pods /", 410, 1.0), (NODE, "watch pods /", 200, 3.0)], Some(AGAIN));
        check(&[(NODE, "watch pods /", 410, 1.0)], None);
        check(&[(NODE, "get pods ns/p", 429, 1.0), (NODE, "get pods ns/p", 200, 3.0)], Some(SHED));
        check(&[(NODE, "get pods ns/p", 429, 1.0)], None);
        check(&[(NODE, "get pods ns/p", 429, 1.0), (NODE, "get pods ns/p", 429, 3.0)], None);
    }

    #[test]
    fn a_refused_create_has_no_name_in_the_log() {
        let refused = (NODE, "create leases kube-node-lease/", 429, 1.0);
        check(&[refused, (NODE, "create leases kube-node-lease/n-1", 201, 3.0)], Some(SHED));
        let token = (NODE, "create serviceaccounts/token ns/default", 429, 1.0);
        check(&[token, (NODE, "create serviceaccounts/token ns/other", 201, 3.0)], None);
    }

    #[test]
    fn a_lease_that_is_not_there_yet_is_an_answer_to_what_was_shed() {
        let of = |code, at| request(NODE, "get leases kube-node-lease/n-1", code, at);
        let created = request(NODE, "create leases kube-node-lease/n-1", 201, 4.0);
        let found = refusals(&[of(429, 1.0), of(404, 3.0), created], |_| true);
        let reasons: Vec<_> = found.iter().map(|it| it.because).collect();
        assert_eq!(reasons, [Some(BEFORE_IT_EXISTS), Some(SHED)]);
    }

    #[test]
    fn nothing_explains_a_server_error_and_others_are_not_judged() {
        check(
            &[(NODE, "patch nodes/status /n-1", 500, 1.0), (NODE, "patch nodes/status /n-1", 200, 2.0)],
            None,
        );
        check(&[("system:serviceaccount:loadgen-x:d", "create pods ns/p", 409, 1.0)], None);
        let others = [request("system:kube-scheduler", "create pods/binding ns/p", 500, 1.0)];
        assert_eq!(refusals(&others, |_| true), []);
    }
}
