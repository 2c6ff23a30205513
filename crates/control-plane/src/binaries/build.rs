//! Building the binaries from the Go modules that Kubernetes and etcd publish.
//!
//! The kube-* programs and kubectl become one binary with four names (`go/kubernetes/main.go`): one link step instead
//! of four. kubemark and kubeadm are built from the same module when they are asked for, which few do. etcd and etcdutl, one binary again,
//! are modules of their own, because their dependencies are others than those Kubernetes pins.
//!
//! Beside what is built lies the hash of the `main.go` it was built from: the cache takes a build of another one for
//! nothing.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{
    product::{Product, Wanted},
    run,
    search::Source,
};
use crate::{Progress, ProgressSink, hash::hex, spawn::Spawner};

/// Where Go comes from.
pub(super) const GO: &str = "https://go.dev/dl";

const KUBERNETES_MAIN: &str = include_str!("../../go/kubernetes/main.go");
const KUBEMARK_MAIN: &str = include_str!("../../go/kubemark/main.go");
const KUBEADM_MAIN: &str = include_str!("../../go/kubeadm/main.go");
const ETCD_MAIN: &str = include_str!("../../go/etcd/main.go");

/// The file in a built folder that tells the builds of one `main.go` from those of another.
pub(super) const RECIPE: &str = "recipe";

/// What a build of today leaves in [`RECIPE`].
pub(super) fn recipe(product: Product) -> String {
    hex(&Sha256::digest(main_go(product)))
}

fn main_go(product: Product) -> &'static str {
    match product {
        Product::Kubernetes => KUBERNETES_MAIN,
        Product::Kubemark => KUBEMARK_MAIN,
        Product::Kubeadm => KUBEADM_MAIN,
        Product::Etcd => ETCD_MAIN,
    }
}

pub(super) struct Build<'a> {
    pub(super) wanted: Wanted<'a>,
    pub(super) go: &'a Path,
    pub(super) spawner: &'a Spawner,
    pub(super) progress: &'a ProgressSink,
}

impl Source for Build<'_> {
    async fn fill(&self, folder: &Path) -> Result<(), String> {
        let start = Instant::now();
        let Wanted { product, version } = self.wanted;
        let duration = match product {
            Product::Kubernetes => "about 7 minutes",
            Product::Kubemark | Product::Kubeadm => {
                "a minute, or 5 on a machine that has not built Kubernetes"
            }
            Product::Etcd => "about a minute",
        };
        let what = format!("building {} from its Go modules; the first build takes {duration}", self.wanted);
        self.working(&what, Duration::ZERO);
        let module = Module { folder: folder.join("module"), log: folder.join("go.log") };
        let write = |name: &str, text: &str| {
            fs::write(module.folder.join(name), text).map_err(|error| format!("cannot write {name}: {error}"))
        };
        fs::create_dir(&module.folder)
            .map_err(|error| format!("cannot create the module's folder: {error}"))?;
        let upstream = match product {
            Product::Kubernetes | Product::Kubemark | Product::Kubeadm => {
                format!("k8s.io/kubernetes@v{version}")
            }
            Product::Etcd => format!("go.etcd.io/etcd/server/v3@v{version}"),
        };
        let upstream = self.upstream_module(&module, &upstream, &what, start).await?;
        write("go.mod", &go_mod(self.wanted, &upstream)?)?;
        write("main.go", main_go(product))?;
        self.go(&module, &["mod", "tidy"], &what, start).await?;
        let binary = folder.join(product.name());
        let arguments =
            ["build", "-trimpath", "-buildvcs=false", "-ldflags", &linker_flags(self.wanted), "-o"];
        let output = binary.to_string_lossy();
        self.go(&module, &[&arguments[..], &[&output, "."]].concat(), &what, start).await?;
        for name in product.cached().iter().filter(|name| **name != product.name()) {
            symlink(product.name(), folder.join(name))
                .map_err(|error| format!("cannot link {name}: {error}"))?;
        }
        fs::write(folder.join(RECIPE), recipe(product))
            .map_err(|error| format!("cannot write {RECIPE}: {error}"))?;
        // Neither is of use any more, and the log of a build that failed is in the error.
        let _ = fs::remove_dir_all(&module.folder);
        let _ = fs::remove_file(&module.log);
        let what = format!("built {}", self.wanted);
        (self.progress)(Progress::Done { what, elapsed: start.elapsed() });
        Ok(())
    }
}

