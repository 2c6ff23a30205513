use std::{collections::BTreeSet, path::Path};

use profile::{Audit, AuditBackend, AuditLevel, AuditMode, Component, Profile, vocabulary};

use super::{base::base, check, owned, refused::refused};
use crate::{
    Instance,
    layout::{Layout, PortNumbers},
};

fn layout() -> Layout {
    let ports = PortNumbers {
        etcd_client: 1,
        etcd_peer: 2,
        etcd_metrics: 3,
        apiservers: vec![4, 7],
        balancer: Some(8),
        scheduler: 5,
        controller_manager: 6,
    };
    Layout { dir: "/w".into(), logs: "/w/logs".into(), ports }
}

fn profile(text: &str) -> Profile {
    profile::from_text("p.toml", &format!("about = \"x\"\nextends = \"defaults\"\n{text}")).unwrap()
}

fn arguments(instance: impl Into<Instance>, tuned: &Profile, etcd_version: &str) -> Vec<String> {
    super::arguments(instance.into(), &layout(), tuned, etcd_version)
}

#[test]
fn every_base_flag_exists_in_the_binaries_and_only_once() {
    for component in Component::ALL {
        let version = if component == Component::Etcd { "3.6.8" } else { "1.36.3" };
        let known = vocabulary::of(component, version).unwrap();
        for backend in [AuditBackend::Log, AuditBackend::Webhook] {
            let audit = Audit { level: AuditLevel::Metadata, backend, mode: Some(AuditMode::Batch) };
            let mut seen = BTreeSet::new();
            for flag in base(component.into(), &layout(), "3.6.8", audit) {
                assert!(known.contains(&flag.name), "{component} has no {}", flag.name);
                assert!(seen.insert(flag.name), "{component} has {} twice", flag.name);
                let refused = refused(component, flag.name);
                assert_eq!(refused, None, "{component}: {} is in both lists", flag.name);
            }
        }
    }
}

#[test]
fn a_profile_changes_what_kubeadm_sets_and_adds_to_it() {
    let tuned = profile(
        "[apiserver.flags]\nmax-requests-inflight = 800\nenable-admission-plugins = \"NodeRestriction,AlwaysPullImages\"\n\
         tls-sni-cert-key = [\"a,b\", \"c,d\"]",
    );
    check(&tuned).unwrap();
    let arguments = arguments(Component::Apiserver, &tuned, "3.6.8");
    let count = |start: &str| arguments.iter().filter(|argument| argument.starts_with(start)).count();
    assert!(arguments.contains(&"--max-requests-inflight=800".to_owned()));
    assert!(arguments.contains(&"--enable-admission-plugins=NodeRestriction,AlwaysPullImages".to_owned()));
    assert_eq!(count("--enable-admission-plugins="), 1);
    assert_eq!(count("--tls-sni-cert-key="), 2);
    assert_eq!(count("--audit-"), 0);
}

fn audit_arguments(instance: impl Into<Instance>, settings: &str) -> Vec<String> {
    let tuned = profile(&format!("[audit]\n{settings}"));
    let arguments = arguments(instance, &tuned, "3.6.8");
    arguments.into_iter().filter(|argument| argument.starts_with("--audit-")).collect()
}

#[test]
fn audit_is_switched_on_by_its_level() {
    let policy = "--audit-policy-file=/w/audit-policy.yaml";
    let check = |settings: &str, expected: &[&str]| {
        assert_eq!(audit_arguments(Component::Apiserver, settings), expected, "{settings}");
    };
    check("mode = 'batch'\nbackend = 'webhook'", &[]);
    check("level = 'Metadata'", &[policy, "--audit-log-path=/w/logs/audit.log"]);
    check(
        "level = 'Request'\nmode = 'batch'",
        &[policy, "--audit-log-path=/w/logs/audit.log", "--audit-log-mode=batch"],
    );
    let webhook = "--audit-webhook-config-file=/w/audit-webhook.conf";
    check("level = 'RequestResponse'\nbackend = 'webhook'", &[policy, webhook]);
    check(
        "level = 'Metadata'\nbackend = 'webhook'\nmode = 'blocking'",
        &[policy, webhook, "--audit-webhook-mode=blocking"],
    );
}

