//! `[[manifest]]`: objects that are applied when the control plane is up.

use std::{fs, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use crate::{Error, input::InputError, source::Source};

/// Documents of YAML or JSON, each an object of the Kubernetes API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// All documents, as they are written.
    pub text: String,
    /// `profiles/mine.toml:14:8`, or the path of a file.
    pub origin: String,
}

/// `[[manifest]]` as it is written: one of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManifestTable {
    text: Option<Spanned<String>>,
    file: Option<Spanned<PathBuf>>,
}

impl ManifestTable {
    /// Takes the text, from a file where it is in one.
    pub(crate) fn read(&self, at: &Spanned<Self>, source: &Source) -> Result<Manifest, Error> {
        match (&self.text, &self.file) {
            (Some(text), None) => {
                check(text.get_ref()).map_err(|mistake| mistake.inside(text, source))?;
                Ok(Manifest { text: text.get_ref().clone(), origin: source.place(text) })
            }
            (None, Some(file)) => {
                if source.folder.is_none() {
                    return Err(
                        source.error(file, "a profile that is built in has no files: write it as text")
                    );
                }
                let path = source.path(file.get_ref());
                let text = fs::read_to_string(&path).map_err(|error| {
                    source.error(file, format!("cannot read {}: {error}", path.display()))
                })?;
                let origin = path.display().to_string();
                check(&text).map_err(|mistake| mistake.of_file(&origin))?;
                Ok(Manifest { text, origin })
            }
            _ => Err(source.error(at, "a manifest is either `text` or a `file`")),
        }
    }
}

/// What is wrong with a manifest, and where in it as far as that is known, counted from 1.
struct Mistake {
    place: Option<(usize, usize)>,
    message: String,
}

impl Mistake {
    /// In a text that stands in a profile.
    fn inside(self, text: &Spanned<String>, source: &Source) -> Error {
        let written = source.text.get(text.span()).unwrap_or_default();
        let inside = ["\"\"\"", "'''"].iter().find_map(|quotes| written.strip_prefix(quotes));
        let (Some((line, column)), Some(inside)) = (self.place, inside) else {
            return source.error(text, self.message);
        };
        // A line break behind the quotes is not part of the text.
        let skipped = usize::from(inside.starts_with(['\n', '\r']));
        let InputError { origin, line: first, .. } =
            InputError::at(&source.origin, &source.text, text.span().start, "");
        InputError { origin, line: first + skipped + line - 1, column, message: self.message }.into()
    }

    fn of_file(self, origin: &str) -> Error {
        let (line, column) = self.place.unwrap_or((1, 1));
        InputError { origin: origin.to_owned(), line, column, message: self.message }.into()
    }
}

/// Whether these are objects of the Kubernetes API. What they are is the apiserver's to judge.
fn check(text: &str) -> Result<(), Mistake> {
    // JSON is YAML too.
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| {
        let place = error
            .location()
            .and_then(|at| Some((usize::try_from(at.line()).ok()?, usize::try_from(at.column()).ok()?)));
        let reason = error.without_snippet().to_string();
        let reason = reason.lines().next().unwrap_or_default().to_owned();
        Mistake { place, message: format!("the manifest is not YAML: {reason}") }
    })?;
    let wrong = |message| Err(Mistake { place: None, message });
    if documents.is_empty() {
        return wrong("the manifest holds no object".to_owned());
    }
    for (document, number) in documents.iter().zip(1..) {
        let said = |field: &str| document[field].as_str().is_some_and(|text| !text.is_empty());
        if let Some(field) = ["apiVersion", "kind"].into_iter().find(|field| !said(field)) {
            return wrong(format!("document {number} of the manifest is not an object with `{field}`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::{from_text, load};

    const ROOT: &str = "about = \"x\"\nversions = { kubernetes = \"1.36.3\", etcd = \"3.6.8\" }\n";
    const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: { name: a }\n";

    fn error(manifest: &str) -> String {
        from_text("p.toml", &format!("{ROOT}[[manifest]]\n{manifest}")).unwrap_err().to_string()
    }

    #[test]
    fn those_of_nearer_profiles_come_after_inherited_ones() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        fs::create_dir(folder.path().join("more")).unwrap();
        let base = write("base.toml", &format!("{ROOT}[[manifest]]\ntext = \"\"\"\n{NAMESPACE}\"\"\""));
        let file = write(
            "more/b.yaml",
            &format!("---\n{NAMESPACE}---\n{{\"apiVersion\": \"v1\", \"kind\": \"Secret\"}}\n"),
        );
        let leaf = "about = \"x\"\nextends = \"base.toml\"\n[[manifest]]\nfile = \"more/b.yaml\"";
        let manifests = load(&write("leaf.toml", leaf)).unwrap().manifests;
        let origins: Vec<&str> = manifests.iter().map(|manifest| manifest.origin.as_str()).collect();
        assert_eq!(origins, [format!("{base}:4:8"), file]);
        assert_eq!(manifests[0].text, NAMESPACE);
        assert!(manifests[1].text.contains("Secret"));
    }

    #[test]
    fn a_mistake_has_its_place_in_the_profile() {
        let none = "the manifest holds no object";
        assert_eq!(error("text = \"\"").as_str(), format!("p.toml:4:8: {none}"));
        assert_eq!(
            error("text = \"a: 1\""),
            "p.toml:4:8: document 1 of the manifest is not an object with `apiVersion`"
        );
        assert_eq!(
            error(&format!("text = '''\n{NAMESPACE}---\napiVersion: v1\n---\n'''")),
            "p.toml:4:8: document 2 of the manifest is not an object with `kind`"
        );
        let broken = error("text = '''\napiVersion: v1\nkind: [a\n'''");
        assert!(broken.starts_with("p.toml:") && broken.contains(": the manifest is not YAML: "), "{broken}");
        let line: usize = broken.split(':').nth(1).unwrap().parse().unwrap();
        assert!((5..=7).contains(&line), "{broken}");
    }

    #[test]
    fn it_is_a_text_or_a_file() {
        let either = "p.toml:3:1: a manifest is either `text` or a `file`";
        assert_eq!(error(""), either);
        assert_eq!(error("text = \"a\"\nfile = \"b\""), either);
        assert_eq!(
            error("txt = \"a\""),
            "p.toml:4:1: unknown field `txt` under [[manifest]]; did you mean `text`?"
        );
        let missing = error("file = \"no/such.yaml\"");
        assert!(missing.starts_with("p.toml:4:8: cannot read no/such.yaml: "), "{missing}");
    }
}
