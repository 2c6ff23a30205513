use null_apiserver::{Action, NullApiserver, Refusal, Rule};
use serde_json::from_slice;
use wire::{Auth, ClientCertificate};

use super::*;

async fn server() -> (NullApiserver, Client) {
    let server = NullApiserver::start().await.unwrap();
    let (certificate, key) = server.client_certificate("admin", &["system:masters"]).unwrap();
    let certificate = ClientCertificate::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let admin =
        Client::new(server.endpoint().unwrap(), Credential::certificate(certificate), "test").unwrap();
    (server, admin)
}

#[tokio::test]
async fn account_and_binding_are_made_once_and_a_token_comes_with_them() {
    let (server, admin) = server().await;
    let (credential, _refresher) = proxy_account(&admin, &[("loadgen.run", "r")], 1).await.unwrap();
    assert!(matches!(credential.auth, Auth::Bearer(_)));
    let _again = proxy_account(&admin, &[], 1).await.unwrap();

    let requests = server.requests();
    let made = requests.iter().filter(|it| it.method == "POST" && !it.path.ends_with("/token"));
    let made: Vec<Value> = made.map(|it| from_slice(&it.body).unwrap()).collect();
    let [account, binding] = &made[..] else { panic!("made once each: {made:?}") };
    assert_eq!(
        (&account["kind"], &account["metadata"]["name"]),
        (&json!("ServiceAccount"), &json!("kube-proxy"))
    );
    assert_eq!(account["metadata"]["labels"], json!({ "loadgen.run": "r" }));
    assert_eq!(binding["metadata"]["name"], "kubeadm:node-proxier");
    assert_eq!(binding["roleRef"]["name"], "system:node-proxier");
    assert_eq!(binding["subjects"][0]["name"], "kube-proxy");
}

#[tokio::test]
async fn who_may_not_make_the_account_is_told_how_to_do_without() {
    let (server, admin) = server().await;
    let refuse = Action::Refuse(Refusal::new(403, "Forbidden", "no"));
    server.script(
        Rule::new(refuse)
            .method("POST".parse().unwrap())
            .path("/api/v1/namespaces/kube-system/serviceaccounts"),
    );
    let error = proxy_account(&admin, &[], 1).await.unwrap_err().to_string();
    for part in ["make serviceaccounts/kube-proxy", "403", "--preset kubelet-only"] {
        assert!(error.contains(part), "no {part:?} in {error:?}");
    }
}
