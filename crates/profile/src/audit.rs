//! `[audit]`: what the apiserver notes of every request, and where that goes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What is noted, and how it gets where it goes. Every apiserver does the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// How much of each request is recorded that no rule is for.
    pub level: AuditLevel,
    /// `PolicyRule`s of audit.k8s.io/v1. The first that a request fits says how much of it is recorded.
    pub rules: Vec<Value>,
    /// Where events go. Without a level there are none.
    pub backend: AuditBackend,
    /// Whether requests wait for it; none leaves it to the apiserver, which waits for its log and not for a webhook.
    pub mode: Option<AuditMode>,
}

impl Audit {
    /// Whether there is anything to record.
    pub fn records(&self) -> bool {
        self.level != AuditLevel::None || !self.rules.is_empty()
    }
}

/// An audit level, by the names of audit.k8s.io/v1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditLevel {
    /// No audit events.
    #[default]
    None,
    /// Who asked for what and when, and the answer's code; no bodies.
    Metadata,
    /// That and the bodies of requests, Secrets' too.
    Request,
    /// That and the bodies of answers. Those of lists are as large as the lists.
    RequestResponse,
}

/// Where audit events go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditBackend {
    /// Into a file.
    #[default]
    Log,
    /// To an HTTPS server, which the harness provides and which only counts them.
    Webhook,
}

/// A mode of an audit backend, by its name in `--audit-log-mode` and `--audit-webhook-mode` (apiserver
/// `pkg/server/options/audit.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditMode {
    /// Events wait in a buffer, and what does not fit is lost. The apiserver's default for a webhook.
    Batch,
    /// A request ends when its event is written. The apiserver's default for a log.
    Blocking,
    /// That, and a request fails whose first event cannot be written.
    BlockingStrict,
}

impl AuditMode {
    /// The flag's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Blocking => "blocking",
            Self::BlockingStrict => "blocking-strict",
        }
    }
}

/// `[audit]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditTable {
    level: Option<AuditLevel>,
    rules: Option<Vec<PolicyRule>>,
    backend: Option<AuditBackend>,
    mode: Option<AuditMode>,
}

impl Audit {
    /// Takes the rules, if they are such.
    pub(crate) fn set_rules(&mut self, rules: Value) -> Result<(), String> {
        let rules: Vec<PolicyRule> = serde_json::from_value(rules).map_err(|error| error.to_string())?;
        self.rules = rules.iter().map(|rule| json!(rule)).collect();
        Ok(())
    }

    pub(crate) fn apply(&mut self, said: &AuditTable) {
        self.level = said.level.unwrap_or(self.level);
        if let Some(rules) = &said.rules {
            self.rules = rules.iter().map(|rule| json!(rule)).collect();
        }
        self.backend = said.backend.unwrap_or(self.backend);
        self.mode = said.mode.or(self.mode);
    }
}

/// `PolicyRule` of audit.k8s.io/v1. The apiserver only warns of a field that it does not know, and takes the rule without it
/// (`LoadPolicyFromBytes`), which then fits more than was meant.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PolicyRule {
    level: AuditLevel,
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_groups: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbs: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Vec<GroupResources>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespaces: Option<Vec<String>>,
    #[serde(rename = "nonResourceURLs", skip_serializing_if = "Option::is_none")]
    non_resource_urls: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    omit_stages: Option<Vec<Stage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    omit_managed_fields: Option<bool>,
}

/// `GroupResources` of audit.k8s.io/v1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct GroupResources {
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_names: Option<Vec<String>>,
}

/// When in a request's life an event is made.
#[derive(Debug, Serialize, Deserialize)]
enum Stage {
    RequestReceived,
    ResponseStarted,
    ResponseComplete,
    Panic,
}

#[cfg(test)]
mod tests {
    use crate::{Audit, AuditBackend, AuditLevel, AuditMode, from_text};

