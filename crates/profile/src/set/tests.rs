use std::{num::NonZeroU32, time::Duration};

use serde_json::json;

use crate::{AuditLevel, AuditMode, Component, Gate, Medium, Storage, load};

#[test]
fn sets_each_kind_of_field() {
    let mut profile = load("defaults").unwrap();
    for assignment in [
        "apiserver.flags.max-requests-inflight=800",
        "env.etcd.GOGC=200",
        "versions.etcd=3.6.16",
        "versions.bin_dir=/opt/kube",
        "topology.apiservers=2",
        "audit.level=Metadata",
        "audit.mode=batch",
        "apiserver.flags.feature-gates=A=true,B=false",
        "storage.write-iops=100",
        "kubelet.max-pods=250",
        "kubelet.node-status-report-frequency=10s",
    ] {
        profile.set(assignment).unwrap();
    }
    let flag = |name| &profile.flags(Component::Apiserver).get(name).unwrap().values;
    assert_eq!(flag("max-requests-inflight"), &["800"]);
    assert_eq!(flag("feature-gates"), &["A=true,B=false"]);
    assert_eq!(profile.env(Component::Etcd)["GOGC"], "200");
    assert_eq!(profile.versions.etcd, "3.6.16");
    assert_eq!(profile.versions.bin_dir.as_deref(), Some("/opt/kube".as_ref()));
    assert_eq!(profile.topology.apiservers(), 2);
    let audit = &profile.audit;
    assert_eq!((audit.level, audit.mode), (AuditLevel::Metadata, Some(AuditMode::Batch)));
    assert_eq!(profile.storage, Storage { medium: Medium::Disk, write_iops: NonZeroU32::new(100) });
    assert_eq!(profile.kubelet.max_pods.get(), 250);
    assert_eq!(profile.kubelet.node_status_report_frequency, Duration::from_secs(10));
    profile.set("storage.write-iops=none").unwrap();
    profile.set("storage.medium=tmpfs").unwrap();
    assert_eq!(profile.storage, Storage { medium: Medium::Tmpfs, write_iops: None });
}

#[test]
fn sets_each_scalar_of_what_has_its_own_names() {
    let mut profile = load("defaults").unwrap();
    for assignment in [
        "topology.events-etcd=true",
        "topology.controller-managers=2",
        "cpu.scheduler=0-1",
        "etcd.feature-gates.LeaseCheckpoint=true",
        "admission.EventRateLimit.limits=[{ type = 'Server', qps = 5, burst = 10 }]",
        "admission.EventRateLimit.limits.0.qps=50",
        "apf.flow-schemas.\"a.b\".matchingPrecedence=500",
        "apf.priority-levels.workload-low.limited.nominalConcurrencyShares=20",
        "apf.priority-levels.workload-low.type=Limited",
    ] {
        profile.set(assignment).unwrap();
    }
    assert!(profile.topology.events_etcd() && !profile.topology.leases_etcd());
    assert_eq!(profile.topology.controller_managers(), 2);
    assert_eq!(profile.cpu.of(Component::Scheduler).unwrap().to_string(), "0-1");
    let gate = Gate { on: true, origin: "--set etcd.feature-gates.LeaseCheckpoint=true".to_owned() };
    assert_eq!(profile.feature_gates(Component::Etcd)["LeaseCheckpoint"], gate);
    let limits = json!({ "limits": [{ "type": "Server", "qps": 50, "burst": 10 }] });
    assert_eq!(profile.admission["EventRateLimit"], limits);
    assert_eq!(profile.apf.flow_schemas["a.b"], json!({ "matchingPrecedence": 500 }));
    let level = json!({ "limited": { "nominalConcurrencyShares": 20 }, "type": "Limited" });
    assert_eq!(profile.apf.priority_levels["workload-low"], level);
}

#[test]
fn what_contradicts_the_rest_is_not_set() {
    let contradiction = "`write-iops` limits writes to a disk, but `medium` is `tmpfs`, which is none: leave out one of \
                         them, or lift an inherited limit with write-iops = \"none\"";
    for (first, then) in [
        ("storage.medium=tmpfs", "storage.write-iops=100"),
        ("storage.write-iops=100", "storage.medium=tmpfs"),
    ] {
        let mut profile = load("defaults").unwrap();
        profile.set(first).unwrap();
        let before = profile.clone();
        let error = profile.set(then).unwrap_err().to_string();
        assert_eq!(error, format!("cannot set `{then}`: {contradiction}"));
        assert_eq!(profile, before);
    }
}

