//! What a reflector watches, and the paths it asks for, byte for byte as client-go encodes them.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use super::state::Step;
use crate::{Encoding, Request};

/// Objects per page when a list is paged (client-go tools/pager `defaultPageSize`).
const PAGE: u32 = 500;

/// Beyond its own timeout a watch waits this long for its headers: a server that is up answers or sheds at once.
const HEADER_GRACE: Duration = Duration::from_mins(1);

/// What to watch, and how the query is written.
#[derive(Clone, Debug)]
pub struct WatchSpec {
    /// The collection, e.g. `/api/v1/pods`.
    pub path: String,
    /// `fieldSelector`, not yet percent-encoded.
    pub field_selector: Option<String>,
    /// `labelSelector`, not yet percent-encoded.
    pub label_selector: Option<String>,
    /// Whether `timeout=5m2s` stands beside `timeoutSeconds=302`, as generated clients write it; the kubelet's pod source
    /// does not.
    pub timeout_param: bool,
    /// From where the length of each watch is chosen. Most reflectors: 300-600 s; the kubelet's secrets and config maps:
    /// 1800-3600 s.
    pub timeout: Range<Duration>,
    /// Encoding asked for.
    pub accept: Encoding,
    /// Whether the watch itself sends what is there first (KEP-3157), as clients do since client-go 1.35; else a list does.
    pub watch_list: bool,
}

impl WatchSpec {
    /// Everything in a collection, as a generated client watches it, in protobuf.
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            field_selector: None,
            label_selector: None,
            timeout_param: true,
            timeout: Duration::from_mins(5)..Duration::from_mins(10),
            accept: Encoding::Protobuf,
            watch_list: true,
        }
    }

    /// Selects by fields, e.g. `spec.nodeName=n-1`.
    #[must_use]
    pub fn field_selector(mut self, selector: impl Into<String>) -> Self {
        self.field_selector = Some(selector.into());
        self
    }

    /// Selects by labels, e.g. `app=web`.
    #[must_use]
    pub fn label_selector(mut self, selector: impl Into<String>) -> Self {
        self.label_selector = Some(selector.into());
        self
    }

    /// Leaves out `timeout=`, as `NewListWatchFromClient` does.
    #[must_use]
    pub fn without_timeout_param(mut self) -> Self {
        self.timeout_param = false;
        self
    }

    /// Sets the range from which the length of each watch is chosen.
    #[must_use]
    pub fn timeout(mut self, range: Range<Duration>) -> Self {
        self.timeout = range;
        self
    }

    /// Sets the encoding asked for.
    #[must_use]
    pub fn accept(mut self, accept: Encoding) -> Self {
        self.accept = accept;
        self
    }

    /// How a reflector begins, and begins again when all it knew is too old.
    pub(super) fn first(&self) -> Step {
        if self.watch_list { Step::WatchList } else { Step::List }
    }

    /// A watch from a resource version; `initial_events` makes it a `WatchList` (KEP-3157).
    pub(super) fn watch(&self, resource_version: &str, initial_events: bool, seconds: u64) -> Request {
        let mut query = Query::new(&self.path);
        query.add("allowWatchBookmarks", "true");
        self.add_selectors(&mut query);
        if !resource_version.is_empty() {
            query.add("resourceVersion", resource_version);
        }
        if initial_events {
            query.add("resourceVersionMatch", "NotOlderThan");
            query.add("sendInitialEvents", "true");
        }
        if self.timeout_param {
            query.add("timeout", &go_duration(seconds));
        }
        query.add("timeoutSeconds", &seconds.to_string());
        query.add("watch", "true");
        Request::get(query.0).accept(self.accept).timeout(HEADER_GRACE + Duration::from_secs(seconds))
    }

    /// A list, or its next page. Lists at `""` and `0` are paged; others come whole from the watch cache.
    pub(super) fn list(&self, resource_version: &str, page: Page<'_>) -> Request {
        let mut query = Query::new(&self.path);
        if let Page::After(token) = page {
            query.add("continue", token);
        }
        self.add_selectors(&mut query);
        if !matches!(page, Page::Whole) {
            query.add("limit", &PAGE.to_string());
        }
        // A continue token holds the resource version, and the server refuses both together.
        if !resource_version.is_empty() && !matches!(page, Page::After(_)) {
            query.add("resourceVersion", resource_version);
        }
        Request::get(query.0).accept(self.accept)
    }

    fn add_selectors(&self, query: &mut Query) {
        if let Some(selector) = &self.field_selector {
            query.add("fieldSelector", selector);
        }
        if let Some(selector) = &self.label_selector {
            query.add("labelSelector", selector);
        }
    }
}

