//! Real control planes: what only etcd, kube-apiserver, kube-controller-manager and kube-scheduler themselves can show.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

#[path = "real/apiservers.rs"]
mod apiservers;
#[path = "real/profiles.rs"]
mod profiles;
#[path = "real/snapshots.rs"]
mod snapshots;
#[path = "real/topology.rs"]
mod topology;

use std::{
    collections::BTreeSet,
    fs,
    net::TcpStream,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use control_plane::{
    ControlPlane, Error, Exposition, Instance, Options, ProcessInfo, Progress, audit, binaries::cache_dir,
};
use profile::Component;
use rustix::fs::statfs;
use tokio::sync::Notify;

fn options(run_id: &str, settings: &[&str]) -> Options {
    let mut profile = profile::load("defaults").unwrap();
    for setting in settings {
        profile.set(setting).unwrap();
    }
    Options {
        log_dir: None,
        restore: None,
        profile,
        port: None,
        bin_dir: None,
        shim: vec![env!("CARGO_BIN_EXE_supervised").into()],
        progress: Arc::new(report),
        run_id: format!("{run_id}-{}", std::process::id()),
    }
}

#[expect(clippy::print_stdout, reason = "cargo shows it with the failure it explains")]
#[expect(clippy::needless_pass_by_value, reason = "the sink's signature")]
fn report(progress: Progress) {
    println!("{progress}");
}

fn work_dir(options: &Options) -> PathBuf {
    cache_dir().join("work").join(&options.run_id)
}

/// The processes that name a folder in their arguments, as every component does.
fn processes_in(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read(entry.unwrap().path().join("cmdline")).ok())
        .map(|arguments| String::from_utf8_lossy(&arguments).replace('\0', " "))
        .filter(|arguments| arguments.contains(folder))
        .collect()
}

