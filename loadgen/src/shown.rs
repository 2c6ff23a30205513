//! What others see of a command while it goes on, and afterwards: what it and its control planes say of themselves, for whoever asks, and
//! kept in the record's folder.
//!
//! Our own families are kept every five seconds and at the edges of windows; those of the components whenever they are read, which is
//! `attribution.rs`' to do. Between two control planes there are no components, and their series end.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use measure::metrics::{Family, Labels};
use record::{Folder, metrics::Writer};
use tokio::time::Instant;

use crate::{
    server_metrics::{
        Reading,
        components::{self, Answer, Components, Instance},
    },
    target::Target,
    telemetry::Telemetry,
};

#[cfg(test)]
mod tests;

/// Between two times that our own families are kept.
const EVERY: Duration = Duration::from_secs(5);

/// Who tells, in the file of what is kept.
const OURS: &str = "loadgen";
const COMPONENTS: &str = "components";

/// The job and the instance that our own series have.
pub(crate) const LOADGEN: &str = "loadgen";

/// Clones are the same. The last moment of our own families is kept when the last of them is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Shown(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    telemetry: Telemetry,
    /// Nothing where no control plane is up.
    components: Mutex<Option<Arc<dyn Components>>>,
    /// Nothing where nothing is kept.
    kept: Mutex<Option<Writer>>,
}

impl Shown {
    /// Shows the figures of a command that keeps nothing.
    pub(crate) fn unkept(telemetry: &Telemetry) -> Self {
        Self::new(telemetry, None)
    }

    /// Shows them and keeps them in the command's folder, from now on until all clones are dropped.
    ///
    /// # Errors
    ///
    /// Where what is kept cannot be written, or something else is in its place.
    pub(crate) fn kept_in(folder: &Folder, telemetry: &Telemetry) -> Result<Self, record::Error> {
        let shown = Self::new(telemetry, Some(folder.metrics()?));
        tokio::spawn(tick(Arc::downgrade(&shown.0), EVERY));
        Ok(shown)
    }

    fn new(telemetry: &Telemetry, kept: Option<Writer>) -> Self {
        let telemetry = telemetry.clone();
        Self(Arc::new(Inner { telemetry, components: Mutex::default(), kept: Mutex::new(kept) }))
    }

    /// The control plane of a target is up.
    pub(crate) fn comes_up(&self, target: &Target) {
        match components::of(target) {
            Ok(components) => self.can_ask(components),
            Err(error) => tracing::warn!(%error, "nobody else can ask the components"),
        }
    }

    /// These components are up.
    pub(crate) fn can_ask(&self, components: Box<dyn Components>) {
        *lock(&self.0.components) = Some(components.into());
    }

    /// The control plane is about to go: its series end.
    pub(crate) fn goes_down(&self) {
        self.keep_ours();
        *lock(&self.0.components) = None;
        self.0.append(Timestamp::now(), COMPONENTS, &[]);
    }

    /// Our own families, as they are at this moment.
    pub(crate) fn families(&self) -> Vec<Family> {
        self.0.telemetry.families()
    }

    /// The labels of the run that all series of now have.
    pub(crate) fn labels(&self) -> Labels {
        self.0.telemetry.labels()
    }

    /// The components that are up.
    pub(crate) fn up(&self) -> Vec<Instance> {
        self.components().map(|components| components.up()).unwrap_or_default()
    }

    /// Asks a component what it says of itself; nothing where none of this name is up.
    pub(crate) async fn read(&self, name: &str) -> Option<Result<Bytes, String>> {
        let answer: Answer = self.components()?.read(name)?;
        Some(answer.await)
    }

    /// Keeps our own families as they are now.
    pub(crate) fn keep_ours(&self) {
        self.0.keep_ours();
    }

    /// Keeps what the components said at this moment, unless they are about to go.
    pub(crate) fn keep(&self, at: Timestamp, reading: &Reading) {
        if self.components().is_some() {
            self.0.append(at, COMPONENTS, &reading.families(&self.labels()));
        }
    }

    fn components(&self) -> Option<Arc<dyn Components>> {
        lock(&self.0.components).clone()
    }
}

impl Inner {
    fn keep_ours(&self) {
        let mut families = self.telemetry.families();
        for sample in families.iter_mut().flat_map(|family| &mut family.samples) {
            for name in ["instance", "job"] {
                sample.labels.push((name.to_owned(), LOADGEN.to_owned()));
            }
            sample.labels.sort_unstable();
        }
        self.append(Timestamp::now(), OURS, &families);
    }

    /// What cannot be kept is no reason to end a run.
    fn append(&self, at: Timestamp, source: &str, families: &[Family]) {
        let mut kept = lock(&self.kept);
        let Some(writer) = kept.as_mut() else { return };
        if let Err(error) = writer.append(at, source, families) {
            tracing::warn!(%error, "metrics are not kept any more");
            *kept = None;
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.keep_ours();
    }
}

/// Keeps our own families for as long as anybody else holds on to what is shown, and not before the first control plane's profile is known.
/// Writing waits for the disk, so the runtime of the drivers does not.
async fn tick(shown: Weak<Inner>, every: Duration) {
    let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = shown.upgrade() else { return };
        // It never panics.
        let _ = tokio::task::spawn_blocking(move || inner.keep_ours()).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
