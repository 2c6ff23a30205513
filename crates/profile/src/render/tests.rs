use serde_json::{Value, json};

use super::{File, Rendered, inexpressible, render};
use crate::{Form, Profile, builtin_names, from_text, load};

fn profile(text: &str) -> Profile {
    from_text("p.toml", &format!("about = \"mine\"\nextends = \"defaults\"\n{text}")).unwrap()
}

fn documents(file: &File) -> Vec<Value> {
    serde_saphyr::from_multiple(&file.text).unwrap_or_else(|error| panic!("{error}:\n{}", file.text))
}

fn file<'a>(rendered: &'a Rendered, path: &str) -> &'a File {
    let found = rendered.files.iter().find(|file| file.path == path);
    found.unwrap_or_else(|| panic!("no {path} in {:?}", rendered.files))
}

fn paths(rendered: &Rendered) -> Vec<&str> {
    rendered.files.iter().map(|file| file.path.as_str()).collect()
}

/// A profile with something of everything that a form can say.
const FULL: &str = r#"
[env.apiserver]
GOGC = "50"
[etcd.flags]
quota-backend-bytes = 8589934592
[etcd.feature-gates]
InitialCorruptCheck = false
[apiserver.flags]
tls-sni-cert-key = ["a,b", "c,d"]
[apiserver.feature-gates]
WatchList = false
[scheduler.flags]
kube-api-qps = 100
leader-elect-lease-duration = "30s"
[scheduler.config]
percentageOfNodesToScore = 10
[audit]
level = "Metadata"
mode = "batch"
rules = [ { level = "None", verbs = ["watch"] } ]
[admission.EventRateLimit]
limits = [ { type = "Server", qps = 50, burst = 100 } ]
[apf.priority-levels.workload-low]
limited.nominalConcurrencyShares = 20
[kubelet]
node-status-update-frequency = "20s"
kube-api-qps = 5
[[manifest]]
text = "apiVersion: v1\nkind: Namespace\nmetadata: { name: mine }\n"
"#;

#[test]
fn what_forms_cannot_say_is_what_built_in_profiles_say_of_it() {
    for name in builtin_names() {
        let profile = load(name).unwrap();
        for form in Form::ALL {
            let computed: Vec<String> =
                inexpressible(&profile, form).into_iter().map(|lost| lost.setting).collect();
            let said = profile.not_expressible.get(&form).cloned().unwrap_or_default();
            assert_eq!(said, computed, "{name}: not_expressible.{}", form.name());
        }
    }
}

#[test]
fn everything_that_only_we_can_do_is_listed() {
    let text = r#"
        versions.bin_dir = "bin"
        topology = { apiservers = 3, schedulers = 2, events-etcd = true, leases-etcd = true }
        storage = { write-iops = 100 }
        cpu = { etcd = "0", harness = "1" }
        audit = { level = "Metadata", backend = "webhook" }
    "#;
    let profile = profile(text);
    for form in Form::ALL {
        let lost = inexpressible(&profile, form);
        let settings: Vec<&str> = lost.iter().map(|lost| lost.setting.as_str()).collect();
        let expected = [
            "audit.backend",
            "cpu.etcd",
            "cpu.harness",
            "storage.write-iops",
            "topology.apiservers",
            "topology.events-etcd",
            "topology.leases-etcd",
            "topology.schedulers",
            "versions.bin_dir",
        ];
        assert_eq!(settings, expected, "{form:?}");
        let rendered = render(&profile, form);
        assert_eq!(rendered.inexpressible, lost);
        let head: Vec<&str> =
            rendered.files[0].text.lines().take_while(|line| line.starts_with('#')).collect();
        assert!(lost.iter().all(|lost| head.contains(&format!("# - {lost}").as_str())), "{head:?}");
    }
    let mut tmpfs = load("defaults").unwrap();
    tmpfs.set("storage.medium=tmpfs").unwrap();
    assert_eq!(inexpressible(&tmpfs, Form::Kind)[0].setting, "storage.medium");
}

