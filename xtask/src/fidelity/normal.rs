//! A body without what differs by nature: identifiers that a server or a runtime chooses, addresses, the machine's
//! description, and absolute times, of which only the order is compared.

use serde_json::{Map, Value, json};

use super::names::{Names, replace_word};

/// A body that can be compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Body {
    pub(crate) value: Value,
    /// As sent, in compact JSON.
    pub(crate) bytes: usize,
    /// Where there are times, and which.
    pub(crate) moments: Vec<(String, String)>,
}

/// Takes out of a body what differs by nature.
pub(crate) fn body(request: Option<&Value>, names: &Names, pod: Option<&str>) -> Body {
    let Some(request) = request else { return Body::default() };
    let mut value = request.clone();
    drop_repeated_times(&mut value);
    let bytes = value.to_string().len();
    let mut moments = Vec::new();
    let about_node = request["involvedObject"]["kind"] == "Node";
    let namespace = if about_node { "" } else { names.namespace.as_str() };
    let pass = Pass { node: &names.node, namespace, pod: pod.unwrap_or_default() };
    pass.value(&mut value, "", "", &mut moments);
    Body { value, bytes, moments }
}

/// A patch leaves out a time that is the same second as before, which is chance. So where a condition says its status, its
/// times are passed over, but for the first patch, which says everything.
fn drop_repeated_times(body: &mut Value) {
    let Some(status) = body.get_mut("status").and_then(Value::as_object_mut) else { return };
    if !status.contains_key("$setElementOrder/conditions") || status.contains_key("startTime") {
        return;
    }
    let conditions = status.get_mut("conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten().filter_map(Value::as_object_mut) {
        if condition.contains_key("status") {
            condition.remove("lastTransitionTime");
            condition.remove("lastHeartbeatTime");
        }
    }
}

/// A node's status patch without the times that say only that it lives. Those of a patch in the same second as the one
/// before are not there, so whether they are is chance.
pub(crate) fn without_heartbeats(patch: &Value) -> Value {
    let mut patch = patch.clone();
    let Some(status) = patch.get_mut("status").and_then(Value::as_object_mut) else { return patch };
    if let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) {
        for condition in conditions.iter_mut().filter_map(Value::as_object_mut) {
            condition.remove("lastHeartbeatTime");
        }
        conditions.retain(|condition| condition.as_object().is_some_and(|fields| fields.len() > 1));
        if conditions.is_empty() {
            status.remove("conditions");
            status.remove("$setElementOrder/conditions");
        }
    }
    if status.is_empty() { json!({}) } else { patch }
}

struct Pass<'a> {
    node: &'a str,
    namespace: &'a str,
    pod: &'a str,
}

impl Pass<'_> {
    fn value(&self, value: &mut Value, key: &str, pointer: &str, moments: &mut Vec<(String, String)>) {
        match value {
            Value::String(text) => {
                if let Some(kind) = moment(text) {
                    // Those that come from the server and go back to it say nothing of the node.
                    if key != "creationTimestamp" && !pointer.contains("/managedFields/") {
                        moments.push((pointer.to_owned(), text.clone()));
                    }
                    *value = kind.into();
                } else {
                    *text = self.text(key, text);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.value(item, key, &format!("{pointer}/{index}"), moments);
                }
            }
            Value::Object(fields) => self.object(fields, pointer, moments),
            _ => {}
        }
    }

    fn object(&self, fields: &mut Map<String, Value>, pointer: &str, moments: &mut Vec<(String, String)>) {
        *fields =
            std::mem::take(fields).into_iter().map(|(key, value)| (without_uids(&key), value)).collect();
        for (key, value) in fields.iter_mut() {
            match (key.as_str(), &mut *value) {
                ("capacity" | "allocatable", Value::Object(resources)) => {
                    *value = resources.keys().cloned().collect();
                }
                ("images", Value::Array(_)) => *value = "<images>".into(),
                ("nodeInfo", Value::Object(info)) => describe(info),
                ("Port", Value::Number(_)) => *value = "<port>".into(),
                _ => self.value(value, key, &format!("{pointer}/{key}"), moments),
            }
        }
    }

    fn text(&self, key: &str, text: &str) -> String {
        match key {
            "resourceVersion" => return "<version>".to_owned(),
            "namespace" if !self.namespace.is_empty() && text == self.namespace => {
                return "NAMESPACE".to_owned();
            }
            _ => {}
        }
        if text.parse::<std::net::IpAddr>().is_ok() {
            return "<address>".to_owned();
        }
        if let Some((scheme, id)) = text.split_once("://").filter(|(_, id)| is_hex(id) && id.len() >= 32) {
            return format!("{scheme}://<{} digits>", id.len());
        }
        if let Some(digest) = text.strip_prefix("sha256:").filter(|digest| is_hex(digest)) {
            return format!("sha256:<{} digits>", digest.len());
        }
        if let Some((_, digits)) =
            text.rsplit_once('.').filter(|(_, digits)| is_hex(digits) && digits.len() == 16)
        {
            return self.words(&text.replace(digits, "<nanoseconds>"));
        }
        match text.strip_prefix("kube-api-access-") {
            Some(random) if random.len() == 5 => "kube-api-access-*".to_owned(),
            _ => self.words(text),
        }
    }

    fn words(&self, text: &str) -> String {
        // How a kubelet names a pod in what it says; the namespace may be called as the node is.
        let full = format!("{}_{}", self.pod, self.namespace);
        let text = if self.namespace.is_empty() || self.pod.is_empty() {
            text.to_owned()
        } else {
            replace_word(text, &full, "POD_NAMESPACE")
        };
        let text = replace_word(&text, self.node, "NODE");
        without_uids(&replace_word(&text, self.pod, "POD"))
    }
}

