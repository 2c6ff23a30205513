//! The objects driver: objects of any kind are made, read, changed or deleted at a rate.
//!
//! Sends, as ServiceAccounts that take turns, open loop: `POST`, `GET`, `PUT`, `PATCH` (JSON merge patch) or `DELETE` of one object; where
//! what is made has a lifetime, its `DELETE` when that is over. Watches, where an answer is not the end of an operation: the objects of the
//! run, in JSON. Records: each kind of request; an operation is done when its request is answered well, or when the watch shows that
//! the object is as it is to become.

mod awaited;

use std::sync::Arc;

use measure::{Kind, Nanos, Start};
use tokio::task::JoinSet;
use wire::{Encoding, Request, WatchSpec};

use self::awaited::Awaited;
use super::{
    DELETE_AGAIN, Driver, Report, Senders, Stage,
    open_loop::{self, End},
    sleep_until, version,
};
use crate::{
    nodes::RUN_LABEL,
    resources::Resource,
    scenario::{InventorySpec, Object, ObjectsLoad, Operation, Template},
};

/// The reason of what was gone before it was done.
const VANISHED: &str = "vanished";

/// An objects load, ready to go.
pub(crate) struct ObjectsDriver {
    pub(crate) load: ObjectsLoad,
    pub(crate) resource: Resource,
    /// What is made, or with what; nothing is deleted with.
    pub(crate) template: Option<Template>,
    /// What is changed.
    pub(crate) of: Option<InventorySpec>,
}

/// What every operation needs.
struct Work {
    driver: ObjectsDriver,
    senders: Senders,
    namespaces: Vec<String>,
    first: u64,
    kind: Kind,
    delete: Kind,
    awaited: Option<Awaited>,
}

impl Driver for ObjectsDriver {
    async fn run(self, mut stage: Stage) -> anyhow::Result<Report> {
        let (arrivals, rate) = (self.load.arrivals, self.load.rate);
        // Ends when it is dropped.
        let mut watching = JoinSet::new();
        let awaited = Awaited::new(self.load.done.clone(), self.load.expires).inspect(|awaited| {
            watching.spawn(awaited.clone().watch(
                self.watched(&stage),
                stage.observer.clone(),
                stage.clock,
                stage.seed,
            ));
        });
        let work = Arc::new(Work::new(self, &stage, awaited));
        let accounting =
            open_loop::run(&mut stage, arrivals, rate, |start| work.clone().operate(start)).await?;
        Ok(Report { accounting, ..Report::default() })
    }
}

impl ObjectsDriver {
    /// The run's objects, wherever they are.
    fn watched(&self, stage: &Stage) -> WatchSpec {
        let own = Resource { subresource: None, ..self.resource.clone() };
        WatchSpec::new(own.path(None, None))
            .label_selector(format!("{RUN_LABEL}={}", stage.run))
            .accept(Encoding::Json)
    }
}

impl Work {
    fn new(driver: ObjectsDriver, stage: &Stage, awaited: Option<Awaited>) -> Self {
        let verb = match driver.load.operation {
            Operation::Create => "create",
            Operation::Get => "get",
            Operation::Update => "update",
            Operation::Patch => "patch",
            Operation::Delete => "delete",
        };
        let own = Resource { subresource: None, ..driver.resource.clone() };
        Self {
            kind: Kind::new(verb, super::for_good(driver.resource.to_string())),
            delete: Kind::new("delete", super::for_good(own.to_string())),
            senders: stage.senders.clone(),
            namespaces: stage.namespaces.clone(),
            first: stage.first,
            awaited,
            driver,
        }
    }

    /// One operation from its being due to its end.
    async fn operate(self: Arc<Self>, Start { index, intended }: Start) -> End {
        let turn = self.first + index;
        let (name, namespace) = self.object(turn);
        let (senders, told) = (&self.senders, &self.senders.told);
        told.offers(intended);
        let expected = self.awaited.as_ref().map(|awaited| awaited.expect(&name)).unwrap_or_default();
        let request = self.request(&name, namespace, turn);
        let (done, response) = senders.send(turn, self.kind, intended, request).await;
        if let Some(class) = done.outcome.error() {
            self.awaited.iter().for_each(|awaited| awaited.forget(&name));
            told.misses(intended);
            return End::Failed(class.name().to_owned());
        }
        // What was only read nobody is told of.
        let written = response.as_ref().filter(|_| self.driver.load.operation != Operation::Get);
        if let Some(version) = written.and_then(version) {
            told.acknowledges(version, done.ended);
        }
        let at = match expected.done {
            Some(is_done) => {
                let Ok(at) = is_done.await else {
                    told.misses(intended);
                    return End::Failed(VANISHED.to_owned());
                };
                at
            }
            None => done.ended,
        };
        told.achieves(intended, at);
        if let Some(gone) = expected.gone {
            // Whoever watches is there as long as operations are.
            let _ = gone.await;
            return End::Gone;
        }
        match (self.driver.load.operation, self.driver.load.lifetime) {
            (Operation::Get | Operation::Delete, _) => End::Gone,
            (Operation::Create, Some(lifetime)) => self.delete(turn, &name, namespace, at + lifetime).await,
            _ => End::There,
        }
    }

    /// Name and namespace of what an operation is on.
    fn object(&self, turn: u64) -> (String, &str) {
        let (name, number) = match &self.driver.of {
            // An inventory's objects are over its own namespaces, in turn.
            Some(of) => {
                let number = turn % u64::from(of.count.max(1));
                (of.object(number), number % u64::from(of.namespaces.max(1)))
            }
            None => (format!("{}-{turn}", self.driver.load.name), turn),
        };
        let namespace = usize::try_from(number % self.namespaces.len() as u64).unwrap_or(0);
        (name, &self.namespaces[namespace])
    }

    fn request(&self, name: &str, namespace: &str, number: u64) -> Request {
        let body = || {
            let template = self.driver.template.as_ref();
            template.map(|template| template.render(Object { name, namespace, number })).unwrap_or_default()
        };
        let resource = &self.driver.resource;
        let object = resource.path(Some(namespace), Some(name));
        match self.driver.load.operation {
            Operation::Create => Request::post(resource.path(Some(namespace), None), body(), Encoding::Json)
                .accept(Encoding::Json),
            Operation::Get => Request::get(object).accept(Encoding::Json),
            Operation::Update => Request::put(object, body(), Encoding::Json).accept(Encoding::Json),
            Operation::Patch => Request::patch_merge(object, body()).accept(Encoding::Json),
            Operation::Delete => Request::delete(object).accept(Encoding::Json),
        }
    }

    /// Deletes what was made, when its time is over.
    async fn delete(&self, turn: u64, name: &str, namespace: &str, mut at: Nanos) -> End {
        let clock = self.senders.clock;
        let own = Resource { subresource: None, ..self.driver.resource.clone() };
        loop {
            sleep_until(clock, at).await;
            let request = Request::delete(own.path(Some(namespace), Some(name))).accept(Encoding::Json);
            let (done, _) = self.senders.send(turn, self.delete, at, request).await;
            if matches!(done.outcome, measure::Outcome::Ok | measure::Outcome::Status(404)) {
                return End::Gone;
            }
            at = done.ended + DELETE_AGAIN;
        }
    }
}
