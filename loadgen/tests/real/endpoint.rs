//! The nodes' HTTPS endpoint as stock clients use it: kubectl by way of the apiserver, and a scraper with a token.

use std::{fs, path::Path, time::Duration};

use wire::{Client, Credential, Encoding, Endpoint, Request, Token};

use crate::support::{Bench, PATIENCE, Running, eventually, fake_kubelet, kubectl, kubectl_refused, words};

const POD: &str = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {
    "containers": [{"name": "app", "image": "app:1", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}]}}"#;

#[test]
fn kubectl_reads_logs_and_a_scraper_reads_metrics_if_it_may() {
    let bench = Bench::new();
    let mut up = Running::start(bench.with_binaries(&["up", "--nodes", "3"]));
    let export = up.line_with("export KUBECONFIG=");
    let kubeconfig = Path::new(export.strip_prefix("export KUBECONFIG=").unwrap());
    let line = up.line_with("fake-kubelet --nodes 3");
    up.line_with("is ready");
    let mut command = fake_kubelet();
    command.args(&words(&line)[1..]);
    let mut fleet = Running::start(command);
    let said = fleet.line_with("serve HTTPS on port");
    let port: u16 = words(&said).into_iter().find_map(|word| word.parse().ok()).unwrap();
    fleet.line_with("3 ready");

    let manifest = bench.file("web.json", POD);
    // Made by a controller, and no pod is admitted before.
    kubectl(kubeconfig, &["wait", "--for=create", "serviceaccount/default", "--timeout=60s"]);
    kubectl(kubeconfig, &["apply", "-f", manifest.to_str().unwrap()]);
    kubectl(kubeconfig, &["wait", "--for=condition=Ready", "pod/web", "--timeout=120s"]);
    logs_are_read(kubeconfig);
    what_needs_a_container_is_refused(kubeconfig);
    metrics_are_for_those_who_may(kubeconfig, port);

    fleet.signal("INT");
    fleet.wait();
    up.signal("INT");
    assert_eq!(up.wait().0.code(), Some(130));
    bench.assert_nothing_left();
}

fn logs_are_read(kubeconfig: &Path) {
    eventually("there are three lines", PATIENCE, || {
        kubectl(kubeconfig, &["logs", "web"]).lines().count() >= 3
    });
    let tail = kubectl(kubeconfig, &["logs", "web", "--tail=2", "--timestamps"]);
    assert_eq!(tail.lines().count(), 2, "{tail}");
    assert!(tail.lines().all(|line| line.contains("Z level=info ")), "{tail}");
    let refused = kubectl_refused(kubeconfig, &["logs", "web", "--previous"]);
    assert!(refused.contains(r#"previous terminated container "app" in pod "web" not found"#), "{refused}");
}

fn what_needs_a_container_is_refused(kubeconfig: &Path) {
    let refused = kubectl_refused(kubeconfig, &["exec", "web", "--", "true"]);
    assert!(refused.contains("fake-kubelet runs no containers: exec is not possible"), "{refused}");
    let refused = kubectl_refused(kubeconfig, &["attach", "web"]);
    assert!(refused.contains("fake-kubelet runs no containers: attach is not possible"), "{refused}");
}

/// What metrics-server does: a service account with `nodes/metrics`, the node's address, the port that the Node reports.
fn metrics_are_for_those_who_may(kubeconfig: &Path, port: u16) {
    let run = |args: &[&str]| kubectl(kubeconfig, args);
    let reported = "jsonpath={.items[*].status.daemonEndpoints.kubeletEndpoint.Port}";
    assert_eq!(words(&run(&["get", "nodes", "-o", reported])), [port.to_string().as_str(); 3]);
    for account in ["scraper", "stranger"] {
        run(&["create", "serviceaccount", account]);
    }
    run(&["create", "clusterrole", "scraper", "--verb=get", "--resource=nodes/metrics"]);
    let subject = "--serviceaccount=default:scraper";
    run(&["create", "clusterrolebinding", "scraper", "--clusterrole=scraper", subject]);
    let node = run(&["get", "pod", "web", "-o", "jsonpath={.status.hostIP}"]);
    let ca = fs::read(kubeconfig.with_file_name("ca.crt")).unwrap();
    let scrape = |account: &str| {
        let token = Token::new(run(&["create", "token", account]).trim().to_owned());
        scrape(&format!("https://{node}:{port}"), &ca, token)
    };
    // The authorizer learns of a new binding from a watch.
    eventually("the scraper may", Duration::from_mins(1), || scrape("scraper").0 == 200);
    let (_, text) = scrape("scraper");
    assert!(
        text.contains(r#"container_cpu_usage_seconds_total{container="app",namespace="default",pod="web"}"#)
    );
    assert!(text.contains("\nresource_scrape_error 0\n"), "{text}");
    let (code, text) = scrape("stranger");
    assert_eq!(code, 403, "{text}");
    let user = "system:serviceaccount:default:stranger";
    assert_eq!(
        text,
        format!("Forbidden (user={user}, verb=get, resource=nodes, subresource(s)=[metrics])\n")
    );
}

fn scrape(url: &str, ca: &[u8], token: Token) -> (u16, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let endpoint = Endpoint::new(url, Some(ca)).unwrap();
    let client = Client::new(endpoint, Credential::bearer(token), "metrics-server/v0.8.0").unwrap();
    let request = Request::get("/metrics/resource").accept(Encoding::Text);
    let response = runtime.block_on(client.send(&request)).unwrap();
    (response.status.as_u16(), String::from_utf8(response.body.to_vec()).unwrap())
}
