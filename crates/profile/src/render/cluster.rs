//! kubeadm's `ClusterConfiguration`, of which only what a profile can say is there, and its `KubeletConfiguration`.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    FILES, PATCHES,
    component::{AUDIT_LOG_FOLDER, Part, Told},
    etcd,
};
use crate::{Component, Form, Kubelet, Profile};

/// The version of kubeadm's API that a form is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Arguments are lists, and there are variables.
    V1Beta4,
    /// Arguments are a map.
    V1Beta3,
}

impl Dialect {
    /// kind generates v1beta4 for Kubernetes 1.36 and later and v1beta3 before (kind v0.33, `pkg/cluster/internal/kubeadm/config.go`),
    /// and a patch of another version is passed over. kubeadm itself has had v1beta4 since 1.31.
    pub(super) fn of(profile: &Profile, form: Form) -> Self {
        let mut numbers =
            profile.versions.kubernetes.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
        let (major, minor) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(0));
        match form {
            Form::Kind if (major, minor) < (1, 36) => Self::V1Beta3,
            Form::Kind | Form::Kubeadm => Self::V1Beta4,
        }
    }

    pub(super) const fn api_version(self) -> &'static str {
        match self {
            Self::V1Beta4 => "kubeadm.k8s.io/v1beta4",
            Self::V1Beta3 => "kubeadm.k8s.io/v1beta3",
        }
    }
}

/// `ClusterConfiguration`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cluster {
    api_version: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kubernetes_version: Option<String>,
    #[serde(skip_serializing_if = "Settings::is_empty")]
    api_server: Settings,
    #[serde(skip_serializing_if = "Settings::is_empty")]
    controller_manager: Settings,
    #[serde(skip_serializing_if = "Settings::is_empty")]
    scheduler: Settings,
    #[serde(skip_serializing_if = "Etcd::is_empty")]
    etcd: Etcd,
}

#[derive(Debug, Default, Serialize)]
struct Etcd {
    local: LocalEtcd,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct LocalEtcd {
    #[serde(skip_serializing_if = "Option::is_none")]
    image_tag: Option<String>,
    #[serde(flatten)]
    settings: Settings,
}

/// `ControlPlaneComponent`.
#[derive(Debug, Default, Serialize)]
struct Settings {
    #[serde(rename = "extraArgs", skip_serializing_if = "Arguments::is_empty")]
    arguments: Arguments,
    #[serde(rename = "extraEnvs", skip_serializing_if = "Vec::is_empty")]
    variables: Vec<Named>,
    #[serde(rename = "extraVolumes", skip_serializing_if = "Vec::is_empty")]
    volumes: Vec<Volume>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Arguments {
    List(Vec<Named>),
    Map(BTreeMap<String, String>),
}

#[derive(Debug, Serialize)]
struct Named {
    name: String,
    value: String,
}

/// `HostPathMount`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Volume {
    name: &'static str,
    host_path: &'static str,
    mount_path: &'static str,
    read_only: bool,
    path_type: &'static str,
}

impl Default for Arguments {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Arguments {
    fn is_empty(&self) -> bool {
        match self {
            Self::List(list) => list.is_empty(),
            Self::Map(map) => map.is_empty(),
        }
    }
}

impl Settings {
    fn is_empty(&self) -> bool {
        self.arguments.is_empty() && self.variables.is_empty() && self.volumes.is_empty()
    }

