//! A scenario made small: few nodes and objects, low rates, a short window. What it does stays what it does.

use toml::{Table, Value};

const NODES: i64 = 6;
const OBJECTS: i64 = 120;
/// Of watchers, clients, nodes at a time.
const LEVEL: i64 = 8;
/// ServiceAccounts of a load: each costs a token and a connection.
const IDENTITIES: i64 = 4;
/// Per second.
const RATE: f64 = 6.0;
/// The longest window, in seconds; steps of maintenance keep their places in it.
const WINDOW: f64 = 20.0;
const LIFETIME: &str = "2s";
/// Of etcd, where a scenario sets one: filled in some seconds.
const QUOTA: &str = "etcd.flags.quota-backend-bytes=25165824";

pub(super) fn shrunk(text: &str) -> String {
    let mut scenario: Table = text.parse().unwrap();
    cap(scenario["fleet"].as_table_mut().unwrap(), "nodes", NODES);
    let factor = scenario
        .get("window")
        .and_then(Value::as_str)
        .map_or(1.0, |window| (WINDOW / seconds(window)).min(1.0));
    shorten(&mut scenario, "window", factor);
    if let Some(set) = scenario.get_mut("set").and_then(Value::as_array_mut) {
        for setting in set.iter_mut().filter(|it| it.as_str().unwrap().contains("quota-backend-bytes")) {
            *setting = QUOTA.into();
        }
    }
    for inventory in tables(&mut scenario, "inventory") {
        cap(inventory, "count", OBJECTS);
    }
    for kind in ["pods", "objects", "lists", "events", "services", "watches", "nodes", "controllers"] {
        for load in tables(&mut scenario, kind) {
            if let Some(rate) = load.get("rate").and_then(Value::as_str) {
                let rate: f64 = rate.trim_end_matches("/s").parse().unwrap();
                load.insert("rate".to_owned(), format!("{}/s", rate.min(RATE)).into());
            }
            cap(load, "count", if kind == "nodes" { NODES / 2 } else { LEVEL });
            cap(load, "identities", IDENTITIES);
            cap(load, "endpoints", OBJECTS);
            cap(load, "slice-endpoints", OBJECTS / 10);
            cap(load, "objects", OBJECTS);
            if load.contains_key("lifetime") {
                load.insert("lifetime".to_owned(), LIFETIME.into());
            }
            for length in ["restart-every", "pause", "silent", "within"] {
                shorten(load, length, factor.min(0.25));
            }
        }
    }
    for maintenance in tables(&mut scenario, "maintenance") {
        for step in tables(maintenance, "steps") {
            shorten(step, "at", factor);
        }
    }
    toml::to_string(&scenario).unwrap()
}

fn tables<'a>(of: &'a mut Table, name: &str) -> impl Iterator<Item = &'a mut Table> {
    of.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten().map(|it| it.as_table_mut().unwrap())
}

fn cap(table: &mut Table, name: &str, most: i64) {
    if let Some(value) = table.get_mut(name) {
        *value = value.as_integer().unwrap().min(most).into();
    }
}

fn shorten(table: &mut Table, name: &str, factor: f64) {
    if let Some(value) = table.get_mut(name) {
        let millis = seconds(value.as_str().unwrap()) * factor * 1000.0;
        *value = format!("{millis:.0}ms").into();
    }
}

/// `90s` or `4m`.
fn seconds(duration: &str) -> f64 {
    let (number, unit) = duration.split_at(duration.len() - 1);
    let number: f64 = number.parse().unwrap();
    if unit == "m" { number * 60.0 } else { number }
}
