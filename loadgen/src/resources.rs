//! Resources of the target by their kind or by their name, as its discovery has them, and the paths of their objects.
//!
//! Sends, as the admin, before a load: `GET /api/v1` or `GET /apis/<group>/<version>`.

use std::fmt;

use anyhow::{Context, bail};
use serde::Deserialize;
use wire::{Client, Encoding, Request};

/// A resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    /// `v1`, or group and version as in `apps/v1`.
    pub(crate) version: String,
    /// The plural, as paths have it.
    pub(crate) name: String,
    pub(crate) is_namespaced: bool,
    /// Of this resource and not of itself, as paths have it: `status`.
    pub(crate) subresource: Option<String>,
}

/// Discovery's answer (`APIResourceList`), as far as it matters here.
#[derive(Debug, Deserialize)]
struct Discovered {
    resources: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    kind: String,
    namespaced: bool,
}

impl Resource {
    /// That of a kind, such as `Job` of `batch/v1`.
    ///
    /// # Errors
    ///
    /// Where the server does not answer, does not serve the version, or does not know the kind: with the nearest one that it knows.
    pub(crate) async fn of_kind(admin: &Client, version: &str, kind: &str) -> anyhow::Result<Self> {
        let entries = discover(admin, version).await?;
        let found = entries.iter().find(|entry| entry.kind == kind && !entry.name.contains('/'));
        let Some(entry) = found else {
            return Err(unknown(version, "kind", kind, entries.iter().map(|entry| entry.kind.as_str())));
        };
        Ok(Self::new(version, entry))
    }

    /// That which is written as `pods`, `pods/status`, `apps/v1/deployments` or `apps/v1/deployments/scale`.
    ///
    /// # Errors
    ///
    /// As of [`Resource::of_kind`].
    pub(crate) async fn or_subresource(admin: &Client, text: &str) -> anyhow::Result<Self> {
        let (version, name) = version_and_name(text);
        let found = Self::find(admin, version, name).await?;
        Ok(match name.split_once('/') {
            Some((of, subresource)) => {
                Self { name: of.to_owned(), subresource: Some(subresource.to_owned()), ..found }
            }
            None => found,
        })
    }

    /// That which is written as `pods` or `apps/v1/deployments`.
    ///
    /// # Errors
    ///
    /// As of [`Resource::of_kind`].
    pub(crate) async fn named(admin: &Client, text: &str) -> anyhow::Result<Self> {
        let (version, name) = text.rsplit_once('/').unwrap_or(("v1", text));
        Self::find(admin, version, name).await
    }

    async fn find(admin: &Client, version: &str, name: &str) -> anyhow::Result<Self> {
        let entries = discover(admin, version).await?;
        let Some(entry) = entries.iter().find(|entry| entry.name == name) else {
            return Err(unknown(version, "resource", name, entries.iter().map(|entry| entry.name.as_str())));
        };
        Ok(Self::new(version, entry))
    }

    /// One that every server has, which need not be asked.
    pub(crate) fn known(version: &str, name: &str, is_namespaced: bool) -> Self {
        Self { version: version.to_owned(), name: name.to_owned(), is_namespaced, subresource: None }
    }

    fn new(version: &str, entry: &Entry) -> Self {
        Self {
            version: version.to_owned(),
            name: entry.name.clone(),
            is_namespaced: entry.namespaced,
            subresource: None,
        }
    }

    /// Its group; empty for the core's.
    pub(crate) fn group(&self) -> &str {
        self.version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The collection: of one namespace, or of all; or one object of it.
    pub(crate) fn path(&self, namespace: Option<&str>, name: Option<&str>) -> String {
        let root = if self.version.contains('/') { "apis" } else { "api" };
        let mut parts = vec!["", root, self.version.as_str()];
        if let Some(namespace) = namespace.filter(|_| self.is_namespaced) {
            parts.extend(["namespaces", namespace]);
        }
        parts.push(&self.name);
        if let Some(name) = name {
            parts.push(name);
            parts.extend(self.subresource.as_deref());
        }
        parts.join("/")
    }
}

/// As records have it: `pods`, `batch/jobs`, `pods/status`.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.group().is_empty() {
            write!(f, "{}/", self.group())?;
        }
        f.write_str(&self.name)?;
        match &self.subresource {
            Some(subresource) => write!(f, "/{subresource}"),
            None => Ok(()),
        }
    }
}

