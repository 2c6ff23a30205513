use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

mod labels;
mod queries;

fn json(dashboard: &Dashboard) -> Value {
    serde_json::from_str(&dashboard.json()).unwrap()
}

/// Headings and panels as Grafana gets them.
fn items(dashboard: &Dashboard) -> Vec<Value> {
    json(dashboard)["panels"].as_array().unwrap().clone()
}

#[test]
fn every_panel_says_what_it_shows() {
    for dashboard in dashboards() {
        for item in items(&dashboard) {
            let title = item["title"].as_str().unwrap();
            let named = format!("{} {title}", dashboard.file);
            assert!(!title.is_empty(), "{named}");
            if item["type"] == "row" {
                continue;
            }
            let about = item["description"].as_str().unwrap();
            assert!(about.ends_with('.') && !about.contains("  "), "{named}: {about}");
            if item["type"] == "text" {
                continue;
            }
            assert!(!item["targets"].as_array().unwrap().is_empty(), "{named} asks nothing");
            assert!(!item["fieldConfig"]["defaults"]["unit"].as_str().unwrap().is_empty(), "{named}");
        }
    }
}

/// Left, top, right and bottom on the grid.
fn edges(item: &Value) -> [u64; 4] {
    let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| item["gridPos"][side].as_u64().unwrap());
    [x, y, x + w, y + h]
}

#[test]
fn no_two_panels_overlap_and_none_is_off_the_grid() {
    for dashboard in dashboards() {
        let items = items(&dashboard);
        for (index, item) in items.iter().enumerate() {
            let [left, top, right, bottom] = edges(item);
            assert!(right <= 24 && left < right && top < bottom, "{item}");
            for other in &items[..index] {
                let [x, y, x_end, y_end] = edges(other);
                let apart = x_end <= left || right <= x || y_end <= top || bottom <= y;
                assert!(apart, "{} and {} overlap", item["title"], other["title"]);
            }
        }
    }
}

#[test]
fn what_tells_dashboards_and_panels_apart_is_unique() {
    let dashboards = dashboards();
    for name in [|it: &Dashboard| it.uid, |it: &Dashboard| it.file, |it: &Dashboard| it.title] {
        let names: BTreeSet<&str> = dashboards.iter().map(name).collect();
        assert_eq!(names.len(), dashboards.len(), "{names:?}");
    }
    for dashboard in &dashboards {
        // What Grafana takes.
        assert!(dashboard.uid.len() <= 40, "{}", dashboard.uid);
        let items = items(dashboard);
        let ids: BTreeSet<u64> = items.iter().map(|item| item["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), items.len());
        // Whoever evaluates queries knows a panel by its title.
        let titles: BTreeSet<&str> = items.iter().map(|item| item["title"].as_str().unwrap()).collect();
        assert_eq!(titles.len(), items.len(), "{}: {titles:?}", dashboard.file);
    }
}

#[test]
fn the_same_dashboard_is_the_same_text() {
    for (once, twice) in dashboards().iter().zip(dashboards()) {
        assert_eq!(once.json(), twice.json());
        assert!(once.json().ends_with("}\n"));
    }
}

#[test]
fn datasource_and_run_are_chosen_in_grafana() {
    for dashboard in dashboards() {
        let json = json(&dashboard);
        let variables = json["templating"]["list"].as_array().unwrap();
        let kinds: Vec<&str> = variables.iter().map(|it| it["type"].as_str().unwrap()).collect();
        assert_eq!(kinds.iter().filter(|&&kind| kind == "datasource").count(), 1, "{kinds:?}");
        assert!(variables.iter().any(|it| it["name"] == "run" || it["name"] == "run_a"));
        for item in items(&dashboard).iter().filter(|item| item["type"] != "row" && item["type"] != "text") {
            assert_eq!(item["datasource"]["uid"], "${datasource}", "{}", item["title"]);
        }
        // All is true of series without the label, or it would hide what somebody's own Prometheus scrapes.
        for variable in variables.iter().filter(|it| it["name"] == "run" || it["name"] == "profile") {
            assert_eq!((&variable["allValue"], &variable["multi"]), (&".*".into(), &true.into()));
        }
    }
}

#[test]
fn phases_and_trials_are_marked_on_every_dashboard() {
    for dashboard in dashboards() {
        let names: Vec<Value> = json(&dashboard)["annotations"]["list"]
            .as_array()
            .unwrap()
            .iter()
            .map(|annotation| annotation["name"].clone())
            .collect();
        assert_eq!(names, ["Annotations & Alerts", "Measured", "Trials"], "{}", dashboard.file);
    }
}

#[test]
fn rates_of_components_have_an_interval_that_records_of_them_can_fill() {
    let mut seen = [0, 0];
    for item in dashboards().iter().flat_map(items) {
        for target in item["targets"].as_array().into_iter().flatten() {
            let is_ours = target["expr"].as_str().unwrap().contains("loadgen_");
            // Without one of its own a query goes by the datasource's.
            let expected = if is_ours { Value::Null } else { "15s".into() };
            assert_eq!(target["interval"], expected, "{}", item["title"]);
            seen[usize::from(is_ours)] += 1;
        }
    }
    assert!(seen.iter().all(|&targets| targets > 50), "{seen:?}");
}
