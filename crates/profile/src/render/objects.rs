//! The objects and files that a profile's free-form tables become, wherever they are used.

use serde_json::{Map, Value, json};

use super::{File, yaml};
use crate::{Audit, AuditLevel, Component, Profile};

/// Flags of kube-scheduler that it ignores beside `--config`, and where they stand in that file under `clientConnection`
/// (cmd/kube-scheduler/app/options/options.go, `ApplyDeprecated`). Beside a `[scheduler.config]` a profile has no others of those.
pub const MOVED: [(&str, &str); 2] = [("kube-api-qps", "qps"), ("kube-api-burst", "burst")];

/// The policy of what is audited: each request once, when it is answered, and a watch also when it begins. The profile's rules
/// come before that of its level, which is the last and fits all.
pub fn audit_policy(audit: &Audit) -> Value {
    let level = match audit.level {
        AuditLevel::None => "None",
        AuditLevel::Metadata => "Metadata",
        AuditLevel::Request => "Request",
        AuditLevel::RequestResponse => "RequestResponse",
    };
    let rules: Vec<Value> = audit.rules.iter().cloned().chain([json!({ "level": level })]).collect();
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": rules,
    })
}

/// The scheduler's configuration; none where the profile has none. `kubeconfig` is its path where the scheduler runs. What the
/// profile says of itself goes over what flags say.
///
/// Whether it takes part in an election is left to its flags, which count beside `--config`.
pub fn scheduler_configuration(profile: &Profile, kubeconfig: &str) -> Option<Value> {
    let mut config = profile.scheduler_config.clone()?;
    let top = config.as_object_mut()?;
    top.insert("apiVersion".to_owned(), "kubescheduler.config.k8s.io/v1".into());
    top.insert("kind".to_owned(), "KubeSchedulerConfiguration".into());
    let connection = top.entry("clientConnection").or_insert_with(|| Value::Object(Map::new()));
    if let Some(connection) = connection.as_object_mut() {
        connection.insert("kubeconfig".to_owned(), kubeconfig.into());
        for (flag, field) in MOVED {
            let flag = profile.flags(Component::Scheduler).get(flag);
            let Some(last) = flag.and_then(|flag| flag.values.last()) else { continue };
            // What is no number the scheduler refuses by its name.
            let value = serde_json::from_str(last).unwrap_or_else(|_| Value::from(last.as_str()));
            connection.entry(field).or_insert(value);
        }
    }
    Some(config)
}

/// The configuration of admission plugins; none where the profile has none.
pub fn admission_configuration(profile: &Profile) -> Option<Value> {
    if profile.admission.is_empty() {
        return None;
    }
    let plugins: Vec<Value> = profile
        .admission
        .iter()
        .map(|(name, configuration)| json!({ "name": name, "configuration": configuration }))
        .collect();
    Some(json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": plugins,
    }))
}

/// The priority levels and flow schemas, in the order in which they can be made. The annotation keeps the apiserver from putting
/// its own suggestion back (apiserver `pkg/registry/flowcontrol/ensurer`).
pub fn flow_control(profile: &Profile) -> Vec<Value> {
    let object = |kind: &str, name: &str, spec: &Value| {
        json!({
            "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
            "kind": kind,
            "metadata": { "name": name, "annotations": { "apf.kubernetes.io/autoupdate-spec": "false" } },
            "spec": spec,
        })
    };
    let levels = profile.apf.priority_levels.iter();
    let levels = levels.map(|(name, spec)| object("PriorityLevelConfiguration", name, spec));
    let schemas = profile.apf.flow_schemas.iter().map(|(name, spec)| object("FlowSchema", name, spec));
    levels.chain(schemas).collect()
}

/// What is to be applied when the cluster is up, in the order of its names.
pub(super) fn manifests(profile: &Profile) -> Vec<File> {
    const APPLY: &str = "# kubectl apply --server-side --force-conflicts -f";
    let mut texts: Vec<String> = Vec::new();
    let objects = flow_control(profile);
    if !objects.is_empty() {
        texts.push(yaml::stream(objects.iter().map(yaml::document)));
    }
    texts.extend(profile.manifests.iter().map(|manifest| {
        let text = manifest.text.trim_end();
        // The origin is a place in a file of this machine or of this program; it says which one is meant.
        format!("# {}\n{text}\n", manifest.origin)
    }));
    let named = texts.into_iter().enumerate().map(|(index, text)| {
        let name = format!("{index:02}.yaml");
        File { text: format!("{APPLY} {name}\n{text}"), path: format!("manifests/{name}") }
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{admission_configuration, audit_policy, scheduler_configuration};
    use crate::{Profile, from_text};

    fn profile(settings: &str) -> Profile {
        from_text("p.toml", &format!("about = \"x\"\nextends = \"defaults\"\n{settings}")).unwrap()
    }

    #[test]
    fn the_rules_of_a_profile_come_before_its_level() {
        let rules = |settings: &str| -> Value {
            let policy = audit_policy(&profile(&format!("[audit]\n{settings}")).audit);
            assert_eq!(policy["kind"], "Policy");
            policy["rules"].clone()
        };
        assert_eq!(rules("level = 'Request'"), json!([{ "level": "Request" }]));
        let leases = "rules = [{ level = 'Metadata', resources = [{ group = 'coordination.k8s.io' }] }]";
        let first = json!({ "level": "Metadata", "resources": [{ "group": "coordination.k8s.io" }] });
        assert_eq!(rules(leases), json!([first, { "level": "None" }]));
        let both = format!("level = 'RequestResponse'\n{leases}");
        assert_eq!(rules(&both), json!([first, { "level": "RequestResponse" }]));
    }

    #[test]
    fn limits_of_the_scheduler_are_said_in_its_file_if_it_has_one() {
        let limits = "[scheduler.flags]\nkube-api-qps = 300\nkube-api-burst = 600\n";
        assert_eq!(scheduler_configuration(&profile(limits), "/w/scheduler.conf"), None);
        let tuned = format!(
            "{limits}[scheduler.config]\npercentageOfNodesToScore = 10\n[scheduler.config.clientConnection]\nburst = 600\n\
             contentType = \"application/json\""
        );
        let expected = json!({
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "percentageOfNodesToScore": 10,
            "clientConnection": {
                "kubeconfig": "/w/scheduler.conf",
                "qps": 300,
                "burst": 600,
                "contentType": "application/json",
            },
        });
        assert_eq!(scheduler_configuration(&profile(&tuned), "/w/scheduler.conf"), Some(expected));
    }

    #[test]
    fn all_admission_plugins_are_in_one_file() {
        assert_eq!(admission_configuration(&profile("")), None);
        let tuned = "[admission.PodSecurity]\nkind = \"PodSecurityConfiguration\"\n[admission.PodNodeSelector.a]\nb = \"c\"";
        let written = admission_configuration(&profile(tuned)).unwrap();
        let plugins = json!([
            { "name": "PodNodeSelector", "configuration": { "a": { "b": "c" } } },
            { "name": "PodSecurity", "configuration": { "kind": "PodSecurityConfiguration" } },
        ]);
        assert_eq!((&written["kind"], &written["plugins"]), (&json!("AdmissionConfiguration"), &plugins));
    }
}
