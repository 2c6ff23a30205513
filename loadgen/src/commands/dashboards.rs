//! `loadgen dashboards`: Grafana's dashboards as files, or in a Grafana.

mod push;

use std::{fs, path::Path};

use anyhow::{Context, bail};
use report::dashboards::{Dashboard, dashboards};
use serde_json::Value;

use super::print;
use crate::{cli::DashboardsCommand, end::End, table::line};

pub(crate) async fn run(command: DashboardsCommand) -> End {
    match command {
        DashboardsCommand::Write(args) => match write(&args.folder, args.force) {
            Ok(said) => {
                print(&said);
                End::Done
            }
            Err(end) => end,
        },
        DashboardsCommand::Push(args) => push::run(&args).await,
    }
}

/// The paths of what was written, a line each.
fn write(folder: &Path, force: bool) -> Result<String, End> {
    let dashboards = dashboards();
    if !force {
        are_ours(folder, &dashboards).map_err(End::usage)?;
    }
    Ok(write_all(folder, &dashboards)?)
}

/// A dashboard of ours, of whichever version, may be replaced; any other file of that name may not.
fn are_ours(folder: &Path, dashboards: &[Dashboard]) -> anyhow::Result<()> {
    let mut others = Vec::new();
    for dashboard in dashboards {
        let path = folder.join(dashboard.file);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => bail!("cannot read {}, which would be replaced: {error}", path.display()),
        };
        let there: Option<Value> = serde_json::from_str(&text).ok();
        if there.is_none_or(|json| json["uid"] != dashboard.uid) {
            others.push(path.display().to_string());
        }
    }
    if !others.is_empty() {
        let what = if let [only] = others.as_slice() {
            format!("{only} is there and is no dashboard of ours")
        } else {
            format!("{} are there and are no dashboards of ours", others.join(", "))
        };
        bail!("{what}: name another folder, or replace with --force");
    }
    Ok(())
}

fn write_all(folder: &Path, dashboards: &[Dashboard]) -> anyhow::Result<String> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut said = String::new();
    for dashboard in dashboards {
        let path = folder.join(dashboard.file);
        fs::write(&path, dashboard.json()).with_context(|| format!("cannot write {}", path.display()))?;
        line(&mut said, &path.display().to_string());
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dashboard_becomes_a_file_and_may_be_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("new/dashboards");
        let dashboards = dashboards();
        for _ in 0..2 {
            are_ours(&target, &dashboards).unwrap();
            let said = write_all(&target, &dashboards).unwrap();
            assert_eq!(said.lines().count(), dashboards.len());
        }
        for dashboard in &dashboards {
            assert_eq!(fs::read_to_string(target.join(dashboard.file)).unwrap(), dashboard.json());
        }
    }

    #[test]
    fn files_of_others_are_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("run.json", "{\"uid\":\"mine\"}"), ("fleet.json", "no json")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let error = are_ours(folder.path(), &dashboards()).unwrap_err().to_string();
        assert!(error.contains("run.json, ") && error.contains("fleet.json are there"), "{error}");
        assert!(error.contains("--force") && !error.contains("compare.json"), "{error}");
        assert!(matches!(write(folder.path(), false), Err(End::Usage(_))));
        assert_eq!(fs::read_to_string(folder.path().join("fleet.json")).unwrap(), "no json");
        assert!(write(folder.path(), true).is_ok());
        assert!(fs::read_to_string(folder.path().join("fleet.json")).unwrap().contains("loadgen-fleet"));
    }
}
