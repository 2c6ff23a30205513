//! Where binaries are looked for.

use std::{env, ffi::OsString, path::PathBuf};

use super::cache_dir;

/// Where to look. [`Places::from_env`] is what programs use.
#[derive(Clone, Debug)]
pub struct Places {
    /// The folder that `--bin-dir` or the profile names.
    pub bin_dir: Option<PathBuf>,
    /// `KUBEBUILDER_ASSETS`.
    pub assets: Option<PathBuf>,
    /// `PATH`; `go` is looked for in it as well.
    pub path: OsString,
    /// Our own cache.
    pub cache: PathBuf,
    /// Base address of Kubernetes releases: `<base>/v1.36.3/bin/linux/amd64/kube-apiserver`.
    pub kubernetes_mirror: String,
    /// Base address of etcd releases: `<base>/v3.6.8/etcd-v3.6.8-linux-amd64.tar.gz`.
    pub etcd_mirror: String,
}

impl Places {
    /// The places that this process's environment names: `KUBEBUILDER_ASSETS`, `PATH`, the cache's variables (see
    /// [`cache_dir`]) and, for mirrors, `LOADGEN_KUBERNETES_MIRROR` and `LOADGEN_ETCD_MIRROR`.
    pub fn from_env(bin_dir: Option<PathBuf>) -> Self {
        let mirror = |variable: &str, official: &str| {
            let base = env::var(variable).ok().filter(|base| !base.is_empty());
            base.as_deref().unwrap_or(official).trim_end_matches('/').to_owned()
        };
        Self {
            bin_dir,
            assets: env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty()).map(PathBuf::from),
            path: env::var_os("PATH").unwrap_or_default(),
            cache: cache_dir(),
            kubernetes_mirror: mirror("LOADGEN_KUBERNETES_MIRROR", "https://dl.k8s.io/release"),
            etcd_mirror: mirror("LOADGEN_ETCD_MIRROR", "https://github.com/etcd-io/etcd/releases/download"),
        }
    }

    pub(super) fn in_path(&self, name: &str) -> Option<PathBuf> {
        env::split_paths(&self.path).map(|folder| folder.join(name)).find(|path| path.is_file())
    }
}
