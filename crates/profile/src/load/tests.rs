use std::{collections::BTreeSet, fs, num::NonZeroU32, path::Path, time::Duration};

use serde_json::json;

use super::{from_text, load};
use crate::{AuditLevel, Component, Error, Form, Medium, Profile, Storage, builtin_names};

const ROOT: &str = "about = \"x\"\nversions = { kubernetes = \"1.36.3\", etcd = \"3.6.8\" }\n";

fn error(text: &str) -> String {
    from_text("p.toml", text).unwrap_err().to_string()
}

#[test]
fn every_file_of_profiles_is_built_in_and_resolves() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../profiles");
    let files: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(files, builtin_names().map(str::to_owned).collect());
    for name in builtin_names() {
        let profile = load(name).unwrap();
        assert_eq!(profile.name, name);
        assert!(!profile.about.is_empty() && !profile.sources.is_empty(), "{name} says no source");
    }
}

#[test]
fn unthrottled_differs_from_defaults_by_the_clients_rates_alone() {
    let (plain, free) = (load("defaults").unwrap(), load("defaults-unthrottled").unwrap());
    assert_eq!(plain.versions, free.versions);
    for component in Component::ALL {
        assert!(plain.flags(component).is_empty());
        let names: Vec<&str> = free.flags(component).iter().map(|(name, _)| name).collect();
        let expected: &[&str] = match component {
            Component::Scheduler | Component::ControllerManager => &["kube-api-burst", "kube-api-qps"],
            Component::Etcd | Component::Apiserver => &[],
        };
        assert_eq!(names, expected);
    }
}

#[test]
fn a_profile_wins_over_what_it_extends_flag_by_flag() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("more")).unwrap();
    write(
        "base.toml",
        &format!(
            "{ROOT}[audit]\nlevel = \"Metadata\"\n[etcd.flags]\nsnapshot-count = 5\nmax-wals = 9\n[env.etcd]\nGOGC = \"50\"\n"
        ),
    );
    write(
        "more/leaf.toml",
        "about = \"leaf\"\nextends = \"../base.toml\"\n[versions]\nbin_dir = \"bin\"\n[etcd.flags]\nmax-wals = 7\n\
         [apiserver.flags]\ntls-sni-cert-key = [\"a,b\", \"c,d\"]\nprofiling = false\n",
    );
    let path = folder.path().join("more/leaf.toml");
    let profile = load(path.to_str().unwrap()).unwrap();
    assert_eq!((profile.name.as_str(), profile.about.as_str()), ("leaf", "leaf"));
    assert_eq!(profile.audit.level, AuditLevel::Metadata);
    assert_eq!(profile.versions.bin_dir.unwrap(), folder.path().join("more/bin"));
    let profile = load(path.to_str().unwrap()).unwrap();
    let flag = |component, name| profile.flags(component).get(name).unwrap();
    assert_eq!(flag(Component::Etcd, "snapshot-count").values, ["5"]);
    assert_eq!(flag(Component::Etcd, "max-wals").values, ["7"]);
    assert_eq!(flag(Component::Etcd, "max-wals").origin, format!("{}:6:1", path.display()));
    assert_eq!(flag(Component::Apiserver, "tls-sni-cert-key").values, ["a,b", "c,d"]);
    assert_eq!(flag(Component::Apiserver, "profiling").values, ["false"]);
    assert_eq!(profile.env(Component::Etcd)["GOGC"], "50");
    assert!(profile.env(Component::Apiserver).is_empty());
}

#[test]
fn topology_storage_and_kubelet_are_merged_setting_by_setting() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    write(
        "slow.toml",
        &format!(
            "{ROOT}[topology]\napiservers = 2\n[storage]\nwrite-iops = 50\n[kubelet]\nmax-pods = 30\nevent-burst = 7\n"
        ),
    );
    let leaf = |text: &str| write("leaf.toml", &format!("about = \"x\"\nextends = \"slow.toml\"\n{text}"));

    let profile = load(&leaf("[kubelet]\nmax-pods = 40")).unwrap();
    assert_eq!(profile.storage, Storage { medium: Medium::Disk, write_iops: NonZeroU32::new(50) });
    assert_eq!((profile.kubelet.max_pods.get(), profile.kubelet.event_burst.get()), (40, 7));
    assert_eq!(profile.topology.apiservers(), 2);

    let path = leaf("[storage]\nmedium = \"tmpfs\"");
    let error = load(&path).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{path}:4:10: `write-iops` limits writes to a disk")), "{error}");
    let profile = load(&leaf("[storage]\nmedium = \"tmpfs\"\nwrite-iops = \"none\"")).unwrap();
    assert_eq!(profile.storage, Storage { medium: Medium::Tmpfs, write_iops: None });
}

