//! What JSON says is kept, and is said again.

use super::*;
use crate::resource::Target;

/// An object that was sent in JSON is answered in JSON with every field that is understood.
fn check(path: &str, sent: &Value) {
    let resource = Target::parse(path).unwrap().resource;
    let stored = Stored::from_json(resource, sent.clone()).unwrap();
    assert_eq!(&render(&stored), sent);
}

#[test]
fn objects_survive_in_json() {
    check(
        "/api/v1/pods",
        &json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "p", "namespace": "default", "labels": {"app": "web"}, "annotations": {"a": "b"},
                "creationTimestamp": "2026-11-22T11:45:14Z",
                "ownerReferences": [{
                    "apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u", "controller": true,
                }],
            },
            "spec": {
                "nodeName": "n-1", "containers": [{"name": "c", "image": "i"}], "terminationGracePeriodSeconds": 30,
            },
            "status": {
                "phase": "Running", "podIP": "198.18.0.7",
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-22T11:45:14Z"}],
                "containerStatuses": [{"name": "c", "ready": true, "restartCount": 0}],
            },
        }),
    );
    check(
        "/api/v1/nodes",
        &json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n-1"},
            "spec": {"podCIDR": "10.0.0.0/24"},
            "status": {
                "addresses": [{"type": "InternalIP", "address": "127.0.0.2"}],
                "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            },
        }),
    );
    check(
        "/apis/coordination.k8s.io/v1/leases",
        &json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "n-1", "namespace": "kube-node-lease"},
            "spec": {
                "holderIdentity": "n-1", "leaseDurationSeconds": 40, "renewTime": "2026-11-22T11:45:14.123456Z",
            },
        }),
    );
    check(
        "/api/v1/configmaps",
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "v"}}),
    );
}
