//! That nodes may renew their certificates by themselves: the binding that kubeadm makes
//! (`cmd/kubeadm/app/phases/bootstraptoken/node`, `AutoApproveNodeCertificateRotation`).

use serde_json::{Value, json};
use wire::Client;

use crate::{Error, ensure::ensure};

const BINDING: &str = "kubeadm:node-autoapprove-certificate-rotation";
const ROLE: &str = "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient";

/// Sees to it that the controller-manager approves what nodes ask for in their own name. A binding that exists is left as it is;
/// one that is made gets `labels`.
///
/// # Errors
/// [`Error::Rotation`] when the server does not let `admin` look for or make the binding.
pub async fn allow_rotation(admin: &Client, labels: &[(&str, &str)]) -> Result<(), Error> {
    let labels: Value = labels.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": BINDING, "labels": labels },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:nodes" }],
    });
    let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    ensure(admin, bindings, BINDING, &binding).await.map_err(|(action, problem)| Error::Rotation {
        action,
        binding: BINDING,
        problem,
    })
}
