//! Downloading the official releases, with their checksums.
//!
//! Kubernetes publishes each binary with a `.sha256` beside it, etcd a tarball per platform and one `SHA256SUMS`. The
//! checksum comes first: a server that is not there or does not have the version shows at once.

use std::{
    fs::File,
    io::{BufReader, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use rustls_platform_verifier::BuilderVerifierExt;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{
    cache::platform,
    product::{Product, Wanted},
    search::Source,
};
use crate::{Progress, ProgressSink, hash::hex};

/// Where there is no network, this is what a user waits before the build starts.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A server that sends nothing for this long has stalled.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// A checksum file of more than this is not one.
const CHECKSUM_BYTES: u64 = 1 << 20;

pub(super) struct Download<'a> {
    pub(super) wanted: Wanted<'a>,
    pub(super) base: &'a str,
    pub(super) progress: &'a ProgressSink,
}

impl Source for Download<'_> {
    async fn fill(&self, folder: &Path) -> Result<(), String> {
        let Wanted { product, version } = self.wanted;
        if product == Product::Kubemark {
            return Err("Kubernetes releases no binary of it".to_owned());
        }
        let client = client(self.base)?;
        match product {
            Product::Kubernetes | Product::Kubemark | Product::Kubeadm => {
                let platform = platform().replace('-', "/");
                for name in product.cached() {
                    let url = format!("{}/v{version}/bin/{platform}/{name}", self.base);
                    let checksums = text(&client, &format!("{url}.sha256")).await?;
                    self.file(&client, &url, first_word(&checksums), &folder.join(name)).await?;
                    executable(&folder.join(name))?;
                }
            }
            Product::Etcd => {
                let archive = format!("etcd-v{version}-{}.tar.gz", platform());
                let base = format!("{}/v{version}", self.base);
                let checksums = text(&client, &format!("{base}/SHA256SUMS")).await?;
                let checksum = checksum_of(&checksums, &archive)
                    .ok_or_else(|| format!("{base}/SHA256SUMS does not name {archive}"))?;
                let packed = folder.join(&archive);
                self.file(&client, &format!("{base}/{archive}"), checksum, &packed).await?;
                unpack(&packed, product.cached(), folder)
                    .map_err(|error| format!("cannot unpack {archive}: {error}"))?;
                product.cached().iter().try_for_each(|name| executable(&folder.join(name)))?;
            }
        }
        Ok(())
    }
}

impl Download<'_> {
    async fn file(
        &self,
        client: &reqwest::Client,
        url: &str,
        checksum: &str,
        to: &Path,
    ) -> Result<(), String> {
        let broken = |error: &dyn std::error::Error| format!("{url}: {}", causes(error));
        let local = |error: std::io::Error| format!("cannot write {}: {error}", to.display());
        let mut response = get(client, url).await?;
        let total = response.content_length();
        let mut file = File::create(to).map_err(local)?;
        let (mut hash, mut received, mut reported) = (Sha256::new(), 0, Instant::now());
        let report = |received| {
            (self.progress)(Progress::Downloading { what: url.to_owned(), received, total });
        };
        report(0);
        while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
            hash.update(&chunk);
            file.write_all(&chunk).map_err(local)?;
            received += chunk.len() as u64;
            if reported.elapsed() >= Duration::from_secs(1) {
                reported = Instant::now();
                report(received);
            }
        }
        report(received);
        let actual = hex(&hash.finalize());
        if !actual.eq_ignore_ascii_case(checksum) {
            return Err(format!("{url}: the checksum is {actual}, but should be {checksum}"));
        }
        Ok(())
    }
}

fn client(base: &str) -> Result<reqwest::Client, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    // The system's certificates are only looked for when they are needed: a mirror on plain HTTP works without them.
    let config = if base.starts_with("https:") {
        config.with_platform_verifier().map_err(|error| format!("no system certificates: {error}"))?
    } else {
        config.with_root_certificates(rustls::RootCertStore::empty())
    };
    reqwest::Client::builder()
        .tls_backend_preconfigured(config.with_no_client_auth())
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .build()
        .map_err(|error| causes(&error))
}

async fn get(client: &reqwest::Client, url: &str) -> Result<reqwest::Response, String> {
    let response = client.get(url).send().await.map_err(|error| format!("{url}: {}", causes(&error)))?;
    match response.status() {
        status if status.is_success() => Ok(response),
        status => Err(format!("{url}: the server answers {status}")),
    }
}

async fn text(client: &reqwest::Client, url: &str) -> Result<String, String> {
    let response = get(client, url).await?;
    if response.content_length().is_some_and(|length| length > CHECKSUM_BYTES) {
        return Err(format!("{url}: too long for a checksum"));
    }
    response.text().await.map_err(|error| format!("{url}: {}", causes(&error)))
}

/// reqwest's own text stops at "error sending request"; what matters is beneath it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// Lines of sha256sum(1): checksum, two spaces (or a space and `*`), file name.
fn checksum_of<'a>(sums: &'a str, file: &str) -> Option<&'a str> {
    sums.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (checksum, name) = (words.next()?, words.next()?);
        (name.trim_start_matches('*') == file).then_some(checksum)
    })
}

/// Takes the named files out of `etcd-v3.6.8-linux-amd64/` and removes the archive.
fn unpack(archive: &Path, names: &[&str], folder: &Path) -> std::io::Result<()> {
    let packed = BufReader::new(File::open(archive)?);
    let mut entries = tar::Archive::new(flate2::bufread::GzDecoder::new(packed));
    let mut missing = names.to_vec();
    for entry in entries.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let found = entry.path()?.file_name().and_then(|file| missing.iter().position(|name| file == *name));
        if let Some(found) = found {
            let name = missing.swap_remove(found);
            std::io::copy(&mut entry, &mut File::create(folder.join(name))?)?;
        }
    }
    std::fs::remove_file(archive)?;
    match missing.first() {
        None => Ok(()),
        Some(name) => Err(std::io::Error::other(format!("it has no file called {name}"))),
    }
}

fn executable(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .map_err(|error| format!("cannot make {} executable: {error}", path.display()))
}
