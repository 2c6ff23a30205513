//! The flags that every control plane of ours starts with.
//!
//! They are kubeadm's for one control-plane node (Kubernetes v1.36.3, `cmd/kubeadm/app/phases/controlplane/manifests.go`
//! and `phases/etcd/local.go`), in kubeadm's order. Each says why it is there, and so whether a profile may change it.

use profile::{Audit, AuditBackend, Component, Profile, Topology};

use crate::{
    Instance, Store,
    layout::{ADVERTISE_ADDRESS, DNS_DOMAIN, Layout, SERVICE_SUBNET, text},
};

/// What of a profile decides which base flags there are, and with which values.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) topology: Topology,
    /// The etcds that there are.
    pub(crate) stores: Vec<Store>,
    pub(crate) audit: Audit,
    /// Whether the scheduler is configured by a file.
    pub(crate) scheduler_config: bool,
    /// Whether an admission plugin is configured.
    pub(crate) admission: bool,
}

impl Asked {
    pub(crate) fn by(profile: &Profile) -> Self {
        Self {
            topology: profile.topology,
            stores: Store::all(profile.topology).collect(),
            audit: profile.audit.clone(),
            scheduler_config: profile.scheduler_config.is_some(),
            admission: !profile.admission.is_empty(),
        }
    }
}

/// Why a flag has its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Because {
    /// kubeadm sets it to this value; a profile may set another.
    Kubeadm,
    /// kubeadm sets it too; the value names a file, a port or an identity that the harness makes.
    Place(&'static str),
    /// kubeadm does not set it, or to another value, and one machine without containers needs it so.
    Local(&'static str),
}

/// One flag.
#[derive(Clone, Debug)]
pub(crate) struct BaseFlag {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) because: Because,
}

const FILES: Because = Because::Place("the harness makes the keys, certificates and kubeconfigs");
const PORTS: Because = Because::Place("the harness chooses free ports on loopback");
const DATA: Because = Because::Place("all data is in the work directory, which the harness removes");
const LOOPBACK: Because =
    Because::Local("everything binds to loopback, so that nothing outside this machine reaches it");
const HEALTH: Because = Because::Local(
    "the harness verifies who answers its health check; kubeadm leaves a self-signed certificate that nobody can verify",
);
const FRONT_PROXY: Because = Because::Place("the harness makes the front proxy's authority");

/// The flags of a process. `etcd_version` is that of the etcd binary.
pub(crate) fn base(instance: Instance, layout: &Layout, etcd_version: &str, asked: &Asked) -> Vec<BaseFlag> {
    match instance.component {
        Component::Etcd => etcd(layout, instance, etcd_version, asked.topology),
        Component::Apiserver => apiserver(layout, instance, asked),
        Component::ControllerManager => controller_manager(layout, instance),
        Component::Scheduler => scheduler(layout, instance, asked.scheduler_config),
    }
}

fn flag(name: &'static str, value: impl Into<String>, because: Because) -> BaseFlag {
    BaseFlag { name, value: value.into(), because }
}

/// The name of a member in its cluster: kubeadm's is the node's.
fn member_name(member: Instance) -> String {
    match member.store {
        Store::Main => format!("etcd-{}", member.number),
        Store::Events | Store::Leases => member.name(),
    }
}

fn etcd(layout: &Layout, member: Instance, version: &str, topology: Topology) -> Vec<BaseFlag> {
    use Because::Kubeadm;
    let url = |port: u16| format!("https://127.0.0.1:{port}");
    let pki = |name: &str| text(&layout.pki(&format!("etcd/{name}")));
    let ports = layout.ports.etcd(member);
    let (client, peer) = (url(ports.client), url(ports.peer));
    let metrics = format!("http://127.0.0.1:{}", ports.metrics);
    let cluster = Instance::members(topology, member.store)
        .map(|other| format!("{}={}", member_name(other), url(layout.ports.etcd(other).peer)));
    let cluster = cluster.collect::<Vec<_>>().join(",");
    let mut flags = vec![
        flag("name", member_name(member), Because::Place("the harness names the members")),
        flag("listen-client-urls", &client, PORTS),
        flag("advertise-client-urls", &client, PORTS),
        flag("listen-peer-urls", &peer, PORTS),
        flag("initial-advertise-peer-urls", &peer, PORTS),
        flag("data-dir", text(&layout.etcd_data(member)), DATA),
        flag("cert-file", pki("server.crt"), FILES),
        flag("key-file", pki("server.key"), FILES),
        flag("trusted-ca-file", pki("ca.crt"), FILES),
        flag("client-cert-auth", "true", FILES),
        flag("peer-cert-file", pki("peer.crt"), FILES),
        flag("peer-key-file", pki("peer.key"), FILES),
        flag("peer-trusted-ca-file", pki("ca.crt"), FILES),
        flag("peer-client-cert-auth", "true", FILES),
        flag("snapshot-count", "10000", Kubeadm),
        flag("listen-metrics-urls", metrics, PORTS),
    ];
    // etcd 3.5 knows both only under their experimental names.
    if version.starts_with("3.5.") {
        flags.push(flag("experimental-initial-corrupt-check", "true", Kubeadm));
        flags.push(flag("experimental-watch-progress-notify-interval", "5s", Kubeadm));
    } else {
        flags.push(flag("feature-gates", "InitialCorruptCheck=true", Kubeadm));
        flags.push(flag("watch-progress-notify-interval", "5s", Kubeadm));
    }
    flags.push(flag("initial-cluster", cluster, PORTS));
    flags
}

