//! The kinds of object the server knows, and which of them a path names.

/// A kind of object and where its collection is.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// `v1` or `group/v1`.
    pub api_version: &'static str,
    /// The collection's word in a path.
    pub plural: &'static str,
    /// The object's kind.
    pub kind: &'static str,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
}

const fn cluster(api_version: &'static str, plural: &'static str, kind: &'static str) -> Resource {
    Resource { api_version, plural, kind, namespaced: false }
}

const fn namespaced(api_version: &'static str, plural: &'static str, kind: &'static str) -> Resource {
    Resource { api_version, plural, kind, namespaced: true }
}

/// What node agents and drivers of load touch.
static RESOURCES: [Resource; 26] = [
    cluster("v1", "namespaces", "Namespace"),
    cluster("v1", "nodes", "Node"),
    cluster("v1", "persistentvolumes", "PersistentVolume"),
    namespaced("v1", "configmaps", "ConfigMap"),
    namespaced("v1", "endpoints", "Endpoints"),
    namespaced("v1", "events", "Event"),
    namespaced("v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    namespaced("v1", "pods", "Pod"),
    namespaced("v1", "secrets", "Secret"),
    namespaced("v1", "serviceaccounts", "ServiceAccount"),
    namespaced("v1", "services", "Service"),
    namespaced("apps/v1", "deployments", "Deployment"),
    namespaced("apps/v1", "replicasets", "ReplicaSet"),
    cluster("certificates.k8s.io/v1", "certificatesigningrequests", "CertificateSigningRequest"),
    namespaced("coordination.k8s.io/v1", "leases", "Lease"),
    namespaced("discovery.k8s.io/v1", "endpointslices", "EndpointSlice"),
    namespaced("events.k8s.io/v1", "events", "Event"),
    cluster("networking.k8s.io/v1", "servicecidrs", "ServiceCIDR"),
    cluster("node.k8s.io/v1", "runtimeclasses", "RuntimeClass"),
    cluster("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole"),
    cluster("rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding"),
    namespaced("rbac.authorization.k8s.io/v1", "roles", "Role"),
    namespaced("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding"),
    cluster("resource.k8s.io/v1", "resourceslices", "ResourceSlice"),
    cluster("storage.k8s.io/v1", "csidrivers", "CSIDriver"),
    cluster("storage.k8s.io/v1", "csinodes", "CSINode"),
];

impl Resource {
    /// Every one that is known here.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        RESOURCES.iter()
    }

    /// The resource with this API version and plural.
    pub(crate) fn named(api_version: &str, plural: &str) -> Option<&'static Self> {
        RESOURCES.iter().find(|resource| resource.api_version == api_version && resource.plural == plural)
    }

    /// The resource whose objects are of this kind.
    pub(crate) fn of_kind(api_version: &str, kind: &str) -> Option<&'static Self> {
        RESOURCES.iter().find(|resource| resource.api_version == api_version && resource.kind == kind)
    }

    /// The group without the version; empty for the core group.
    pub(crate) fn group(&self) -> &str {
        self.api_version.rsplit_once('/').map_or("", |(group, _)| group)
    }
}

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) resource: &'static Resource,
    /// Empty for a cluster-scoped object and for a list over all namespaces.
    pub(crate) namespace: String,
    /// `None` for the collection.
    pub(crate) name: Option<String>,
    /// `status`, `token`, `binding`, ...; empty for the object itself.
    pub(crate) subresource: String,
}

impl Target {
    /// Takes a path apart; `None` if it names no resource known here.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (api_version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            // `/api/v1/namespaces/x/status` is the namespace's own.
            ["namespaces", _, "status" | "finalize"] => ("", rest),
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            _ => ("", rest),
        };
        let (plural, name, subresource) = match rest {
            [plural] => (*plural, None, ""),
            [plural, name] => (*plural, Some(*name), ""),
            [plural, name, subresource] => (*plural, Some(*name), *subresource),
            _ => return None,
        };
        Some(Self {
            resource: Resource::named(&api_version, plural)?,
            namespace: namespace.to_owned(),
            name: name.map(str::to_owned),
            subresource: subresource.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let check = |path: &str, kind: &str, namespace: &str, name: Option<&str>, subresource: &str| {
            let target = Target::parse(path).unwrap();
            assert_eq!(
                (
                    target.resource.kind,
                    target.namespace.as_str(),
                    target.name.as_deref(),
                    target.subresource.as_str()
                ),
                (kind, namespace, name, subresource),
                "{path}"
            );
        };
        check("/api/v1/nodes", "Node", "", None, "");
        check("/api/v1/nodes/n-1/status", "Node", "", Some("n-1"), "status");
        check("/api/v1/pods", "Pod", "", None, "");
        check("/api/v1/namespaces/default/pods", "Pod", "default", None, "");
        check("/api/v1/namespaces/default/pods/p/binding", "Pod", "default", Some("p"), "binding");
        check("/api/v1/namespaces", "Namespace", "", None, "");
        check("/api/v1/namespaces/default", "Namespace", "", Some("default"), "");
        check("/api/v1/namespaces/default/status", "Namespace", "", Some("default"), "status");
        check(
            "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n-1",
            "Lease",
            "kube-node-lease",
            Some("n-1"),
            "",
        );
        for path in
            ["/", "/readyz", "/api/v1", "/api/v1/unicorns", "/apis/apps/v1/pods", "/api/v1/nodes/a/b/c"]
        {
            assert_eq!(Target::parse(path), None, "{path}");
        }
    }
}
