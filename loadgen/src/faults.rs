//! Faults: writes that are denied or answered late because a scenario wants it so, by validating webhooks that this program serves.
//!
//! Sends, as the admin, when the nodes are ready: one `PATCH` (server-side apply) of a `ValidatingWebhookConfiguration` for each fault,
//! and `POST configmaps` as a dry run until the apiserver asks about that. Serves, from then on until the run is over: one `POST` of
//! each request that a fault is about. Records: how many those were, and how many were denied.
//!
//! Nothing is removed in the end: faults are only for control planes of this machine, which end with the run. `clean` knows the
//! configurations by the run's label.

mod dice;
mod review;

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use bytes::Bytes;
use control_plane::https::{self, HttpsServer};
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Incoming};
use k8s_openapi::ByteString;
use record::FaultRecord;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use wire::Encoding;

use self::{dice::Dice, review::Asked};
use crate::{
    fleet,
    nodes::RUN_LABEL,
    preload,
    resources::Resource,
    scenario::{FAULT_PATIENCE, Fault},
    stand::Setting,
    target::Target,
};

/// An apiserver learns of a configuration by a watch of its own, in moments.
const KNOWN_WITHIN: Duration = Duration::from_secs(30);
/// Further apiservers learn of it by theirs, as soon as the one that was seen to know it, give or take this.
const KNOWN_BY_ALL: Duration = Duration::from_secs(2);
/// The label by which a dry run asks whether a fault is known.
const FAULT_LABEL: &str = "loadgen.fault";
/// At the end of the address at which such questions come.
const READY: &str = "/ready";

/// The faults of a stand. They cease, and what they are about fails, when this is dropped.
#[derive(Default)]
pub(crate) struct Faults {
    all: Arc<[Injector]>,
    /// Nothing where there are none.
    _server: Option<HttpsServer>,
}

/// What is asked about one fault.
struct Injector {
    fault: Fault,
    resource: Resource,
    /// Nothing where none is denied.
    dice: Option<Dice>,
    /// An apiserver has the configuration.
    is_known: AtomicBool,
    asked: AtomicU64,
    denied: AtomicU64,
}

/// What each is about.
///
/// # Errors
///
/// As of [`Resource::or_subresource`], with the fault's name.
pub(crate) async fn resources(target: &Target, faults: &[Fault]) -> anyhow::Result<Vec<Resource>> {
    let mut resources = Vec::new();
    for fault in faults {
        let found = Resource::or_subresource(&target.admin, &fault.resource).await;
        resources.push(found.with_context(|| format!("[[faults]] {}", fault.name))?);
    }
    Ok(resources)
}

impl Faults {
    /// Begins with those of the scenario, of which each is about one of `meant`. `namespace` is one of the run's.
    pub(crate) async fn inject(
        setting: Setting<'_>,
        namespace: &str,
        meant: Vec<Resource>,
    ) -> anyhow::Result<Self> {
        let Setting { plan, target, run, progress, .. } = setting;
        let faults = &plan.scenario.scenario.faults;
        if faults.is_empty() {
            return Ok(Self::default());
        }
        progress.doing("prepare", "the faults");
        let authority = target.authority.as_ref().context("faults are for control planes of this machine")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port for the faults")?;
        let port = listener.local_addr()?.port();
        let injectors = faults.iter().zip(meant);
        let all: Arc<[Injector]> =
            injectors.map(|(fault, resource)| Injector::new(fault, resource, plan.seed, run)).collect();
        let answering = all.clone();
        let acceptor = https::acceptor(authority, "loadgen-faults")?;
        let server = HttpsServer::start("faults", listener, acceptor, move |request| {
            answer(answering.clone(), request)
        })?;
        let ca = ByteString(authority.cert_pem().as_bytes().to_vec());
        for injector in &*all {
            let configuration = injector.configuration(run, port, &ca);
            preload::apply(target, namespace, &configuration).await?;
            injector.known(target, namespace).await?;
        }
        if target.local.as_ref().is_some_and(|local| local.profile().topology.apiservers() > 1) {
            sleep(KNOWN_BY_ALL).await;
        }
        Ok(Self { all, _server: Some(server) })
    }

    /// What came of them so far.
    pub(crate) fn records(&self) -> Vec<FaultRecord> {
        self.all.iter().map(Injector::record).collect()
    }
}

impl Injector {
    fn new(fault: &Fault, resource: Resource, seed: u64, run: &str) -> Self {
        Self {
            fault: fault.clone(),
            resource,
            dice: fault.percent.map(|percent| Dice::new(percent, seed, &fault.name, run)),
            is_known: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            denied: AtomicU64::new(0),
        }
    }

    fn record(&self) -> FaultRecord {
        let Self { fault, resource, asked, denied, .. } = self;
        FaultRecord {
            name: fault.name.clone(),
            resource: resource.to_string(),
            asked: asked.load(Relaxed),
            denied: denied.load(Relaxed),
            code: fault.percent.map(|_| fault.code()),
            delay_seconds: fault.delay.map(|delay| delay.as_secs_f64()),
        }
    }