fn apiserver(layout: &Layout, instance: Instance, asked: &Asked) -> Vec<BaseFlag> {
    use Because::Kubeadm;
    let pki = |name: &str| text(&layout.pki(name));
    let issuer = format!("https://kubernetes.default.svc.{DNS_DOMAIN}");
    let mut flags = vec![
        flag(
            "advertise-address",
            ADVERTISE_ADDRESS,
            Because::Local("the apiserver refuses to advertise a loopback address; nothing dials this one"),
        ),
        flag("enable-admission-plugins", "NodeRestriction", Kubeadm),
        flag("service-cluster-ip-range", SERVICE_SUBNET, Kubeadm),
        flag("service-account-key-file", pki("sa.pub"), FILES),
        flag("service-account-signing-key-file", pki("sa.key"), FILES),
        flag("service-account-issuer", issuer, FILES),
        flag("client-ca-file", text(&layout.ca_cert()), FILES),
        flag("tls-cert-file", pki("apiserver.crt"), FILES),
        flag("tls-private-key-file", pki("apiserver.key"), FILES),
        flag("kubelet-client-certificate", pki("apiserver-kubelet-client.crt"), FILES),
        flag("kubelet-client-key", pki("apiserver-kubelet-client.key"), FILES),
        flag("enable-bootstrap-token-auth", "true", Kubeadm),
        flag("secure-port", layout.ports.secure(instance).to_string(), PORTS),
        flag("allow-privileged", "true", Kubeadm),
        flag("kubelet-preferred-address-types", "InternalIP,ExternalIP,Hostname", Kubeadm),
        flag("requestheader-username-headers", "X-Remote-User", Kubeadm),
        flag("requestheader-group-headers", "X-Remote-Group", Kubeadm),
        flag("requestheader-extra-headers-prefix", "X-Remote-Extra-", Kubeadm),
        flag("requestheader-client-ca-file", pki("front-proxy-ca.crt"), FRONT_PROXY),
        flag("requestheader-allowed-names", "front-proxy-client", FRONT_PROXY),
        flag("proxy-client-cert-file", pki("front-proxy-client.crt"), FRONT_PROXY),
        flag("proxy-client-key-file", pki("front-proxy-client.key"), FRONT_PROXY),
        flag("etcd-servers", servers(layout, asked.topology, Store::Main).join(","), PORTS),
        flag("etcd-cafile", pki("etcd/ca.crt"), FILES),
        flag("etcd-certfile", pki("apiserver-etcd-client.crt"), FILES),
        flag("etcd-keyfile", pki("apiserver-etcd-client.key"), FILES),
        flag("authorization-mode", "Node,RBAC", Kubeadm),
        flag("bind-address", "127.0.0.1", LOOPBACK),
        flag(
            "endpoint-reconciler-type",
            "none",
            Because::Local(
                "the advertised address is not real, so the `kubernetes` Service must not point at it",
            ),
        ),
    ];
    flags.extend(overrides(layout, asked));
    flags.extend(audit_flags(layout, instance.number, &asked.audit));
    if asked.admission {
        let because = Because::Local("the harness writes that file; configure plugins under [admission]");
        flags.push(flag("admission-control-config-file", text(&layout.admission_config()), because));
    }
    flags
}

/// Where the members of an etcd are.
fn servers(layout: &Layout, topology: Topology, store: Store) -> Vec<String> {
    Instance::members(topology, store).map(|member| layout.etcd_client(member)).collect()
}