#[test]
fn kind_has_as_many_nodes_as_there_are_of_everything() {
    let all = "topology = { apiservers = 3, etcd-members = 3, schedulers = 3, controller-managers = 3 }";
    let three = render(&profile(all), Form::Kind);
    assert_eq!(three.inexpressible, []);
    assert_eq!(documents(&three.files[0])[0]["nodes"].as_array().unwrap().len(), 3);
    let apiservers = render(&profile("topology.apiservers = 3"), Form::Kind);
    assert_eq!(documents(&apiservers.files[0])[0]["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(inexpressible(&profile(all), Form::Kubeadm).len(), 4);
}

#[test]
fn what_says_nothing_is_only_a_version() {
    let kubeadm = render(&load("defaults").unwrap(), Form::Kubeadm);
    assert_eq!(paths(&kubeadm), ["kubeadm.yaml"]);
    let expected = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "kubernetesVersion": "v1.36.3",
    });
    assert_eq!(documents(&kubeadm.files[0]), [expected]);
    let kind = render(&load("defaults").unwrap(), Form::Kind);
    let expected = json!({
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [{ "role": "control-plane", "image": "kindest/node:v1.36.3" }],
    });
    assert_eq!(documents(&kind.files[0]), [expected]);
}

#[test]
fn kubeadm_is_told_everything_that_it_can_be_told() {
    let rendered = render(&profile(FULL), Form::Kubeadm);
    let paths_expected = [
        "kubeadm.yaml",
        "files/audit-policy.yaml",
        "files/admission.yaml",
        "files/scheduler.yaml",
        "manifests/00.yaml",
        "manifests/01.yaml",
    ];
    assert_eq!(paths(&rendered), paths_expected);
    let files = "/etc/kubernetes/loadgen";
    let mount = json!({
        "name": "loadgen-files",
        "hostPath": files,
        "mountPath": files,
        "readOnly": true,
        "pathType": "Directory",
    });
    let log = "/var/log/kubernetes/audit";
    let log_mount = json!({
        "name": "loadgen-audit-log",
        "hostPath": log,
        "mountPath": log,
        "readOnly": false,
        "pathType": "DirectoryOrCreate",
    });
    let arg = |name: &str, value: &str| json!({ "name": name, "value": value });
    let cluster = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "kubernetesVersion": "v1.36.3",
        "apiServer": {
            "extraArgs": [
                arg("tls-sni-cert-key", "a,b"),
                arg("tls-sni-cert-key", "c,d"),
                arg("feature-gates", "WatchList=false"),
                arg("audit-policy-file", "/etc/kubernetes/loadgen/audit-policy.yaml"),
                arg("audit-log-path", "/var/log/kubernetes/audit/audit.log"),
                arg("audit-log-mode", "batch"),
                arg("admission-control-config-file", "/etc/kubernetes/loadgen/admission.yaml"),
            ],
            "extraEnvs": [arg("GOGC", "50")],
            "extraVolumes": [mount.clone(), log_mount],
        },
        "scheduler": {
            "extraArgs": [
                arg("leader-elect-lease-duration", "30s"),
                arg("config", "/etc/kubernetes/loadgen/scheduler.yaml"),
            ],
            "extraVolumes": [mount],
        },
        "etcd": { "local": { "extraArgs": [
            arg("quota-backend-bytes", "8589934592"),
            arg("feature-gates", "InitialCorruptCheck=false"),
        ] } },
    });
    let kubelet = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "nodeStatusUpdateFrequency": "20s",
        "nodeStatusReportFrequency": "20s",
        "kubeAPIQPS": 5,
    });
    assert_eq!(documents(&rendered.files[0]), [cluster, kubelet]);
}

#[test]
fn files_and_manifests_are_whole_objects() {
    let rendered = render(&profile(FULL), Form::Kubeadm);
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{ "level": "None", "verbs": ["watch"] }, { "level": "Metadata" }],
    });
    assert_eq!(documents(file(&rendered, "files/audit-policy.yaml")), [policy]);
    let scheduler = json!({
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": { "kubeconfig": "/etc/kubernetes/scheduler.conf", "qps": 100 },
        "percentageOfNodesToScore": 10,
    });
    assert_eq!(documents(file(&rendered, "files/scheduler.yaml")), [scheduler]);
    let admission = &documents(file(&rendered, "files/admission.yaml"))[0];
    assert_eq!(admission["plugins"][0]["name"], "EventRateLimit");
    assert_eq!(admission["plugins"][0]["configuration"]["limits"][0]["qps"], 50);
    let level = &documents(file(&rendered, "manifests/00.yaml"))[0];
    assert_eq!(level["metadata"]["annotations"]["apf.kubernetes.io/autoupdate-spec"], "false");
    assert_eq!(level["spec"], json!({ "limited": { "nominalConcurrencyShares": 20 } }));
    assert_eq!(documents(file(&rendered, "manifests/01.yaml"))[0]["kind"], "Namespace");
}

