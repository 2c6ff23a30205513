//! What a profile puts into a cluster that runs: objects of priority and fairness (`[apf]`), and manifests (`[[manifest]]`).
//!
//! Sends, as whoever the client is: `GET` of each object, and a server-side apply of it as the field manager `loadgen`. That an object
//! was there before is remembered, so that a cluster which others use can be left as it was ([`Applied::remove`]).
//!
//! The apiserver's own flow schemas and priority levels are changed field by field. It takes their specs for its own unless the
//! annotation `apf.kubernetes.io/autoupdate-spec` is `false` (`pkg/registry/flowcontrol/ensurer/strategy.go`), which they get.

mod applied;
mod read;

use std::{collections::BTreeMap, path::Path, time::Duration};

use kube::{
    Api, Client, Config,
    api::{DynamicObject, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::{ApiResource, GroupVersionKind},
    discovery::{self, Scope},
    error::DiscoveryError,
};
use profile::Profile;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

pub use self::applied::Applied;
use crate::Error;

/// Who the API says has set what a profile sets.
const MANAGER: &str = "loadgen";
const AUTO_UPDATE: &str = "apf.kubernetes.io/autoupdate-spec";
/// A definition is served within a second; a busy apiserver takes longer.
const DEFINED_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The objects of a profile, in the order in which they are applied: priority levels, flow schemas, namespaces and definitions of
/// kinds, everything else as it is written.
#[derive(Clone, Debug, Default)]
pub struct Objects(Vec<Object>);

/// One of them.
#[derive(Clone, Debug)]
struct Object {
    /// Where it is written.
    origin: String,
    kind: GroupVersionKind,
    name: String,
    namespace: Option<String>,
    value: Value,
}

impl Object {
    fn is_definition(&self) -> bool {
        self.kind.kind == "CustomResourceDefinition"
    }

    fn is_of_priority_and_fairness(&self) -> bool {
        self.kind.group == read::FLOW_CONTROL
    }

    fn refused(&self, reason: impl Into<String>) -> Error {
        let Self { origin, kind, name, .. } = self;
        Error::Object { origin: origin.clone(), what: format!("{} {name}", kind.kind), reason: reason.into() }
    }
}

impl Objects {
    /// Reads those of a profile.
    ///
    /// # Errors
    ///
    /// [`Error::Manifest`] for a manifest that is none, and [`Error::Object`] for an object that the apiserver would change back, with
    /// the place.
    pub fn of(profile: &Profile) -> Result<Self, Error> {
        let mut objects = read::manifests(&profile.manifests)?;
        // Stable: what depends on something of its own rank is for the writer to put behind it.
        objects.sort_by_key(|object| !(object.is_definition() || object.kind.kind == "Namespace"));
        Ok(Self(read::apf(&profile.apf)?.into_iter().chain(objects).collect()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Applies them, definitions of kinds until they are served, and adds each to `applied` as soon as it is there.
    ///
    /// # Errors
    ///
    /// [`Error::Object`] with the first that the server does not take, for instance of a kind that it does not know.
    pub async fn apply(&self, client: &Client, applied: &mut Applied) -> Result<(), Error> {
        let mut kinds = Kinds { client, known: BTreeMap::new(), defined: Vec::new() };
        for object in &self.0 {
            let (resource, scope) = kinds.find(object).await?;
            let namespace = match (scope, &object.namespace) {
                (Scope::Cluster, Some(_)) => {
                    return Err(object.refused("it is of no namespace, so it cannot have one"));
                }
                (Scope::Cluster, None) => None,
                (Scope::Namespaced, namespace) => Some(namespace.as_deref().unwrap_or("default")),
            };
            let api = api(client, namespace, &resource);
            let before = api.get_opt(&object.name).await.map_err(|error| object.refused(said(&error)))?;
            let mut value = object.value.clone();
            if before.is_some() && object.is_of_priority_and_fairness() {
                value["metadata"]["annotations"][AUTO_UPDATE] = json!("false");
            }
            let params = PatchParams::apply(MANAGER).force().validation_strict();
            let patched = api.patch(&object.name, &params, &Patch::Apply(&value)).await;
            patched.map_err(|error| object.refused(said(&error)))?;
            applied.add(resource.clone(), namespace, &object.name, before);
            if object.is_definition() {
                served(&api, object).await?;
                kinds.defined.push(object.value["spec"]["group"].as_str().unwrap_or_default().to_owned());
            }
        }
        Ok(())
    }
}

/// A client with the rights of a kubeconfig.
pub(crate) async fn client(kubeconfig: &Path) -> Result<Client, Error> {
    let failed = |error: &dyn std::error::Error| Error::Client {
        path: kubeconfig.to_owned(),
        reason: error.to_string(),
    };
    wire::install_crypto_provider();
    let file = Kubeconfig::read_from(kubeconfig).map_err(|error| failed(&error))?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
    Client::try_from(config.map_err(|error| failed(&error))?).map_err(|error| failed(&error))
}

fn api(client: &Client, namespace: Option<&str>, resource: &ApiResource) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

/// The server's own words, where there are some.
fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        error => error.to_string(),
    }
}

/// Waits until objects of a defined kind can be made.
async fn served(api: &Api<DynamicObject>, definition: &Object) -> Result<(), Error> {
    let begin = Instant::now();
    loop {
        let now = api.get(&definition.name).await.map_err(|error| definition.refused(said(&error)))?;
        let conditions = now.data["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
        let has = |kind: &str, status: &str| {
            conditions.iter().find(|it| it["type"] == kind && it["status"] == status)
        };
        if has("Established", "True").is_some() {
            return Ok(());
        }
        if let Some(conflict) = has("NamesAccepted", "False") {
            return Err(definition.refused(conflict["message"].as_str().unwrap_or("its names are taken")));
        }
        if begin.elapsed() > DEFINED_WITHIN {
            return Err(definition.refused(format!("it is not served within {DEFINED_WITHIN:?}")));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// What the server calls the kinds of objects.
struct Kinds<'a> {
    client: &'a Client,
    known: BTreeMap<(String, String), (ApiResource, Scope)>,
    /// The groups of kinds that were defined a moment ago, which it may not tell of yet.
    defined: Vec<String>,
}

impl Kinds<'_> {
    async fn find(&mut self, object: &Object) -> Result<(ApiResource, Scope), Error> {
        let Object { kind, .. } = object;
        let key = (kind.api_version(), kind.kind.clone());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let begin = Instant::now();
        let (resource, capabilities) = loop {
            match discovery::pinned_kind(self.client, kind).await {
                Ok(found) => break found,
                Err(error) if !is_unknown(&error) => return Err(object.refused(said(&error))),
                Err(_) if self.defined.contains(&kind.group) && begin.elapsed() < DEFINED_WITHIN => {
                    sleep(LOOK_EVERY).await;
                }
                Err(_) => {
                    let reason = format!("the server knows no kind {} of {}", kind.kind, kind.api_version());
                    return Err(object.refused(reason));
                }
            }
        };
        let found = (resource, capabilities.scope);
        self.known.insert(key, found.clone());
        Ok(found)
    }
}

/// Whether the server has said that it knows no such group, or no such kind in it.
fn is_unknown(error: &kube::Error) -> bool {
    match error {
        // Of a group that is not there it says so in plain text, and not in a Status.
        kube::Error::Api(status) => status.code == 404,
        kube::Error::Discovery(DiscoveryError::MissingKind(_)) => true,
        _ => false,
    }
}