fn kubectl(plane: &ControlPlane, arguments: &str) -> String {
    let program = plane.binaries().kubectl().unwrap_or_else(|| "kubectl".into());
    let output = Command::new(program)
        .arg("--kubeconfig")
        .arg(plane.kubeconfig())
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert!(output.status.success(), "kubectl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every port that the components were told to listen on.
fn ports(plane: &ControlPlane) -> BTreeSet<u16> {
    let arguments = plane.processes().into_iter().flat_map(|process| process.argv);
    let listening = arguments
        .filter(|argument| argument.starts_with("--secure-port=") || argument.starts_with("--listen-"));
    listening.map(|argument| argument.rsplit([':', '=']).next().unwrap().parse().unwrap()).collect()
}

/// From then on the scheduler knows whose certificates to trust: like kubeadm's it is told by the apiserver, and is healthy before.
fn leaders_are_elected(plane: &ControlPlane) {
    for component in ["kube-scheduler", "kube-controller-manager"] {
        let lease = format!("wait --for=create --timeout=60s -n kube-system lease/{component}");
        kubectl(plane, &lease);
    }
}

/// The scheduler and the controller manager ask the apiserver whether the admin may.
async fn every_component_serves_metrics(plane: &ControlPlane) {
    let names: Vec<String> = plane.processes().into_iter().map(|process| process.name).collect();
    let metrics = plane.metrics();
    let sources: Vec<String> = metrics.list().iter().map(|source| source.process.clone()).collect();
    assert_eq!(sources, names);
    let answers = metrics.read_all().await;
    assert_eq!(answers.len(), names.len());
    for Exposition { source, text } in answers {
        let text = text.unwrap_or_else(|reason| panic!("{source:?}: {reason}"));
        let scrape = scrape::exposition::parse(&text, scrape::names::wanted).unwrap();
        assert!(scrape.started().is_some(), "{source:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn serves_as_its_own_users_reports_a_death_and_leaves_nothing() {
    let options = options("whole-life", &["audit.level=Metadata"]);
    let work = work_dir(&options);
    let plane = ControlPlane::start(options).await.unwrap();
    assert_eq!(plane.work_dir(), work);
    assert_eq!(kubectl(&plane, "get --raw /readyz"), "ok");
    let versions = plane.versions();
    assert!(kubectl(&plane, "version").contains(&format!("Server Version: v{}", versions.kubernetes)));
    leaders_are_elected(&plane);
    let ports = ports(&plane);
    assert_eq!(ports.len(), 6);
    every_component_serves_metrics(&plane).await;
    for port in &ports {
        TcpStream::connect(("127.0.0.1", *port)).unwrap();
    }

    // The apiserver asks itself things as system:apiserver, which is in system:masters by its own definition.
    let entries = audit::read(plane.audit_log().unwrap()).unwrap();
    let masters: BTreeSet<&str> = entries
        .iter()
        .filter(|entry| entry.user.groups.iter().any(|group| group == "system:masters"))
        .map(|entry| entry.user.username.as_str())
        .collect();
    assert_eq!(masters, ["loadgen-admin", "system:apiserver"].into());
    let users: BTreeSet<&str> = entries.iter().map(|entry| entry.user.username.as_str()).collect();
    assert!(
        users.contains("system:kube-scheduler") && users.contains("system:kube-controller-manager"),
        "{users:?}"
    );
    let agents = entries.iter().filter(|entry| entry.user.username == "system:kube-scheduler");
    let stamped = format!("kube-scheduler/v{} ", versions.kubernetes);
    assert!(
        agents.map(|entry| &entry.user_agent).all(|agent| agent.starts_with(&stamped)),
        "user agents name no version"
    );

    let died = plane.died();
    let scheduler = plane.processes().into_iter().find(|process| process.name == "kube-scheduler").unwrap();
    assert!(Command::new("kill").args(["-KILL", &scheduler.pid.to_string()]).status().unwrap().success());
    let error = tokio::time::timeout(Duration::from_secs(10), died).await.unwrap();
    let Error::Died { instance, status, tail, .. } = &error else { panic!("{error}") };
    assert_eq!(instance.component, Component::Scheduler);
    assert_eq!((status.signal(), tail.is_empty()), (Some(9), false));

    let answers = plane.metrics().read_all().await;
    let silent: Vec<_> = answers.iter().filter(|answer| answer.text.is_err()).collect();
    assert!(matches!(silent[..], [one] if one.source.component == Component::Scheduler), "{silent:?}");

    let pids: Vec<u32> = plane.processes().iter().map(|process| process.pid).collect();
    plane.stop().await.unwrap();
    assert!(pids.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists()));
    assert_eq!(processes_in(&work), [""; 0]);
    for port in ports {
        TcpStream::connect(("127.0.0.1", port)).unwrap_err();
    }
    assert!(!work.exists());
}

#[tokio::test]
async fn a_component_that_dies_at_start_is_an_error_with_its_last_words() {
    let options = options("dies", &["apiserver.flags.max-requests-inflight=many"]);
    let work = work_dir(&options);
    let error = ControlPlane::start(options).await.unwrap_err();
    let Error::Died { instance: Instance { component: Component::Apiserver, .. }, .. } = &error else {
        panic!("{error}")
    };
    assert!(error.to_string().contains("max-requests-inflight"), "{error}");
    assert_eq!(processes_in(&work), [""; 0]);
    assert!(!work.exists());
}

#[tokio::test]
async fn giving_up_half_way_leaves_nothing() {
    let mut options = options("half-way", &[]);
    let work = work_dir(&options);
    let waiting = Arc::new(Notify::new());
    let etcd_is_ready = Arc::clone(&waiting);
    options.progress = Arc::new(move |progress| {
        if progress.to_string().starts_with("waiting for kube-apiserver") {
            etcd_is_ready.notify_one();
        }
    });
    tokio::select! {
        outcome = ControlPlane::start(options) => panic!("{:?}", outcome.map(|plane| plane.processes())),
        () = waiting.notified() => {}
    }
    assert_eq!(processes_in(&work), [""; 0]);
    assert!(!work.exists());
}

#[tokio::test]
async fn a_taken_port_is_an_error_before_anything_is_done() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = options("port", &[]);
    options.port = Some(taken.local_addr().unwrap().port());
    let work = work_dir(&options);
    let error = ControlPlane::start(options).await.unwrap_err();
    assert!(matches!(error, Error::Port { .. }), "{error}");
    assert!(!work.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_component_ends_and_comes_back_as_it_was() {
    let options = options(
        "part",
        &["scheduler.flags.leader-elect=false", "controller-manager.flags.leader-elect=false"],
    );
    let work = work_dir(&options);
    let plane = ControlPlane::start(options).await.unwrap();
    kubectl(&plane, "create namespace kept");
    // A controller manager that is still coming up gives up without an apiserver; its controllers run when this is there.
    kubectl(&plane, "wait --for=create --timeout=60s -n kept serviceaccount/default");
    let died = plane.died();
    tokio::pin!(died);
    let argv_of = |plane: &ControlPlane, name: &str| {
        let processes = plane.processes();
        processes.into_iter().find(|process| process.name == name).map(|process| (process.argv, process.pid))
    };
    for component in [Component::Apiserver, Component::Etcd] {
        let (argv, pid) = argv_of(&plane, component.binary()).unwrap();
        if component == Component::Etcd {
            plane.restart(component).await.unwrap();
        } else {
            plane.kill_component(component).await.unwrap();
            assert_eq!(argv_of(&plane, component.binary()), None);
            let port = plane.server().rsplit(':').next().unwrap().parse::<u16>().unwrap();
            let error = TcpStream::connect(("127.0.0.1", port)).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
            plane.start_component(component).await.unwrap();
        }
        let (again, new) = argv_of(&plane, component.binary()).unwrap();
        assert_eq!(again, argv);
        assert_ne!(new, pid);
        assert_eq!(kubectl(&plane, "get namespace kept -o name").trim(), "namespace/kept");
    }
    plane.start_component(Component::Etcd).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), &mut died).await;
    assert!(early.is_err(), "an end that was asked for is no death: {early:?}");

    // The same wait knows of the process that came later.
    let (_, pid) = argv_of(&plane, "etcd").unwrap();
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
    let error = tokio::time::timeout(Duration::from_secs(10), died).await.unwrap();
    let Error::Died { instance, .. } = &error else { panic!("{error}") };
    assert_eq!(instance.component, Component::Etcd);
    plane.stop().await.unwrap();
    assert!(!work.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_only_apiserver_is_survived_by_those_that_are_elected() {
    let plane = ControlPlane::start(options("elected", &[])).await.unwrap();
    leaders_are_elected(&plane);
    let died = plane.died();
    tokio::pin!(died);
    tokio::select! {
        error = &mut died => panic!("{error}"),
        restarted = plane.restart(Component::Apiserver) => restarted.unwrap(),
    }
    // They run, whether they are those of before or others; and whoever watches for deaths knows them.
    let running: BTreeSet<String> = plane.processes().into_iter().map(|process| process.name).collect();
    assert_eq!(running.len(), 4, "{running:?}");
    let scheduler = plane.processes().into_iter().find(|process| process.name == "kube-scheduler").unwrap();
    assert!(Command::new("kill").args(["-KILL", &scheduler.pid.to_string()]).status().unwrap().success());
    let error = tokio::time::timeout(Duration::from_secs(10), died).await.unwrap();
    let Error::Died { instance, .. } = &error else { panic!("{error}") };
    assert_eq!(instance.component, Component::Scheduler);
    plane.stop().await.unwrap();
}

/// Linux `uapi/linux/magic.h`.
const TMPFS_MAGIC: i64 = 0x0102_1994;

fn etcd(plane: &ControlPlane) -> ProcessInfo {
    plane.processes().into_iter().find(|process| process.name == "etcd").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_keeps_its_data_in_memory_when_the_profile_says_so() {
    let options = options("memory", &["storage.medium=tmpfs"]);
    let work = work_dir(&options);
    let plane = ControlPlane::start(options).await.unwrap();
    let argument =
        etcd(&plane).argv.into_iter().find_map(|it| it.strip_prefix("--data-dir=").map(PathBuf::from));
    let data = argument.unwrap();
    assert_eq!(statfs(data.join("member/wal")).unwrap().f_type, TMPFS_MAGIC);
    assert_ne!(statfs(&work).unwrap().f_type, TMPFS_MAGIC);
    // Where we may not mount, it is a link into the machine's own tmpfs.
    let folder = fs::canonicalize(&data).unwrap();
    plane.stop().await.unwrap();
    assert!(!work.exists() && !folder.exists());
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(work.to_str().unwrap()), "{mounts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_writes_in_a_cgroup_of_its_own_when_the_profile_limits_its_writes() {
    let options = options("throttled", &["storage.write-iops=100"]);
    let work = work_dir(&options);
    let plane = match ControlPlane::start(options).await {
        Ok(plane) => plane,
        Err(error) => return assert_cannot_be_throttled(&error, &work),
    };
    let group = fs::read_link(work.join("etcd-cgroup")).unwrap();
    let name = group.file_name().unwrap().to_str().unwrap();
    let is_in_group = |pid: u32| {
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        groups.lines().any(|line| line.rsplit('/').next() == Some(name))
    };
    for restarted in [false, true] {
        if restarted {
            plane.restart(Component::Etcd).await.unwrap();
        }
        let inside: Vec<String> = plane
            .processes()
            .into_iter()
            .filter(|process| is_in_group(process.pid))
            .map(|it| it.name)
            .collect();
        assert_eq!(inside, ["etcd"], "and nothing else");
        assert_eq!(
            fs::read_to_string(group.join("cgroup.procs")).unwrap(),
            format!("{}\n", etcd(&plane).pid)
        );
    }
    let rule = ["blkio.throttle.write_iops_device", "io.max"]
        .into_iter()
        .find_map(|file| fs::read_to_string(group.join(file)).ok())
        .unwrap();
    let (disk, limit) = rule.trim().split_once(' ').unwrap();
    assert!(limit == "100" || limit.contains("wiops=100"), "{rule}");
    let disk = fs::canonicalize(Path::new("/sys/dev/block").join(disk)).unwrap();
    assert!(!disk.join("partition").exists(), "{}", disk.display());
    plane.stop().await.unwrap();
    assert!(!work.exists() && !group.exists());
}

/// Not every machine lets us: then it must be true, and said.
fn assert_cannot_be_throttled(error: &Error, work: &Path) {
    let group = ["/sys/fs/cgroup/blkio", "/sys/fs/cgroup"]
        .map(|parent| Path::new(parent).join(format!("loadgen-probe-{}", std::process::id())))
        .into_iter()
        .find(|group| fs::create_dir(group).is_ok());
    if let Some(group) = &group {
        fs::remove_dir(group).unwrap();
    }
    let text = error.to_string();
    let (wanted, reason) = text.split_once(": ").unwrap();
    assert_eq!(wanted, "etcd's writes cannot be limited to 100/s (storage.write-iops)");
    let no_disk = reason.contains("no block device of its own");
    assert!(
        group.is_none() || no_disk || reason.contains("io controller") || reason.contains("+io"),
        "{text}"
    );
    assert!(text.ends_with("; run as root on a machine whose disk and cgroups are its own, or lift the limit with --set storage.write-iops=none"), "{text}");
    assert!(!work.exists());
}
