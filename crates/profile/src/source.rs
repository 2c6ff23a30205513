//! A profile's text and where it comes from.

use std::{
    fs,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    Error, builtin, builtin_names,
    input::{self, InputError},
};

/// A profile's text and where it comes from.
#[derive(Debug)]
pub(crate) struct Source {
    /// Names it in errors: its path, or its name when it is built in.
    pub(crate) origin: String,
    /// What its relative paths are relative to; none where it has no files, because it is built in.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn find(name_or_path: &str, relative_to: &Path) -> Result<Self, Error> {
        if !is_path(name_or_path) {
            let text = builtin::text(name_or_path).ok_or_else(|| Error::UnknownProfile {
                name: name_or_path.to_owned(),
                known: builtin_names().collect(),
            })?;
            let origin = format!("profiles/{name_or_path}.toml (built in)");
            return Ok(Self { origin, folder: None, text: text.to_owned() });
        }
        let path = relative_to.join(name_or_path);
        let text = fs::read_to_string(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { origin: path.display().to_string(), folder: Some(folder), text })
    }

    /// A path that the text says, from here.
    pub(crate) fn path(&self, said: &Path) -> PathBuf {
        self.folder.as_deref().unwrap_or(Path::new("")).join(said)
    }

    /// The same for two spellings of one path.
    pub(crate) fn identity(&self) -> PathBuf {
        fs::canonicalize(&self.origin).unwrap_or_else(|_| PathBuf::from(&self.origin))
    }

    pub(crate) fn name(&self) -> String {
        let origin = self.origin.trim_end_matches(" (built in)");
        let stem = Path::new(origin).file_stem();
        stem.map_or_else(|| origin.to_owned(), |stem| stem.to_string_lossy().into_owned())
    }

    /// `profiles/mine.toml:14:1`.
    pub(crate) fn place<T>(&self, at: &Spanned<T>) -> String {
        self.place_at(at.span().start)
    }

    /// The same, of a byte.
    pub(crate) fn place_at(&self, offset: usize) -> String {
        let (line, column) = input::position(&self.text, offset);
        format!("{}:{line}:{column}", self.origin)
    }

    pub(crate) fn error<T>(&self, at: &Spanned<T>, message: impl Into<String>) -> Error {
        self.error_at(at.span().start, message)
    }

    pub(crate) fn error_at(&self, offset: usize, message: impl Into<String>) -> Error {
        InputError::at(&self.origin, &self.text, offset, message).into()
    }

    /// Where the text says the value of a path such as `["storage", "medium"]`; none where it does not. In an array the
    /// numbers are keys.
    pub(crate) fn offset_of(&self, path: &[impl AsRef<str>]) -> Option<usize> {
        let document = DeTable::parse(&self.text).ok()?;
        let (first, rest) = path.split_first()?;
        let mut found = document.get_ref().get(first.as_ref())?;
        for key in rest {
            found = match found.get_ref() {
                DeValue::Table(table) => table.get(key.as_ref())?,
                DeValue::Array(values) => values.get(key.as_ref().parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(found.span().start)
    }
}

fn is_path(name: &str) -> bool {
    name.contains(std::path::is_separator) || Path::new(name).extension().is_some_and(|end| end == "toml")
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn values_are_found_however_they_are_written() {
        let text = "a.b = 1\n[c.\"d.e\"]\nf = { g = [1, 22] }\n[[h]]\ni = 1\n[[h]]\ni = 2\n";
        let source = Source { origin: "p.toml".to_owned(), folder: None, text: text.to_owned() };
        let check = |path: &[&str], expected: Option<&str>| {
            let at = source.offset_of(path);
            assert_eq!(at.is_some(), expected.is_some(), "{path:?}");
            assert!(text[at.unwrap_or(0)..].starts_with(expected.unwrap_or_default()), "{path:?}");
        };
        check(&["a", "b"], Some("1\n[c"));
        check(&["c", "d.e", "f", "g"], Some("[1, 22]"));
        check(&["c", "d.e", "f", "g", "1"], Some("22"));
        check(&["h", "1", "i"], Some("2\n"));
        check(&["a", "c"], None);
        check(&["a", "b", "c"], None);
        check(&["h", "x"], None);
        check(&["z"], None);
    }
}
