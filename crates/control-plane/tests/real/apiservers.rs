//! Several apiservers behind the balancer, and audit events that are sent to the webhook.

use std::{net::TcpStream, sync::Arc, time::Duration};

use control_plane::{Balanced, ControlPlane};
use profile::Component;

use super::{
    every_component_serves_metrics, kubectl, leaders_are_elected, options, ports, processes_in, work_dir,
};

const NAMES: [&str; 2] = ["kube-apiserver", "kube-apiserver-1"];

/// How many resource quotas each apiserver was asked to create, by its own metrics; nothing of one that does not answer.
/// Nobody but this test creates any.
async fn created(plane: &ControlPlane) -> Vec<Option<f64>> {
    let answers = plane.metrics().read_all().await.into_iter();
    let apiservers = answers.filter(|answer| answer.source.component == Component::Apiserver);
    let count = |text: String| {
        let scrape = scrape::exposition::parse(&text, scrape::names::wanted).unwrap();
        let requests = scrape.family("apiserver_request_total").unwrap();
        let total =
            requests.total(|labels| labels.is("resource", "resourcequotas") && labels.is("verb", "POST"));
        total.unwrap_or(0.0)
    };
    apiservers.map(|answer| answer.text.ok().map(count)).collect()
}

/// Each by a kubectl of its own, so by a connection of its own.
fn create(plane: &ControlPlane, names: &[&str]) {
    for name in names {
        kubectl(plane, &format!("create quota {name} -n kept --hard=pods=1"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_apiservers_share_the_load_and_one_goes_on_alone() {
    let options = options("apiservers", &["topology.apiservers=2", "audit.level=Metadata"]);
    let work = work_dir(&options);
    let plane = ControlPlane::start(options).await.unwrap();
    leaders_are_elected(&plane);
    every_component_serves_metrics(&plane).await;
    let names: Vec<String> = plane.processes().into_iter().map(|process| process.name).collect();
    assert_eq!(names, ["etcd", NAMES[0], NAMES[1], "kube-controller-manager", "kube-scheduler"]);
    let port: u16 = plane.server().rsplit(':').next().unwrap().parse().unwrap();
    assert!(!ports(&plane).contains(&port), "an apiserver is asked directly");

    kubectl(&plane, "create namespace kept");
    create(&plane, &["a-1", "a-2", "a-3", "a-4", "a-5", "a-6", "a-7", "a-8"]);
    let both = created(&plane).await;
    let sum: f64 = both.iter().flatten().sum();
    assert!((sum - 8.0).abs() < 0.5, "{both:?}");
    assert!(both.iter().all(|count| count.is_some_and(|count| count > 0.0)), "{both:?}");
    let balanced = plane.balanced();
    assert_eq!(balanced.iter().map(|it| it.process.as_str()).collect::<Vec<_>>(), NAMES);
    assert!(balanced.iter().all(|it| it.ready && it.opened > 0 && it.open <= it.opened), "{balanced:?}");
    let logs = plane.audit_logs();
    assert_eq!(logs.len(), 2);
    assert!(logs.iter().all(|log| log.metadata().unwrap().len() > 0), "{logs:?}");

    let second = plane.instance(NAMES[1]).unwrap();
    plane.stop_component(second).await.unwrap();
    create(&plane, &["b-1", "b-2", "b-3", "b-4"]);
    assert!(matches!(created(&plane).await[..], [Some(_), None]));
    let balanced = plane.balanced();
    let ready: Vec<bool> = balanced.iter().map(|it| it.ready).collect();
    assert_eq!((ready, balanced[1].open), (vec![true, false], 0), "{balanced:?}");

    plane.start_component(second).await.unwrap();
    create(&plane, &["c-1", "c-2", "c-3", "c-4", "c-5", "c-6", "c-7", "c-8"]);
    let both = created(&plane).await;
    assert!(both.iter().all(|count| count.is_some_and(|count| count > 0.0)), "{both:?}");
    assert_eq!(kubectl(&plane, "get quota -n kept -o name").lines().count(), 20);

    let plane = restarts_asked_for_at_once_take_turns(plane).await;
    assert_eq!(kubectl(&plane, "get quota -n kept -o name").lines().count(), 20);
    let error = plane.instance("kube-apiserver-2").unwrap_err().to_string();
    assert!(error.contains("kube-apiserver, kube-apiserver-1"), "{error}");
    plane.stop().await.unwrap();
    TcpStream::connect(("127.0.0.1", port)).unwrap_err();
    assert_eq!(processes_in(&work), [""; 0]);
    assert!(!work.exists());
}

/// So one of the two accepts all the time. Whoever watches sees the new ones.
async fn restarts_asked_for_at_once_take_turns(plane: ControlPlane) -> ControlPlane {
    let watched = plane.watch_processes();
    let pids = || NAMES.map(|name| watched.now().into_iter().find(|it| it.name == name).map(|it| it.pid));
    let own_ports: Vec<u16> = plane
        .processes()
        .into_iter()
        .filter(|it| NAMES.contains(&it.name.as_str()))
        .flat_map(|it| it.argv)
        .filter_map(|argument| argument.strip_prefix("--secure-port=")?.parse().ok())
        .collect();
    assert_eq!(own_ports.len(), 2);
    let before = pids();
    let plane = Arc::new(plane);
    let restarts = NAMES.map(|name| {
        let plane = plane.clone();
        tokio::spawn(async move { plane.restart(plane.instance(name)?).await })
    });
    while !restarts.iter().all(tokio::task::JoinHandle::is_finished) {
        let accept = own_ports.iter().any(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok());
        assert!(accept, "neither accepts");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for restart in restarts {
        restart.await.unwrap().unwrap();
    }
    let after = pids();
    for (before, after) in before.iter().zip(after) {
        assert!(before.is_some() && after.is_some() && *before != after, "{before:?} {after:?}");
    }
    Arc::into_inner(plane).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_is_sent_every_event_before_its_request_ends() {
    let settings = ["audit.level=RequestResponse", "audit.backend=webhook", "audit.mode=blocking"];
    let plane = ControlPlane::start(options("webhook", &settings)).await.unwrap();
    assert_eq!((plane.audit_log(), plane.balanced()), (None, Vec::<Balanced>::new()));
    kubectl(&plane, "create namespace kept");
    let before = plane.audit_received().unwrap();
    create(&plane, &["a-1", "a-2", "a-3"]);
    let after = plane.audit_received().unwrap();
    assert!(before.requests > 0 && before.events >= before.requests, "{before:?}");
    assert!(after.events >= before.events + 3 && after.bytes > before.bytes, "{before:?} {after:?}");
    plane.stop().await.unwrap();
}