#[test]
fn a_mistake_leaves_the_profile_as_it_was() {
    let before = load("defaults").unwrap();
    let check = |assignment: &str, expected: &str| {
        let mut profile = before.clone();
        assert_eq!(profile.set(assignment).unwrap_err().to_string(), expected);
        assert_eq!(profile, before);
    };
    check("audit.level", "cannot set `audit.level`: write it as path=value");
    check(
        "apiserver.flags.max-request-inflight=1",
        "--set apiserver.flags.max-request-inflight=1: unknown flag `max-request-inflight` under [apiserver.flags]: \
         kube-apiserver v1.36.3 has `max-requests-inflight`",
    );
    check(
        "api-server.flags.v=1",
        "cannot set `api-server.flags.v=1`: there is no component `api-server`; did you mean `apiserver`?",
    );
    check(
        "apiserver.v=1",
        "cannot set `apiserver.v=1`: write it as apiserver.flags.<flag>=<value> or \
         apiserver.feature-gates.<gate>=<true or false>",
    );
    check("versions.go=1", "cannot set `versions.go=1`: [versions] has kubernetes, etcd and bin_dir");
    check(
        "versions.etcd=v3.6.8",
        "cannot set `versions.etcd=v3.6.8`: `v3.6.8` is not a version: write `3.6.8`",
    );
    check(
        "audit.level=Response",
        "cannot set `audit.level=Response`: unknown value `Response` under [audit]; known are: None, Metadata, Request, \
         RequestResponse",
    );
    check(
        "audit.backnd=log",
        "cannot set `audit.backnd=log`: unknown field `backnd` under [audit]; did you mean `backend`?",
    );
    check("topology=3", "cannot set `topology=3`: write it as topology.<setting>=<value>");
    check(
        "topology.apiserver=3",
        "cannot set `topology.apiserver=3`: unknown field `apiserver` under [topology]; did you mean `apiservers`?",
    );
    check(
        "topology.apiservers=4",
        "cannot set `topology.apiservers=4`: invalid value: integer `4`, expected a number from 1 to 3",
    );
    check(
        "topology.apiservers=two",
        "cannot set `topology.apiservers=two`: invalid type: string \"two\", expected a number from 1 to 3",
    );
    check("storage=tmpfs", "cannot set `storage=tmpfs`: write it as storage.<setting>=<value>");
    check(
        "storage.medum=tmpfs",
        "cannot set `storage.medum=tmpfs`: unknown field `medum` under [storage]; did you mean `medium`?",
    );
    check(
        "storage.medium=ramdisk",
        "cannot set `storage.medium=ramdisk`: unknown value `ramdisk` under [storage]; known are: disk, tmpfs",
    );
    check(
        "storage.write-iops=lots",
        "cannot set `storage.write-iops=lots`: invalid value: string \"lots\", expected a number of writes per second \
         above 0, or \"none\"",
    );
    check(
        "kubelet.maxPods=0",
        "cannot set `kubelet.maxPods=0`: unknown field `maxPods` under [kubelet]; did you mean `max-pods`?",
    );
    check(
        "kubelet.max-pods=0",
        "cannot set `kubelet.max-pods=0`: invalid value: integer `0`, expected a nonzero u32",
    );
    check("cpu.etcd=x", "cannot set `cpu.etcd=x`: `x` is not a list of CPUs: write it like `0` or `0-1,3`");
    check(
        "apiserver.feature-gates.WatchList=off",
        "cannot set `apiserver.feature-gates.WatchList=off`: a gate is true or false, not `off`",
    );
    check(
        "apiserver.feature-gates.WatchLst=false",
        "--set apiserver.feature-gates.WatchLst=false: unknown feature gate `WatchLst` under [apiserver.feature-gates]: \
         kube-apiserver v1.36.3 has `WatchList`",
    );
    check(
        "apf.priority-level.system.type=Exempt",
        "cannot set `apf.priority-level.system.type=Exempt`: write it as apf.flow-schemas.<name>.<field>=<value> or \
         apf.priority-levels.<name>.<field>=<value>",
    );
    check(
        "scheduler.config=1",
        "cannot set `scheduler.config=1`: write it as scheduler.flags.<flag>=<value>, \
         scheduler.feature-gates.<gate>=<true or false> or scheduler.config.<field>=<value>",
    );
    check("admission.A=1", "cannot set `admission.A=1`: write it as admission.<plugin>.<field>=<value>");
    check("audt.level=None", "cannot set `audt.level=None`: there is no `audt`; did you mean `audit`?");
}