/// The machine, of which it matters only what is said at all.
fn describe(info: &mut Map<String, Value>) {
    for (key, value) in info {
        let same = ["kubeletVersion", "kubeProxyVersion", "operatingSystem", "architecture"];
        if let Value::String(text) = value
            && !same.contains(&key.as_str())
            && !text.is_empty()
        {
            "<said>".clone_into(text);
        }
    }
}

/// A time in seconds or, in leases, in microseconds.
fn moment(text: &str) -> Option<&'static str> {
    if !text.ends_with('Z') || text.parse::<jiff::Timestamp>().is_err() {
        return None;
    }
    Some(if text.contains('.') { "<time, microseconds>" } else { "<time, seconds>" })
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

const UID_LENGTH: usize = 36;

fn is_uid(text: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    text.len() == UID_LENGTH
        && text.bytes().enumerate().all(|(index, byte)| {
            if dashes.contains(&index) { byte == b'-' } else { byte.is_ascii_hexdigit() }
        })
}

fn without_uids(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if rest.get(..UID_LENGTH).is_some_and(is_uid) {
            out += "<uid>";
            rest = &rest[UID_LENGTH..];
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(request: impl Into<Value>, expected: impl Into<Value>) {
        let names = Names::new("vm", "ns-1");
        assert_eq!(body(Some(&request.into()), &names, Some("simple")).value, expected.into());
    }

    #[test]
    fn identifiers_and_addresses_are_words() {
        let uid = "4e2aa976-7827-4c7c-abcd-dd061f24823e";
        check(
            json!({
                "name": "simple.18ea5b706dcb25a0", "namespace": "ns-1", "podIP": "10.0.0.1", "host": "vm",
                "message": format!("container c in pod simple_ns-1({uid})"), "resourceVersion": "12",
                "containerID": "containerd://d9dba840957cfd86b31c9f1ffa80a9a5d9ce003e709e6e29f27a642465e7ba05",
                "volume": "kube-api-access-tgrng", (format!("k:{uid}")): {"Port": 10250},
            }),
            json!({
                "name": "POD.<nanoseconds>", "namespace": "NAMESPACE", "podIP": "<address>", "host": "NODE",
                "message": "container c in pod POD_NAMESPACE(<uid>)", "resourceVersion": "<version>",
                "containerID": "containerd://<64 digits>",
                "volume": "kube-api-access-*", "k:<uid>": {"Port": "<port>"},
            }),
        );
    }

    #[test]
    fn a_nodes_event_is_where_it_must_be() {
        let event = |namespace: &str| json!({"involvedObject": {"kind": "Node"}, "namespace": namespace});
        check(event("default"), event("default"));
        check(event("ns-1"), event("ns-1"));
    }

    #[test]
    fn a_time_that_a_patch_may_leave_out_is_passed_over() {
        let patch = |condition: Value| json!({"status": {"$setElementOrder/conditions": [], "conditions": [condition]}});
        let time = "2026-11-22T11:45:39Z";
        check(
            patch(json!({"type": "Ready", "status": "True", "lastTransitionTime": time})),
            patch(json!({"type": "Ready", "status": "True"})),
        );
        check(
            patch(json!({"type": "Ready", "lastTransitionTime": time})),
            patch(json!({"type": "Ready", "lastTransitionTime": "<time, seconds>"})),
        );
    }

    #[test]
    fn a_heartbeat_beside_news_is_passed_over() {
        let time = "2026-11-22T11:45:39Z";
        let beat = json!({"type": "DiskPressure", "lastHeartbeatTime": time});
        let patch = |conditions: Value| json!({"status": {"$setElementOrder/conditions": [], "conditions": conditions}});
        assert_eq!(without_heartbeats(&patch(json!([beat]))), json!({}));
        assert_eq!(without_heartbeats(&json!({})), json!({}));
        let ready = json!({"type": "Ready", "status": "True"});
        assert_eq!(without_heartbeats(&patch(json!([beat, ready]))), patch(json!([ready])));
    }

    #[test]
    fn times_are_kept_apart_with_their_place() {
        let request =
            json!({"a": [{"at": "2026-11-22T11:45:39Z"}], "creationTimestamp": "2026-11-22T11:45:39Z"});
        let moments = body(Some(&request), &Names::new("vm", ""), None).moments;
        assert_eq!(moments, [("/a/0/at".to_owned(), "2026-11-22T11:45:39Z".to_owned())]);
    }
}