#[test]
fn kind_patches_what_it_generates_and_mounts_the_files() {
    let rendered = render(&profile(FULL), Form::Kind);
    let kind = &documents(&rendered.files[0])[0];
    let mounts =
        json!([{ "hostPath": "files", "containerPath": "/etc/kubernetes/loadgen", "readOnly": true }]);
    assert_eq!(kind["nodes"][0]["extraMounts"], mounts);
    let patches = kind["kubeadmConfigPatches"].as_array().unwrap();
    let patch = |index: usize| -> Value { serde_saphyr::from_str(patches[index].as_str().unwrap()).unwrap() };
    let cluster = patch(0);
    assert_eq!(cluster["apiVersion"], "kubeadm.k8s.io/v1beta4");
    assert_eq!(cluster.get("kubernetesVersion"), None, "kind knows it from the image");
    let kubelet = patch(1);
    assert_eq!((kubelet["kind"].as_str(), patches.len()), (Some("KubeletConfiguration"), 2));
    // kind would put the second over the first.
    let repeated = &kind["kubeadmConfigPatchesJSON6902"][0];
    assert_eq!(
        (repeated["version"].as_str(), repeated["kind"].as_str()),
        (Some("v1beta4"), Some("ClusterConfiguration"))
    );
    let operations: Value = serde_saphyr::from_str(repeated["patch"].as_str().unwrap()).unwrap();
    let arguments = cluster["apiServer"]["extraArgs"].as_array().unwrap().iter();
    let firsts: Vec<&str> = arguments
        .filter(|it| it["name"] == "tls-sni-cert-key")
        .map(|it| it["value"].as_str().unwrap())
        .collect();
    assert_eq!(firsts, ["a,b"]);
    let add = json!([{
        "op": "add",
        "path": "/apiServer/extraArgs/-",
        "value": { "name": "tls-sni-cert-key", "value": "c,d" },
    }]);
    assert_eq!(operations, add);
}

#[test]
fn kind_is_patched_in_the_dialect_that_it_generates() {
    let text = format!("versions.kubernetes = \"1.35.4\"\n{FULL}");
    let rendered = render(&profile(&text), Form::Kind);
    let lost: Vec<&str> = rendered.inexpressible.iter().map(|lost| lost.setting.as_str()).collect();
    assert_eq!(lost, ["apiserver.flags.tls-sni-cert-key", "env.apiserver.GOGC"]);
    let kind = &documents(&rendered.files[0])[0];
    assert_eq!(kind.get("kubeadmConfigPatchesJSON6902"), None);
    let patch: Value = serde_saphyr::from_str(kind["kubeadmConfigPatches"][0].as_str().unwrap()).unwrap();
    assert_eq!(patch["apiVersion"], "kubeadm.k8s.io/v1beta3");
    let etcd = json!({
        "imageTag": "3.6.8-0",
        "extraArgs": { "feature-gates": "InitialCorruptCheck=false", "quota-backend-bytes": "8589934592" },
    });
    assert_eq!(patch["etcd"]["local"], etcd);
    assert_eq!(inexpressible(&profile(&text), Form::Kubeadm), []);
}

#[test]
fn an_older_etcd_brings_its_patch_and_says_where_it_is() {
    for (form, kinds) in [
        (Form::Kubeadm, &["InitConfiguration"][..]),
        (Form::Kind, &["InitConfiguration", "JoinConfiguration"]),
    ] {
        let rendered = render(&profile("versions.etcd = \"3.5.35\""), form);
        assert_eq!(paths(&rendered)[1..], ["patches/etcd+json.yaml"]);
        let documents = documents(&rendered.files[0]);
        let said: Vec<Value> = match form {
            Form::Kubeadm => documents,
            Form::Kind => {
                let patches = documents[0]["kubeadmConfigPatches"].as_array().unwrap();
                patches.iter().map(|patch| serde_saphyr::from_str(patch.as_str().unwrap()).unwrap()).collect()
            }
        };
        assert_eq!(said[0]["etcd"]["local"]["imageTag"], "3.5.35-0");
        let pointing: Vec<&str> = said[1..].iter().map(|it| it["kind"].as_str().unwrap()).collect();
        assert_eq!(pointing, kinds);
        assert!(said[1..].iter().all(|it| it["patches"]["directory"] == "/etc/kubernetes/loadgen-patches"));
    }
}
