use super::*;

fn error(text: &str) -> String {
    let error = parse("mine", "mine.toml", text).unwrap_err();
    format!("{:#}", anyhow::Error::from(error))
}

#[test]
fn every_file_in_scenarios_is_right_and_has_a_name_of_its_own_in_the_catalogue() {
    assert!(catalogue().any(|name| name == "pod-churn"));
    for name in catalogue() {
        load(name).unwrap();
    }
    for (folder, files) in FOLDERS {
        assert!(!files.is_empty(), "{folder}");
        for (name, _) in files {
            load(&format!("{folder}/{name}")).unwrap();
            assert!(catalogue().all(|known| known != *name), "{name} would be two");
        }
    }
}

#[test]
fn an_unknown_scenario_gets_the_nearest_name() {
    let error = load("pod-chrun").unwrap_err().to_string();
    assert!(error.contains("did you mean `pod-churn`?"), "{error}");
}

#[test]
fn an_unknown_field_is_named_with_its_place() {
    let text = load("pod-churn").unwrap().text.replace("lifetime =", "lifetme =");
    let line = text.lines().position(|line| line.starts_with("lifetme")).unwrap() + 1;
    let error = error(&text);
    let place = format!("mine.toml:{line}:1: unknown field `lifetme` under [[pods]]");
    assert!(error.starts_with(&place) && error.contains("`lifetime`"), "{error}");
}

#[test]
fn an_unknown_preset_or_class_gets_the_nearest_name() {
    let good = load("pod-churn").unwrap().text;
    let with = |line: &str| good.replace("[fleet]\n", &format!("[fleet]\n{line}\n"));
    assert!(error(&with("preset = \"kwko\"")).contains("did you mean `kwok`?"));
    assert!(error(&with("without = [\"token\"]")).contains("did you mean `tokens`?"));
    let fleet = parse("mine", "mine.toml", &with("preset = \"kwok\"")).unwrap().scenario.fleet;
    assert_eq!(fleet.preset, Preset::Kwok);
}

#[test]
fn a_rate_of_zero_and_an_odd_time_are_refused() {
    let good = load("pod-churn").unwrap().text;
    assert!(error(&good.replace("20/s", "0/s")).contains("mine.toml:"));
    assert!(error(&good.replace("\"10s\"", "\"soon\"")).contains("not a time"));
}

#[test]
fn a_manifest_that_is_not_a_pod_is_refused() {
    let good = load("pod-churn").unwrap().text;
    assert!(error(&good.replace("kind: Pod", "kind: Service")).contains("Service"));
    assert!(error(&good.replace("{{ name }}", "{{ nmae }}")).contains("nmae"));
    assert!(error(&good.replace("name: {{ name }}", "name: fixed")).contains("{{ name }}"));
}

#[test]
fn every_scenario_says_in_a_paragraph_what_it_imitates() {
    for name in catalogue() {
        let about = load(name).unwrap().scenario.about;
        assert!(about.len() > 200, "{name}: {about}");
        assert!(!about.contains('\n') && !about.contains("  "), "{name} is one paragraph: {about}");
    }
}

#[test]
fn the_axis_of_every_scenario_is_something_that_it_offers() {
    for name in catalogue() {
        let scenario = load(name).unwrap().scenario;
        let Some(axis) = &scenario.axis else { continue };
        let Some(turned) = axis.load() else { continue };
        let offers = |load: &Load| load.name() == turned || load.mix() == Some(turned);
        assert!(scenario.loads.iter().any(offers), "{name}: {axis}");
        assert!(scenario.axis_value() > 0.0, "{name}: {axis}");
    }
}

#[test]
fn a_scenario_without_an_axis_has_something_to_go_through() {
    let without: Vec<&str> = catalogue().filter(|name| load(name).unwrap().scenario.axis.is_none()).collect();
    let catalogue = ["bulk-delete", "etcd-maintenance", "etcd-quota", "namespace-density", "rolling"];
    assert_eq!(without, catalogue);
}

#[test]
fn parts_of_a_mix_are_turned_up_together() {
    let mut scenario = load("audit-load").unwrap().scenario;
    let rates = |scenario: &Scenario| -> Vec<f64> {
        let rate = |load: &Load| match load.turn() {
            Turn::Rate(rate) => rate.get(),
            Turn::Count(_) => panic!("a mix is of rates"),
        };
        scenario.loads.iter().map(rate).collect()
    };
    let before = rates(&scenario);
    let at = scenario.axis_value();
    assert!((at - before.iter().sum::<f64>()).abs() < 1e-9);
    scenario.put_axis(at * 2.0);
    for (before, after) in before.iter().zip(rates(&scenario)) {
        assert!((after - before * 2.0).abs() < 1e-9, "{before} became {after}");
    }
    assert!((scenario.axis_value() - at * 2.0).abs() < 1e-9);
}

#[test]
fn a_part_of_a_mix_can_be_turned_up_alone() {
    let mut scenario = load("audit-load").unwrap().scenario;
    scenario.axis = Some(Axis::Rate("patches".to_owned()));
    let others = |scenario: &Scenario| -> Vec<Turn> {
        scenario.loads.iter().filter(|load| load.name() != "patches").map(Load::turn).collect()
    };
    let before = others(&scenario);
    scenario.put_axis(7.0);
    assert!((scenario.axis_value() - 7.0).abs() < 1e-9);
    assert_eq!(others(&scenario), before);
}

#[test]
fn a_mix_is_no_load_and_is_turned_up_by_its_rate() {
    let good = load("audit-load").unwrap().text;
    assert!(error(&good.replace("name = \"reads\"", "name = \"requests\"")).contains("is a mix and a load"));
    assert!(error(&good.replace("requests.rate", "requests.count")).contains("the axis is requests.rate"));
    assert!(error(&good.replace("requests.rate", "request.rate")).contains("did you mean `requests.rate`?"));
}

#[test]
fn what_a_scenario_asks_of_its_control_plane_has_to_be_a_setting() {
    let good = load("pod-churn").unwrap().text;
    let with = |line: &str| good.replace("[fleet]\n", &format!("{line}\n[fleet]\n"));
    assert!(error(&with("cells = 0")).contains("cells is 0"));
    assert!(error(&with("set = [\"topology.apiservers\"]")).contains("path=value"));
    assert!(error(&with("window = \"long\"")).contains("not a time"));
    let scenario = parse("mine", "mine.toml", &with("cells = 2\nwindow = \"2m\"")).unwrap().scenario;
    assert_eq!((scenario.cells, scenario.window), (2, Some(Duration::from_mins(2))));
}

#[test]
fn what_expires_is_made_and_not_deleted_by_its_driver() {
    let good = load("job-churn").unwrap().text;
    assert!(
        error(&good.replace("expires = true", "expires = true\nlifetime = \"10s\"")).contains("`expires`")
    );
    assert!(error(&good.replace("operation = \"create\"", "operation = \"get\"")).contains("`expires`"));
}

#[test]
fn what_is_to_be_installed_has_to_be_a_template_and_yaml() {
    let good = load("one-namespace").unwrap().text;
    let error = error(&good.replacen("namespace: {{ namespace }}", "namespace: {{ namspace }}", 1));
    assert!(error.contains("[[install]]") && error.contains("namspace"), "{error}");
}
