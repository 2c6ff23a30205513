//! What kubeadm grants after the components are up and a control plane alone does not have.

use serde_json::json;

use super::ControlPlane;
use crate::{Error, pki::KUBELET_CLIENT, ready::Checks};

impl ControlPlane {
    /// Lets the apiserver's client certificate use the kubelets' API, without which `kubectl logs` is refused
    /// (`cmd/kubeadm/app/phases/bootstraptoken/node/tlsbootstrap.go`, `AllowAPIServerToAccessKubeletAPI`).
    pub(super) async fn let_the_apiserver_reach_kubelets(&self, checks: &Checks) -> Result<(), Error> {
        const GROUP: &str = "rbac.authorization.k8s.io";
        let binding = json!({
            "apiVersion": format!("{GROUP}/v1"),
            "kind": "ClusterRoleBinding",
            "metadata": { "name": "kubeadm:apiserver-kubelet-client" },
            "roleRef": { "apiGroup": GROUP, "kind": "ClusterRole", "name": "system:kubelet-api-admin" },
            "subjects": [{ "apiGroup": GROUP, "kind": "User", "name": KUBELET_CLIENT }],
        });
        let url = format!("{}/apis/{GROUP}/v1/clusterrolebindings", self.server);
        checks.create(&url, binding.to_string()).await.map_err(|reason| Error::Grant { reason })
    }
}
