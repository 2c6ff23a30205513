//! What a pod uses beside its containers: Secrets and config maps, projected tokens, claims.
//!
//! Follows `pkg/api/v1/pod/util.go` (`VisitPodSecretNames`, `VisitPodConfigmapNames`), which the kubelet's secret and config map
//! managers register a pod by.

use std::{collections::BTreeMap, sync::Arc};

use k8s_pb::api::core::v1 as core;

use crate::action::{ObjectKind, ObjectName};

/// What a pod needs an object for; the stronger need counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    /// The environment of a container, or the pull of an image.
    Environment,
    OptionalMount,
    Mount,
}

impl Need {
    fn mount(optional: Option<bool>) -> Self {
        if optional == Some(true) { Self::OptionalMount } else { Self::Mount }
    }
}

/// What a pod uses.
#[derive(Debug, Default)]
pub(super) struct Uses {
    pub(super) objects: Vec<UsedObject>,
    pub(super) tokens: Vec<VolumeToken>,
    pub(super) claims: Vec<String>,
}

/// A Secret or a config map that a pod uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedObject {
    /// Which.
    pub name: ObjectName,
    /// Whether it is mounted, and so read at every sync of the pod.
    pub is_mounted: bool,
    /// Whether the pod cannot start without it.
    pub is_required: bool,
}

/// A service-account token that is projected into a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeToken {
    /// Whom it is for; `None` for the apiserver.
    pub audience: Option<String>,
    /// How long it is asked to live, in seconds.
    pub seconds: i64,
}

impl Uses {
    /// Of the pod of this name.
    pub(super) fn of(spec: &core::PodSpec, pod: &str, namespace: &Arc<str>) -> Self {
        let mut uses = Self::default();
        let mut objects = Objects { namespace, names: BTreeMap::new() };
        for reference in &spec.image_pull_secrets {
            objects.add(ObjectKind::Secret, reference.name.as_deref(), Need::Environment);
        }
        for container in spec.init_containers.iter().chain(&spec.containers) {
            objects.add_environment(container);
        }
        for (name, volume) in
            spec.volumes.iter().filter_map(|it| Some((&it.name, it.volume_source.as_ref()?)))
        {
            objects.add_volume(volume);
            if let Some(claim) = &volume.persistent_volume_claim {
                uses.claims.extend(claim.claim_name.clone());
            }
            // The controller-manager makes its claim, by this name (component-helpers `storage/ephemeral`, `VolumeClaimName`).
            if volume.ephemeral.is_some() {
                uses.claims.push(format!("{pod}-{}", name.as_deref().unwrap_or_default()));
            }
            let projections = volume.projected.iter().flat_map(|projected| &projected.sources);
            uses.tokens.extend(projections.filter_map(|source| source.service_account_token.as_ref()).map(
                |token| VolumeToken {
                    audience: token.audience.clone().filter(|audience| !audience.is_empty()),
                    seconds: token.expiration_seconds.unwrap_or(3600),
                },
            ));
        }
        let object = |(name, need): (ObjectName, Need)| UsedObject {
            name,
            is_mounted: need >= Need::OptionalMount,
            is_required: need == Need::Mount,
        };
        uses.objects = objects.names.into_iter().map(object).collect();
        uses
    }
}

struct Objects<'a> {
    namespace: &'a Arc<str>,
    names: BTreeMap<ObjectName, Need>,
}

impl Objects<'_> {
    fn add(&mut self, kind: ObjectKind, name: Option<&str>, need: Need) {
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            let name = ObjectName { kind, namespace: self.namespace.clone(), name: name.into() };
            let known = self.names.entry(name).or_insert(need);
            *known = (*known).max(need);
        }
    }

    fn add_environment(&mut self, container: &core::Container) {
        let local = |reference: &Option<core::LocalObjectReference>| reference.clone()?.name;
        for source in &container.env_from {
            if let Some(source) = &source.config_map_ref {
                self.add(
                    ObjectKind::ConfigMap,
                    local(&source.local_object_reference).as_deref(),
                    Need::Environment,
                );
            }
            if let Some(source) = &source.secret_ref {
                self.add(
                    ObjectKind::Secret,
                    local(&source.local_object_reference).as_deref(),
                    Need::Environment,
                );
            }
        }
        for source in container.env.iter().filter_map(|variable| variable.value_from.as_ref()) {
            if let Some(key) = &source.config_map_key_ref {
                self.add(
                    ObjectKind::ConfigMap,
                    local(&key.local_object_reference).as_deref(),
                    Need::Environment,
                );
            }
            if let Some(key) = &source.secret_key_ref {
                self.add(
                    ObjectKind::Secret,
                    local(&key.local_object_reference).as_deref(),
                    Need::Environment,
                );
            }
        }
    }

    fn add_volume(&mut self, volume: &core::VolumeSource) {
        let local = |reference: &Option<core::LocalObjectReference>| reference.clone()?.name;
        if let Some(source) = &volume.secret {
            self.add(ObjectKind::Secret, source.secret_name.as_deref(), Need::mount(source.optional));
        }
        if let Some(source) = &volume.config_map {
            self.add(
                ObjectKind::ConfigMap,
                local(&source.local_object_reference).as_deref(),
                Need::mount(source.optional),
            );
        }
        for source in volume.projected.iter().flat_map(|projected| &projected.sources) {
            if let Some(source) = &source.config_map {
                self.add(
                    ObjectKind::ConfigMap,
                    local(&source.local_object_reference).as_deref(),
                    Need::mount(source.optional),
                );
            }
            if let Some(source) = &source.secret {
                self.add(
                    ObjectKind::Secret,
                    local(&source.local_object_reference).as_deref(),
                    Need::mount(source.optional),
                );
            }
        }
        let csi = volume.csi.as_ref().and_then(|csi| csi.node_publish_secret_ref.clone());
        self.add(ObjectKind::Secret, csi.and_then(|reference| reference.name).as_deref(), Need::Mount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_uses_its_claims_and_those_that_are_made_for_it() {
        let volume =
            |name: &str, source| core::Volume { name: Some(name.to_owned()), volume_source: Some(source) };
        let claim = core::PersistentVolumeClaimVolumeSource {
            claim_name: Some("data".to_owned()),
            ..Default::default()
        };
        let spec = core::PodSpec {
            volumes: vec![
                volume(
                    "a",
                    core::VolumeSource { persistent_volume_claim: Some(claim), ..Default::default() },
                ),
                volume(
                    "scratch",
                    core::VolumeSource {
                        ephemeral: Some(core::EphemeralVolumeSource::default()),
                        ..Default::default()
                    },
                ),
                volume("none", core::VolumeSource::default()),
            ],
            ..Default::default()
        };
        assert_eq!(Uses::of(&spec, "web-7", &"default".into()).claims, ["data", "web-7-scratch"]);
    }
}