/// Takes apart what is written with or without a version, and with or without a subresource.
fn version_and_name(text: &str) -> (&str, &str) {
    let is_version = |part: &str| {
        part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|it: char| it.is_ascii_digit()))
    };
    let mut from = 0;
    for part in text.split('/').take(2) {
        let end = from + part.len();
        if is_version(part)
            && let Some(name) = text.get(end + 1..)
        {
            return (&text[..end], name);
        }
        from = end + 1;
    }
    ("v1", text)
}

async fn discover(admin: &Client, version: &str) -> anyhow::Result<Vec<Entry>> {
    let path = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let response = admin.send(&Request::get(&path).accept(Encoding::Json)).await;
    let response = response.with_context(|| format!("cannot ask the server what {version} has"))?;
    if response.status.as_u16() == 404 {
        bail!("the server does not serve {version}");
    }
    if !response.is_success() {
        return Err(wire::Error::Status(response.status_error()))
            .with_context(|| format!("cannot ask the server what {version} has"));
    }
    Ok(response.json::<Discovered>()?.resources)
}

fn unknown<'a>(
    version: &str,
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> anyhow::Error {
    match profile::nearest(name, known) {
        Some(nearest) => {
            anyhow::anyhow!("the server knows no {what} {name} in {version}; did you mean {nearest}?")
        }
        None => anyhow::anyhow!("the server knows no {what} {name} in {version}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(version: &str, name: &str, is_namespaced: bool) -> Resource {
        Resource { version: version.to_owned(), name: name.to_owned(), is_namespaced, subresource: None }
    }

    #[test]
    fn paths_are_those_of_the_api() {
        let pods = resource("v1", "pods", true);
        assert_eq!(pods.path(None, None), "/api/v1/pods");
        assert_eq!(pods.path(Some("a"), Some("p")), "/api/v1/namespaces/a/pods/p");
        let mut widgets = resource("example.com/v1", "widgets", true);
        widgets.subresource = Some("status".to_owned());
        assert_eq!(widgets.path(Some("a"), Some("w")), "/apis/example.com/v1/namespaces/a/widgets/w/status");
        assert_eq!(widgets.path(Some("a"), None), "/apis/example.com/v1/namespaces/a/widgets");
        let nodes = resource("v1", "nodes", false);
        assert_eq!(nodes.path(Some("a"), Some("n")), "/api/v1/nodes/n");
    }

    #[test]
    fn a_version_is_told_from_a_resource_that_has_a_subresource() {
        for (text, wanted) in [
            ("pods", ("v1", "pods")),
            ("pods/status", ("v1", "pods/status")),
            ("v1/pods/status", ("v1", "pods/status")),
            ("apps/v1/deployments", ("apps/v1", "deployments")),
            ("autoscaling/v2/x/scale", ("autoscaling/v2", "x/scale")),
            ("volumes", ("v1", "volumes")),
            ("v1", ("v1", "v1")),
            ("apps/deployments", ("v1", "apps/deployments")),
        ] {
            assert_eq!(version_and_name(text), wanted);
        }
    }

    #[test]
    fn records_name_group_resource_and_subresource() {
        let mut jobs = resource("batch/v1", "jobs", true);
        assert_eq!(
            (jobs.to_string(), resource("v1", "pods", true).to_string()),
            ("batch/jobs".into(), "pods".into())
        );
        jobs.subresource = Some("status".to_owned());
        assert_eq!(jobs.to_string(), "batch/jobs/status");
    }
}
