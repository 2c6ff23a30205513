use super::*;

fn error(text: &str) -> String {
    let error = parse("mine", "mine.toml", text).unwrap_err();
    format!("{:#}", anyhow::Error::from(error))
}

#[test]
fn every_file_in_scenarios_is_built_in_and_right() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let built_in: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    assert_eq!(files, built_in);
    for name in built_in {
        load(name).unwrap();
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
    let place = format!("mine.toml:{line}:1: unknown field `lifetme` under [[load]]");
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
