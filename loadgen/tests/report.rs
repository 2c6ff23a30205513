//! `loadgen report` on kept records: where pages go, what is printed, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

fn loadgen(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadgen")).arg("report").args(args).current_dir(folder).output().unwrap()
}

/// A folder with the record of a search, as a search leaves it.
fn search(base: &Path) -> PathBuf {
    let folder = base.join("it");
    fs::create_dir(&folder).unwrap();
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/evidence/saturate/01.json");
    fs::copy(kept, folder.join("search.json")).unwrap();
    folder
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_page_goes_into_the_folder_of_its_record() {
    let base = TempDir::new().unwrap();
    let folder = search(base.path());
    assert_eq!(printed(&loadgen(base.path(), &["it"])), "it/report.html\n");
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("pod-churn saturates at"), "{page}");

    assert_eq!(printed(&loadgen(base.path(), &["it", "it", "--out", "both.html"])), "both.html\n");
    assert!(fs::read_to_string(base.path().join("both.html")).unwrap().contains("<h1>2 records</h1>"));
}

#[test]
fn a_comment_is_printed() {
    let base = TempDir::new().unwrap();
    search(base.path());
    let text = printed(&loadgen(base.path(), &["it", "--as", "markdown"]));
    assert!(text.starts_with("### pod-churn saturates at"), "{text}");
    assert!(printed(&loadgen(base.path(), &["it", "--out", "-"])).starts_with("<!DOCTYPE html>"));
    assert_eq!(fs::read_dir(base.path().join("it")).unwrap().count(), 1, "nothing was written");
}

#[test]
fn what_is_no_record_is_one_clear_error() {
    let base = TempDir::new().unwrap();
    let folder = search(base.path());
    let refused = |args: &[&str], code, wanted: &str| {
        let output = loadgen(base.path(), args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(
            error.starts_with("error: ") && error.contains(wanted) && error.lines().count() == 1,
            "{error}"
        );
    };
    refused(&["."], 2, "there is no record in .: it has none of run.json");
    refused(&["."], 2, "; there is one in ./it");
    refused(&["nowhere"], 2, "cannot read nowhere");
    fs::write(folder.join("search.json"), r#"{"kind": "search", "schema_version": 7}"#).unwrap();
    refused(&["it"], 2, "it/search.json is a record of kind search of version 7");
    fs::write(folder.join("search.json"), r#"{"kind": "sea"#).unwrap();
    refused(&["it"], 2, "it/search.json is cut off or is no record");
}

#[test]
fn a_page_that_cannot_be_written_is_an_error() {
    let base = TempDir::new().unwrap();
    search(base.path());
    let output = loadgen(base.path(), &["it", "--out", "no/such/folder/it.html"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write no/such/folder/it.html"));
}