    const ROOT: &str = "about = \"x\"\nversions = { kubernetes = \"1.36.3\", etcd = \"3.6.8\" }\n";

    #[test]
    fn is_merged_setting_by_setting_and_recorded_by_the_names_of_the_file() {
        let text = format!("{ROOT}[audit]\nlevel = 'RequestResponse'\nbackend = 'webhook'");
        let mut profile = from_text("p.toml", &text).unwrap();
        let (level, backend) = (AuditLevel::RequestResponse, AuditBackend::Webhook);
        assert_eq!(profile.audit, Audit { level, rules: Vec::new(), backend, mode: None });
        profile.set("audit.mode=blocking-strict").unwrap();
        let mode = Some(AuditMode::BlockingStrict);
        assert_eq!(profile.audit, Audit { level, rules: Vec::new(), backend, mode });
        let expected = serde_json::json!({
            "level": "RequestResponse",
            "rules": [],
            "backend": "webhook",
            "mode": "blocking-strict",
        });
        assert_eq!(serde_json::to_value(profile.audit).unwrap(), expected);
    }

    #[test]
    fn rules_are_those_of_audit_k8s_io() {
        let rules = "[audit]\nrules = [\n  { level = 'None', users = ['system:kube-proxy'], verbs = ['watch'], resources = \
                     [{ group = '', resources = ['services'] }] },\n  { level = 'Metadata', nonResourceURLs = ['/healthz*'], \
                     omitStages = ['RequestReceived'] },\n]";
        let mut profile = from_text("p.toml", &format!("{ROOT}{rules}")).unwrap();
        assert!(profile.audit.records() && profile.audit.level == AuditLevel::None);
        let first = serde_json::json!({
            "level": "None",
            "users": ["system:kube-proxy"],
            "verbs": ["watch"],
            "resources": [{ "group": "", "resources": ["services"] }],
        });
        let second = serde_json::json!({
            "level": "Metadata",
            "nonResourceURLs": ["/healthz*"],
            "omitStages": ["RequestReceived"],
        });
        assert_eq!(profile.audit.rules, [first, second]);

        profile.set("audit.rules.1.level=Request").unwrap();
        assert_eq!(profile.audit.rules[1]["level"], "Request");
        profile.set("audit.rules=[]").unwrap();
        assert!(!profile.audit.records());
        profile.set("audit.rules=[{ level = 'None', users = ['a'] }]").unwrap();
        assert_eq!(profile.audit.rules, [serde_json::json!({ "level": "None", "users": ["a"] })]);
        for (assignment, part) in [
            ("audit.rules.1.level=None", "there is no element `1` in an array of 1"),
            ("audit.rules.0.level=Nothing", "unknown variant `Nothing`"),
            ("audit.rules.0.user=a", "unknown field `user`"),
        ] {
            let error = profile.set(assignment).unwrap_err().to_string();
            assert!(error.starts_with(&format!("cannot set `{assignment}`: {part}")), "{error}");
        }
    }

    #[test]
    fn a_rule_says_its_level_and_nothing_unknown() {
        let error = |rule: &str| {
            from_text("p.toml", &format!("{ROOT}[[audit.rules]]\n{rule}")).unwrap_err().to_string()
        };
        assert_eq!(error("users = ['a']"), "p.toml:3:1: missing field `level`");
        assert_eq!(
            error("level = 'None'\nuserGroup = ['a']"),
            "p.toml:5:1: unknown field `userGroup` under [[audit.rules]]; did you mean `userGroups`?"
        );
        assert_eq!(
            error("level = 'Metdata'"),
            "p.toml:4:9: unknown value `Metdata` under [[audit.rules]]; did you mean `Metadata`?"
        );
    }

    #[test]
    fn a_mode_is_called_the_same_in_files_and_flags() {
        for mode in [AuditMode::Batch, AuditMode::Blocking, AuditMode::BlockingStrict] {
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.name());
        }
    }
}
