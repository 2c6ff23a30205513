//! A server, and fleets beside it.
#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use std::{sync::Arc, time::Duration};

use fake_kubelet::{
    EndpointSpec, Fleet, FleetSpec, Heartbeats, Identities, KUBELET_PORT, Latencies, Latency, Limits,
    NodeSpec, Preset,
};
use identity::Authority;
use k8s_pb::{
    api::core::v1::{Container, Pod, PodCondition, PodSpec, PodStatus},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use measure::Clock;
use null_apiserver::NullApiserver;
use wire::{Client, ClientCertificate, Credential, Request};

/// Far more than anything here takes; a test that needs it fails.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Cluster {
    pub(crate) server: NullApiserver,
    pub(crate) clock: Clock,
    admin: Client,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let server = NullApiserver::start().await.unwrap();
        let (certificate, key) = server.client_certificate("admin", &["system:masters"]).unwrap();
        let certificate = ClientCertificate::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        let credential = Credential::certificate(certificate);
        let admin = Client::new(server.endpoint().unwrap(), credential, "test").unwrap();
        Self { server, clock: Clock::start(), admin }
    }

    /// Starts nodes `n-0`, `n-1`, ... whose pods take next to no time.
    pub(crate) fn fleet(&self, nodes: u32, shards: u32) -> Fleet {
        Fleet::start(self.spec(nodes, shards)).unwrap()
    }

    /// The same with an HTTPS endpoint.
    pub(crate) fn serving_fleet(&self, nodes: u32, shards: u32) -> Fleet {
        let serving = EndpointSpec { required: true, ..EndpointSpec::default() };
        Fleet::start(FleetSpec { serving: Some(serving), ..self.spec(nodes, shards) }).unwrap()
    }

    /// The same as [`Cluster::fleet`], not yet started.
    pub(crate) fn spec(&self, nodes: u32, shards: u32) -> FleetSpec {
        let authority = Authority::from_pem(self.server.ca_pem(), self.server.ca_key_pem()).unwrap();
        let quick = Latency::Uniform(Duration::from_millis(1)..Duration::from_millis(20));
        FleetSpec {
            endpoint: self.server.endpoint().unwrap(),
            identities: Identities::Ca(Arc::new(authority)),
            proxy: None,
            nodes,
            name_prefix: "n-".to_owned(),
            node: NodeSpec {
                kubelet_version: "v1.36.3".to_owned(),
                cpu: "8".to_owned(),
                memory: "32Gi".to_owned(),
                max_pods: 110,
                labels: [("loadgen.run".to_owned(), "test".to_owned())].into(),
                taints: Vec::new(),
                latencies: Latencies {
                    mount: quick.clone(),
                    sandbox: quick.clone(),
                    create: quick.clone(),
                    start: quick.clone(),
                    stop: quick.clone(),
                    remove: quick,
                    ..Latencies::default()
                },
                classes: Preset::KubeletOnly.classes(),
                limits: Limits::default(),
                heartbeats: Heartbeats::default(),
                kubelet_port: KUBELET_PORT,
                rotation: None,
            },
            start_rate: "1000/s".parse().unwrap(),
            start_at_once: None,
            shards,
            seed: 7,
            clock: self.clock,
            serving: None,
        }
    }

    /// Deletes a pod as a user does, with its grace period.
    pub(crate) async fn delete_pod(&self, name: &str) {
        let request = Request::delete(format!("/api/v1/namespaces/default/pods/{name}"));
        assert!(self.admin.send(&request).await.unwrap().is_success());
    }
}

/// A pod that the scheduler has bound to `node`.
pub(crate) fn pod(name: &str, node: &str) -> Pod {
    let text = |text: &str| Some(text.to_owned());
    Pod {
        metadata: Some(ObjectMeta {
            name: text(name),
            namespace: text("default"),
            generation: Some(1),
            ..Default::default()
        }),
        spec: Some(PodSpec {
            node_name: text(node),
            containers: vec![Container {
                name: text("c"),
                image: text("localhost/app:1"),
                ..Default::default()
            }],
            ..Default::default()
        }),
        status: Some(PodStatus {
            phase: text("Pending"),
            conditions: vec![PodCondition {
                r#type: text("PodScheduled"),
                status: text("True"),
                ..Default::default()
            }],
            ..Default::default()
        }),
    }
}

/// Waits until something is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = tokio::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
