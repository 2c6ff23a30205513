//! The identity of kube-proxies: one ServiceAccount for all of them, with the rights and under the names that kubeadm gives it
//! (`cmd/kubeadm/app/phases/addons/proxy`), and a token that stays fresh.

use std::time::Duration;

use serde_json::{Value, json};
use wire::{Client, Credential};

use crate::{Error, ensure::ensure, service_account::Refresher};

const NAMESPACE: &str = "kube-system";
const ACCOUNT: &str = "kube-proxy";
/// kubeadm's name of the binding (`constants.KubeProxyClusterRoleBindingName`).
const BINDING: &str = "kubeadm:node-proxier";
/// What a projected token is asked for; the apiserver may extend it.
const TOKEN_LIFE: Duration = Duration::from_hours(1);

/// The credential of all kube-proxies, fresh for as long as the [`Refresher`] is kept.
///
/// Account and binding are made where they are missing, with `labels` on them so that they can be found again; those that exist
/// are used as they are. `seed` chooses the jitter of the token's renewal.
///
/// # Errors
/// [`Error::KubeProxy`] when the server does not let `admin` look for, make or use the account.
pub async fn proxy_account(
    admin: &Client,
    labels: &[(&str, &str)],
    seed: u64,
) -> Result<(Credential, Refresher), Error> {
    let labels: Value = labels.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
    let accounts = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts");
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": { "name": ACCOUNT, "namespace": NAMESPACE, "labels": labels },
    });
    ensured(admin, &accounts, ACCOUNT, &account).await?;
    let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": BINDING, "labels": labels },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node-proxier" },
        "subjects": [{ "kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE }],
    });
    ensured(admin, bindings, BINDING, &binding).await?;
    let (token, refresher) = Refresher::start(admin.clone(), NAMESPACE, ACCOUNT, TOKEN_LIFE, seed)
        .await
        .map_err(|error| problem("use", &format!("serviceaccounts/{ACCOUNT}"), error.to_string()))?;
    Ok((Credential::bearer(token), refresher))
}

/// Makes an object unless there is one of its name.
async fn ensured(admin: &Client, collection: &str, name: &str, object: &Value) -> Result<(), Error> {
    let what = format!("{}/{name}", collection.rsplit('/').next().unwrap_or(collection));
    ensure(admin, collection, name, object).await.map_err(|(action, said)| problem(action, &what, said))
}

fn problem(action: &'static str, what: &str, problem: String) -> Error {
    Error::KubeProxy { action, what: what.to_owned(), problem }
}

#[cfg(test)]
mod tests;