#[test]
fn tables_whose_keys_are_not_ours_are_merged_key_by_key() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    write(
        "base.toml",
        &format!(
            "{ROOT}not_expressible = {{ kind = [\"cpu.etcd\"] }}\n[cpu]\netcd = \"0\"\nharness = 1\n\
             [apf.priority-levels.workload-low.limited]\nnominalConcurrencyShares = 20\nlendablePercent = 10\n\
             [apf.flow-schemas.noisy]\nrules = [1, 2]\n\
             [admission.EventRateLimit]\nlimits = [{{ type = \"Server\" }}]\n\
             [scheduler.config]\nparallelism = 4\npercentageOfNodesToScore = 5\n\
             [apiserver.feature-gates]\nWatchList = false\nSizeBasedListCostEstimate = false\n\
             [[audit.rules]]\nlevel = \"None\"\n"
        ),
    );
    let path = write(
        "leaf.toml",
        "about = \"x\"\nextends = \"base.toml\"\nnot_expressible = { kind = [\"storage.medium\", \"cpu.etcd\"] }\n\
         [cpu]\netcd = \"none\"\n\
         [apf.priority-levels.workload-low.limited]\nlendablePercent = 0\n\
         [apf.flow-schemas]\nnoisy = { rules = [3] }\nquiet = {}\n\
         [scheduler.config]\npercentageOfNodesToScore = 50\n\
         [apiserver.feature-gates]\nWatchList = true\n\
         [audit]\nrules = []\n",
    );
    let profile = load(&path).unwrap();
    assert_eq!(profile.cpu.of(Component::Etcd), None);
    assert_eq!(profile.cpu.harness().unwrap().to_string(), "1");
    let level = json!({ "limited": { "nominalConcurrencyShares": 20, "lendablePercent": 0 } });
    assert_eq!(profile.apf.priority_levels["workload-low"], level);
    assert_eq!(profile.apf.flow_schemas["noisy"], json!({ "rules": [3] }));
    assert_eq!(profile.apf.flow_schemas["quiet"], json!({}));
    assert_eq!(profile.admission["EventRateLimit"], json!({ "limits": [{ "type": "Server" }] }));
    let config = json!({ "parallelism": 4, "percentageOfNodesToScore": 50 });
    assert_eq!(profile.scheduler_config, Some(config));
    assert!(profile.audit.rules.is_empty());
    assert_eq!(profile.not_expressible[&Form::Kind], ["cpu.etcd", "storage.medium"]);
    let gates = profile.feature_gates(Component::Apiserver);
    assert!(gates["WatchList"].on && !gates["SizeBasedListCostEstimate"].on);
    assert_eq!(gates["WatchList"].origin, format!("{path}:14:1"));
    assert!(profile.feature_gates(Component::Scheduler).is_empty());

    let error =
        load(&write("more.toml", "about = \"x\"\nextends = \"base.toml\"\n[scheduler.config]\nkind = 1"));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("more.toml:4:8: the harness itself writes `kind`"), "{error}");
}

