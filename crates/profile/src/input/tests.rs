use serde::Deserialize;

use super::{InputError, parse};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only parsed")]
struct Scenario {
    about: String,
    fleet: Option<Fleet>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only parsed")]
struct Fleet {
    nodes: u32,
    preset: Option<Preset>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Preset {
    Kubelet,
    KubeletOnly,
    Kwok,
}

fn error(text: &str) -> String {
    parse::<Scenario>("s.toml", text).unwrap_err().to_string()
}

#[test]
fn says_where_and_what_was_meant() {
    let about = "about = \"x\"\n";
    let check = |text: &str, expected: &str| assert_eq!(error(&format!("{about}{text}")), expected);
    check("flet = 1", "s.toml:2:1: unknown field `flet`; did you mean `fleet`?");
    check("[flet]\nnodes = 1", "s.toml:2:2: unknown field `flet`; did you mean `fleet`?");
    check("[fleet]\nnode = 1", "s.toml:3:1: unknown field `node` under [fleet]; did you mean `nodes`?");
    check(
        "[fleet] # ten\nnodes = 1\n  zz = 2",
        "s.toml:4:3: unknown field `zz` under [fleet]; known are: nodes, preset",
    );
    check(
        "[fleet]\nnodes = 1\npreset = \"kubelt\"",
        "s.toml:4:10: unknown value `kubelt` under [fleet]; did you mean `kubelet`?",
    );
    check("[fleet]\nnodes = \"many\"", "s.toml:3:9: invalid type: string \"many\", expected u32");
    check("[fleet]\npreset = \"kwok\"", "s.toml:2:1: missing field `nodes`");
}

#[test]
fn syntax_errors_are_one_line_with_a_position() {
    let text = error("about = \"x\"\nfleet = {");
    assert!(text.starts_with("s.toml:2:"), "{text}");
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn columns_count_characters() {
    let InputError { line, column, .. } = InputError::at("s", "é = 1\nöö = 2", "é = 1\nöö".len(), "x");
    assert_eq!((line, column), (2, 3));
}
