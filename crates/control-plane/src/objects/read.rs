//! From the tables and texts of a profile to objects.

use kube::core::{GroupVersionKind, TypeMeta};
use profile::{Apf, Manifest};
use serde_json::{Value, json};

use super::Object;
use crate::Error;

pub(super) const FLOW_CONTROL: &str = "flowcontrol.apiserver.k8s.io";

const CHANGED_BACK: &str =
    "kube-apiserver sets this one back to what it must be every minute, whoever changes it";

/// What kube-apiserver insists on (apiserver `pkg/apis/flowcontrol/bootstrap/default.go`). Of the priority level `exempt` it lets two
/// numbers be changed (`pkg/registry/flowcontrol/ensurer/prioritylevelconfiguration.go`).
const MANDATORY: [(&str, &str); 3] =
    [("FlowSchema", "exempt"), ("FlowSchema", "catch-all"), ("PriorityLevelConfiguration", "catch-all")];

/// The objects of `[apf]`. Priority levels come first: a flow schema without its level matches, and is answered by nobody.
pub(super) fn apf(apf: &Apf) -> Result<Vec<Object>, Error> {
    let levels = apf.priority_levels.iter().map(|it| ("PriorityLevelConfiguration", "priority-levels", it));
    let schemas = apf.flow_schemas.iter().map(|it| ("FlowSchema", "flow-schemas", it));
    let object = |(kind, table, (name, spec)): (&str, &str, (&String, &Value))| {
        let api_version = format!("{FLOW_CONTROL}/v1");
        let object = Object {
            origin: format!("[apf.{table}.{name}]"),
            kind: GroupVersionKind::gvk(FLOW_CONTROL, "v1", kind),
            name: name.clone(),
            namespace: None,
            value: json!({
                "apiVersion": api_version,
                "kind": kind,
                "metadata": { "name": name },
                "spec": spec,
            }),
        };
        if MANDATORY.contains(&(kind, name.as_str())) {
            Err(object.refused(CHANGED_BACK))
        } else {
            Ok(object)
        }
    };
    levels.chain(schemas).map(object).collect()
}

/// The objects of all manifests, in their order.
pub(super) fn manifests(manifests: &[Manifest]) -> Result<Vec<Object>, Error> {
    let mut objects = Vec::new();
    for manifest in manifests {
        let wrong = |reason: String| Error::Manifest { origin: manifest.origin.clone(), reason };
        let documents: Vec<Value> = serde_saphyr::from_multiple(&manifest.text).map_err(|error| {
            // Of the lines that follow each shows a piece of the text.
            let reason = error.without_snippet().to_string();
            wrong(format!("it is not YAML: {}", reason.lines().next().unwrap_or_default()))
        })?;
        for (number, document) in (1..).zip(documents) {
            let wrong = |reason: String| wrong(format!("document {number} {reason}"));
            read(document, &manifest.origin, &mut objects).map_err(wrong)?;
        }
    }
    Ok(objects)
}

/// Takes an object, or those of a `List`. An empty document is none.
fn read(document: Value, origin: &str, objects: &mut Vec<Object>) -> Result<(), String> {
    if document.is_null() {
        return Ok(());
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (Some(api_version), Some(kind)) = (text(&document["apiVersion"]), text(&document["kind"])) else {
        return Err("has no apiVersion and kind, so it is no object of the Kubernetes API".to_owned());
    };
    if let (true, Some(items)) = (kind.ends_with("List"), document["items"].as_array()) {
        return items.iter().try_for_each(|item| read(item.clone(), origin, objects));
    }
    let name =
        text(&document["metadata"]["name"]).ok_or_else(|| format!("is a {kind} without a metadata.name"))?;
    let types = TypeMeta { api_version, kind };
    let kind = GroupVersionKind::try_from(&types).map_err(|error| error.to_string())?;
    let namespace = text(&document["metadata"]["namespace"]);
    objects.push(Object { origin: origin.to_owned(), kind, name, namespace, value: document });
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::objects::Objects;

    fn objects(settings: &str) -> Result<Vec<String>, String> {
        let text = format!("about = \"x\"\nextends = \"defaults\"\n{settings}");
        let profile = profile::from_text("p.toml", &text).unwrap();
        let objects = Objects::of(&profile).map_err(|error| error.to_string())?.0;
        let describe = |object: &super::Object| {
            format!("{} {} {:?}", object.kind.api_version(), object.kind.kind, object.name)
        };
        Ok(objects.iter().map(describe).collect())
    }

    #[test]
    fn priority_levels_come_first_and_kinds_before_their_objects() {
        let found = objects(
            "[apf.flow-schemas.ours]\nmatchingPrecedence = 500\n[apf.priority-levels.workload-low]\ntype = 'Limited'\n\
             [[manifest]]\ntext = '''\n---\napiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: n}\n---\n\
             apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n---\n\
             {\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"name\": \"n\"}}\n'''\n\
             [[manifest]]\ntext = '''\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
             metadata: {name: widgets.example.com}\n'''",
        );
        assert_eq!(
            found.unwrap(),
            [
                "flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration \"workload-low\"",
                "flowcontrol.apiserver.k8s.io/v1 FlowSchema \"ours\"",
                "v1 Namespace \"n\"",
                "apiextensions.k8s.io/v1 CustomResourceDefinition \"widgets.example.com\"",
                "example.com/v1 Widget \"w\"",
                "v1 ConfigMap \"c\"",
            ]
        );
        assert_eq!(objects(""), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_object_is_refused_with_its_place() {
        let check = |text: &str, expected: &str| {
            let error = objects(&format!("[[manifest]]\ntext = '''\n{text}'''")).unwrap_err();
            assert!(error.starts_with("p.toml:4:8: ") && error.contains(expected), "{error}");
        };
        check("{apiVersion: v1, kind: ConfigMap}", "document 1 is a ConfigMap without a metadata.name");
        let list = "{apiVersion: v1, kind: List, items: [{kind: ConfigMap}]}";
        check(list, "document 1 has no apiVersion and kind");
    }

    #[test]
    fn what_the_apiserver_would_change_back_is_refused() {
        let error =
            objects("[apf.priority-levels.catch-all.limited]\nnominalConcurrencyShares = 50").unwrap_err();
        assert!(
            error.starts_with("[apf.priority-levels.catch-all]: PriorityLevelConfiguration catch-all cannot be applied: kube-apiserver sets"),
            "{error}"
        );
        objects("[apf.priority-levels.exempt.exempt]\nlendablePercent = 50").unwrap();
    }
}
