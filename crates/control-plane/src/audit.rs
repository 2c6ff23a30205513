//! Audit events: the policy, reading the apiserver's log of who asked for what and what the answer was, and a webhook that
//! counts them.
//!
//! One event of audit.k8s.io/v1 a line (apiserver `pkg/apis/audit/v1/types.go`, `plugin/pkg/audit/log`); only the
//! fields that someone here asks for.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

use crate::Error;

pub use self::webhook::Received;
pub(crate) use self::webhook::Webhook;

mod webhook;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The same for all stages of one request.
    #[serde(rename = "auditID")]
    pub audit_id: String,
    /// When in the request's life this was written.
    pub stage: Stage,
    /// `get`, `list`, `watch`, `create`, ...; the HTTP method in lower case for requests that are not about resources.
    pub verb: String,
    /// Path and query.
    #[serde(rename = "requestURI")]
    pub request_uri: String,
    /// Who authenticated.
    pub user: User,
    /// Who that user acted as.
    pub impersonated_user: Option<User>,
    /// The program, as it names itself.
    #[serde(default)]
    pub user_agent: String,
    /// The object, for requests about resources.
    pub object_ref: Option<ObjectRef>,
    /// The answer; none while a request goes on.
    pub response_status: Option<ResponseStatus>,
    /// What was sent, as JSON whatever it was sent as; from level Request on.
    pub request_object: Option<Value>,
    /// When the request came in. Microseconds.
    pub request_received_timestamp: jiff::Timestamp,
    /// When this stage was reached. Microseconds.
    pub stage_timestamp: jiff::Timestamp,
}

/// A stage of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Stage {
    /// The request came in. Our policy leaves it out.
    RequestReceived,
    /// The head of a long answer, a watch's, is sent.
    ResponseStarted,
    /// The answer is complete.
    ResponseComplete,
    /// The handler panicked.
    Panic,
}

/// A user and the groups it is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct User {
    /// `system:node:n-1`, `system:serviceaccount:ns:name`, ...
    #[serde(default)]
    pub username: String,
    /// `system:masters`, `system:nodes`, ...
    #[serde(default)]
    pub groups: Vec<String>,
}

/// The object of a request. What does not apply is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ObjectRef {
    /// The plural, `pods`.
    pub resource: String,
    /// `status`, `token`, ...
    pub subresource: String,
    /// The namespace.
    pub namespace: String,
    /// The object's name; empty for lists and for creations with a generated one.
    pub name: String,
    /// `coordination.k8s.io`; empty for the core group.
    pub api_group: String,
    /// `v1`.
    pub api_version: String,
}

/// The answer's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ResponseStatus {
    /// The HTTP status.
    #[serde(default)]
    pub code: u16,
}

/// Reads an audit log, oldest event first, with the parts that the apiserver has rotated away to `<name>-<time>.log`.
/// A last line that is still being written is left out.
///
/// # Errors
///
/// When a file cannot be read or a line is not an event.
pub fn read(path: &Path) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    each(path, |entry| entries.push(entry))?;
    Ok(entries)
}

/// The same, event by event: the log of a long run is larger than the memory for it.
///
/// # Errors
///
/// As [`read`].
pub fn each(path: &Path, mut visit: impl FnMut(Entry)) -> Result<(), Error> {
    let mut line = String::new();
    for part in rotated(path)?.into_iter().chain([path.to_owned()]) {
        let mut file = BufReader::new(File::open(&part).map_err(Error::file("read", &part))?);
        for number in 1.. {
            line.clear();
            file.read_line(&mut line).map_err(Error::file("read", &part))?;
            if !line.ends_with('\n') {
                break;
            }
            let entry = serde_json::from_str(&line);
            visit(entry.map_err(|source| Error::Audit { path: part.clone(), line: number, source })?);
        }
    }
    Ok(())
}

/// lumberjack's backups (`backupName`): the time in the name sorts them.
fn rotated(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let start = format!("{}-", path.file_stem().unwrap_or_default().to_string_lossy());
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file("read", folder))? {
        let entry = entry.map_err(Error::file("read", folder))?;
        let backup = entry.path();
        if entry.file_name().to_string_lossy().starts_with(&start) && backup.extension() == path.extension() {
            parts.push(backup);
        }
    }
    parts.sort();
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Stage, read};
    use crate::Error;

    /// As kube-apiserver v1.36 writes it at level Metadata.
    const LINE: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"6f1","stage":"ResponseComplete","requestURI":"/api/v1/nodes/n-1/status?timeout=10s","verb":"patch","user":{"username":"system:node:n-1","groups":["system:nodes","system:authenticated"],"extra":{"authentication.kubernetes.io/credential-id":["X509SHA256=ab"]}},"sourceIPs":["127.0.0.1"],"userAgent":"kubelet/v1.36.3","objectRef":{"resource":"nodes","name":"n-1","apiVersion":"v1","subresource":"status"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-22T12:00:00.123456Z","stageTimestamp":"2026-11-22T12:00:00.125456Z","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}}"#;

    #[test]
    fn reads_events_and_leaves_out_a_line_that_is_being_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        fs::write(&path, format!("{LINE}\n{LINE}\n{}", &LINE[..100])).unwrap();
        let entries = read(&path).unwrap();
        assert_eq!(entries.len(), 2);
        let entry = &entries[0];
        assert_eq!((entry.stage, entry.verb.as_str()), (Stage::ResponseComplete, "patch"));
        assert_eq!(entry.user.username, "system:node:n-1");
        assert_eq!(entry.user.groups, ["system:nodes", "system:authenticated"]);
        let object = entry.object_ref.as_ref().unwrap();
        assert_eq!((object.resource.as_str(), object.subresource.as_str()), ("nodes", "status"));
        assert_eq!(entry.response_status.unwrap().code, 200);
        let took = entry.stage_timestamp.duration_since(entry.request_received_timestamp);
        assert_eq!(took.as_micros(), 2000);
    }

    #[test]
    fn rotated_parts_come_first() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, id: &str| {
            let line = LINE.replace("\"6f1\"", &format!("\"{id}\""));
            fs::write(folder.path().join(name), line + "\n").unwrap();
        };
        write("audit.log", "c");
        write("audit-2026-11-22T12-00-05.000.log", "b");
        write("audit-2026-11-22T12-00-01.000.log", "a");
        fs::write(folder.path().join("kube-apiserver.log"), "not audit\n").unwrap();
        let ids: Vec<String> =
            read(&folder.path().join("audit.log")).unwrap().into_iter().map(|entry| entry.audit_id).collect();
        assert_eq!(ids, ["a", "b", "c"]);
    }

    #[test]
    fn has_what_was_sent_where_the_level_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let with_body =
            LINE.replace(r#""responseStatus""#, r#""requestObject":{"count":2},"responseStatus""#);
        fs::write(&path, format!("{LINE}\n{with_body}\n")).unwrap();
        let bodies: Vec<_> = read(&path).unwrap().into_iter().map(|entry| entry.request_object).collect();
        assert_eq!(bodies, [None, Some(serde_json::json!({"count": 2}))]);
    }

    #[test]
    fn names_the_line_that_is_no_event() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        fs::write(&path, format!("{LINE}\nnonsense\n")).unwrap();
        assert!(matches!(read(&path), Err(Error::Audit { line: 2, .. })));
    }
}
