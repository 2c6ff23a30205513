//! The maintenance driver: what is done to a control plane while it serves, at times in the measured window.
//!
//! Asks a control plane of ours to compact, defragment or back up its etcd, or to start a process again; sends, as a ServiceAccount:
//! `DELETE` of a namespace and `GET` of it until it is gone, and `DELETE` of a collection, again where it takes longer than a request
//! may. An operation is a step, due at its time and done at its end; one waits for the one before it. Of the whole load: when each step
//! began, from the beginning of the window, and how long it took.

mod record;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use anyhow::Context;
use control_plane::ControlPlane;
use measure::{Clock, ErrorClass, Kind, Nanos, Outcome};
use tokio::task::JoinSet;
use wire::{Encoding, Request};

use self::record::{Record, Records};
use super::{Driver, Report, Senders, Stage, Stop, for_good, sleep_until};
use crate::{
    nodes::RUN_LABEL,
    resources::Resource,
    scenario::{MaintenanceLoad, Step, What},
};

const DELETE_NAMESPACE: Kind = Kind::new("delete", "namespaces");
const GET_NAMESPACE: Kind = Kind::new("get", "namespaces");

/// Between two looks whether the window has begun, or whether something is gone.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A maintenance load, ready to go.
pub(crate) struct MaintenanceDriver {
    pub(crate) load: MaintenanceLoad,
    /// Of ours; nothing where the cluster is somebody else's.
    pub(crate) plane: Option<Weak<ControlPlane>>,
    /// What is deleted by those steps that delete a collection, in their order.
    pub(crate) collections: Vec<Resource>,
}

/// What every step needs.
struct Work {
    plane: Option<Weak<ControlPlane>>,
    senders: Senders,
    run: String,
    namespaces: Vec<String>,
}

impl Driver for MaintenanceDriver {
    async fn run(self, mut stage: Stage) -> anyhow::Result<Report> {
        let clock = stage.clock;
        let told = stage.senders.told.clone();
        let work = Arc::new(Work {
            plane: self.plane,
            senders: stage.senders.clone(),
            run: stage.run.clone(),
            namespaces: stage.namespaces.clone(),
        });
        if self.load.fills_etcd() {
            work.plane()?.excuse_leaders();
        }
        let mut collections = self.collections.into_iter();
        let mut steps = self.load.steps.iter().peekable();
        let mut records = Records::new(self.load.steps.len());
        let mut under_way: JoinSet<anyhow::Result<Record>> = JoinSet::new();
        let (mut window, mut stop): (Option<Nanos>, Option<Stop>) = (None, None);
        while stop.is_none() || !under_way.is_empty() {
            let give_up = stop.as_ref().map(|stop| stop.give_up);
            let may_begin = stop.is_none() && under_way.is_empty();
            let due = window.zip(steps.peek()).filter(|_| may_begin).map(|(window, step)| window + step.at);
            tokio::select! {
                Ok(()) = stage.orders.changed(), if stop.is_none() => stop.clone_from(&stage.orders.borrow()),
                () = tokio::time::sleep(LOOK_EVERY), if window.is_none() => window = told.measured(),
                () = sleep_until(clock, due.unwrap_or_default()), if due.is_some() => {
                    if let Some((step, due)) = steps.next().zip(due) {
                        let collection = (step.what == What::DeleteCollection).then(|| collections.next()).flatten();
                        told.offers(due);
                        records.begins(window.unwrap_or_default());
                        under_way.spawn(work.clone().take(step.clone(), collection, due, clock));
                    }
                }
                Some(ended) = under_way.join_next() => {
                    let record = ended.context("a task panicked")??;
                    match &record.failure {
                        None => told.achieves(record.due, record.ended),
                        Some(_) => told.misses(record.due),
                    }
                    records.ends(record);
                }
                () = sleep_until(clock, give_up.unwrap_or_default()), if give_up.is_some() => break,
            }
            stage.progress.send_replace(records.counts());
        }
        Ok(Report { accounting: records.accounting(), stages: None, figures: records.figures() })
    }
}

