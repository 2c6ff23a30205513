//! Kubeconfigs: reading one as kubectl does, into an endpoint and a credential for `wire`; and writing one.
//!
//! What kubectl can use and we cannot (credential plugins, proxies, plain HTTP) is refused with what to do instead.

use std::{
    env, fmt,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use kube::config::{Kubeconfig, KubeconfigError};
use wire::{Credential, Endpoint};

use crate::Error;

mod entry;

use entry::Entry;

/// How to reach one cluster, as one context of a kubeconfig says.
#[derive(Clone, Debug)]
pub struct ClusterAccess {
    /// The context's name.
    pub context: String,
    /// Where the apiserver is.
    pub endpoint: Endpoint,
    /// Who we are there.
    pub credential: Credential,
    /// The file; the first of them if `KUBECONFIG` names several.
    pub source: PathBuf,
}

/// Reads a context: the named one, or the kubeconfig's current one.
///
/// Without a path, the files of `KUBECONFIG` are merged, and without that `~/.kube/config` is read, as client-go's
/// `clientcmd.ClientConfigLoadingRules` do: of several files, those that do not exist are passed over.
pub fn load(path: Option<&Path>, context: Option<&str>) -> Result<ClusterAccess, Error> {
    let paths = match path {
        Some(path) => vec![path.to_owned()],
        None => default_paths(),
    };
    let (source, config) = read(&paths)?;
    access(&source, &config, context)
}

/// Writes a kubeconfig with one context, named like its cluster, and all certificates inside.
pub fn render(cluster: &str, server: &str, ca_pem: &str, cert_pem: &str, key_pem: &str) -> String {
    let [cluster, server] = [cluster, server].map(quoted);
    let [ca, cert, key] = [ca_pem, cert_pem, key_pem].map(|pem| BASE64_STANDARD.encode(pem));
    format!(
        "apiVersion: v1
kind: Config
current-context: {cluster}
contexts:
- name: {cluster}
  context:
    cluster: {cluster}
    user: {cluster}
clusters:
- name: {cluster}
  cluster:
    server: {server}
    certificate-authority-data: {ca}
users:
- name: {cluster}
  user:
    client-certificate-data: {cert}
    client-key-data: {key}
"
    )
}

/// JSON's quotes are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn default_paths() -> Vec<PathBuf> {
    let named: Vec<_> = env::var_os("KUBECONFIG")
        .iter()
        .flat_map(|paths| env::split_paths(paths).collect::<Vec<_>>())
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    if !named.is_empty() {
        return named;
    }
    // Without a home there is no place to look, and the message shows what would be looked for.
    vec![env::home_dir().unwrap_or_else(|| PathBuf::from("~")).join(".kube/config")]
}

/// Merges the files that exist, and names the first.
fn read(paths: &[PathBuf]) -> Result<(PathBuf, Kubeconfig), Error> {
    let mut merged: Option<(PathBuf, Kubeconfig)> = None;
    for path in paths {
        let unreadable = |error| Error::Kubeconfig { path: path.clone(), problem: reason(&error) };
        let next = match Kubeconfig::read_from(path) {
            Ok(config) => config,
            Err(KubeconfigError::ReadConfig(error, _)) if error.kind() == std::io::ErrorKind::NotFound => {
                continue;
            }
            Err(error) => return Err(unreadable(error)),
        };
        merged = Some(match merged {
            None => (path.clone(), next),
            Some((first, config)) => (first, config.merge(next).map_err(unreadable)?),
        });
    }
    merged.ok_or_else(|| Error::KubeconfigMissing { tried: paths.to_vec() })
}

/// The reason in one line. The parser goes on with the lines around the mistake, and there may be a secret in them.
fn reason(error: &KubeconfigError) -> String {
    let text = match error {
        KubeconfigError::Parse(error) => error.to_string(),
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        error => error.to_string(),
    };
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("error: ").unwrap_or(first).to_owned()
}

fn access(source: &Path, config: &Kubeconfig, context: Option<&str>) -> Result<ClusterAccess, Error> {
    let contexts: Vec<&str> = config.contexts.iter().map(|context| context.name.as_str()).collect();
    let problem = |problem| Error::Kubeconfig { path: source.to_owned(), problem };
    let current = config.current_context.as_deref().filter(|name| !name.is_empty());
    let name = context.or(current).ok_or_else(|| {
        problem(format!("no current context is set; name one with --context: {}", listed(&contexts)))
    })?;
    let context = config
        .contexts
        .iter()
        .find(|context| context.name == name)
        .and_then(|context| context.context.as_ref())
        .ok_or_else(|| problem(unknown("context", name, &contexts)))?;

    let clusters: Vec<&str> = config.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    let cluster = config
        .clusters
        .iter()
        .find(|cluster| cluster.name == context.cluster)
        .and_then(|cluster| cluster.cluster.as_ref())
        .ok_or_else(|| {
            problem(format!("context `{name}`: {}", unknown("cluster", &context.cluster, &clusters)))
        })?;

    let user_name = context.user.as_deref().unwrap_or_default();
    let users: Vec<&str> = config.auth_infos.iter().map(|user| user.name.as_str()).collect();
    let user = config
        .auth_infos
        .iter()
        .find(|user| user.name == user_name)
        .and_then(|user| user.auth_info.as_ref())
        .ok_or_else(|| problem(format!("context `{name}`: {}", unknown("user", user_name, &users))))?;

    Ok(ClusterAccess {
        context: name.to_owned(),
        endpoint: Entry::new(source, "cluster", &context.cluster).endpoint(cluster)?,
        credential: Entry::new(source, "user", user_name).credential(user)?,
        source: source.to_owned(),
    })
}

/// Says that a name is not there, which one is nearest, and which ones there are.
fn unknown(kind: &str, name: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let meant = nearest.map(|(_, known)| format!("; did you mean `{known}`?")).unwrap_or_default();
    format!("there is no {kind} `{name}`{meant} (it has {})", listed(known))
}

fn listed(names: &[&str]) -> impl fmt::Display {
    if names.is_empty() {
        return "none".to_owned();
    }
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests;