/// Which resources have an etcd of their own.
fn overrides(layout: &Layout, asked: &Asked) -> Option<BaseFlag> {
    const SPLIT: Because = Because::Local("the harness starts the etcds; split them off under [topology]");
    let of = |store: &Store| {
        let servers = servers(layout, asked.topology, *store).join(";");
        store.resource().map(|resource| format!("{resource}#{servers}"))
    };
    let overrides: Vec<String> = asked.stores.iter().filter_map(of).collect();
    (!overrides.is_empty()).then(|| flag("etcd-servers-overrides", overrides.join(","), SPLIT))
}

/// Without a mode the apiserver keeps its own, which is not the same for both backends.
fn audit_flags(layout: &Layout, number: u8, audit: &Audit) -> Vec<BaseFlag> {
    const AUDIT: Because =
        Because::Local("the harness writes the policy and takes the events; set it under [audit]");
    if !audit.records() {
        return Vec::new();
    }
    let (place, value, mode) = match audit.backend {
        AuditBackend::Log => ("audit-log-path", layout.audit_log(number), "audit-log-mode"),
        AuditBackend::Webhook => ("audit-webhook-config-file", layout.audit_webhook(), "audit-webhook-mode"),
    };
    let mode = audit.mode.map(|it| flag(mode, it.name(), AUDIT));
    [flag("audit-policy-file", text(&layout.audit_policy()), AUDIT), flag(place, text(&value), AUDIT)]
        .into_iter()
        .chain(mode)
        .collect()
}

fn controller_manager(layout: &Layout, instance: Instance) -> Vec<BaseFlag> {
    use Because::Kubeadm;
    let pki = |name: &str| text(&layout.pki(name));
    let ca = text(&layout.ca_cert());
    let kubeconfig = text(&layout.kubeconfig(Component::ControllerManager));
    vec![
        flag("bind-address", "127.0.0.1", LOOPBACK),
        flag("leader-elect", "true", Kubeadm),
        flag("kubeconfig", &kubeconfig, FILES),
        flag("authentication-kubeconfig", &kubeconfig, FILES),
        flag("authorization-kubeconfig", &kubeconfig, FILES),
        flag("client-ca-file", &ca, FILES),
        flag("requestheader-client-ca-file", pki("front-proxy-ca.crt"), FRONT_PROXY),
        flag("root-ca-file", &ca, FILES),
        flag("service-account-private-key-file", pki("sa.key"), FILES),
        flag("cluster-signing-cert-file", &ca, FILES),
        flag("cluster-signing-key-file", text(&layout.ca_key()), FILES),
        flag("use-service-account-credentials", "true", Kubeadm),
        flag("controllers", "*,bootstrapsigner,tokencleaner", Kubeadm),
        flag("cluster-name", "kubernetes", Kubeadm),
        flag("secure-port", layout.ports.secure(instance).to_string(), PORTS),
        flag("tls-cert-file", pki("kube-controller-manager.crt"), HEALTH),
        flag("tls-private-key-file", pki("kube-controller-manager.key"), HEALTH),
    ]
}

/// Beside `--config` kube-scheduler ignores `--kubeconfig`; the file names it (`cmd/kube-scheduler/app/options/options.go`,
/// `ApplyTo`). All the others hold.
fn scheduler(layout: &Layout, instance: Instance, by_file: bool) -> Vec<BaseFlag> {
    use Because::Kubeadm;
    let pki = |name: &str| text(&layout.pki(name));
    let kubeconfig = text(&layout.kubeconfig(Component::Scheduler));
    let configured = if by_file {
        let because =
            Because::Local("the harness writes that file; configure the scheduler under [scheduler.config]");
        flag("config", text(&layout.scheduler_config()), because)
    } else {
        flag("kubeconfig", &kubeconfig, FILES)
    };
    vec![
        flag("bind-address", "127.0.0.1", LOOPBACK),
        flag("leader-elect", "true", Kubeadm),
        configured,
        flag("authentication-kubeconfig", &kubeconfig, FILES),
        flag("authorization-kubeconfig", &kubeconfig, FILES),
        flag("secure-port", layout.ports.secure(instance).to_string(), PORTS),
        flag("tls-cert-file", pki("kube-scheduler.crt"), HEALTH),
        flag("tls-private-key-file", pki("kube-scheduler.key"), HEALTH),
    ]
}