/// What an experiment tells is the effect of what its profiles differ by.
#[test]
fn each_profile_of_one_rule_differs_from_its_baseline_by_one_thing() {
    let (plain, free) = (load("defaults").unwrap(), load("defaults-unthrottled").unwrap());
    let settings = |profile: &Profile| {
        let mut settings = serde_json::to_value(profile).unwrap();
        let all = settings.as_object_mut().unwrap();
        for words in ["name", "about", "sources", "not_expressible"] {
            assert!(all.remove(words).is_some());
        }
        let flags: Vec<(Component, String, Vec<String>)> = Component::ALL
            .into_iter()
            .flat_map(|component| {
                let flags = profile.flags(component).iter();
                flags.map(move |(name, flag)| (component, name.to_owned(), flag.values.clone()))
            })
            .collect();
        all.insert("flags".to_owned(), json!(flags));
        settings
    };
    for (name, baseline, changes) in [
        ("audit-request-response", &free, &["audit.level=RequestResponse"][..]),
        ("etcd-tmpfs", &free, &["storage.medium=tmpfs"]),
        ("events-split", &free, &["topology.events-etcd=true"]),
        ("gc-tuned", &free, &["env.apiserver.GOGC=400", "env.apiserver.GOMEMLIMIT=8GiB"]),
        (
            "kcm-sched-500",
            &plain,
            &[
                "scheduler.flags.kube-api-qps=500",
                "scheduler.flags.kube-api-burst=1000",
                "controller-manager.flags.kube-api-qps=500",
                "controller-manager.flags.kube-api-burst=1000",
            ],
        ),
        (
            "low-seats-128",
            &free,
            &[
                "apiserver.flags.max-requests-inflight=64",
                "apiserver.flags.max-mutating-requests-inflight=64",
            ],
        ),
        ("three-apiservers", &free, &["topology.apiservers=3"]),
        ("three-etcd", &free, &["topology.etcd-members=3"]),
    ] {
        let mut changed = baseline.clone();
        for change in changes {
            changed.set(change).unwrap();
        }
        assert_eq!(settings(&load(name).unwrap()), settings(&changed), "{name}");
    }
}

/// What an experiment that must find a difference differs by.
#[test]
fn each_known_bad_profile_differs_from_its_good_one_by_one_thing() {
    let (plain, free) = (load("defaults").unwrap(), load("defaults-unthrottled").unwrap());
    let differs = |name: &str, good: &Profile, change: fn(&mut Profile)| {
        let bad = load(name).unwrap();
        let mut changed = good.clone();
        change(&mut changed);
        let Profile { name, about, sources, not_expressible, .. } = bad.clone();
        assert_ne!(bad, *good);
        assert_eq!(bad, Profile { name, about, sources, not_expressible, ..changed });
    };
    differs("etcd-slow-disk", &free, |it| it.storage.write_iops = NonZeroU32::new(100));
    differs("node-status-10s", &plain, |it| {
        it.set("kubelet.node-status-update-frequency=10s").unwrap();
        assert_eq!(it.kubelet.node_status_report_frequency, Duration::from_secs(10));
    });

    let seats = load("seats-16").unwrap();
    let flag =
        |name: &str| seats.flags(Component::Apiserver).get(name).unwrap().values[0].parse::<u32>().unwrap();
    assert_eq!(flag("max-requests-inflight") + flag("max-mutating-requests-inflight"), 16);
    assert_eq!(seats.flags(Component::Apiserver).iter().count(), 2);
    for component in [Component::Etcd, Component::Scheduler, Component::ControllerManager] {
        let values = |profile: &Profile| -> Vec<_> {
            let flags = profile.flags(component).iter();
            flags.map(|(name, flag)| (name.to_owned(), flag.values.clone())).collect()
        };
        assert_eq!(values(&seats), values(&free));
    }
    assert_eq!((seats.storage, seats.kubelet), (free.storage, free.kubelet));
}

