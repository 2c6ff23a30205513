//! Starting loadgen as a user does, and looking at what it leaves behind.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read, Write as _},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
    thread,
    time::Duration,
};

use control_plane::binaries::{self, Places};
use profile::Component;
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// Control planes are heavy: one at a time.
static TURN: Mutex<()> = Mutex::new(());

/// A cache and a folder for records of its own, so that what is left in them, and which processes know their paths, is
/// this test's doing.
pub(crate) struct Bench {
    dir: TempDir,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self { dir: TempDir::new().unwrap(), _turn: Some(turn) }
    }

    /// Another one in the turn of somebody who has one: what is on either is left alone by what is done on the other.
    pub(crate) fn beside() -> Self {
        Self { dir: TempDir::new().unwrap(), _turn: None }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A file in the bench's folder.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The loadgen command with arguments, not started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        command.args(args).current_dir(self.path()).env("LOADGEN_CACHE_DIR", self.path().join("cache"));
        command
    }

    /// The same, with the control plane's binaries already found.
    pub(crate) fn with_binaries(&self, args: &[&str]) -> Command {
        let mut command = self.command(args);
        command.arg("--bin-dir").arg(binaries());
        command
    }

    /// What of this bench is still running.
    pub(crate) fn processes(&self) -> Vec<String> {
        self.pids().into_iter().map(|(_, line)| line).collect()
    }

    /// The same with their pids.
    pub(crate) fn pids(&self) -> Vec<(u32, String)> {
        let path = self.path().as_os_str().as_encoded_bytes();
        let known = |dir: fs::DirEntry| {
            let line = fs::read(dir.path().join("cmdline")).ok()?;
            let here = line.windows(path.len()).any(|window| window == path);
            let pid = dir.file_name().to_str()?.parse().ok()?;
            here.then(|| (pid, String::from_utf8_lossy(&line).replace('\0', " ")))
        };
        fs::read_dir("/proc").unwrap().flatten().filter_map(known).collect()
    }

    /// Asserts that nothing runs any more and no work folder is left.
    pub(crate) fn assert_nothing_left(&self) {
        assert_eq!(self.processes(), Vec::<String>::new());
        let work = self.path().join("cache/work");
        let entries = fs::read_dir(work).into_iter().flatten().flatten().map(|entry| entry.path());
        // The lock by which control planes agree on their folders is part of the cache.
        let left: Vec<PathBuf> = entries.filter(|path| !path.ends_with(".lock")).collect();
        assert_eq!(left, Vec::<PathBuf>::new());
    }
}

/// A folder with all four binaries, found once, built if need be, as `cargo xtask binaries` does before the tests.
pub(crate) fn binaries() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            wire::install_crypto_provider();
            let versions = profile::load("defaults").unwrap().versions;
            let shim = [env!("CARGO_BIN_EXE_loadgen").into(), "supervised".into()];
            let progress: control_plane::ProgressSink = Arc::new(|_| {});
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let places = Places::from_env(None);
            let found = binaries::find(&versions.kubernetes, &versions.etcd, &places, &shim, &progress);
            let found = runtime.block_on(found).unwrap();
            let folder = TempDir::new().unwrap();
            for component in Component::ALL {
                symlink(found.path(component), folder.path().join(component.binary())).unwrap();
            }
            symlink(found.kubectl().unwrap(), folder.path().join("kubectl")).unwrap();
            folder
        })
        .path()
}

/// The program of the fake-kubelet crate; cargo builds it beside this test's own program.
pub(crate) fn fake_kubelet() -> Command {
    let loadgen = Path::new(env!("CARGO_BIN_EXE_loadgen"));
    Command::new(loadgen.with_file_name("fake-kubelet"))
}

/// kubectl of the control plane's version.
pub(crate) fn kubectl(kubeconfig: &Path, args: &[&str]) -> String {
    let output = run_kubectl(kubeconfig, args);
    assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The same when it fails, and what it says then.
pub(crate) fn kubectl_refused(kubeconfig: &Path, args: &[&str]) -> String {
    let output = run_kubectl(kubeconfig, args);
    assert!(!output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

fn run_kubectl(kubeconfig: &Path, args: &[&str]) -> Output {
    Command::new(binaries().join("kubectl"))
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(args)
        .env("HOME", kubeconfig.parent().unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// A program at work, its output line by line.
pub(crate) struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    /// Starts it; stdout and stderr are read together.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        read_lines(child.stdout.take().unwrap(), sender.clone());
        read_lines(child.stderr.take().unwrap(), sender);
        Self { child, lines, seen: Vec::new() }
    }

    /// The next line with `text` in it.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => panic!("no line with `{text}` ({error}); there was:\n{}", self.seen.join("\n")),
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        self.seen.extend(self.lines.iter());
        (status, self.seen.join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed half-way leaves its program to us; killing one that has ended does nothing.
        let _ = self.child.kill();
    }
}

fn read_lines(stream: impl Read + Send + 'static, sender: mpsc::Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
}

/// Waits until `holds`.
pub(crate) fn eventually(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let step = Duration::from_millis(100);
    let mut waited = Duration::ZERO;
    while !holds() {
        assert!(waited < within, "{what}: not within {within:?}");
        thread::sleep(step);
        waited += step;
    }
}

/// Sends a signal by name to one process.
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap();
    assert!(status.success(), "no process {pid}");
}

/// Words of a shell line.
pub(crate) fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// Runs a command to its end and returns code, stdout and stderr.
pub(crate) fn output(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Where the metrics are that a line of output told of, such as `127.0.0.1:40123`.
pub(crate) fn metrics_address(line: &str) -> String {
    let (_, address) = line.split_once("metrics: http://").unwrap();
    address.trim_end_matches('/').to_owned()
}

/// The answer to a GET by plain HTTP, which must be 200.
pub(crate) fn fetch(address: &str, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// Instances and the paths of their metrics, as Prometheus finds them.
pub(crate) fn discovered(address: &str) -> BTreeMap<String, String> {
    let groups: Vec<serde_json::Value> = serde_json::from_str(&fetch(address, "/sd")).unwrap();
    let label = |group: &serde_json::Value, name: &str| group["labels"][name].as_str().unwrap().to_owned();
    groups.iter().map(|group| (label(group, "instance"), label(group, "__metrics_path__"))).collect()
}

/// Whether somebody listens on a local port.
pub(crate) fn listens(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// The only entry of a folder.
pub(crate) fn only_entry(folder: &Path) -> PathBuf {
    let entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [only] = entries.as_slice() else { panic!("{} has {entries:?}", folder.display()) };
    only.clone()
}

/// A path as an argument.
pub(crate) fn arg(path: &impl AsRef<OsStr>) -> &str {
    path.as_ref().to_str().unwrap()
}