impl Work {
    /// One step, from its beginning to its end.
    async fn take(
        self: Arc<Self>,
        step: Step,
        collection: Option<Resource>,
        due: Nanos,
        clock: Clock,
    ) -> anyhow::Result<Record> {
        let begun = clock.now();
        let failure = match step.what {
            What::Restart => {
                // What does not come up again is the end of the run, and no figure.
                self.restart(step.component.as_deref().unwrap_or_default()).await?;
                None
            }
            What::Compact | What::Defrag | What::Snapshot => self.keep_up(step.what).await.err(),
            What::Disarm => {
                let failure = self.keep_up(step.what).await.err();
                self.plane()?.restore_leaders().await.context("cannot start the leaders again")?;
                failure
            }
            What::DeleteNamespace => self.delete_namespace(self.namespace(&step), due).await.err(),
            What::DeleteCollection => {
                let resource = collection.context("nobody found out what to delete")?;
                self.delete_collection(&resource, self.namespace(&step), due).await.err()
            }
        };
        let ended = clock.now();
        tracing::info!(step = step.what.name(), took = ?ended.since(begun), failure, "maintenance");
        Ok(Record { what: step.what, due, begun, ended, failure })
    }

    fn plane(&self) -> anyhow::Result<Arc<ControlPlane>> {
        let plane = self.plane.as_ref().context("this takes a control plane on this machine")?;
        plane.upgrade().context("the control plane has been stopped")
    }

    async fn restart(&self, component: &str) -> anyhow::Result<()> {
        let plane = self.plane()?;
        let instance = plane.instance(component)?;
        plane.restart(instance).await.with_context(|| format!("cannot restart {component}"))
    }

    /// What etcd is asked for. That it does not do it under load is an answer too.
    async fn keep_up(&self, what: What) -> Result<(), String> {
        let plane = self.plane().map_err(|error| error.to_string())?;
        let done = match what {
            What::Defrag => plane.defragment().await,
            What::Disarm => plane.disarm().await.map(drop),
            What::Snapshot => {
                let folder = tempfile::tempdir_in(plane.work_dir());
                let folder =
                    folder.map_err(|error| format!("cannot make a folder for the backup: {error}"))?;
                plane.back_up(&folder.path().join("etcd.db")).await.map(drop)
            }
            _ => plane.compact().await,
        };
        done.map_err(|error| error.to_string())
    }

    fn namespace(&self, step: &Step) -> &str {
        let place = step.namespace.and_then(|place| usize::try_from(place).ok()).unwrap_or(0);
        // The scenario has as many as its steps name.
        &self.namespaces[place.min(self.namespaces.len() - 1)]
    }

    async fn delete_namespace(&self, namespace: &str, due: Nanos) -> Result<(), String> {
        let path = format!("/api/v1/namespaces/{namespace}");
        self.delete(DELETE_NAMESPACE, &path, due).await?;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let get = Request::get(path.clone()).accept(Encoding::Json);
            let (done, _) = self.senders.send(0, GET_NAMESPACE, self.senders.clock.now(), get).await;
            if done.outcome == Outcome::Status(404) {
                return Ok(());
            }
        }
    }

    /// The server goes through the collection one object after the other (`--delete-collection-workers`), for as long as a request may
    /// take; what is left then takes another.
    async fn delete_collection(
        &self,
        resource: &Resource,
        namespace: &str,
        due: Nanos,
    ) -> Result<(), String> {
        let kind = Kind::new("deletecollection", for_good(resource.to_string()));
        let path =
            format!("{}?labelSelector={RUN_LABEL}%3D{}", resource.path(Some(namespace), None), self.run);
        self.delete(kind, &path, due).await
    }

    /// Asks until it is done. A namespace that is being deleted already may be deleted again (`Delete` in
    /// pkg/registry/core/namespace/storage/storage.go), until it is gone.
    async fn delete(&self, kind: Kind, path: &str, mut due: Nanos) -> Result<(), String> {
        let mut again = false;
        loop {
            let delete = Request::delete(path.to_owned()).accept(Encoding::Json);
            let (done, _) = self.senders.send(0, kind, due, delete).await;
            match done.outcome.error() {
                None => return Ok(()),
                Some(ErrorClass::NotFound) if again => return Ok(()),
                Some(ErrorClass::Timeout | ErrorClass::Server | ErrorClass::TooManyRequests) => {
                    again = true;
                    tokio::time::sleep(LOOK_EVERY).await;
                    due = self.senders.clock.now();
                }
                Some(class) => return Err(class.name().to_owned()),
            }
        }
    }
}
