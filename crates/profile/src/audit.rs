//! `[audit]`: what the apiserver notes of every request, and where that goes.

use serde::{Deserialize, Serialize};

/// What is noted, and how it gets where it goes. Every apiserver does the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// How much of each request is recorded.
    pub level: AuditLevel,
    /// Where events go. Without a level there are none.
    pub backend: AuditBackend,
    /// Whether requests wait for it; none leaves it to the apiserver, which waits for its log and not for a webhook.
    pub mode: Option<AuditMode>,
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
    backend: Option<AuditBackend>,
    mode: Option<AuditMode>,
}

impl Audit {
    pub(crate) fn apply(&mut self, said: &AuditTable) {
        self.level = said.level.unwrap_or(self.level);
        self.backend = said.backend.unwrap_or(self.backend);
        self.mode = said.mode.or(self.mode);
    }
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
        assert_eq!(profile.audit, Audit { level, backend, mode: None });
        profile.set("audit.mode=blocking-strict").unwrap();
        assert_eq!(profile.audit, Audit { level, backend, mode: Some(AuditMode::BlockingStrict) });
        let expected = serde_json::json!({
            "level": "RequestResponse",
            "backend": "webhook",
            "mode": "blocking-strict",
        });
        assert_eq!(serde_json::to_value(profile.audit).unwrap(), expected);
    }

    #[test]
    fn a_mode_is_called_the_same_in_files_and_flags() {
        for mode in [AuditMode::Batch, AuditMode::Blocking, AuditMode::BlockingStrict] {
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.name());
        }
    }
}
