//! The services driver: the endpoints of Services change at a rate.
//!
//! Sends, as ServiceAccounts that take turns: before the load `POST services` and `POST endpointslices`, those of a load before it
//! being there already; then, open loop, `PUT` of one `EndpointSlice` after the other, in protobuf, each with one endpoint that is new,
//! as a Deployment that rolls has them. Without a resourceVersion, because nobody else writes them. The Services select nothing, so
//! that the cluster's own controllers leave them alone. Records: `create` and `update`; an operation is a slice, done when its write
//! is acknowledged, and watchers of the slices are known by it. Of the whole load: slices and endpoints.

mod slices;

use std::sync::Arc;

use anyhow::Context;
use measure::{ErrorClass, Kind, Start};
use serde_json::json;
use tokio::{sync::Semaphore, task::JoinSet};
use wire::{Encoding, Request};

use self::slices::{Shape, Slice};
use super::{
    Driver, Report, Senders, Stage,
    open_loop::{self, End},
    sleep_until, version,
};
use crate::{nodes::RUN_LABEL, scenario::ServicesLoad};

const CREATE_SERVICE: Kind = Kind::new("create", "services");
const CREATE_SLICE: Kind = Kind::new("create", "discovery.k8s.io/endpointslices");
const UPDATE_SLICE: Kind = Kind::new("update", "discovery.k8s.io/endpointslices");

/// Objects that are made at a time before the load.
const AT_ONCE: usize = 16;
/// What the server does not take then is tried so often.
const TRIES: u32 = 5;
const AGAIN_AFTER: std::time::Duration = std::time::Duration::from_secs(1);

/// A services load, ready to go.
pub(crate) struct ServicesDriver {
    pub(crate) load: ServicesLoad,
}

/// What every operation needs.
struct Work {
    load: ServicesLoad,
    shape: Shape,
    run: String,
    namespaces: Vec<String>,
    senders: Senders,
    /// The number of the first write: those of earlier loads have lower ones.
    first: u64,
}

impl Driver for ServicesDriver {
    async fn run(self, mut stage: Stage) -> anyhow::Result<Report> {
        let (arrivals, rate) = (self.load.arrivals, self.load.rate);
        let work = Arc::new(Work::new(self.load, &stage));
        sleep_until(stage.clock, stage.begin).await;
        set_up(&work).await?;
        // Nothing is late that could not be done before.
        stage.begin = stage.begin.max(stage.clock.now());
        let accounting =
            open_loop::run(&mut stage, arrivals, rate, |start| work.clone().change(start)).await?;
        let figures = [("slices", work.shape.slices()), ("endpoints", work.shape.all_endpoints())];
        #[expect(clippy::cast_precision_loss, reason = "there are not 2^53 endpoints")]
        let figures = figures.map(|(name, count)| (name.to_owned(), count as f64)).into();
        Ok(Report { accounting, stages: None, figures })
    }
}

/// Makes the Services and their slices, unless a load before has made them.
async fn set_up(work: &Arc<Work>) -> anyhow::Result<()> {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut making: JoinSet<anyhow::Result<()>> = JoinSet::new();
    let services = (0..u64::from(work.load.services)).map(|number| (CREATE_SERVICE, number));
    let slices = (0..work.shape.slices()).map(|number| (CREATE_SLICE, number));
    for (kind, number) in services.chain(slices) {
        let permit = permits.clone().acquire_owned().await.context("nobody closes it")?;
        let work = work.clone();
        making.spawn(async move {
            let request = if kind == CREATE_SERVICE { work.service(number) } else { work.new_slice(number) };
            let made = work.make(number, kind, request).await;
            drop(permit);
            made
        });
        while let Some(made) = making.try_join_next() {
            made.context("a task panicked")??;
        }
    }
    while let Some(made) = making.join_next().await {
        made.context("a task panicked")??;
    }
    Ok(())
}

impl Work {
    fn new(load: ServicesLoad, stage: &Stage) -> Self {
        Self {
            shape: Shape::new(load.services, load.endpoints, load.slice_endpoints),
            load,
            run: stage.run.clone(),
            namespaces: stage.namespaces.clone(),
            senders: stage.senders.clone(),
            first: stage.first,
        }
    }

    /// Makes an object, or finds it there.
    async fn make(&self, turn: u64, kind: Kind, request: Request) -> anyhow::Result<()> {
        let mut tries = 1;
        loop {
            let (done, response) =
                self.senders.send(turn, kind, self.senders.clock.now(), request.clone()).await;
            match done.outcome.error() {
                None | Some(ErrorClass::Conflict) => return Ok(()),
                Some(class) if tries >= TRIES => {
                    let error = response.map(|response| wire::Error::Status(response.status_error()));
                    let error =
                        error.map_or_else(|| anyhow::anyhow!("{}", class.name()), anyhow::Error::from);
                    return Err(error.context(format!("cannot {kind} for {}", self.load.name)));
                }
                Some(_) => tokio::time::sleep(AGAIN_AFTER).await,
            }
            tries += 1;
        }
    }

    /// One change of endpoints, from its being due to its being stored.
    async fn change(self: Arc<Self>, Start { index, intended }: Start) -> End {
        let told = &self.senders.told;
        told.offers(intended);
        let turn = self.first + index;
        let slice = self.shape.slice(turn);
        let (namespace, name) = (self.namespace(slice.service), slice.name(&self.load.name));
        let path = format!("{}/{name}", slices_of(namespace));
        let request = Request::put(path, self.body(slice), Encoding::Protobuf);
        let (done, response) = self.senders.send(turn, UPDATE_SLICE, intended, request).await;
        if let Some(class) = done.outcome.error() {
            told.misses(intended);
            return End::Failed(class.name().to_owned());
        }
        if let Some(version) = response.as_ref().and_then(version) {
            told.acknowledges(version, done.ended);
        }
        told.achieves(intended, done.ended);
        End::There
    }

    fn namespace(&self, service: u64) -> &str {
        let place = usize::try_from(service % self.namespaces.len() as u64).unwrap_or(0);
        &self.namespaces[place]
    }

    /// Makes a Service.
    fn service(&self, number: u64) -> Request {
        let mut service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": format!("{}-{number}", self.load.name),
                "labels": { RUN_LABEL: self.run },
            },
            "spec": { "ports": [{ "name": "http", "port": 80, "targetPort": slices::PORT, "protocol": "TCP" }] },
        });
        if self.load.headless {
            service["spec"]["clusterIP"] = "None".into();
        }
        let path = format!("/api/v1/namespaces/{}/services", self.namespace(number));
        Request::post(path, service.to_string(), Encoding::Json).accept(Encoding::Json)
    }

    /// Makes a slice as it is before the first change.
    fn new_slice(&self, number: u64) -> Request {
        let slice = self.shape.slice(number);
        Request::post(slices_of(self.namespace(slice.service)), self.body(slice), Encoding::Protobuf)
    }

    fn body(&self, slice: Slice) -> bytes::Bytes {
        let object = slice.object(&self.shape, &self.load.name, self.namespace(slice.service), &self.run);
        wire::protobuf::encode("discovery.k8s.io/v1", "EndpointSlice", &object)
    }
}

fn slices_of(namespace: &str) -> String {
    format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices")
}
