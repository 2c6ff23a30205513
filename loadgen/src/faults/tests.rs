use super::*;

const RUN: &str = "20261123-094500-mine-1";

fn injector(more: &str, resource: Resource) -> Injector {
    let text =
        format!(r#"{{"name": "refusals", "resource": "-", "operations": ["create", "update"]{more}}}"#);
    let fault: Fault = serde_json::from_str(&text).unwrap();
    Injector::new(&fault, resource, 1, RUN)
}

fn pods() -> Resource {
    Resource::known("v1", "pods", true)
}

fn question(number: u32) -> Vec<u8> {
    let name = format!("pods-{number}");
    let request =
        json!({"uid": number.to_string(), "operation": "CREATE", "name": name, "namespace": "loadgen"});
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
        .to_string()
        .into_bytes()
}

async fn answered(all: &[Injector], path: &str, number: u32) -> Value {
    serde_json::from_str(&respond(all, path, &question(number)).await.unwrap()).unwrap()
}

#[tokio::test]
async fn every_question_is_answered_and_counted() {
    let all = [injector(r#", "percent": 50, "code": 503"#, pods())];
    let mut denied = 0;
    for number in 0..100 {
        let answer = &answered(&all, "/refusals", number).await["response"];
        assert_eq!(answer["uid"], number.to_string());
        if answer["allowed"] == false {
            denied += 1;
            assert_eq!(answer["status"]["code"], 503);
            assert_eq!(answer["status"]["message"], "the scenario wants 50 % to fail");
        }
    }
    assert!((30..=70).contains(&denied), "{denied}");
    let FaultRecord { asked, denied: counted, code, delay_seconds, .. } = all[0].record();
    assert_eq!((asked, counted, code, delay_seconds), (100, denied, Some(503), None));
}

#[tokio::test]
async fn a_dry_run_shows_that_a_fault_is_known_and_is_none_of_its_requests() {
    let all = [injector(r#", "percent": 100"#, pods())];
    assert!(!all[0].is_known.load(Relaxed));
    assert_eq!(answered(&all, "/refusals/ready", 1).await["response"]["allowed"], true);
    assert!(all[0].is_known.load(Relaxed));
    assert_eq!(all[0].record().asked, 0);
}

#[tokio::test]
async fn what_is_no_question_or_about_no_fault_has_no_answer() {
    let all = [injector(r#", "percent": 100"#, pods())];
    assert_eq!(respond(&all, "/refusals", b"{}").await, None);
    assert_eq!(respond(&all, "/others", &question(1)).await, None);
    assert_eq!(all[0].record().asked, 0);
}

#[tokio::test]
async fn who_is_delayed_waits_and_is_let_through() {
    let all = [injector(r#", "delay": "20ms""#, pods())];
    let begun = Instant::now();
    assert_eq!(answered(&all, "/refusals", 1).await["response"]["allowed"], true);
    assert!(begun.elapsed() >= Duration::from_millis(20));
    let FaultRecord { asked, denied, code, delay_seconds, .. } = all[0].record();
    assert_eq!((asked, denied, code, delay_seconds), (1, 0, None, Some(0.02)));
}

#[test]
fn only_requests_in_the_runs_namespaces_and_not_by_its_nodes_are_asked_about() {
    let ca = ByteString(b"pem".to_vec());
    let whole = injector(r#", "percent": 5"#, pods()).configuration(RUN, 4430, &ca);
    assert_eq!(
        whole["metadata"],
        json!({"name": format!("loadgen-{RUN}-refusals"), "labels": {"loadgen.run": RUN}})
    );
    let asks = &whole["webhooks"][0];
    assert_eq!(asks["clientConfig"], json!({"url": "https://127.0.0.1:4430/refusals", "caBundle": "cGVt"}));
    let rule = json!({
        "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "scope": "Namespaced",
        "operations": ["CREATE", "UPDATE"],
    });
    assert_eq!(asks["rules"], json!([rule]));
    assert_eq!(asks["namespaceSelector"], json!({"matchLabels": {"loadgen.run": RUN}}));
    assert_eq!((&asks["failurePolicy"], &asks["timeoutSeconds"]), (&json!("Fail"), &json!(30)));
    let but = asks["matchConditions"][0]["expression"].as_str().unwrap();
    assert!(but.contains("system:nodes") && but.contains(&format!("loadgen-fleet-{RUN}")), "{but}");
    assert_eq!(whole["webhooks"][1]["clientConfig"]["url"], "https://127.0.0.1:4430/refusals/ready");
}

#[test]
fn a_subresource_is_about_nodes_too_and_what_is_in_no_namespace_has_the_runs_label() {
    let ca = ByteString(Vec::new());
    let status = Resource { subresource: Some("status".to_owned()), ..pods() };
    let of_status = injector(r#", "percent": 5"#, status).configuration(RUN, 1, &ca);
    let asks = &of_status["webhooks"][0];
    assert_eq!(asks["rules"][0]["resources"], json!(["pods/status"]));
    assert_eq!(asks.get("matchConditions"), None);
    let classes = Resource::known("storage.k8s.io/v1", "storageclasses", false);
    let of_none = injector(r#", "percent": 5"#, classes).configuration(RUN, 1, &ca);
    let asks = &of_none["webhooks"][0];
    assert_eq!(asks["rules"][0]["apiGroups"], json!(["storage.k8s.io"]));
    assert_eq!(
        (&asks["rules"][0]["apiVersions"], &asks["rules"][0]["scope"]),
        (&json!(["v1"]), &json!("Cluster"))
    );
    assert_eq!(asks.get("namespaceSelector"), None);
    assert_eq!(asks["objectSelector"]["matchLabels"], json!({"loadgen.run": RUN}));
}
