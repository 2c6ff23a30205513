//! What containers and pods ask of a node, as their statuses repeat it, and the sums that count for the node.

use std::collections::BTreeMap;

use k8s_pb::{api::core::v1 as core, apimachinery::pkg::api::resource};

use super::{
    quantity::Quantity,
    seen::{Role, SeenContainer},
};
use crate::json::{Fields, Json};

/// Amounts by the name of the resource, written as whoever made the pod wrote them.
type Amounts = BTreeMap<String, String>;

/// `resources` of a container or of a whole pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// What is set aside for it.
    pub requests: Amounts,
    /// What it may use.
    pub limits: Amounts,
}

/// A pod's own resources: what its status says of them, and what they take up of the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    told: Resources,
    cpu: Quantity,
    memory: Quantity,
}

impl Resources {
    pub(super) fn of(resources: &core::ResourceRequirements) -> Self {
        let text = |(name, amount): (&String, &resource::Quantity)| {
            (name.clone(), amount.string.clone().unwrap_or_default())
        };
        let amounts = |amounts: &BTreeMap<_, _>| amounts.iter().map(text).collect();
        Self { requests: amounts(&resources.requests), limits: amounts(&resources.limits) }
    }

    pub(super) fn to_json(&self) -> Fields<'_> {
        let mut parts = Fields::default();
        parts.insert_filled("limits", to_json(&self.limits));
        parts.insert_filled("requests", self.requests_to_json());
        parts
    }

    pub(super) fn requests_to_json(&self) -> Json<'_> {
        to_json(&self.requests)
    }
}

fn to_json(amounts: &Amounts) -> Json<'_> {
    Json::Object(amounts.iter().map(|(name, amount)| (name.into(), amount.into())).collect())
}

impl Requests {
    /// The sum of the containers that run together, or what an init container asks for if that is more
    /// (`component-helpers/resource/helpers.go`, `PodRequests`).
    pub(super) fn of(containers: &[SeenContainer]) -> Self {
        let (requests, limits) = (sums(containers, |it| &it.requests), sums(containers, |it| &it.limits));
        let amount = |resource: &str| requests.get(resource).copied().unwrap_or_default();
        let (cpu, memory) = (amount("cpu"), amount("memory"));
        let texts = |sums: BTreeMap<String, Quantity>| {
            sums.into_iter().map(|(name, amount)| (name, amount.to_string())).collect()
        };
        Self { told: Resources { requests: texts(requests), limits: texts(limits) }, cpu, memory }
    }

    /// As the status says it.
    pub(super) fn told(&self) -> &Resources {
        &self.told
    }

    /// Whether any of it is read from the pod's cgroup while there is one.
    pub(super) fn is_in_cgroup(&self) -> bool {
        !self.told.limits.is_empty() || self.told.requests.contains_key("cpu")
    }

    pub(super) fn cpu(&self) -> Quantity {
        self.cpu
    }

    pub(super) fn memory(&self) -> Quantity {
        self.memory
    }
}

fn sums(containers: &[SeenContainer], of: fn(&Resources) -> &Amounts) -> BTreeMap<String, Quantity> {
    let (mut together, mut beside, mut most) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for container in containers {
        for (name, amount) in of(&container.resources) {
            let amount = Quantity::parse(amount);
            let total: &mut BTreeMap<String, Quantity> = &mut together;
            match container.role {
                Role::Init => {
                    // It runs beside the sidecars that were started before it.
                    let mut sum: Quantity = beside.get(name).copied().unwrap_or_default();
                    sum += amount;
                    let most: &mut Quantity = most.entry(name.clone()).or_default();
                    *most = most.max(sum);
                }
                Role::Sidecar => {
                    *beside.entry(name.clone()).or_default() += amount;
                    *total.entry(name.clone()).or_default() += amount;
                }
                Role::Main => *total.entry(name.clone()).or_default() += amount,
            }
        }
    }
    for (name, most) in most {
        let total: &mut Quantity = together.entry(name).or_default();
        *total = total.max(most);
    }
    together
}