/// A Go module that is being built.
struct Module {
    folder: PathBuf,
    log: PathBuf,
}

/// What `go mod download -json` says.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Downloaded {
    go_mod: Option<PathBuf>,
    error: Option<String>,
}

impl Build<'_> {
    fn working(&self, what: &str, elapsed: Duration) {
        (self.progress)(Progress::Working { what: what.to_owned(), elapsed });
    }

    /// The go.mod of a published module.
    async fn upstream_module(
        &self,
        module: &Module,
        name: &str,
        what: &str,
        start: Instant,
    ) -> Result<String, String> {
        let said = self.go(module, &["mod", "download", "-json", name], what, start).await?;
        let downloaded: Downloaded = serde_json::from_str(&said)
            .map_err(|error| format!("`go mod download` says no JSON: {error}"))?;
        let path = downloaded.go_mod.ok_or_else(|| {
            let reason = downloaded.error.unwrap_or_else(|| "no go.mod".to_owned());
            format!("cannot download the module {name}: {reason}")
        })?;
        fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
    }

    async fn go(
        &self,
        module: &Module,
        arguments: &[&str],
        what: &str,
        start: Instant,
    ) -> Result<String, String> {
        let mut command: Command = self.spawner.command(self.go);
        command
            .args(arguments)
            .current_dir(&module.folder)
            // A workspace or flags of the user's own projects must not reach into this one.
            .env("GOWORK", "off")
            .env("GOFLAGS", "-mod=mod")
            // As the official releases are built; it also spares a C compiler.
            .env("CGO_ENABLED", "0");
        let before = start.elapsed();
        run::output(self.spawner, command, Some(&module.log), |elapsed| self.working(what, before + elapsed))
            .await
            .map_err(|reason| {
                format!("`go {}` fails: {reason}", arguments[..arguments.len().min(2)].join(" "))
            })
    }
}

/// The version as hack/lib/version.sh of Kubernetes stamps it: component-base's is what `--version` prints, client-go's
/// goes into each client's user agent. etcd's version is a constant in its source.
fn linker_flags(wanted: Wanted<'_>) -> String {
    let mut flags = vec!["-s -w".to_owned()];
    if wanted.product != Product::Etcd {
        let mut numbers = wanted.version.split('.');
        let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
        for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
            flags.push(format!("-X {package}.gitVersion=v{}", wanted.version));
            flags.push(format!("-X {package}.gitMajor={major} -X {package}.gitMinor={minor}"));
        }
    }
    flags.join(" ")
}

/// A module that requires the published one. Kubernetes builds its own libraries from `./staging`; outside its
/// repository those are the published modules `v0.<minor>.<patch>`. Go's version and runtime settings (`godebug`) are
/// taken over, so that the program behaves as the released one.
fn go_mod(wanted: Wanted<'_>, upstream: &str) -> Result<String, String> {
    let modules: &[&str] = match wanted.product {
        Product::Kubernetes | Product::Kubemark | Product::Kubeadm => &["k8s.io/kubernetes"],
        Product::Etcd => &["go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/etcdutl/v3"],
    };
    let go =
        upstream.lines().find(|line| line.starts_with("go ")).ok_or("its go.mod names no version of Go")?;
    let mut lines = vec![format!("module loadgen.local/{}", wanted.product.name()), go.to_owned()];
    lines.extend(godebug(upstream).map(|setting| format!("godebug {setting}")));
    lines.extend(modules.iter().map(|module| format!("require {module} v{}", wanted.version)));
    if let (Product::Kubernetes | Product::Kubemark | Product::Kubeadm, Some(libraries)) =
        (wanted.product, wanted.version.strip_prefix("1."))
    {
        let replaced = upstream.lines().filter_map(|line| {
            let (library, place) = line.trim().trim_start_matches("replace ").split_once(" => ")?;
            place.starts_with("./staging/").then_some(library)
        });
        lines.extend(replaced.map(|library| format!("replace {library} => {library} v0.{libraries}")));
    }
    Ok(lines.join("\n") + "\n")
}

