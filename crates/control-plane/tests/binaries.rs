//! Finding binaries, with a small HTTP server for releases and shell scripts for binaries and for `go`.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

#[path = "binaries/releases.rs"]
mod releases;

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use control_plane::{
    Error, Progress, ProgressSink,
    binaries::{Binaries, Places, find},
};
use releases::{Answer, Releases};
use tempfile::TempDir;

const KUBERNETES: &str = "1.36.3";
const ETCD: &str = "3.6.8";
const KUBE: [&str; 3] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// Places that hold nothing, on a machine without network.
struct Machine {
    root: TempDir,
    places: Places,
    reports: Arc<Mutex<Vec<Progress>>>,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let places = Places {
            bin_dir: None,
            assets: None,
            path: root.path().join("path").into_os_string(),
            cache: root.path().join("cache"),
            // Nothing listens on port 1, so the connection is refused at once.
            kubernetes_mirror: "http://127.0.0.1:1/release".to_owned(),
            etcd_mirror: "http://127.0.0.1:1/etcd".to_owned(),
        };
        Self { root, places, reports: Arc::default() }
    }

    fn with_releases(releases: &Releases) -> Self {
        let mut machine = Self::new();
        machine.places.kubernetes_mirror = format!("{}/release", releases.address());
        machine.places.etcd_mirror = format!("{}/etcd", releases.address());
        machine
    }

    fn progress(&self) -> ProgressSink {
        let reports = Arc::clone(&self.reports);
        Arc::new(move |progress| reports.lock().unwrap().push(progress))
    }

    async fn find(&self) -> Result<Binaries, Error> {
        find(KUBERNETES, ETCD, &self.places, &shim(), &self.progress()).await
    }

    /// Fills a folder with programs that say a version.
    fn folder(
        &self,
        name: &str,
        kubernetes: &[&str],
        kubernetes_version: &str,
        etcd_version: Option<&str>,
    ) -> PathBuf {
        let folder = self.root.path().join(name);
        for binary in kubernetes {
            program(&folder.join(binary), &releases::says_kubernetes(kubernetes_version));
        }
        if let Some(version) = etcd_version {
            program(&folder.join("etcd"), &releases::says_etcd(version));
        }
        folder
    }

    /// A `go` that builds programs which say their version, and keeps a log of its invocations.
    fn go(&self, build: &str) {
        let root = self.root.path().display();
        let upstream = self.root.path().join("upstream.mod");
        fs::write(&upstream, "module k8s.io/kubernetes\n\ngo 1.26.0\n").unwrap();
        let script = format!(
            r#"#!/bin/sh
echo "$@" >> {root}/go.invocations
case "$1 $2" in
"mod download") printf '{{"GoMod":"{root}/upstream.mod"}}' ;;
"build "*)
  while [ "$1" != "-o" ]; do shift; done
  case "$2" in *etcd) says="etcd Version: {ETCD}";; *) says="Kubernetes v{KUBERNETES}";; esac
  {build} ;;
esac
"#
        );
        program(&self.root.path().join("path/go"), &script);
    }

    fn builds(&self) -> usize {
        let log = fs::read_to_string(self.root.path().join("go.invocations")).unwrap_or_default();
        log.lines().filter(|line| line.starts_with("build ")).count()
    }

    /// What is in the cache, but for the locks' files.
    fn cached(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.places.cache.join("bin")) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> =
            names.filter(|name| Path::new(name).extension().is_none_or(|end| end != "lock")).collect();
        names.sort();
        names
    }

    fn slot(&self, product: &str, version: &str) -> PathBuf {
        self.places.cache.join("bin").join(format!("{product}-v{version}-{}", releases::platform('-')))
    }
}

const BUILDS: &str = r#"printf '#!/bin/sh\necho "%s"\n' "$says" > "$2"; chmod +x "$2""#;

fn shim() -> Vec<OsString> {
    vec![env!("CARGO_BIN_EXE_supervised").into()]
}

fn program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn downloads_once_and_then_takes_the_cache() {
    let releases = Releases::serve(KUBERNETES, ETCD);
    let machine = Machine::with_releases(&releases);
    let found = machine.find().await.unwrap();
    assert_eq!((found.etcd.origin.as_str(), found.kubernetes.origin.as_str()), ("download", "download"));
    assert_eq!((found.etcd.version.as_str(), found.kubernetes.version.as_str()), (ETCD, KUBERNETES));
    assert_eq!(found.kubernetes.folder, machine.slot("kubernetes", KUBERNETES));
    assert!(found.kubectl().is_some());
    assert!(!machine.cached().iter().any(|name| name.contains("partial")));
    let reports = machine.reports.lock().unwrap().clone();
    let complete = |progress: &Progress| matches!(progress, Progress::Downloading { received, total: Some(total), .. } if received == total);
    assert_eq!(reports.iter().filter(|progress| complete(progress)).count(), 5);

    let requests = releases.requests();
    let again = machine.find().await.unwrap();
    assert_eq!((again.etcd.origin.as_str(), again.kubernetes.origin.as_str()), ("cache", "cache"));
    assert_eq!(again.kubernetes.folder, found.kubernetes.folder);
    assert_eq!(releases.requests(), requests);
}

