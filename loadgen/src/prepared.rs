//! A load that is ready to be offered: what its driver needs of the target is there.

use std::sync::{Arc, Weak};

use anyhow::Context;
use control_plane::ControlPlane;
use measure::{Clock, Nanos, nth_seed};
use tokio::sync::watch;

use crate::{
    drivers::{
        Counts, Driver, Order, Report, Senders, Stage,
        controllers::{self, ControllersDriver},
        events::EventsDriver,
        lists::ListsDriver,
        maintenance::MaintenanceDriver,
        nodes::NodesDriver,
        objects::ObjectsDriver,
        pods::PodsDriver,
        services::ServicesDriver,
        watches::WatchesDriver,
    },
    fleet::FleetHandle,
    observed::{Told, Watched},
    resources::Resource,
    rights::{self, Grant, Identities, Rule},
    scenario::{
        ControllerKind, InventorySpec, Load, MaintenanceLoad, NodesAction, OnlyVirtual, Operation, Scenario,
        Template, Turn, What,
    },
    target::Target,
};

/// A load and what it needs.
pub(crate) struct Prepared {
    identities: Arc<Identities>,
    namespaces: Vec<String>,
    run: String,
    resource: Resource,
    template: Option<Template>,
    /// What it changes.
    of: Option<InventorySpec>,
    /// Of maintenance: what is deleted as a collection, step after step.
    collections: Vec<Resource>,
    /// Where it is ours.
    plane: Option<Weak<ControlPlane>>,
}

/// When and how a load is offered.
#[derive(Clone)]
pub(crate) struct Offer {
    pub(crate) clock: Clock,
    pub(crate) begin: Nanos,
    /// Chooses everything that is random.
    pub(crate) seed: u64,
    /// Names with numbers from here on have not been used.
    pub(crate) first: u64,
    /// The nodes, for drivers that do something to them.
    pub(crate) fleet: FleetHandle,
}

impl Prepared {
    /// Asks the target what it needs to know, and makes the load's accounts and their rights.
    pub(crate) async fn new(
        target: &Target,
        run: &str,
        scenario: &Scenario,
        load: &Load,
        namespaces: &[String],
    ) -> anyhow::Result<Self> {
        let only = target.is_shared().then_some(OnlyVirtual);
        let named = || format!("[[{}]] {}", load.driver(), load.name());
        let template = load.template(run, only).with_context(named)?;
        let of = match load {
            Load::Objects(load) => load.of.as_ref(),
            Load::Events(load) => load.of.as_ref(),
            _ => None,
        };
        let of = of.and_then(|name| scenario.inventory.iter().find(|it| it.name == *name)).cloned();
        let resource =
            resource(target, run, load, template.as_ref(), of.as_ref()).await.with_context(named)?;
        let collections = match load {
            Load::Maintenance(load) => collections(target, load).await.with_context(named)?,
            _ => Vec::new(),
        };
        let grant = grant(load, &resource, &collections);
        let identities = rights::prepare(target, run, load.name(), load.identities(), namespaces, &grant);
        let identities = Arc::new(identities.await.with_context(named)?);
        let (namespaces, run) = (namespaces.to_vec(), run.to_owned());
        let plane = target.local.as_ref().map(Arc::downgrade);
        Ok(Self { identities, namespaces, run, resource, template, of, collections, plane })
    }

    /// Offers it as `load` has it, until the task that this is for is told to stop.
    pub(crate) async fn offer(
        &self,
        load: Load,
        place: usize,
        told: Told,
        offer: Offer,
        orders: watch::Receiver<Order>,
        progress: watch::Sender<Counts>,
    ) -> anyhow::Result<Report> {
        // Tokens stay fresh as long as their load runs.
        let identities = self.identities.clone();
        let stage = Stage {
            clock: offer.clock,
            run: self.run.clone(),
            namespaces: self.namespaces.clone(),
            senders: Senders { clock: offer.clock, clients: identities.drivers.clone(), told },
            observer: identities.observer.clone(),
            // Loads side by side do not march in step.
            seed: nth_seed(offer.seed, place as u64),
            first: offer.first,
            begin: offer.begin,
            orders,
            progress,
        };
        let (resource, template) = (self.resource.clone(), self.template.clone());
        match load {
            Load::Pods(load) => {
                let template = template.context("pods have a template")?;
                PodsDriver { load, template }.run(stage).await
            }
            Load::Objects(load) => {
                ObjectsDriver { load, resource, template, of: self.of.clone() }.run(stage).await
            }
            Load::Lists(load) => ListsDriver { load, resource }.run(stage).await,
            Load::Watches(load) => WatchesDriver { load, resource }.run(stage).await,
            Load::Events(load) => EventsDriver { load, of: self.of.clone() }.run(stage).await,
            Load::Services(load) => ServicesDriver { load }.run(stage).await,
            Load::Nodes(load) => NodesDriver { load, fleet: offer.fleet }.run(stage).await,
            Load::Controllers(load) => {
                ControllersDriver { load, resource, fleet: offer.fleet }.run(stage).await
            }
            Load::Maintenance(load) => {
                let collections = self.collections.clone();
                MaintenanceDriver { load, plane: self.plane.clone(), collections }.run(stage).await
            }
        }
    }

    /// Requests of its drivers that have waited for a free HTTP/2 stream so far.
    pub(crate) fn waited_for_stream(&self) -> u64 {
        self.identities.waited_for_stream()
    }
}

