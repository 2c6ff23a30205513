//! A scenario with some of it changed by name: what the two arms of an experiment are put through may differ.

use toml::{Table, Value};

use super::{Error, Loaded, parse};

/// Tables that there is one of.
const SINGLE: [&str; 2] = ["fleet", "criteria"];
/// What stands above all tables.
const TOP: [&str; 3] = ["cells", "window", "set"];
/// Takes loads, inventories and faults away.
const WITHOUT: &str = "without";

/// The scenario with these changes, in order. Each is a path and a value: `fleet.nodes`, `window`, or the name of a load, an inventory
/// or a fault and one of its fields, `pods.lifetime`; `install.0.manifest`; and `without` has the names of those to leave out.
///
/// # Errors
///
/// What is not there to be changed, with the nearest name; and whatever is wrong with the scenario then.
pub(crate) fn changed<'a>(
    loaded: &Loaded,
    changes: impl IntoIterator<Item = &'a Table>,
) -> Result<Loaded, Error> {
    let origin = format!("scenario {} with what is changed of it", loaded.name);
    let mut table: Table = profile::input::parse(&origin, &loaded.text)?;
    let mut is_changed = false;
    for (path, value) in changes.into_iter().flatten() {
        is_changed = true;
        let impossible = |reason| Error::Impossible { origin: loaded.name.clone(), reason };
        change(&mut table, path, value).map_err(impossible)?;
    }
    if !is_changed {
        return Ok(loaded.clone());
    }
    parse(&loaded.name, &origin, &table.to_string())
}

fn change(scenario: &mut Table, path: &str, value: &Value) -> Result<(), String> {
    match path.split_once('.') {
        None if path == WITHOUT => take_away(scenario, value),
        None if TOP.contains(&path) => {
            scenario.insert(path.to_owned(), value.clone());
            Ok(())
        }
        None => Err(format!("`{path}` cannot be changed; write NAME.FIELD, or one of {}", TOP.join(", "))),
        Some((first, rest)) if SINGLE.contains(&first) => {
            let table = scenario.entry(first).or_insert_with(|| Table::new().into());
            put(table, path, rest, value)
        }
        Some(("install", rest)) => {
            let (number, field) = rest.split_once('.').ok_or("write install.NUMBER.manifest")?;
            let installs = scenario.get_mut("install").and_then(Value::as_array_mut);
            let install = number.parse::<usize>().ok().and_then(|number| installs?.get_mut(number));
            put(
                install.ok_or_else(|| format!("there is no [[install]] number {number}"))?,
                path,
                field,
                value,
            )
        }
        Some((name, rest)) => {
            let known: Vec<String> = named(scenario).map(|(name, _)| name).collect();
            let mut found: Vec<&mut Value> =
                named(scenario).filter(|(own, _)| own == name).map(|(_, table)| table).collect();
            match (found.pop(), found.is_empty()) {
                (Some(table), true) => put(table, path, rest, value),
                (Some(_), false) => Err(format!("`{name}` is the name of several; give one of them another")),
                (None, _) => Err(unknown(name, &known)),
            }
        }
    }
}

fn unknown(name: &str, known: &[String]) -> String {
    match profile::nearest(name, known.iter().map(String::as_str)) {
        Some(nearest) => format!("nothing in it is called `{name}`; did you mean `{nearest}`?"),
        None => format!("nothing in it is called `{name}`; there are {}", known.join(", ")),
    }
}

/// Loads, inventories and faults: whatever there may be several of and has a name.
fn named(scenario: &mut Table) -> impl Iterator<Item = (String, &mut Value)> {
    let tables = scenario.iter_mut().filter_map(|(_, value)| value.as_array_mut()).flatten();
    tables.filter_map(|table| Some((name_of(table)?.to_owned(), table)))
}

fn name_of(table: &Value) -> Option<&str> {
    table.get("name")?.as_str()
}

/// Puts a field, which may be in a table within, where it belongs.
fn put(table: &mut Value, whole: &str, path: &str, value: &Value) -> Result<(), String> {
    let Some(table) = table.as_table_mut() else {
        return Err(format!("`{whole}` leads through something that has no fields"));
    };
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value.clone());
            Ok(())
        }
        Some((first, rest)) => {
            put(table.entry(first).or_insert_with(|| Table::new().into()), whole, rest, value)
        }
    }
}