    fn new(part: &Part, form: Form, dialect: Dialect) -> Self {
        let arguments = match form {
            Form::Kubeadm => part.arguments.iter().collect(),
            // kind puts what comes again in the place of the first.
            Form::Kind => part.first_and_again().0,
        };
        let arguments = arguments.into_iter().cloned();
        let variables = part.variables.iter().cloned();
        let named = |(name, value)| Named { name, value };
        let (arguments, variables) = match dialect {
            Dialect::V1Beta4 => {
                (Arguments::List(arguments.map(named).collect()), variables.map(named).collect())
            }
            Dialect::V1Beta3 => (Arguments::Map(arguments.collect()), Vec::new()),
        };
        let files = Volume {
            name: "loadgen-files",
            host_path: FILES,
            mount_path: FILES,
            read_only: true,
            path_type: "Directory",
        };
        let audit_log = Volume {
            name: "loadgen-audit-log",
            host_path: AUDIT_LOG_FOLDER,
            mount_path: AUDIT_LOG_FOLDER,
            read_only: false,
            path_type: "DirectoryOrCreate",
        };
        let volumes = [(part.has_files, files), (part.audits, audit_log)].into_iter();
        let volumes = volumes.filter_map(|(is, volume)| is.then_some(volume)).collect();
        Self { arguments, variables, volumes }
    }
}

impl Etcd {
    fn is_empty(&self) -> bool {
        self.local.image_tag.is_none() && self.local.settings.is_empty()
    }
}

impl Cluster {
    /// All but the version, which kind sets itself.
    pub(super) fn new(profile: &Profile, told: &Told, form: Form) -> Self {
        let dialect = Dialect::of(profile, form);
        let settings = |component| Settings::new(told.of(component), form, dialect);
        Self {
            api_version: dialect.api_version(),
            kind: "ClusterConfiguration",
            kubernetes_version: None,
            api_server: settings(Component::Apiserver),
            controller_manager: settings(Component::ControllerManager),
            scheduler: settings(Component::Scheduler),
            etcd: Etcd {
                local: LocalEtcd { image_tag: etcd::image_tag(profile), settings: settings(Component::Etcd) },
            },
        }
    }

    /// Whether it says anything but what it is.
    pub(super) fn is_empty(&self) -> bool {
        self.kubernetes_version.is_none()
            && [&self.api_server, &self.controller_manager, &self.scheduler]
                .into_iter()
                .all(Settings::is_empty)
            && self.etcd.is_empty()
    }
}

/// An `InitConfiguration` or a `JoinConfiguration` that says where patches are.
pub(super) fn patched(kind: &str, dialect: Dialect) -> Value {
    json!({ "apiVersion": dialect.api_version(), "kind": kind, "patches": { "directory": PATCHES } })
}

/// Whether there is something to apply when the cluster is up.
pub(super) fn has_manifests(profile: &Profile) -> bool {
    !profile.apf.is_empty() || !profile.manifests.is_empty()
}

/// What differs from a kubelet's defaults; none where nothing does.
pub(super) fn kubelet(kubelet: &Kubelet) -> Option<Value> {
    let defaults = Kubelet::default();
    let mut fields = Map::new();
    let update = kubelet.node_status_update_frequency;
    let report = kubelet.node_status_report_frequency;
    let is_updated = update != defaults.node_status_update_frequency;
    if is_updated {
        fields.insert("nodeStatusUpdateFrequency".to_owned(), period(update).into());
    }
    // A kubelet that is told the one and not the other takes it for both.
    if is_updated || report != defaults.node_status_report_frequency {
        fields.insert("nodeStatusReportFrequency".to_owned(), period(report).into());
    }
    for (name, number, default) in [
        (
            "nodeLeaseDurationSeconds",
            kubelet.node_lease_duration_seconds,
            defaults.node_lease_duration_seconds,
        ),
        ("kubeAPIQPS", kubelet.kube_api_qps, defaults.kube_api_qps),
        ("kubeAPIBurst", kubelet.kube_api_burst, defaults.kube_api_burst),
        ("eventRecordQPS", kubelet.event_record_qps, defaults.event_record_qps),
        ("eventBurst", kubelet.event_burst, defaults.event_burst),
        ("maxPods", kubelet.max_pods, defaults.max_pods),
    ] {
        if number != default {
            fields.insert(name.to_owned(), number.get().into());
        }
    }
    if fields.is_empty() {
        return None;
    }
    fields.insert("apiVersion".to_owned(), "kubelet.config.k8s.io/v1beta1".into());
    fields.insert("kind".to_owned(), "KubeletConfiguration".into());
    Some(Value::Object(fields))
}

/// A time as Go reads it, to the nanosecond.
fn period(time: Duration) -> String {
    match time.subsec_nanos() {
        0 => format!("{}s", time.as_secs()),
        _ => format!("{}ns", time.as_nanos()),
    }
}