#[test]
fn mistakes_are_named_with_their_place() {
    let check = |text: &str, expected: &str| assert_eq!(error(&format!("{ROOT}{text}")), expected);
    check(
        "[apiserver.flags]\nmax-request-inflight = 800",
        "p.toml:4:1: unknown flag `max-request-inflight` under [apiserver.flags]: kube-apiserver v1.36.3 has \
         `max-requests-inflight`",
    );
    check(
        "[apiserver.flags]\nkube-api-qps = 800",
        "p.toml:4:1: unknown flag `kube-api-qps` under [apiserver.flags]: kube-apiserver v1.36.3 has no such flag, but \
         kube-controller-manager and kube-scheduler have",
    );
    check(
        "[etcd.flags]\nzzz = 1",
        "p.toml:4:1: unknown flag `zzz` under [etcd.flags]: etcd v3.6.8 has nothing like it",
    );
    check("[apiserver.flag]\nv = 1", "p.toml:3:12: unknown field `flag`; did you mean `flags`?");
    check(
        "[quux]\nqps = 5",
        "p.toml:3:2: unknown field `quux`; known are: about, sources, extends, not_expressible, versions, topology, audit, storage, cpu, admission, apf, kubelet, manifest, env, etcd, apiserver, scheduler, controller-manager",
    );
    check(
        "[kubelet]\nnodeStatusReportFrequency = \"5s\"",
        "p.toml:4:1: unknown field `nodeStatusReportFrequency` under [kubelet]; did you mean `node-status-report-frequency`?",
    );
    check(
        "[kubelet]\nnode-status-report-frequency = \"10\"",
        "p.toml:4:32: `10` is not a time above 0: write it like `10s` or `5m`",
    );
    check("[kubelet]\nkube-api-qps = 0", "p.toml:4:16: invalid value: integer `0`, expected a nonzero u32");
    check(
        "[storage]\nmedia = \"disk\"",
        "p.toml:4:1: unknown field `media` under [storage]; did you mean `medium`?",
    );
    check(
        "[storage]\nmedium = \"tmps\"",
        "p.toml:4:10: unknown value `tmps` under [storage]; did you mean `tmpfs`?",
    );
    check(
        "[storage]\nwrite-iops = 0",
        "p.toml:4:14: invalid value: integer `0`, expected a number of writes per second above 0, or \"none\"",
    );
    check(
        "[storage]\nwrite-iops = 100\nmedium = \"tmpfs\"",
        "p.toml:4:14: `write-iops` limits writes to a disk, but `medium` is `tmpfs`, which is none: leave out one of them, or lift an inherited limit with write-iops = \"none\"",
    );
    check(
        "[audit]\nlevel = \"Metdata\"",
        "p.toml:4:9: unknown value `Metdata` under [audit]; did you mean `Metadata`?",
    );
    check(
        "[audit]\nbackend = \"webhok\"",
        "p.toml:4:11: unknown value `webhok` under [audit]; did you mean `webhook`?",
    );
    check(
        "[audit]\nlevels = \"None\"",
        "p.toml:4:1: unknown field `levels` under [audit]; did you mean `level`?",
    );
    check("[topolgy]\napiservers = 2", "p.toml:3:2: unknown field `topolgy`; did you mean `topology`?");
    check(
        "[topology]\napiserver = 2",
        "p.toml:4:1: unknown field `apiserver` under [topology]; did you mean `apiservers`?",
    );
    check(
        "[topology]\napiservers = 0",
        "p.toml:4:14: invalid value: integer `0`, expected a number from 1 to 3",
    );
    check("[etcd.flags]\nmax-wals = []", "p.toml:4:12: an empty array would say nothing; leave the flag out");
    check(
        "extends = \"default\"",
        &format!(
            "p.toml:3:11: there is no profile `default` (did you mean `defaults`?); built in are: {}; a file is named by a path or a \
             name ending in .toml",
            builtin_names().collect::<Vec<_>>().join(", ")
        ),
    );
    assert_eq!(error("sources = []"), "p.toml:1:1: missing field `about`");
    assert_eq!(
        error("about = \"x\"\n[versions]\netcd = \"3.6.8\""),
        "p.toml: the profile extends nothing, so its [versions] must say `kubernetes` (for example `kubernetes = \"1.36.3\"`)"
    );
    assert_eq!(
        error("about = \"x\"\n[versions]\netcd = \"3.6\""),
        "p.toml:3:8: `3.6` is not a version: write it like `1.36.3` or `1.37.0-rc.1`"
    );
}

