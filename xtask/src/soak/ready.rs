//! Nodes that somebody took for dead.

use std::{collections::HashMap, rc::Rc};

use crate::traffic::{Request, Who};

/// While a node comes up the controller writes its taints and its pod range. Seconds.
const COMING_UP: f64 = 60.0;

/// What the node lifecycle controller wrote about nodes that were ready before. It writes a node's status, or its taints, only
/// when it changes its mind (`node_lifecycle_controller.go`, `tryUpdateNodeHealth`, `doNoScheduleTaintingPass`,
/// `doNoExecuteTaintingPass`).
pub(crate) fn written_off(requests: &[Request]) -> Vec<String> {
    let mut patches: HashMap<&str, (u32, f64)> = HashMap::new();
    let mut found = Vec::new();
    for request in requests.iter().filter(|it| it.succeeded() && !it.begins) {
        match (request.who, &*request.verb, &*request.resource) {
            (Who::Node, "patch", "nodes/status") => {
                let (count, at) = patches.entry(&request.object).or_default();
                *count += 1;
                // Registration's, and that of Ready.
                if *count <= 2 {
                    *at = request.at;
                }
            }
            (Who::NodeController, "patch" | "update", "nodes" | "nodes/status") => {
                let ready = patches.get(&*request.object).filter(|(count, _)| *count >= 2);
                if ready.is_some_and(|(_, at)| request.at > at + COMING_UP) {
                    let Request { verb, resource, object, at, .. } = request;
                    let node = object.trim_start_matches('/');
                    found.push(format!("node-controller: {verb} {resource} {node} at {at:.1} s"));
                }
            }
            _ => {}
        }
    }
    found
}

/// The longest time in which a node's lease was not renewed, for each node, in seconds and ascending. Gaps that are over before
/// `from` do not count.
pub(crate) fn lease_gaps(requests: &[Request], from: f64, end: f64) -> Vec<f64> {
    let mut nodes: HashMap<Rc<str>, (f64, f64)> = HashMap::new();
    let renewals =
        requests.iter().filter(|it| it.who == Who::Node && &*it.resource == "leases" && it.succeeded());
    let renewals = renewals.filter(|it| matches!(&*it.verb, "update" | "create"));
    for renewal in renewals {
        let (last, longest) = nodes.entry(renewal.user.clone()).or_insert((renewal.done, 0.0));
        if renewal.done >= from {
            *longest = longest.max(renewal.done - *last);
        }
        *last = renewal.done;
    }
    let mut gaps: Vec<f64> = nodes.into_values().map(|(last, longest)| longest.max(end - last)).collect();
    gaps.sort_by(f64::total_cmp);
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::synthetic::request;

    const NODE: &str = "system:node:n-1";
    const CONTROLLER: &str = "system:serviceaccount:kube-system:node-controller";

    #[test]
    fn a_node_that_is_written_off_is_found() {
        let mut requests = vec![
            request(NODE, "patch nodes/status /n-1", 200, 1.0),
            request(CONTROLLER, "patch nodes /n-1", 200, 1.5),
            request(NODE, "patch nodes/status /n-1", 200, 2.0),
            request(CONTROLLER, "patch nodes /n-1", 200, 7.0),
        ];
        assert_eq!(written_off(&requests), [""; 0]);
        requests.push(request(CONTROLLER, "update nodes/status /n-1", 200, 100.0));
        requests.push(request(CONTROLLER, "patch nodes /n-1", 200, 100.1));
        assert_eq!(
            written_off(&requests),
            [
                "node-controller: update nodes/status n-1 at 100.0 s",
                "node-controller: patch nodes n-1 at 100.1 s"
            ]
        );
    }

    #[test]
    fn the_longest_silence_of_each_node_is_found() {
        let renew = |node: &str, at: f64| {
            request(&format!("system:node:{node}"), &format!("update leases kube-node-lease/{node}"), 200, at)
        };
        let requests: Vec<Request> =
            [0.0, 30.0, 40.0, 52.0].map(|at| renew("a", at)).into_iter().chain([renew("b", 50.0)]).collect();
        let gaps: Vec<String> =
            lease_gaps(&requests, 35.0, 60.0).iter().map(|gap| format!("{gap:.0}")).collect();
        assert_eq!(gaps, ["10", "12"]);
    }
}
