//! From a name or a path to a resolved profile: reads, and follows `extends`.

use std::path::{Path, PathBuf};

use crate::{Error, Profile, document::Document, input, merge::merge, source::Source};

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
    resolve(Source { origin: origin.to_owned(), folder: Some(PathBuf::new()), text: text.to_owned() })
}

fn resolve(leaf: Source) -> Result<Profile, Error> {
    merge(&chain(leaf)?)
}

/// A profile and those that it extends, the nearest first.
pub(crate) fn chain(leaf: Source) -> Result<Vec<(Source, Document)>, Error> {
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
                let folder = source.path(Path::new(""));
                Some(Source::find(base.get_ref(), &folder).map_err(|error| match error {
                    Error::UnknownProfile { .. } | Error::Read { .. } => {
                        source.error(base, with_cause(&error))
                    }
                    other => other,
                })?)
            }
        };
        chain.push((source, document));
    }
    Ok(chain)
}

fn with_cause(error: &Error) -> String {
    match error {
        Error::Read { source, .. } => format!("{error}: {source}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