#[test]
fn each_of_several_apiservers_has_its_own_port_and_audit_log() {
    let second = Instance { component: Component::Apiserver, number: 1 };
    let port = |instance: Instance| {
        let arguments = arguments(instance, &profile(""), "3.6.8");
        arguments.into_iter().find(|argument| argument.starts_with("--secure-port="))
    };
    assert_eq!(port(Component::Apiserver.into()).as_deref(), Some("--secure-port=4"));
    assert_eq!(port(second).as_deref(), Some("--secure-port=7"));
    let log = "--audit-log-path=/w/logs/audit.1.log";
    assert!(audit_arguments(second, "level = 'Metadata'").contains(&log.to_owned()));
    assert_eq!(layout().readiness(second), "https://127.0.0.1:7/readyz");
    assert_eq!(layout().metrics(second), "https://127.0.0.1:7/metrics");
    assert_eq!(layout().log(second), Path::new("/w/logs/kube-apiserver-1.log"));
    assert_eq!(layout().server(), "https://127.0.0.1:8");
}

#[test]
fn etcd_3_5_knows_two_flags_by_their_experimental_names() {
    let defaults = profile("");
    let old = arguments(Component::Etcd, &defaults, "3.5.35").join(" ");
    assert!(old.contains("--experimental-initial-corrupt-check=true"), "{old}");
    assert!(old.contains("--experimental-watch-progress-notify-interval=5s"), "{old}");
    assert!(!old.contains("--feature-gates"), "{old}");
    let new = arguments(Component::Etcd, &defaults, "3.6.8").join(" ");
    assert!(new.contains("--feature-gates=InitialCorruptCheck=true"), "{new}");
    assert!(!new.contains("experimental"), "{new}");
}

#[test]
fn what_the_harness_owns_is_refused_with_place_and_reason() {
    let error = |text: &str| check(&profile(text)).unwrap_err().to_string();
    assert_eq!(
        error("[apiserver.flags]\nsecure-port = 6443"),
        "p.toml:4:1: kube-apiserver's flag `secure-port` cannot be set in a profile: the harness chooses free ports on loopback"
    );
    assert_eq!(
        error("[scheduler.flags]\nconfig = \"x\""),
        "p.toml:4:1: kube-scheduler's flag `config` cannot be set in a profile: kube-scheduler ignores its connection \
         flags beside a configuration file"
    );
    assert_eq!(
        error("[env.etcd]\nETCD_QUOTA_BACKEND_BYTES = \"1\""),
        "the profile `p` sets ETCD_QUOTA_BACKEND_BYTES under [env.etcd]: etcd takes that as a flag; set it under [etcd.flags]"
    );
    for (component, name) in [
        (Component::Etcd, "data-dir"),
        (Component::Etcd, "wal-dir"),
        (Component::Apiserver, "audit-log-path"),
        (Component::Apiserver, "audit-webhook-config-file"),
        (Component::Apiserver, "audit-webhook-mode"),
        (Component::Apiserver, "etcd-servers"),
        (Component::ControllerManager, "kubeconfig"),
        (Component::Scheduler, "version"),
    ] {
        assert!(owned(component, name).is_some(), "{component} {name}");
    }
    for (component, name) in [(Component::Etcd, "snapshot-count"), (Component::Scheduler, "leader-elect")] {
        assert_eq!(owned(component, name), None);
    }
}

#[test]
fn nothing_listens_beyond_loopback() {
    for component in Component::ALL {
        let arguments = arguments(component, &profile(""), "3.6.8");
        let urls: Vec<&String> = arguments
            .iter()
            .filter(|argument| argument.contains("listen-") || argument.contains("bind-address"))
            .collect();
        assert!(!urls.is_empty());
        assert!(urls.iter().all(|argument| argument.contains("127.0.0.1")), "{urls:?}");
    }
}