/// The settings of a go.mod's `godebug` lines and blocks.
fn godebug(upstream: &str) -> impl Iterator<Item = &str> {
    let mut in_block = false;
    upstream.lines().filter_map(move |line| {
        let (line, starts) = (line.trim(), line.starts_with("godebug "));
        let setting = if in_block { Some(line) } else { line.strip_prefix("godebug ") };
        in_block = (in_block || (starts && line.ends_with('('))) && line != ")";
        setting.map(str::trim).filter(|setting| setting.contains('='))
    })
}

#[cfg(test)]
mod tests {
    use super::{Product, Wanted, go_mod, godebug, linker_flags};

    #[test]
    fn staging_libraries_become_published_ones() {
        let upstream = "module k8s.io/kubernetes\n\ngo 1.26.0\n\ngodebug default=go1.26\n\nrequire (\n\ta.b/c v1.0.0\n)\n\n\
                        replace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n\tk8s.io/x => k8s.io/x v1.0.0\n)\n";
        let text = go_mod(Wanted { product: Product::Kubernetes, version: "1.36.3" }, upstream).unwrap();
        assert_eq!(
            text,
            "module loadgen.local/kubernetes\ngo 1.26.0\ngodebug default=go1.26\nrequire k8s.io/kubernetes v1.36.3\n\
             replace k8s.io/api => k8s.io/api v0.36.3\n"
        );
    }

    #[test]
    fn kubemark_and_kubeadm_are_built_from_the_module_of_kubernetes() {
        let upstream = "go 1.26.0\nreplace k8s.io/api => ./staging/src/k8s.io/api\n";
        for product in [Product::Kubemark, Product::Kubeadm] {
            let wanted = Wanted { product, version: "1.36.3" };
            let name = product.name();
            assert_eq!(
                go_mod(wanted, upstream).unwrap(),
                format!(
                    "module loadgen.local/{name}\ngo 1.26.0\nrequire k8s.io/kubernetes v1.36.3\n\
                     replace k8s.io/api => k8s.io/api v0.36.3\n"
                )
            );
            assert!(linker_flags(wanted).contains("gitVersion=v1.36.3"));
        }
    }

    #[test]
    fn etcd_needs_no_replacements() {
        let upstream =
            "module go.etcd.io/etcd/server/v3\n\ngo 1.24\n\nreplace go.etcd.io/etcd/api/v3 => ../api\n";
        let text = go_mod(Wanted { product: Product::Etcd, version: "3.6.8" }, upstream).unwrap();
        assert_eq!(
            text,
            "module loadgen.local/etcd\ngo 1.24\nrequire go.etcd.io/etcd/server/v3 v3.6.8\n\
             require go.etcd.io/etcd/etcdutl/v3 v3.6.8\n"
        );
        assert_eq!(linker_flags(Wanted { product: Product::Etcd, version: "3.6.8" }), "-s -w");
    }

    #[test]
    fn runtime_settings_are_taken_from_lines_and_blocks() {
        let upstream = "godebug default=go1.26\ngodebug (\n\ta=1\n\tb=2\n)\nrequire (\n\tx v1\n)\n";
        assert_eq!(godebug(upstream).collect::<Vec<_>>(), ["default=go1.26", "a=1", "b=2"]);
    }

    #[test]
    fn the_version_reaches_both_version_packages() {
        let flags = linker_flags(Wanted { product: Product::Kubernetes, version: "1.36.3" });
        for package in ["component-base/version", "client-go/pkg/version"] {
            for stamp in ["gitVersion=v1.36.3", "gitMajor=1", "gitMinor=36"] {
                assert!(flags.contains(&format!("-X k8s.io/{package}.{stamp}")), "{flags}");
            }
        }
    }
}
