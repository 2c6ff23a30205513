//! Discovery: which groups, versions and resources there are, as `GET /apis`, `GET /api/v1` and `GET /apis/<group>/<version>` have it
//! (apimachinery `pkg/apis/meta/v1/types.go`, `APIGroupList` and `APIResourceList`).

use serde_json::{Value, json};

use crate::resource::Resource;

/// What is done with each resource.
const VERBS: [&str; 7] = ["create", "delete", "get", "list", "patch", "update", "watch"];

/// The answer for a path of discovery; nothing for any other path, and for a version that is not served.
pub(crate) fn answer(path: &str) -> Option<Value> {
    match path.trim_start_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        ["apis"] => Some(groups()),
        ["api", version] => resources(version),
        ["apis", group, version] => resources(&format!("{group}/{version}")),
        _ => None,
    }
}

fn groups() -> Value {
    let mut versions: Vec<&str> =
        Resource::all().map(|it| it.api_version).filter(|version| version.contains('/')).collect();
    versions.sort_unstable();
    versions.dedup();
    let group = |group_version: &&str| {
        let (group, version) = group_version.split_once('/')?;
        let version = json!({ "groupVersion": group_version, "version": version });
        Some(json!({ "name": group, "versions": [version], "preferredVersion": version }))
    };
    let groups: Vec<Value> = versions.iter().filter_map(group).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

fn resources(group_version: &str) -> Option<Value> {
    let entry = |it: &Resource| {
        let name = it.plural;
        json!({ "name": name, "singularName": "", "namespaced": it.namespaced, "kind": it.kind, "verbs": VERBS })
    };
    let resources: Vec<Value> =
        Resource::all().filter(|it| it.api_version == group_version).map(entry).collect();
    (!resources.is_empty()).then(|| {
        json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_their_resources_are_told() {
        let groups = answer("/apis").unwrap();
        let names: Vec<&str> = groups["groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| group["name"].as_str().unwrap())
            .collect();
        assert!(names.contains(&"storage.k8s.io") && !names.contains(&""), "{names:?}");
        let core = answer("/api/v1").unwrap();
        let node = core["resources"].as_array().unwrap().iter().find(|it| it["name"] == "nodes").unwrap();
        assert_eq!((&node["kind"], &node["namespaced"]), (&json!("Node"), &json!(false)));
        assert_eq!(answer("/apis/storage.k8s.io/v1").unwrap()["groupVersion"], "storage.k8s.io/v1");
        for nothing in ["/api/v2", "/apis/storage.k8s.io/v9", "/api", "/api/v1/nodes"] {
            assert_eq!(answer(nothing), None, "{nothing}");
        }
    }
}
