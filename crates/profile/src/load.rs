//! From a name or a path to a resolved profile: reads, follows `extends`, merges, checks.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use toml::Spanned;

use crate::{
    Audit, Component, Error, Flag, Flags, Kubelet, Profile, Storage, Topology, Versions, builtin,
    builtin_names,
    document::Document,
    input::{self, InputError},
    vocabulary,
};

/// Loads a built-in profile by its name, or a file by its path. What holds a path separator or ends in `.toml` is a
/// path.
///
/// # Errors
///
/// Everything that is wrong with the profile or one it extends, with file, line and column.
pub fn load(name_or_path: &str) -> Result<Profile, Error> {
    resolve(Source::find(name_or_path, Path::new(""))?)
}

/// Resolves a profile given as text, as if it stood in the current folder. `origin` names it in errors.
///
/// # Errors
///
/// As [`load`].
pub fn from_text(origin: &str, text: &str) -> Result<Profile, Error> {
    resolve(Source { origin: origin.to_owned(), folder: PathBuf::new(), text: text.to_owned() })
}

/// A profile's text and where it comes from.
struct Source {
    /// Names it in errors: its path, or its name when it is built in.
    origin: String,
    /// What its relative paths are relative to.
    folder: PathBuf,
    text: String,
}

impl Source {
    fn find(name_or_path: &str, relative_to: &Path) -> Result<Self, Error> {
        if !is_path(name_or_path) {
            let text = builtin::text(name_or_path).ok_or_else(|| Error::UnknownProfile {
                name: name_or_path.to_owned(),
                known: builtin_names().collect(),
            })?;
            let origin = format!("profiles/{name_or_path}.toml (built in)");
            return Ok(Self { origin, folder: PathBuf::new(), text: text.to_owned() });
        }
        let path = relative_to.join(name_or_path);
        let text = fs::read_to_string(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { origin: path.display().to_string(), folder, text })
    }

    /// The same for two spellings of one path.
    fn identity(&self) -> PathBuf {
        fs::canonicalize(&self.origin).unwrap_or_else(|_| PathBuf::from(&self.origin))
    }

    fn name(&self) -> String {
        let origin = self.origin.trim_end_matches(" (built in)");
        let stem = Path::new(origin).file_stem();
        stem.map_or_else(|| origin.to_owned(), |stem| stem.to_string_lossy().into_owned())
    }

    fn error<T>(&self, at: &Spanned<T>, message: impl Into<String>) -> Error {
        self.error_at(at.span().start, message)
    }

    fn error_at(&self, offset: usize, message: impl Into<String>) -> Error {
        InputError::at(&self.origin, &self.text, offset, message).into()
    }
}

fn is_path(name: &str) -> bool {
    name.contains(std::path::is_separator) || Path::new(name).extension().is_some_and(|end| end == "toml")
}

fn resolve(leaf: Source) -> Result<Profile, Error> {
    // From the profile asked for up to the one that extends nothing.
    let mut chain: Vec<(Source, Document)> = Vec::new();
    let mut next = Some(leaf);
    while let Some(source) = next {
        let identity = source.identity();
        if chain.iter().any(|(earlier, _)| earlier.identity() == identity) {
            let chain = chain.into_iter().map(|(earlier, _)| earlier.origin).chain([source.origin]).collect();
            return Err(Error::Circle { chain });
        }
        let document: Document = input::parse(&source.origin, &source.text)?;
        next = match &document.extends {
            None => None,
            Some(base) => {
                Some(Source::find(base.get_ref(), &source.folder).map_err(|error| match error {
                    Error::UnknownProfile { .. } | Error::Read { .. } => {
                        source.error(base, with_cause(&error))
                    }
                    other => other,
                })?)
            }
        };
        chain.push((source, document));
    }
    merge(&chain)
}

fn with_cause(error: &Error) -> String {
    match error {
        Error::Read { source, .. } => format!("{error}: {source}"),
        other => other.to_string(),
    }
}

