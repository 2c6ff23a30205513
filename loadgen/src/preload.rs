//! What is there before a load: the admin makes what a scenario installs, and its objects in numbers, as fast as the server takes them.
//!
//! Sends, as the admin: one `PATCH` (server-side apply) for each object that is installed, `POST` for each of an inventory. Pods of an
//! inventory are waited for until they run.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use measure::ErrorClass;
use serde_json::Value;
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};
use wire::{Encoding, List, Request};

use crate::{
    nodes::RUN_LABEL,
    progress::Progress,
    resources::Resource,
    scenario::{Install, InventorySpec, Object, OnlyVirtual, Template},
    target::Target,
};

/// Requests under way at a time: the admin is not limited by priority and fairness, and etcd writes what comes together at once.
const AT_ONCE: usize = 64;
/// A definition of custom resources is served after a moment.
const SERVED_WITHIN: Duration = Duration::from_secs(30);
/// Pods that make no headway for so long never will.
const STALLED: Duration = Duration::from_mins(2);
/// An answer that the server gives when it is busy is asked for again so often.
const TRIES: u32 = 5;

/// Makes what a scenario installs, in order, and waits until it is served.
pub(crate) async fn install(
    target: &Target,
    run: &str,
    namespace: &str,
    all: &[Install],
) -> anyhow::Result<()> {
    for install in all {
        for mut object in install.objects(run, namespace).context("[[install]]")? {
            object["metadata"]["labels"][RUN_LABEL] = run.into();
            apply(target, namespace, &object).await?;
        }
    }
    Ok(())
}

/// Makes one object, or makes it so.
pub(crate) async fn apply(target: &Target, namespace: &str, object: &Value) -> anyhow::Result<()> {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    let name =
        object["metadata"]["name"].as_str().with_context(|| format!("a {kind} to install has no name"))?;
    let resource = Resource::of_kind(&target.admin, version, kind).await?;
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or(namespace);
    let path = resource.path(Some(namespace), Some(name)) + "?fieldManager=loadgen&force=true";
    let request = Request::new(http::Method::PATCH, path).body(object.to_string(), Encoding::Apply);
    let response = target.admin.send(&request.accept(Encoding::Json)).await?;
    if !response.is_success() {
        return Err(wire::Error::Status(response.status_error()))
            .with_context(|| format!("cannot install {kind} {name}"));
    }
    if kind == "CustomResourceDefinition" {
        served(target, object).await.with_context(|| format!("{kind} {name}"))?;
    }
    Ok(())
}

/// Waits until what a definition defines is served.
async fn served(target: &Target, definition: &Value) -> anyhow::Result<()> {
    let spec = &definition["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = format!("{}/{}", text(&spec["group"]), text(&spec["versions"][0]["name"]));
    let kind = text(&spec["names"]["kind"]);
    let begun = Instant::now();
    loop {
        match Resource::of_kind(&target.admin, &version, &kind).await {
            Ok(_) => return Ok(()),
            Err(error) if begun.elapsed() > SERVED_WITHIN => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

/// Makes an inventory's objects.
pub(crate) async fn fill(
    target: &Target,
    run: &str,
    namespaces: &[String],
    spec: &InventorySpec,
    progress: &Progress,
) -> anyhow::Result<()> {
    let template = Arc::new(spec.template(run, target.is_shared().then_some(OnlyVirtual))?);
    let (version, kind) = template.kind();
    let resource = Resource::of_kind(&target.admin, version, kind).await?;
    let is_pods = resource.to_string() == "pods";
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut making: JoinSet<anyhow::Result<()>> = JoinSet::new();
    let of_spec = usize::try_from(spec.namespaces).unwrap_or(1).clamp(1, namespaces.len());
    for number in 0..u64::from(spec.count) {
        let namespace = &namespaces[usize::try_from(number).unwrap_or(0) % of_spec];
        let permit = permits.clone().acquire_owned().await.context("nobody closes it")?;
        let request = create(&resource, &template, &spec.object(number), namespace, number);
        let admin = target.admin.clone();
        making.spawn(async move {
            let made = make(&admin, &request).await;
            drop(permit);
            made
        });
        while let Some(made) = making.try_join_next() {
            made.context("a task panicked")??;
        }
        if number % 100 == 0 {
            progress.step(&format!("inventory {}", spec.name), number, spec.count.into(), "made");
        }
    }
    while let Some(made) = making.join_next().await {
        made.context("a task panicked")??;
    }
    if is_pods { run_all(target, run, spec, progress).await } else { Ok(()) }
}

fn create(resource: &Resource, template: &Template, name: &str, namespace: &str, number: u64) -> Request {
    let body = template.render(Object { name, namespace, number });
    Request::post(resource.path(Some(namespace), None), body, Encoding::Json).accept(Encoding::Json)
}

async fn make(admin: &wire::Client, request: &Request) -> anyhow::Result<()> {
    let mut last = None;
    for _ in 0..TRIES {
        match admin.send(request).await {
            Ok(response) if response.is_success() || response.status.as_u16() == 409 => return Ok(()),
            Ok(response) => {
                let wait = response.retry_after;
                let class = measure::Outcome::from_status(response.status.as_u16()).error();
                let error = wire::Error::Status(response.status_error());
                if !matches!(class, Some(ErrorClass::TooManyRequests | ErrorClass::Server)) {
                    return Err(error).context("cannot make an object of the inventory");
                }
                last = Some(error);
                tokio::time::sleep(wait.unwrap_or(Duration::from_secs(1))).await;
            }
            Err(error) => {
                last = Some(error);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
    match last {
        Some(error) => Err(error).context("cannot make an object of the inventory"),
        None => Ok(()),
    }
}

/// Waits until the pods of an inventory run.
async fn run_all(
    target: &Target,
    run: &str,
    spec: &InventorySpec,
    progress: &Progress,
) -> anyhow::Result<()> {
    let total = u64::from(spec.count);
    let (mut best, mut advanced) = (0, Instant::now());
    loop {
        let left = not_running(target, run).await?;
        let running = total.saturating_sub(left);
        progress.step(&format!("inventory {}", spec.name), running, total, "running");
        if left == 0 {
            return Ok(());
        }
        if running > best {
            (best, advanced) = (running, Instant::now());
        }
        if advanced.elapsed() > STALLED {
            bail!(
                "only {running} of {total} pods of inventory {} run, and there was no progress for two minutes",
                spec.name
            );
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// How many of the run's pods do not run yet.
async fn not_running(target: &Target, run: &str) -> anyhow::Result<u64> {
    let path = format!(
        "/api/v1/pods?labelSelector={RUN_LABEL}%3D{run}&fieldSelector=status.phase%21%3DRunning&resourceVersion=0"
    );
    let response = target.admin.send(&Request::get(path)).await?;
    if !response.is_success() {
        return Err(wire::Error::Status(response.status_error())).context("cannot list the inventory's pods");
    }
    Ok(List::read(&response)?.items.len() as u64)
}