#[test]
fn what_a_component_or_a_form_does_not_take_is_named_with_its_place() {
    let check = |text: &str, expected: &str| assert_eq!(error(&format!("{ROOT}{text}")), expected);
    check(
        "[apiserver.flags]\ntarget-ram-mb = 2048",
        "p.toml:4:1: unknown flag `target-ram-mb` under [apiserver.flags]: kube-apiserver v1.24 removed it \
         (kubernetes/kubernetes#108457): it did nothing since 1.19; what bounds memory is GOMEMLIMIT, and GOGC trades it for CPU \
         time, both under [env.apiserver]",
    );
    check(
        "[apiserver.feature-gates]\nWatchlist = false",
        "p.toml:4:1: unknown feature gate `Watchlist` under [apiserver.feature-gates]: kube-apiserver v1.36.3 has `WatchList`",
    );
    check(
        "[etcd.feature-gates]\nZzz = false",
        "p.toml:4:1: unknown feature gate `Zzz` under [etcd.feature-gates]: etcd v3.6.8 lists no such gate; generally available \
         and deprecated ones are not listed, and the flag `feature-gates` takes those that can still be switched",
    );
    check(
        "[apiserver.feature-gates]\nWatchList = \"off\"",
        "p.toml:4:13: invalid type: string \"off\", expected a boolean",
    );
    check(
        "[apiserver.flags]\nfeature-gates = \"A=true\"\n[apiserver.feature-gates]\nWatchList = true",
        "p.toml:6:1: feature gates of kube-apiserver are written under [apiserver.feature-gates] and in the flag `feature-gates` \
         (p.toml:4:1), of which one would undo the other; write all of them in the table",
    );
    check(
        "[cpu]\nscheduler = \"0-\"",
        "p.toml:4:13: `0-` is not a list of CPUs: write it like `0` or `0-1,3`",
    );
    check(
        "[cpu]\napi-server = 1",
        "p.toml:4:1: unknown field `api-server` under [cpu]; did you mean `apiserver`?",
    );
    check(
        "[apf.flow-schema.x]\nrules = []",
        "p.toml:3:6: unknown field `flow-schema`; did you mean `flow-schemas`?",
    );
    check(
        "[scheduler.flags]\nleader-elect = false\n[topology]\nschedulers = 2",
        "p.toml:4:16: there are 2 schedulers, of which one must lead, and the flag `leader-elect` of kube-scheduler is false",
    );
    check(
        "not_expressible = { kubeadm = [\"storag.medium\"] }",
        "p.toml:3:32: there is no setting `storag.medium`; did you mean `storage`?",
    );
    check(
        "not_expressible = { kubadm = [] }",
        "p.toml:3:21: unknown value `kubadm`; did you mean `kubeadm`?",
    );
}

#[test]
fn flags_of_a_version_without_a_list_pass() {
    let text = "about = \"x\"\n[versions]\nkubernetes = \"1.99.0\"\netcd = \"3.6.8\"\n[apiserver.flags]\nbrand-new = 1";
    let profile = from_text("p.toml", text).unwrap();
    assert_eq!(profile.flags(Component::Apiserver).get("brand-new").unwrap().values, ["1"]);
}

#[test]
fn what_a_version_removed_is_refused_though_nothing_else_is_known_of_it() {
    let text = |etcd: &str, flag: &str| {
        format!(
            "about = \"x\"\n[versions]\nkubernetes = \"1.36.3\"\netcd = \"{etcd}\"\n[etcd.flags]\n{flag} = 1"
        )
    };
    let flag = "experimental-compaction-batch-limit";
    assert_eq!(
        error(&text("3.7.99", flag)),
        "p.toml:6:1: unknown flag `experimental-compaction-batch-limit` under [etcd.flags]: etcd v3.7 removed it \
         (etcd-io/etcd#19959): it is now `compaction-batch-limit`"
    );
    from_text("p.toml", &text("3.5.99", flag)).unwrap();
    let gates = "about = \"x\"\n[versions]\nkubernetes = \"1.36.3\"\netcd = \"3.5.99\"\n[etcd.feature-gates]\nA = true";
    assert_eq!(
        error(gates),
        "p.toml:6:1: etcd has feature gates since 3.6, and this is 3.5.99; write the flag `experimental-...` under [etcd.flags]"
    );
}

#[test]
fn a_circle_is_an_error_that_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("a.toml"), "about = \"a\"\nextends = \"./b.toml\"").unwrap();
    fs::write(path("b.toml"), "about = \"b\"\nextends = \"../x/a.toml\"").unwrap();
    let error = load(path("a.toml").to_str().unwrap()).unwrap_err().to_string();
    assert!(error.contains("b.toml:2:11: cannot read the profile"), "{error}");
    fs::write(path("b.toml"), "about = \"b\"\nextends = \"a.toml\"").unwrap();
    let Error::Circle { chain } = load(path("a.toml").to_str().unwrap()).unwrap_err() else {
        panic!("no circle")
    };
    assert_eq!(chain.len(), 3);
    assert!(chain[0].ends_with("a.toml") && chain[1].ends_with("b.toml") && chain[2].ends_with("a.toml"));
}

#[test]
fn a_missing_file_is_named() {
    let error = load("no/such.toml").unwrap_err().to_string();
    assert_eq!(error, "cannot read the profile no/such.toml");
}
