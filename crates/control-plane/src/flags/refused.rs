//! Flags that the harness does not set and that a profile may not set either.

use profile::Component;

const ENDS: &str = "with it the program prints something and ends";
const CERTIFICATES: &str = "the harness makes the certificates";
const OWN_LOG: &str = "the harness keeps each component's output in its log file";
const DATA: &str = "all data is in the work directory, which the harness removes";
const MEMBERS: &str = "the harness forms the cluster of etcd members";
const ADDRESS: &str = "the harness says where the apiserver is";

/// Why a profile may not set a flag, if it may not.
pub(super) fn refused(component: Component, name: &str) -> Option<&'static str> {
    let any = [("help", ENDS), ("version", ENDS)];
    let own: &[(&str, &str)] = match component {
        Component::Etcd => &[
            ("wal-dir", DATA),
            ("config-file", "etcd ignores every flag beside a configuration file"),
            ("listen-client-http-urls", "the harness chooses free ports on loopback"),
            ("initial-cluster-state", MEMBERS),
            ("initial-cluster-token", MEMBERS),
            ("discovery", MEMBERS),
            ("discovery-endpoints", MEMBERS),
            ("discovery-srv", MEMBERS),
            ("discovery-token", MEMBERS),
            ("auto-tls", CERTIFICATES),
            ("peer-auto-tls", CERTIFICATES),
            ("client-cert-file", CERTIFICATES),
            ("client-key-file", CERTIFICATES),
            ("peer-client-cert-file", CERTIFICATES),
            ("peer-client-key-file", CERTIFICATES),
            ("log-outputs", OWN_LOG),
            ("enable-log-rotation", OWN_LOG),
        ],
        Component::Apiserver => &[
            ("cert-dir", CERTIFICATES),
            ("authentication-config", "the harness sets up who may authenticate"),
            (
                "authorization-config",
                "it excludes authorization-mode, which is Node,RBAC so that nodes are real ones",
            ),
            ("audit-log-format", "the harness reads the audit log, and reads JSON"),
        ],
        Component::ControllerManager => &[("cert-dir", CERTIFICATES), ("master", ADDRESS)],
        Component::Scheduler => &[("cert-dir", CERTIFICATES), ("master", ADDRESS), ("write-config-to", ENDS)],
    };
    any.iter().chain(own).find(|(flag, _)| *flag == name).map(|(_, reason)| *reason)
}
