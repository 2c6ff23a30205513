use std::{collections::BTreeSet, path::Path};

use profile::{Component, Profile, vocabulary};

use super::{base::base, check, everything_asked, owned, refused::refused};
use crate::{
    Instance, Store,
    layout::{Layout, PortNumbers},
};

/// A port ends with the digits of its process: 4 an apiserver, 5 a scheduler, 6 a controller manager, and 1 to 3 those of an etcd; a
/// member's number goes before, and that of a store: 10 is events, 20 leases.
fn layout() -> Layout {
    let mut own = std::collections::BTreeMap::new();
    for number in 0..3_u8 {
        let at = |port: u16| vec![u16::from(number) * 100 + port];
        let of = |component: Component| Instance { number, ..component.into() };
        own.insert(of(Component::Apiserver), at(4));
        own.insert(of(Component::Scheduler), at(5));
        own.insert(of(Component::ControllerManager), at(6));
        own.insert(of(Component::Etcd), [at(1), at(2), at(3)].concat());
    }
    for (store, port) in [(Store::Events, 10), (Store::Leases, 20)] {
        let member = Instance { store, ..Component::Etcd.into() };
        own.insert(member, vec![port + 1, port + 2, port + 3]);
    }
    Layout { dir: "/w".into(), logs: "/w/logs".into(), ports: PortNumbers { own, balancer: Some(8) } }
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
        for asked in everything_asked() {
            let mut seen = BTreeSet::new();
            for flag in base(component.into(), &layout(), "3.6.8", &asked) {
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
    let second = Instance { number: 1, ..Component::Apiserver.into() };
    let port = |instance: Instance| {
        let arguments = arguments(instance, &profile(""), "3.6.8");
        arguments.into_iter().find(|argument| argument.starts_with("--secure-port="))
    };
    assert_eq!(port(Component::Apiserver.into()).as_deref(), Some("--secure-port=4"));
    assert_eq!(port(second).as_deref(), Some("--secure-port=104"));
    let log = "--audit-log-path=/w/logs/audit.1.log";
    assert!(audit_arguments(second, "level = 'Metadata'").contains(&log.to_owned()));
    assert_eq!(layout().readiness(second), "https://127.0.0.1:104/readyz");
    assert_eq!(layout().metrics(second), "https://127.0.0.1:104/metrics");
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
        "p.toml:4:1: kube-scheduler's flag `config` cannot be set in a profile: the harness writes that file; configure the \
         scheduler under [scheduler.config]"
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
        (Component::Apiserver, "etcd-servers-overrides"),
        (Component::Apiserver, "admission-control-config-file"),
        (Component::ControllerManager, "kubeconfig"),
        (Component::Scheduler, "kubeconfig"),
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

fn value<'a>(arguments: &'a [String], flag: &str) -> Option<&'a str> {
    let mut found =
        arguments.iter().filter_map(|it| it.strip_prefix("--")?.strip_prefix(flag)?.strip_prefix('='));
    let value = found.next();
    assert_eq!(found.next(), None, "--{flag} twice");
    value
}

#[test]
fn members_know_each_other_and_apiservers_all_of_them() {
    let three = profile("[topology]\netcd-members = 3\nevents-etcd = true\nleases-etcd = true");
    let third = Instance { number: 2, ..Component::Etcd.into() };
    let of_third = arguments(third, &three, "3.6.8");
    assert_eq!(value(&of_third, "name"), Some("etcd-2"));
    assert_eq!(value(&of_third, "data-dir"), Some("/w/etcd-2"));
    assert_eq!(value(&of_third, "listen-peer-urls"), Some("https://127.0.0.1:202"));
    let all = "etcd-0=https://127.0.0.1:2,etcd-1=https://127.0.0.1:102,etcd-2=https://127.0.0.1:202";
    assert_eq!(value(&of_third, "initial-cluster"), Some(all));

    let events = arguments(Instance { store: Store::Events, ..Component::Etcd.into() }, &three, "3.6.8");
    assert_eq!(value(&events, "name"), Some("etcd-events"));
    assert_eq!(value(&events, "data-dir"), Some("/w/etcd-events"));
    assert_eq!(value(&events, "initial-cluster"), Some("etcd-events=https://127.0.0.1:12"));
    let apiserver = arguments(Component::Apiserver, &three, "3.6.8");
    let servers = "https://127.0.0.1:1,https://127.0.0.1:101,https://127.0.0.1:201";
    assert_eq!(value(&apiserver, "etcd-servers"), Some(servers));
    let overrides = "/events#https://127.0.0.1:11,coordination.k8s.io/leases#https://127.0.0.1:21";
    assert_eq!(value(&apiserver, "etcd-servers-overrides"), Some(overrides));
    let alone = arguments(Component::Apiserver, &profile(""), "3.6.8");
    assert_eq!(value(&alone, "etcd-servers-overrides"), None);
}

#[test]
fn each_of_several_that_are_elected_has_a_port() {
    let two = profile("[topology]\nschedulers = 2\ncontroller-managers = 2");
    for (component, port) in [(Component::Scheduler, "105"), (Component::ControllerManager, "106")] {
        let second = Instance { number: 1, ..component.into() };
        let arguments = arguments(second, &two, "3.6.8");
        assert_eq!(value(&arguments, "secure-port"), Some(port));
        assert_eq!(value(&arguments, "leader-elect"), Some("true"));
        assert_eq!(layout().readiness(second), format!("https://127.0.0.1:{port}/healthz"));
    }
}

#[test]
fn feature_gates_are_one_argument_over_those_of_the_base() {
    let gates = |component: Component, table: &str| {
        let arguments = arguments(component, &profile(table), "3.6.8");
        value(&arguments, "feature-gates").map(str::to_owned)
    };
    let of = |gates: Option<&str>| gates.map(str::to_owned);
    assert_eq!(gates(Component::Apiserver, ""), None);
    let watch_list = "[apiserver.feature-gates]\nWatchList = false\nConcurrentWatchObjectDecode = true";
    let expected = "ConcurrentWatchObjectDecode=true,WatchList=false";
    assert_eq!(gates(Component::Apiserver, watch_list), of(Some(expected)));
    assert_eq!(gates(Component::Scheduler, watch_list), None);
    let learner = "[etcd.feature-gates]\nTxnModeWriteWithSharedBuffer = false";
    let expected = "InitialCorruptCheck=true,TxnModeWriteWithSharedBuffer=false";
    assert_eq!(gates(Component::Etcd, learner), of(Some(expected)));
    let other = "[etcd.feature-gates]\nInitialCorruptCheck = false";
    assert_eq!(gates(Component::Etcd, other), of(Some("InitialCorruptCheck=false")));
}

#[test]
fn beside_its_file_the_scheduler_is_told_what_the_file_cannot_say() {
    let tuned = profile(
        "[scheduler.flags]\nkube-api-qps = 300\nkube-api-burst = 600\nv = 2\nleader-elect = false\n[scheduler.config]\n\
         percentageOfNodesToScore = 10\n[scheduler.config.clientConnection]\nburst = 600\ncontentType = \"application/json\"",
    );
    check(&tuned).unwrap();
    let arguments = arguments(Component::Scheduler, &tuned, "3.6.8");
    assert_eq!(value(&arguments, "config"), Some("/w/scheduler-config.yaml"));
    for ignored in ["kubeconfig", "kube-api-qps", "kube-api-burst"] {
        assert_eq!(value(&arguments, ignored), None, "{arguments:?}");
    }
    for holds in
        ["authentication-kubeconfig", "authorization-kubeconfig", "secure-port", "tls-cert-file", "v"]
    {
        assert!(value(&arguments, holds).is_some(), "{holds}: {arguments:?}");
    }
    assert_eq!(value(&arguments, "leader-elect"), Some("false"));
}

#[test]
fn admission_plugins_are_configured_by_one_file() {
    let tuned = profile(
        "[admission.PodSecurity]\nkind = \"PodSecurityConfiguration\"\n[admission.PodNodeSelector.a]\nb = \"c\"",
    );
    let arguments = arguments(Component::Apiserver, &tuned, "3.6.8");
    let file = value(&arguments, "admission-control-config-file");
    assert_eq!(file, Some("/w/admission-config.yaml"));
}

#[test]
fn audit_rules_switch_it_on_without_a_level() {
    let policy = "--audit-policy-file=/w/audit-policy.yaml";
    let rules = "rules = [{ level = \"Metadata\", verbs = [\"create\"] }]";
    assert_eq!(audit_arguments(Component::Apiserver, rules), [policy, "--audit-log-path=/w/logs/audit.log"]);
}