/// Whatever is wrong with a download, nothing of it stays and the error names each step.
async fn refuses(path: &str, answer: impl FnOnce(&Answer) -> Answer, reason: &str) {
    let releases = Releases::serve(KUBERNETES, ETCD);
    releases.change(path, answer);
    let machine = Machine::with_releases(&releases);
    let Error::NoBinaries { tried, what } = machine.find().await.unwrap_err() else {
        panic!("another error")
    };
    let download =
        tried.iter().find(|tried| tried.step.starts_with("download from http://127.0.0.1")).unwrap();
    assert!(download.reason.contains(reason), "{download:?}");
    let of_etcd = what.starts_with("etcd");
    assert_eq!(machine.cached().len(), usize::from(!of_etcd), "{:?}", machine.cached());
    assert!(!machine.cached().iter().any(|name| name.contains("partial")));
}

#[tokio::test]
async fn a_wrong_checksum_is_refused() {
    let changed = |answer: &Answer| {
        let mut answer = answer.clone();
        *answer.body.last_mut().unwrap() ^= 1;
        answer
    };
    refuses("/release/v1.36.3/bin/{platform}/kube-scheduler", changed, "the checksum is").await;
    refuses("/etcd/v3.6.8/etcd-v3.6.8-{-platform}.tar.gz", changed, "the checksum is").await;
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_refused() {
    let cut = |answer: &Answer| Answer { announced: answer.body.len() + 1000, ..answer.clone() };
    refuses("/release/v1.36.3/bin/{platform}/kube-apiserver", cut, "kube-apiserver").await;
    refuses("/etcd/v3.6.8/etcd-v3.6.8-{-platform}.tar.gz", cut, "tar.gz").await;
}

#[tokio::test]
async fn a_version_that_is_not_there_is_refused() {
    let missing = |answer: &Answer| Answer { status: 404, ..answer.clone() };
    refuses("/release/v1.36.3/bin/{platform}/kube-apiserver.sha256", missing, "the server answers 404").await;
    refuses("/etcd/v3.6.8/SHA256SUMS", missing, "the server answers 404").await;
}

#[tokio::test]
async fn a_binary_that_says_another_version_is_refused() {
    let releases = Releases::serve_as(KUBERNETES, ETCD, "1.36.2", ETCD);
    let machine = Machine::with_releases(&releases);
    let error = machine.find().await.unwrap_err().to_string();
    assert!(error.contains("what came of it does not work: has v1.36.2"), "{error}");
    assert_eq!(machine.cached().len(), 1, "{:?}", machine.cached());
}

#[tokio::test]
async fn what_a_killed_process_left_half_done_is_not_taken_for_whole() {
    let machine = Machine::new();
    machine.go(BUILDS);
    let slot = machine.slot("kubernetes", KUBERNETES);
    program(&slot.join("kube-apiserver"), &releases::says_kubernetes(KUBERNETES));
    let partial = slot.with_file_name(format!(".{}.partial", slot.file_name().unwrap().to_str().unwrap()));
    program(&partial.join("kubernetes"), "half");
    let found = machine.find().await.unwrap();
    assert_eq!((found.kubernetes.origin.as_str(), machine.builds()), ("build", 2));
    assert!(!partial.exists());
    let mut files: Vec<_> = fs::read_dir(&slot).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(
        files,
        ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kubernetes", "recipe"]
    );
}

#[tokio::test]
async fn what_was_built_from_another_main_go_is_built_again() {
    let machine = Machine::new();
    machine.go(BUILDS);
    machine.find().await.unwrap();
    let recipe = machine.slot("etcd", ETCD).join("recipe");
    let ours = fs::read_to_string(&recipe).unwrap();
    fs::write(&recipe, "another").unwrap();
    let found = machine.find().await.unwrap();
    assert_eq!((found.etcd.origin.as_str(), found.kubernetes.origin.as_str()), ("build", "cache"));
    assert_eq!(fs::read_to_string(&recipe).unwrap(), ours);
    assert!(found.etcdutl().is_some());

    // A cache of the time when there was no etcdutl.
    fs::remove_file(recipe).unwrap();
    fs::remove_file(machine.slot("etcd", ETCD).join("etcdutl")).unwrap();
    assert_eq!(machine.find().await.unwrap().etcd.origin, "build");
    assert_eq!(machine.builds(), 4);
}

#[tokio::test]
async fn two_callers_at_once_build_once() {
    let machine = Machine::new();
    machine.go(&format!("sleep 0.5; {BUILDS}"));
    let (one, two) = tokio::join!(machine.find(), machine.find());
    let mut origins = [one.unwrap().etcd.origin, two.unwrap().etcd.origin];
    origins.sort();
    assert_eq!(origins, ["build", "cache"]);
    assert_eq!(machine.builds(), 2, "one of etcd and one of kubernetes");
    let reports = machine.reports.lock().unwrap();
    let waited = reports
        .iter()
        .filter(|progress| progress.to_string().starts_with("waiting: another process"))
        .count();
    assert!(waited >= 1, "{reports:?}");
}

#[tokio::test]
async fn giving_up_stops_the_build_and_removes_it() {
    let machine = Machine::new();
    let alive = machine.root.path().join("alive");
    // The grandchild stands for the compilers that `go` starts.
    machine.go(&format!("sh -c 'echo $$ > {}; exec sleep 1000' & wait", alive.display()));
    {
        let find = machine.find();
        tokio::pin!(find);
        while !fs::read_to_string(&alive).is_ok_and(|text| text.ends_with('\n')) {
            tokio::select! {
                outcome = &mut find => panic!("{outcome:?}"),
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
        }
    }
    let pid = fs::read_to_string(&alive).unwrap();
    let running = || {
        fs::read_to_string(format!("/proc/{}/cmdline", pid.trim())).is_ok_and(|text| text.contains("sleep"))
    };
    for _ in 0..200 {
        if !running() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!running());
    assert_eq!(machine.cached(), [""; 0]);
}

#[tokio::test]
async fn a_build_that_fails_says_what_go_said() {
    let machine = Machine::new();
    machine.go("echo 'main.go:7:2: no required module provides package x' >&2; exit 1");
    let error = machine.find().await.unwrap_err().to_string();
    assert!(error.contains("`go build -trimpath` fails: exit status: 1"), "{error}");
    assert!(error.contains("main.go:7:2: no required module provides package x"), "{error}");
    assert_eq!(machine.cached(), [""; 0]);
}

#[tokio::test]
async fn without_anything_the_error_names_every_step_in_order() {
    let mut machine = Machine::new();
    machine.places.assets = Some(machine.folder("assets", &[], "", Some("3.4.23")));
    let Error::NoBinaries { tried, .. } = machine.find().await.unwrap_err() else { panic!("another error") };
    let steps: Vec<(&str, &str)> =
        tried.iter().map(|tried| (tried.step.split(' ').next().unwrap(), tried.reason.as_str())).collect();
    let [bin_dir, assets, path, cache, (download, refused), (build, no_go)] = steps[..] else {
        panic!("{steps:?}")
    };
    assert_eq!(bin_dir, ("--bin-dir", "not given"));
    assert_eq!(assets, ("KUBEBUILDER_ASSETS", "has v3.4.23"));
    assert_eq!(path, ("PATH", "no folder of it has all the binaries"));
    assert_eq!(cache, ("cache", "not there"));
    assert_eq!((download, build), ("download", "build"));
    assert!(refused.contains("refused"), "{refused}");
    assert!(no_go.starts_with("there is no `go` in PATH; install Go"), "{no_go}");
}

#[tokio::test]
async fn folders_come_in_their_order_and_only_in_the_right_version() {
    let mut machine = Machine::new();
    machine.folder("path", &KUBE, KUBERNETES, Some("3.4.23"));
    machine.places.assets = Some(machine.folder("assets", &["kube-apiserver"], KUBERNETES, Some(ETCD)));
    let found = machine.find().await.unwrap();
    assert_eq!(
        (found.etcd.origin.as_str(), found.kubernetes.origin.as_str()),
        ("KUBEBUILDER_ASSETS", "PATH")
    );
    assert_eq!((found.kubectl(), found.etcdutl()), (None, None));

    // Whoever names a folder gets what is in it, whatever its version.
    machine.places.bin_dir = Some(machine.folder("mine", &KUBE, "1.37.0-alpha.1", None));
    let found = machine.find().await.unwrap();
    assert_eq!(
        (found.etcd.origin.as_str(), found.kubernetes.origin.as_str()),
        ("KUBEBUILDER_ASSETS", "bin-dir")
    );
    assert_eq!(found.kubernetes.version, "1.37.0-alpha.1");
    let last = machine.reports.lock().unwrap().last().unwrap().to_string();
    assert!(last.ends_with("has kubernetes v1.37.0-alpha.1; it runs instead of v1.36.3"), "{last}");
}

#[tokio::test]
async fn a_named_folder_that_is_wrong_is_an_error_at_once() {
    let mut machine = Machine::new();
    let mut error = async |folder: PathBuf| {
        machine.places.bin_dir = Some(folder);
        machine.find().await.unwrap_err().to_string()
    };
    let other = Machine::new();
    let missing = error(other.root.path().join("nowhere")).await;
    assert!(missing.ends_with("it is not a folder"), "{missing}");
    let empty = error(other.root.path().to_owned()).await;
    assert!(
        empty.ends_with("it has none of kube-apiserver, kube-controller-manager, kube-scheduler, etcd"),
        "{empty}"
    );
    let some = error(other.folder("some", &KUBE[..2], KUBERNETES, Some(ETCD))).await;
    assert!(
        some.ends_with("it has kube-apiserver and kube-controller-manager but not kube-scheduler"),
        "{some}"
    );
    other.folder("mixed", &KUBE[..2], KUBERNETES, Some(ETCD));
    let mixed = error(other.folder("mixed", &KUBE[2..], "1.35.4", None)).await;
    assert!(
        mixed
            .ends_with("kube-apiserver is v1.36.3 but kube-scheduler is v1.35.4; all must be of one version"),
        "{mixed}"
    );
}