    /// Has the apiserver ask at `port`: about what the fault says, and about a dry run by which it is seen that it does.
    fn configuration(&self, run: &str, port: u16, ca: &ByteString) -> Value {
        let Self { fault: Fault { name, operations, .. }, resource, .. } = self;
        let webhook = |kind: &str, path: &str, rule: Value| {
            json!({
                "name": format!("{name}.{kind}.loadgen"),
                "clientConfig": {"url": format!("https://127.0.0.1:{port}/{name}{path}"), "caBundle": ca},
                "rules": [rule],
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": FAULT_PATIENCE.as_secs(),
            })
        };
        let version = resource.version.rsplit('/').next();
        let named = match &resource.subresource {
            Some(subresource) => format!("{}/{subresource}", resource.name),
            None => resource.name.clone(),
        };
        let operations: Vec<&str> = operations.iter().map(|it| it.name()).collect();
        let scope = if resource.is_namespaced { "Namespaced" } else { "Cluster" };
        let mut asks = webhook(
            "faults",
            "",
            json!({
                "apiGroups": [resource.group()], "apiVersions": [version], "resources": [named], "scope": scope,
                "operations": operations,
            }),
        );
        // Nobody else of the cluster is asked about, and no dry run of ours.
        let no_trial = json!([{"key": FAULT_LABEL, "operator": "DoesNotExist"}]);
        asks["objectSelector"] = json!({"matchExpressions": no_trial});
        let selector = if resource.is_namespaced { "namespaceSelector" } else { "objectSelector" };
        asks[selector]["matchLabels"] = json!({RUN_LABEL: run});
        if resource.subresource.is_none() {
            asks["matchConditions"] = json!([{"name": "not-a-node", "expression": not_a_node(run)}]);
        }
        let mut ready = webhook(
            "ready",
            READY,
            json!({"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}),
        );
        ready["namespaceSelector"] = json!({"matchLabels": {RUN_LABEL: run}});
        ready["objectSelector"] = json!({"matchLabels": {FAULT_LABEL: name}});
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": format!("loadgen-{run}-{name}"), "labels": {RUN_LABEL: run}},
            "webhooks": [asks, ready],
        })
    }

    /// Waits until the apiserver asks.
    async fn known(&self, target: &Target, namespace: &str) -> anyhow::Result<()> {
        let name = &self.fault.name;
        let path = Resource::known("v1", "configmaps", true).path(Some(namespace), None) + "?dryRun=All";
        let labels = json!({FAULT_LABEL: name});
        let body = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": format!("fault-{name}"), "labels": labels},
        });
        let request = wire::Request::post(path, body.to_string(), Encoding::Json).accept(Encoding::Json);
        let begun = Instant::now();
        loop {
            let response = target.admin.send(&request).await?;
            if self.is_known.load(Relaxed) {
                return Ok(());
            }
            if begun.elapsed() > KNOWN_WITHIN {
                let last = if response.is_success() {
                    String::new()
                } else {
                    format!(": {}", response.status_error())
                };
                bail!(
                    "the apiserver does not ask about the fault {name} after {} s{last}",
                    KNOWN_WITHIN.as_secs()
                );
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn answer(&self, asked: &Asked) -> String {
        self.asked.fetch_add(1, Relaxed);
        if let Some(delay) = self.fault.delay {
            sleep(delay).await;
        }
        if self.dice.as_ref().is_some_and(|dice| dice.denies(asked)) {
            self.denied.fetch_add(1, Relaxed);
            let message = format!("the scenario wants {} % to fail", self.fault.percent.unwrap_or_default());
            return review::denied(&asked.uid, self.fault.code(), &message);
        }
        review::allowed(&asked.uid)
    }
}

/// What nodes do for themselves is left alone: faults are for who offers load. In CEL.
fn not_a_node(run: &str) -> String {
    let shared = fleet::shared_user(run);
    format!("!('system:nodes' in request.userInfo.groups) && request.userInfo.username != '{shared}'")
}

async fn answer(
    all: Arc<[Injector]>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    let Some(text) = respond(&all, &path, &body).await else {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    let mut response = Response::new(Full::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The answer to what an apiserver asks at an address; nothing where it is no question.
async fn respond(all: &[Injector], path: &str, body: &[u8]) -> Option<String> {
    let (path, is_ready) = path.strip_suffix(READY).map_or((path, false), |path| (path, true));
    let injector = all.iter().find(|injector| path.strip_prefix('/') == Some(&injector.fault.name))?;
    let asked = review::read(body)?;
    if is_ready {
        injector.is_known.store(true, Relaxed);
        return Some(review::allowed(&asked.uid));
    }
    Some(injector.answer(&asked).await)
}

#[cfg(test)]
mod tests;
