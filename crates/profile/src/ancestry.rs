//! A profile's file and those that it extends, and which of them says what.

use std::path::Path;

use crate::{Error, load::chain, source::Source};

/// The files of a profile, the nearest first.
#[derive(Debug)]
pub struct Ancestry(Vec<Source>);

impl Ancestry {
    /// Reads them, as [`load`](crate::load()) does.
    ///
    /// # Errors
    ///
    /// As [`load`](crate::load()), but for settings that contradict each other or that no binary has.
    pub fn of(name_or_path: &str) -> Result<Self, Error> {
        let chain = chain(Source::find(name_or_path, Path::new(""))?)?;
        Ok(Self(chain.into_iter().map(|(source, _)| source).collect()))
    }

    /// The profile's own file, as it is.
    pub fn text(&self) -> &str {
        self.0.first().map_or("", |source| &source.text)
    }

    /// The name of the profile that it extends.
    pub fn extends(&self) -> Option<String> {
        self.0.get(1).map(Source::name)
    }

    /// Where a setting is said, `profiles/mine.toml:14:1`, by the nearest that says it; none where it is a default.
    pub fn place_of(&self, path: &[impl AsRef<str>]) -> Option<String> {
        self.0.iter().find_map(|source| Some(source.place_at(source.offset_of(path)?)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Ancestry;

    #[test]
    fn a_setting_is_said_by_the_nearest_file_that_says_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let text = "about = \"mine\"\nextends = \"etcd-slow-disk\"\n[storage]\nwrite-iops = 50\n";
        fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap();
        let ancestry = Ancestry::of(path).unwrap();
        assert_eq!((ancestry.text(), ancestry.extends().as_deref()), (text, Some("etcd-slow-disk")));
        assert_eq!(ancestry.place_of(&["storage", "write-iops"]), Some(format!("{path}:4:14")));
        let far = ancestry.place_of(&["scheduler", "flags", "kube-api-qps"]).unwrap();
        assert!(far.starts_with("profiles/defaults-unthrottled.toml (built in):"), "{far}");
        assert_eq!(ancestry.place_of(&["storage", "medium"]), None);
        assert_eq!(Ancestry::of("defaults").unwrap().extends(), None);
    }
}
