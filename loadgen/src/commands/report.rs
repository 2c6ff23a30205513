//! `loadgen report`: records as a page or as a comment, and the page that a measurement leaves in its folder.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use report::{Record, html, markdown};

use super::print;
use crate::{
    cli::{Form, ReportArgs},
    end::End,
    progress::tell,
};

/// What a page is called in a record's folder.
const PAGE: &str = "report.html";
/// Instead of a file: what is printed.
const STDOUT: &str = "-";

pub(crate) fn run(args: &ReportArgs) -> End {
    let records: Result<Vec<Record>, report::Error> =
        args.records.iter().map(|path| Record::open(path)).collect();
    let records = match records {
        Ok(records) => records,
        Err(error) => return End::usage(error),
    };
    let (text, usual) = match args.form {
        Form::Html => (html::pages(&records), page_of(&args.records, &records)),
        Form::Markdown => (markdown::comments(&records), PathBuf::from(STDOUT)),
    };
    let out = args.out.clone().unwrap_or(usual);
    if out == Path::new(STDOUT) {
        print(&text);
        return End::Done;
    }
    match write(&out, &text) {
        Ok(()) => {
            print(&format!("{}\n", out.display()));
            End::Done
        }
        Err(error) => error.into(),
    }
}

/// Where the page of these records goes when nobody says: into the record's folder, beside a record that was kept without one, and
/// of several into the folder that we are in.
fn page_of(paths: &[PathBuf], records: &[Record]) -> PathBuf {
    match (paths, records) {
        ([path], [record]) => match &record.folder {
            Some(folder) => folder.join(PAGE),
            None => path.with_extension("html"),
        },
        _ => PathBuf::from(PAGE),
    }
}

/// Writes the page of the record in this folder into it, and says where it is. That there is none is no reason for a measurement to fail.
pub(crate) fn leave(folder: &Path) {
    let written = || {
        let record = Record::open(folder)?;
        let page = folder.join(PAGE);
        write(&page, &html::page(&record))?;
        anyhow::Ok(page)
    };
    match written() {
        Ok(page) => tell(&format!("report: {}   ({})", page.display(), url(&page))),
        Err(error) => tell(&format!("warning: there is no report: {error:#}")),
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Where a file is, as terminals make a link of it.
fn url(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut url = "file://".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte);
        // Writing to a String cannot fail.
        let _ = if plain { write!(url, "{}", char::from(*byte)) } else { write!(url, "%{byte:02X}") };
    }
    url
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_link_has_no_character_that_ends_it() {
        assert_eq!(url(Path::new("/no/such/my runs/é.html")), "file:///no/such/my%20runs/%C3%A9.html");
    }

    #[test]
    fn a_page_goes_where_the_record_is() {
        let base = TempDir::new().unwrap();
        let kept = base.path().join("01.json");
        fs::write(&kept, include_str!("../../../docs/evidence/saturate/01.json")).unwrap();
        let folder = base.path().join("it");
        fs::create_dir(&folder).unwrap();
        fs::copy(&kept, folder.join("search.json")).unwrap();
        let of = |paths: &[&PathBuf]| {
            let paths: Vec<PathBuf> = paths.iter().map(|path| (*path).clone()).collect();
            let records: Vec<Record> = paths.iter().map(|path| Record::open(path).unwrap()).collect();
            page_of(&paths, &records)
        };
        assert_eq!(of(&[&folder]), folder.join("report.html"));
        assert_eq!(of(&[&kept]), base.path().join("01.html"));
        assert_eq!(of(&[&kept, &folder]), Path::new("report.html"));
        leave(&folder);
        assert!(fs::read_to_string(folder.join(PAGE)).unwrap().starts_with("<!DOCTYPE html>"));
    }
}