/// How much of a list to ask for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Page<'a> {
    Whole,
    First,
    After(&'a str),
}

/// A path with parameters in the order they are added, which must be alphabetical (Go `url.Values.Encode`).
struct Query(String);

impl Query {
    fn new(path: &str) -> Self {
        Self(path.to_owned())
    }

    fn add(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        self.0.push_str(name);
        self.0.push('=');
        escape(value, &mut self.0);
    }
}

/// Go `url.QueryEscape`.
fn escape(value: &str, out: &mut String) {
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => {
                // Writing into a String cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// Go `time.Duration.String` of whole seconds: `5m2s`, `1h0m0s`.
fn go_duration(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}h{minutes}m{rest}s")
    } else if minutes > 0 {
        format!("{minutes}m{rest}s")
    } else {
        format!("{rest}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watches_are_asked_for_as_a_kubelet_does() {
        let node = WatchSpec::new("/api/v1/nodes").field_selector("metadata.name=vm");
        assert_eq!(
            node.watch("", true, 534).path_and_query,
            "/api/v1/nodes?allowWatchBookmarks=true&fieldSelector=metadata.name%3Dvm\
             &resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeout=8m54s&timeoutSeconds=534&watch=true"
        );
        let pods = WatchSpec::new("/api/v1/pods").field_selector("spec.nodeName=vm").without_timeout_param();
        assert_eq!(
            pods.watch("812", false, 302).path_and_query,
            "/api/v1/pods?allowWatchBookmarks=true&fieldSelector=spec.nodeName%3Dvm\
             &resourceVersion=812&timeoutSeconds=302&watch=true"
        );
        let services = WatchSpec::new("/api/v1/services").field_selector("spec.clusterIP!=None");
        assert_eq!(
            services.watch("7", true, 300).path_and_query,
            "/api/v1/services?allowWatchBookmarks=true&fieldSelector=spec.clusterIP%21%3DNone&resourceVersion=7\
             &resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeout=5m0s&timeoutSeconds=300&watch=true"
        );
    }

    #[test]
    fn lists_are_paged_only_where_client_go_pages_them() {
        let spec = WatchSpec::new("/api/v1/pods").label_selector("app in (a, b)");
        let selector = "labelSelector=app+in+%28a%2C+b%29";
        let path = |request: Request| request.path_and_query;
        assert_eq!(
            path(spec.list("0", Page::First)),
            format!("/api/v1/pods?{selector}&limit=500&resourceVersion=0")
        );
        assert_eq!(
            path(spec.list("0", Page::After("eyJ9="))),
            format!("/api/v1/pods?continue=eyJ9%3D&{selector}&limit=500")
        );
        assert_eq!(path(spec.list("12", Page::Whole)), format!("/api/v1/pods?{selector}&resourceVersion=12"));
        assert_eq!(path(spec.list("", Page::First)), format!("/api/v1/pods?{selector}&limit=500"));
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (seconds, text) in
            [(0, "0s"), (59, "59s"), (60, "1m0s"), (302, "5m2s"), (3599, "59m59s"), (3600, "1h0m0s")]
        {
            assert_eq!(go_duration(seconds), text);
        }
    }
}