fn take_away(scenario: &mut Table, names: &Value) -> Result<(), String> {
    let names = names.as_array().ok_or("`without` is a list of names")?;
    for name in names {
        let name = name.as_str().ok_or("`without` is a list of names")?;
        let known: Vec<String> = named(scenario).map(|(name, _)| name).collect();
        if !known.iter().any(|known| known == name) {
            return Err(unknown(name, &known));
        }
        for (_, value) in scenario.iter_mut() {
            if let Some(tables) = value.as_array_mut() {
                tables.retain(|table| name_of(table) != Some(name));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{self, Turn};

    fn with(name: &str, changes: &str) -> Result<Loaded, String> {
        let changes: Table = toml::from_str(changes).unwrap();
        changed(&scenario::load(name).unwrap(), [&changes]).map_err(|error| error.to_string())
    }

    #[test]
    fn loads_inventories_and_the_fleet_are_changed_by_name() {
        let text = "\"fleet.nodes\" = 7\nwindow = \"50s\"\n\"pods.lifetime\" = \"2s\"\n\"config.count\" = 3\n\
                    \"criteria.errors\" = 0.5\n";
        let Loaded { scenario, name, text } = with("noisy-tenant", text).unwrap();
        assert_eq!(
            (scenario.fleet.nodes, scenario.inventory[0].count, name.as_str()),
            (7, 3, "noisy-tenant")
        );
        assert_eq!(scenario.window, Some(std::time::Duration::from_secs(50)));
        assert!((scenario.criteria.errors - 0.5).abs() < 1e-9);
        let pods = scenario.loads.iter().find(|load| load.name() == "pods").unwrap();
        assert_eq!(pods.lifetime(), Some(std::time::Duration::from_secs(2)));
        let again = parse("again", "again.toml", &text).unwrap();
        assert_eq!(again.scenario.fleet.nodes, 7, "the text is that of what runs");
    }

    #[test]
    fn a_manifest_with_its_lines_is_kept_as_it_is() {
        let manifest = scenario::load("pod-churn").unwrap().scenario.loads[0].manifest().to_owned();
        let longer = manifest.replace("spec:\n", "spec:\n  priority: 3\n");
        let mut changes = Table::new();
        changes.insert("pods.manifest".to_owned(), longer.clone().into());
        let loaded = changed(&scenario::load("pod-churn").unwrap(), [&changes]).unwrap();
        assert_eq!(loaded.scenario.loads[0].manifest(), longer);
    }

    #[test]
    fn what_is_left_out_is_gone() {
        let loaded = with("noisy-tenant", "without = [\"patches\"]").unwrap();
        assert!(loaded.scenario.loads.iter().all(|load| load.name() != "patches"));
        let loaded = with("pod-churn", "\"pods.rate\" = \"3/s\"").unwrap();
        assert_eq!(loaded.scenario.loads[0].turn(), Turn::Rate("3/s".parse().unwrap()));
    }

    #[test]
    fn without_a_change_it_is_as_it_was() {
        let loaded = with("pod-churn", "").unwrap();
        assert_eq!(loaded.text, scenario::load("pod-churn").unwrap().text);
    }

    #[test]
    fn what_is_not_there_is_named_with_the_nearest() {
        for (changes, wanted) in [
            ("\"pod.rate\" = \"1/s\"", "nothing in it is called `pod`; did you mean `pods`?"),
            ("rate = \"1/s\"", "`rate` cannot be changed"),
            ("without = [\"nobody\"]", "nothing in it is called `nobody`"),
            ("without = \"pods\"", "a list of names"),
            ("\"pods.lifetme\" = \"1s\"", "did you mean `lifetime`?"),
            ("\"install.0.manifest\" = \"\"", "no [[install]] number 0"),
            ("\"pods.name.first\" = \"x\"", "`pods.name.first` leads through"),
            ("\"fleet.nodes\" = 0", "at least one node"),
        ] {
            let error = with("pod-churn", changes).unwrap_err();
            assert!(error.contains(wanted), "{changes}: {error}");
        }
    }
}