impl Watched {
    /// What is looked at of a load.
    pub(crate) fn of(load: &Load, criteria: &crate::criteria::Criteria) -> Self {
        Self {
            name: load.name().to_owned(),
            is_judged: load.is_judged(),
            rate: match load.turn() {
                Turn::Rate(rate) => Some(rate.get()),
                Turn::Count(_) => None,
            },
            limit: load.limit(criteria),
            slow: load.slow(),
        }
    }
}

async fn resource(
    target: &Target,
    run: &str,
    load: &Load,
    template: Option<&Template>,
    of: Option<&InventorySpec>,
) -> anyhow::Result<Resource> {
    match load {
        Load::Pods(_) => Ok(Resource::known("v1", "pods", true)),
        Load::Lists(load) => Resource::named(&target.admin, &load.resource).await,
        Load::Watches(load) => Resource::named(&target.admin, &load.resource).await,
        Load::Objects(load) => {
            // A patch need not say of what it is; what it is of does.
            let whole = match of {
                Some(of) => of.template(run, None)?,
                None => template.context("it has no manifest")?.clone(),
            };
            let (version, kind) = whole.kind();
            let mut resource = Resource::of_kind(&target.admin, version, kind).await?;
            resource.subresource.clone_from(&load.subresource);
            Ok(resource)
        }
        Load::Events(_) => Ok(Resource::known("v1", "events", true)),
        Load::Services(_) => Ok(Resource::known("v1", "services", true)),
        Load::Nodes(_) => Ok(Resource::known("v1", "nodes", false)),
        Load::Controllers(load) => match (&load.resource, load.kind) {
            (Some(named), ControllerKind::Operator) => Resource::named(&target.admin, named).await,
            // The others know by themselves what they watch.
            _ => Ok(Resource::known("v1", "persistentvolumeclaims", true)),
        },
        Load::Maintenance(_) => Ok(Resource::known("v1", "namespaces", false)),
    }
}

/// Asks what the steps delete that delete a collection, and whether there is what the others are done to.
async fn collections(target: &Target, load: &MaintenanceLoad) -> anyhow::Result<Vec<Resource>> {
    let mut collections = Vec::new();
    for step in &load.steps {
        let plane = || target.local.as_ref().context("it is for a control plane on this machine");
        if step.what.takes_a_control_plane_of_ours() {
            plane().with_context(|| step.what.name())?;
        }
        if let Some(component) = &step.component {
            plane()?.instance(component)?;
        }
        if let (What::DeleteCollection, Some(resource)) = (step.what, &step.resource) {
            collections.push(Resource::named(&target.admin, resource).await?);
        }
    }
    Ok(collections)
}

/// What the driver of a load sends, and nothing else.
fn grant(load: &Load, resource: &Resource, collections: &[Resource]) -> Grant {
    const WATCH: &[&str] = &["get", "list", "watch"];
    let whole = Resource { subresource: None, ..resource.clone() };
    let rule = |resource: &Resource, verbs| Rule { resource: resource.clone(), verbs };
    match load {
        Load::Pods(_) => Grant {
            rules: vec![rule(resource, &["create", "delete", "get", "list", "watch"])],
            is_cluster_wide: false,
        },
        Load::Lists(load) => Grant {
            rules: vec![rule(resource, WATCH)],
            is_cluster_wide: !load.namespaced || !resource.is_namespaced,
        },
        Load::Watches(load) => Grant {
            rules: vec![rule(resource, WATCH)],
            is_cluster_wide: !load.namespaced || !resource.is_namespaced,
        },
        Load::Objects(load) => {
            let verbs: &[&str] = match load.operation {
                Operation::Create => &["create"],
                Operation::Get => &["get"],
                Operation::Update => &["update"],
                Operation::Patch => &["patch"],
                Operation::Delete => &["delete"],
            };
            let mut rules = vec![rule(resource, verbs)];
            if load.lifetime.is_some() {
                rules.push(rule(&whole, &["delete"]));
            }
            // The observer watches all namespaces at once.
            if load.is_awaited() {
                rules.push(rule(&whole, WATCH));
            }
            Grant { rules, is_cluster_wide: load.is_awaited() || !resource.is_namespaced }
        }
        Load::Events(_) => {
            Grant { rules: vec![rule(resource, &["create", "patch"])], is_cluster_wide: false }
        }
        Load::Services(_) => {
            let slices = Resource::known("discovery.k8s.io/v1", "endpointslices", true);
            let rules = vec![rule(resource, &["create"]), rule(&slices, &["create", "update"])];
            Grant { rules, is_cluster_wide: false }
        }
        Load::Nodes(load) => {
            let mut rules = vec![rule(resource, WATCH)];
            if load.action == NodesAction::Roll {
                rules.push(rule(resource, &["patch", "delete"]));
                rules.push(rule(&Resource::known("v1", "pods", true), &["list", "delete"]));
            }
            Grant { rules, is_cluster_wide: true }
        }
        Load::Controllers(load) => controllers::grant(load, resource),
        Load::Maintenance(load) => {
            let deletes = load.steps.iter().any(|step| step.what == What::DeleteNamespace);
            let namespaces = deletes.then(|| rule(resource, &["delete", "get"]));
            let collections = collections.iter().map(|resource| rule(resource, &["deletecollection"]));
            Grant { rules: namespaces.into_iter().chain(collections).collect(), is_cluster_wide: true }
        }
    }
}
