//! What one node sent: its requests as an apiserver's audit log has them, and what was done to the node meanwhile.
//!
//! Kept as `<name>.jsonl`, a request a line in order of arrival, and `<name>.toml`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use control_plane::audit::{Entry, Stage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request, or one end of a watch's life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// When it came in, or a watch ended. Seconds since the node's first request.
    pub(crate) t: f64,
    /// The audit log's verb; `watch` starts a watch and `watch-end` ends it.
    pub(crate) verb: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) query: String,
    pub(crate) code: u16,
    /// How long the apiserver was at it. Milliseconds.
    pub(crate) ms: f64,
    /// The body, as JSON whatever it was sent as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<Value>,
    #[serde(default)]
    pub(crate) agent: String,
}

/// Something that was done to the node, and the time from then on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Phase {
    pub(crate) step: String,
    pub(crate) does: String,
    /// Seconds since the node's first request.
    pub(crate) at: f64,
}

/// All of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Recording {
    pub(crate) about: About,
    pub(crate) lines: Vec<Line>,
}

/// The table beside the lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// What the node is, for people.
    pub(crate) who: String,
    pub(crate) node: String,
    /// Where its pods are.
    pub(crate) namespace: String,
    pub(crate) phases: Vec<Phase>,
}

impl Recording {
    /// Reads `<path>.jsonl` and `<path>.toml`.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = |path: &PathBuf| {
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let (lines, about) = (with_suffix(path, "jsonl"), with_suffix(path, "toml"));
        Self::parse(&text(&lines)?, &text(&about)?).with_context(|| path.display().to_string())
    }

    pub(crate) fn parse(lines: &str, about: &str) -> anyhow::Result<Self> {
        let about = toml::from_str(about).context("what the recording is")?;
        let parsed = lines
            .lines()
            .enumerate()
            .map(|(index, line)| serde_json::from_str(line).with_context(|| format!("line {}", index + 1)));
        Ok(Self { about, lines: parsed.collect::<anyhow::Result<_>>()? })
    }

    /// Writes both files.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut lines = String::new();
        for line in &self.lines {
            lines += &serde_json::to_string(line)?;
            lines.push('\n');
        }
        for (suffix, text) in [("jsonl", lines), ("toml", toml::to_string(&self.about)?)] {
            let file = with_suffix(path, suffix);
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }

    /// Takes one node's part out of an audit log. The phases' times are seconds since `origin`.
    pub(crate) fn from_audit(entries: &[Entry], mut about: About, origin: jiff::Timestamp) -> Self {
        let user = format!("system:node:{}", about.node);
        let end = about.phases.last().map_or(f64::INFINITY, |phase| phase.at + 1.0);
        let mut lines: Vec<Line> = entries
            .iter()
            .filter(|entry| entry.user.username == user)
            .filter_map(|entry| line(entry, origin))
            .filter(|line| line.t <= end)
            .collect();
        lines.sort_by(|a, b| a.t.total_cmp(&b.t));
        let first = lines.first().map_or(0.0, |line| line.t);
        for line in &mut lines {
            line.t = thousandths(line.t - first);
        }
        for phase in &mut about.phases {
            phase.at = thousandths((phase.at - first).max(0.0));
        }
        Self { about, lines }
    }

    /// The requests of a phase, with the seconds since it began.
    pub(crate) fn phase_of(&self, t: f64) -> Option<usize> {
        self.about.phases.iter().rposition(|phase| phase.at <= t)
    }

    /// How long a phase lasted: until the next, or without end. Seconds.
    pub(crate) fn length(&self, phase: usize) -> f64 {
        let phases = &self.about.phases;
        phases.get(phase + 1).map_or(f64::INFINITY, |next| next.at - phases[phase].at)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

fn thousandths(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

/// A request when it is answered; a watch when it begins, at the time it was asked for, and when it ends.
fn line(entry: &Entry, origin: jiff::Timestamp) -> Option<Line> {
    let is_watch = entry.verb == "watch";
    let (verb, at) = match (entry.stage, is_watch) {
        (Stage::ResponseStarted, true) => ("watch", entry.request_received_timestamp),
        (Stage::ResponseComplete, true) => ("watch-end", entry.stage_timestamp),
        (Stage::ResponseComplete, false) => (entry.verb.as_str(), entry.request_received_timestamp),
        _ => return None,
    };
    let (path, query) = entry.request_uri.split_once('?').unwrap_or((&entry.request_uri, ""));
    let took = entry.stage_timestamp.duration_since(entry.request_received_timestamp);
    Some(Line {
        t: at.duration_since(origin).as_secs_f64(),
        verb: verb.to_owned(),
        path: path.to_owned(),
        query: decoded(query),
        code: entry.response_status.map_or(0, |status| status.code),
        ms: (took.as_secs_f64() * 1e4).round() / 10.0,
        request: entry.request_object.clone(),
        agent: entry.user_agent.clone(),
    })
}

/// Percent-encoding undone: `%3D` is `=`.
fn decoded(query: &str) -> String {
    let mut parts = query.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(byte) = byte.filter(u8::is_ascii) {
            text.push(char::from(byte));
            text += &part[2..];
        } else {
            text.push('%');
            text += part;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(stage: &str, verb: &str, uri: &str, user: &str, received: &str, reached: &str) -> Entry {
        let value = serde_json::json!({
            "auditID": "1", "stage": stage, "verb": verb, "requestURI": uri, "user": {"username": user},
            "userAgent": "kubelet/v1", "responseStatus": {"code": 200}, "requestObject": {"a": 1},
            "requestReceivedTimestamp": received, "stageTimestamp": reached,
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn takes_one_nodes_requests_out_of_an_audit_log() {
        let (zero, one, two) = ("2026-11-22T12:00:00Z", "2026-11-22T12:00:01Z", "2026-11-22T12:00:02.5Z");
        let watch = "/api/v1/pods?fieldSelector=spec.nodeName%3Dn-0&watch=true";
        let entries = [
            entry("ResponseComplete", "watch", watch, "system:node:n-0", one, two),
            entry("ResponseStarted", "watch", watch, "system:node:n-0", one, one),
            entry("ResponseComplete", "patch", "/api/v1/nodes/n-0/status", "system:node:n-0", two, two),
            entry("ResponseComplete", "patch", "/api/v1/nodes/n-1/status", "system:node:n-1", two, two),
        ];
        let phases = vec![Phase { step: "start".into(), does: "start".into(), at: 0.9 }];
        let about = About { who: String::new(), node: "n-0".into(), namespace: "n-0".into(), phases };
        let recording = Recording::from_audit(&entries, about, zero.parse().unwrap());
        let seen: Vec<_> = recording.lines.iter().map(|line| (line.t, line.verb.as_str(), line.ms)).collect();
        // The phase ended recording at most a second after it.
        assert_eq!(seen, [(0.0, "watch", 0.0)]);
        assert_eq!(recording.lines[0].query, "fieldSelector=spec.nodeName=n-0&watch=true");
        assert!(recording.about.phases[0].at.abs() < 1e-9);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let about =
            "who = 'w'\nnode = 'n'\nnamespace = 'd'\nphases = [{ step = 's', does = 'apply', at = 1.5 }]\n";
        let line = r#"{"t":0.1,"verb":"patch","path":"/p","query":"","code":200,"ms":1.0,"request":{"a":1},"agent":"k"}"#;
        let recording = Recording::parse(&format!("{line}\n"), about).unwrap();
        recording.write(&folder.path().join("one.two")).unwrap();
        assert_eq!(Recording::read(&folder.path().join("one.two")).unwrap(), recording);
    }
}