/// Applies a chain of profiles from its root down, so that the nearer one wins flag by flag.
fn merge(chain: &[(Source, Document)]) -> Result<Profile, Error> {
    let (mut kubernetes, mut etcd, mut bin_dir) = (None, None, None);
    let (mut topology, mut audit, mut kubelet) = (Topology::default(), Audit::default(), Kubelet::default());
    let mut flags: BTreeMap<Component, Flags> = BTreeMap::new();
    let mut env: BTreeMap<Component, BTreeMap<String, String>> = BTreeMap::new();
    for (source, document) in chain.iter().rev() {
        let versions = &document.versions;
        for (said, merged) in [(&versions.kubernetes, &mut kubernetes), (&versions.etcd, &mut etcd)] {
            if let Some(said) = said {
                check_version(said.get_ref()).map_err(|reason| source.error(said, reason))?;
                *merged = Some(said.get_ref().clone());
            }
        }
        if let Some(said) = &versions.bin_dir {
            bin_dir = Some(source.folder.join(said));
        }
        topology.apply(&document.topology);
        audit.apply(&document.audit);
        kubelet.apply(&document.kubelet);
        for component in Component::ALL {
            let merged = flags.entry(component).or_default();
            for (name, value) in document.flags(component) {
                let (line, column) = input::position(&source.text, name.span().start);
                let origin = format!("{}:{line}:{column}", source.origin);
                merged.insert(name.get_ref().clone(), Flag { values: value.0.clone(), origin });
            }
            let variables = document.env(component).iter().map(|(name, value)| (name.clone(), value.clone()));
            env.entry(component).or_default().extend(variables);
        }
    }
    let (leaf, document) = &chain[0];
    let no_version = |field, example| Error::NoVersion { origin: leaf.origin.clone(), field, example };
    let profile = Profile {
        name: leaf.name(),
        about: document.about.clone(),
        sources: document.sources.clone(),
        versions: Versions {
            kubernetes: kubernetes.ok_or_else(|| no_version("kubernetes", "1.36.3"))?,
            etcd: etcd.ok_or_else(|| no_version("etcd", "3.6.8"))?,
            bin_dir,
        },
        topology,
        audit,
        storage: storage(chain)?,
        kubelet,
        flags,
        env,
    };
    check_flags(&profile)?;
    Ok(profile)
}

/// A contradiction is the nearest profile's that says anything of it: it could have said something else.
fn storage(chain: &[(Source, Document)]) -> Result<Storage, Error> {
    let mut storage = Storage::default();
    let mut said_last = None;
    for (source, document) in chain.iter().rev() {
        storage.apply(&document.storage);
        said_last = document.storage.offset().map(|offset| (source, offset)).or(said_last);
    }
    match (storage.check(), said_last) {
        (Err(reason), Some((source, offset))) => Err(source.error_at(offset, reason)),
        _ => Ok(storage),
    }
}

/// `1.36.3`, `1.37.0-rc.1`.
pub(crate) fn check_version(version: &str) -> Result<(), String> {
    let (numbers, pre) = version.split_once('-').unwrap_or((version, "0"));
    let numeric = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let well_formed = numbers.split('.').count() == 3
        && numbers.split('.').all(numeric)
        && !pre.is_empty()
        && pre.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if well_formed {
        return Ok(());
    }
    let advice = match version.strip_prefix('v') {
        Some(rest) if check_version(rest).is_ok() => format!("write `{rest}`"),
        _ => "write it like `1.36.3` or `1.37.0-rc.1`".to_owned(),
    };
    Err(format!("`{version}` is not a version: {advice}"))
}

/// Every flag must be one that the binary of its version has, as far as that is known.
pub(crate) fn check_flags(profile: &Profile) -> Result<(), Error> {
    for component in Component::ALL {
        let version = profile.version(component);
        let Some(names) = vocabulary::of(component, version) else { continue };
        if let Some((flag, at)) =
            profile.flags(component).iter().find(|(flag, _)| names.binary_search(flag).is_err())
        {
            return Err(Error::UnknownFlag {
                origin: at.origin.clone(),
                component,
                version: version.to_owned(),
                flag: flag.to_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
