//! What a folder of binaries holds.

use std::{os::unix::fs::PermissionsExt, path::Path, time::Duration};

use super::{
    product::{Product, Wanted},
    run,
};
use crate::spawn::Spawner;

/// How long a binary may take to say its version. A cold 125 MB file on a slow disk takes seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// The needed binaries of a product that are in a folder.
pub(super) fn present(folder: &Path, product: Product) -> Vec<&'static str> {
    product.needed().iter().copied().filter(|name| is_executable(&folder.join(name))).collect()
}

pub(super) fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// A folder that was named should have at least one product's binaries.
pub(super) fn has_any(folder: &Path) -> Result<(), String> {
    if !folder.is_dir() {
        return Err("it is not a folder".to_owned());
    }
    let products = [Product::Kubernetes, Product::Etcd];
    if products.into_iter().all(|product| present(folder, product).is_empty()) {
        let names: Vec<&str> = products.iter().flat_map(|product| product.needed()).copied().collect();
        return Err(format!("it has none of {}", names.join(", ")));
    }
    Ok(())
}

/// The one version that all of a product's binaries in a folder have.
pub(super) async fn version(spawner: &Spawner, folder: &Path, product: Product) -> Result<String, String> {
    let present = present(folder, product);
    let missing: Vec<&str> =
        product.needed().iter().copied().filter(|name| !present.contains(name)).collect();
    if !missing.is_empty() {
        return Err(format!("it has {} but not {}", present.join(" and "), missing.join(" and ")));
    }
    let mut versions = Vec::new();
    for name in present {
        versions.push((name, version_of(spawner, &folder.join(name), product).await?));
    }
    let (first, version) = versions[0].clone();
    match versions.iter().find(|(_, other)| *other != version) {
        Some((name, other)) => {
            Err(format!("{first} is v{version} but {name} is v{other}; all must be of one version"))
        }
        None => Ok(version),
    }
}

/// Whether a folder has all of a product in this version.
pub(super) async fn of_version(spawner: &Spawner, folder: &Path, wanted: Wanted<'_>) -> Result<(), String> {
    if present(folder, wanted.product).is_empty() {
        return Err(format!("no {} there", wanted.product.needed()[0]));
    }
    let version = version(spawner, folder, wanted.product).await?;
    if version != wanted.version {
        return Err(format!("has v{version}"));
    }
    Ok(())
}

async fn version_of(spawner: &Spawner, binary: &Path, product: Product) -> Result<String, String> {
    let question = product.asks_version();
    let asked = format!("{} {}", binary.display(), question.join(" "));
    let mut command = spawner.command(binary);
    command.args(question);
    let said = tokio::time::timeout(PATIENCE, run::output(spawner, command, None, |_| ()))
        .await
        .map_err(|_| format!("{asked} does not end"))?
        .map_err(|reason| format!("{asked} fails: {reason}"))?;
    parse_version(&said).ok_or_else(|| {
        let line = said.lines().next().unwrap_or_default();
        format!("{asked} says no version but `{line}`")
    })
}

/// `Kubernetes v1.36.3`, kubeadm's `v1.36.3` or `etcd Version: 3.6.8`, each on the first line.
fn parse_version(said: &str) -> Option<String> {
    let line = said.lines().next()?.trim();
    let starts = ["Kubernetes v", "etcd Version: ", "v"];
    let version = starts.into_iter().find_map(|start| line.strip_prefix(start))?;
    (version.starts_with(|first: char| first.is_ascii_digit())).then(|| version.to_owned())
}
