//! What the components of a control plane say about themselves: their `/metrics`, fetched as the admin.
//!
//! No compression is asked for: on loopback it would only cost the components CPU time that the load is to have.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use profile::Component;

use crate::{Error, ready::Checks};

/// An apiserver with thousands of nodes writes its megabytes in well under a second unless it is starved; a component
/// that takes longer than this has nothing to say for this reading.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where each component's metrics are, and the right to read them. Clones share the connections; none of them keeps
/// the control plane alive.
#[derive(Clone, Debug)]
pub struct MetricsSources {
    checks: Checks,
    sources: Arc<[MetricsSource]>,
}

/// Where one component's metrics are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsSource {
    /// What it is.
    pub component: Component,
    /// The process, as [`ProcessInfo::name`](crate::ProcessInfo::name) has it.
    pub process: String,
    /// The address.
    pub url: String,
}

/// What one component answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposition {
    /// Who was asked.
    pub source: MetricsSource,
    /// Version 0.0.4 of the Prometheus text format, or why there is none, for people.
    pub text: Result<String, String>,
}

impl MetricsSources {
    pub(crate) fn new(checks: Checks, sources: impl IntoIterator<Item = MetricsSource>) -> Self {
        Self { checks, sources: sources.into_iter().collect() }
    }

    /// Every component that serves metrics, in the order in which they were started, whether it runs at this moment or
    /// not.
    pub fn list(&self) -> &[MetricsSource] {
        &self.sources
    }

    /// The same over connections of its own, for whoever asks from another runtime: a connection lives on the one whose request opened it.
    ///
    /// # Errors
    ///
    /// When a client cannot be made.
    pub fn apart(&self) -> Result<Self, Error> {
        Ok(Self { checks: self.checks.apart()?, sources: self.sources.clone() })
    }

    /// Asks one of them, by its process' name; an answer takes ten seconds at most. `None` if there is none of that name.
    pub async fn read(&self, process: &str) -> Option<Exposition> {
        let source = self.sources.iter().find(|source| source.process == process)?;
        Some(self.ask(source).await)
    }

    /// Asks all of them at once; one that does not answer within ten seconds is an error of its own.
    pub async fn read_all(&self) -> Vec<Exposition> {
        join_all(self.sources.iter().map(|source| self.ask(source))).await
    }

    async fn ask(&self, source: &MetricsSource) -> Exposition {
        Exposition { text: self.checks.text(&source.url, PATIENCE).await, source: source.clone() }
    }
}
