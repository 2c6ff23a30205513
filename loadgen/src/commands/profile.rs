//! `loadgen profile`: which profiles there are, what they set and where that is said, how two differ, and what one is in other
//! forms.

mod render;

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::{CellAlignment, ContentArrangement};
use profile::{Ancestry, Profile, Setting, builtin_names, load, settings};
use serde_json::Value;

use super::print;
use crate::{
    cli::ProfileCommand,
    end::End,
    table::{line, new_table},
};

pub(crate) fn run(command: ProfileCommand) -> End {
    let text = match command {
        ProfileCommand::List => list(),
        ProfileCommand::Show { profile, resolved: false, .. } => show(&profile),
        ProfileCommand::Show { profile, resolved: true, set } => resolved(&profile, &set),
        ProfileCommand::Diff { one, other, set } => diff(&one, &other, &set),
        ProfileCommand::Render(args) => return render::run(&args),
    };
    match text {
        Ok(text) => {
            print(&text);
            End::Done
        }
        Err(error) => End::usage(error),
    }
}

/// All profiles that come with the program, a line each.
fn list() -> Result<String, profile::Error> {
    let mut table = new_table(&["profile", "extends", "about"]);
    // As wide as the terminal, where there is one.
    table.set_content_arrangement(ContentArrangement::Dynamic);
    for index in [1, 2] {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Left);
        }
    }
    for name in builtin_names() {
        let extends = Ancestry::of(name)?.extends().unwrap_or_else(|| "-".to_owned());
        table.add_row([name, &extends, load(name)?.about.trim_end_matches('.')]);
    }
    Ok(format!("{table}\n"))
}

/// The file, once it is known to be a profile.
fn show(profile: &str) -> Result<String, profile::Error> {
    load(profile)?;
    Ancestry::of(profile).map(|ancestry| ancestry.text().to_owned())
}

fn load_with(profile: &str, set: &[String]) -> Result<Profile, profile::Error> {
    let mut profile = load(profile)?;
    set.iter().try_for_each(|assignment| profile.set(assignment))?;
    Ok(profile)
}

/// Every setting, as TOML would have it, and where it is said.
fn resolved(profile: &str, set: &[String]) -> Result<String, profile::Error> {
    let resolved = load_with(profile, set)?;
    let ancestry = Ancestry::of(profile)?;
    let mut text = String::new();
    for setting in settings(&resolved) {
        let place = place(&setting, &ancestry, set).unwrap_or_else(|| "default".to_owned());
        line(&mut text, &format!("{} = {}  # {place}", setting.name(), setting.value));
    }
    Ok(text)
}

/// The last word on a setting is the command line's.
fn place(setting: &Setting, ancestry: &Ancestry, set: &[String]) -> Option<String> {
    let name = setting.name();
    let is_of = |assignment: &&String| assignment.split_once('=').is_some_and(|(path, _)| path == name);
    let by_set = set.iter().rfind(is_of).map(|assignment| format!("--set {assignment}"));
    by_set.or_else(|| setting.origin.clone()).or_else(|| ancestry.place_of(&setting.path))
}

/// What is set in one only or otherwise in the other.
fn diff(one: &str, other: &str, set: &[String]) -> Result<String, profile::Error> {
    let values = |profile: &Profile| -> BTreeMap<String, Value> {
        settings(profile).into_iter().map(|setting| (setting.name(), setting.value)).collect()
    };
    let (one, other) = (values(&load(one)?), values(&load_with(other, set)?));
    let mut text = String::new();
    for name in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (one.get(name), other.get(name));
        if before != after {
            let shown = |value: Option<&Value>| value.map_or_else(|| "-".to_owned(), ToString::to_string);
            line(&mut text, &format!("{name}: {} -> {}", shown(before), shown(after)));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_line_for_each_profile() {
        let text = list().unwrap();
        for name in builtin_names() {
            let listed = text.lines().filter(|line| line.split_whitespace().next() == Some(name)).count();
            assert_eq!(listed, 1, "{name} in\n{text}");
        }
        let line = text.lines().find(|line| line.starts_with("etcd-slow-disk ")).unwrap();
        assert_eq!(line.split_whitespace().nth(1), Some("defaults-unthrottled"));
    }

    #[test]
    fn a_resolved_profile_says_where_each_setting_is_from() {
        let set = ["storage.medium=disk".to_owned(), "apiserver.flags.v=4".to_owned()];
        let text = resolved("etcd-slow-disk", &set).unwrap();
        let line = |start: &str| {
            text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start} in\n{text}"))
        };
        let near = line("storage.write-iops = 100  # profiles/etcd-slow-disk.toml (built in):");
        assert!(near.ends_with(":14"), "{near}");
        line("scheduler.flags.kube-api-qps = \"5000\"  # profiles/defaults-unthrottled.toml (built in):");
        assert_eq!(line("storage.medium"), "storage.medium = \"disk\"  # --set storage.medium=disk");
        assert_eq!(line("apiserver.flags.v"), "apiserver.flags.v = \"4\"  # --set apiserver.flags.v=4");
        assert_eq!(line("kubelet.max-pods"), "kubelet.max-pods = 110  # default");
    }

    #[test]
    fn two_profiles_differ_by_the_settings_of_either() {
        assert_eq!(diff("defaults", "defaults", &[]).unwrap(), "");
        let set = ["apiserver.flags.v=4".to_owned()];
        let expected = "apiserver.flags.v: - -> \"4\"\nstorage.write-iops: - -> 100\n";
        assert_eq!(diff("defaults-unthrottled", "etcd-slow-disk", &set).unwrap(), expected);
        let back = diff("etcd-slow-disk", "defaults-unthrottled", &[]).unwrap();
        assert_eq!(back, "storage.write-iops: 100 -> -\n");
    }
}
