//! What a resolved profile says, one setting a line.

use std::collections::BTreeMap;

use serde_json::Value;

/// What describes a profile and does not change it.
const WORDS: [&str; 4] = ["name", "about", "sources", "not_expressible"];

/// What a profile sets, by path; what is absent in it and what is null are the same.
pub fn leaves(profile: &Value) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    for (key, value) in profile.as_object().into_iter().flatten() {
        if !WORDS.contains(&key.as_str()) {
            collect(key, value, &mut leaves);
        }
    }
    leaves
}

fn collect(path: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    match value {
        // A profile says of each flag and of each gate where it was set, too.
        Value::Object(flag) if flag.contains_key("origin") && flag.contains_key("values") => {
            collect(path, &flag["values"], leaves);
        }
        Value::Object(gate) if gate.contains_key("origin") && gate.contains_key("on") => {
            collect(path, &gate["on"], leaves);
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| collect(&format!("{path}.{key}"), value, leaves));
        }
        // What is absent and what is null are the same to a profile.
        Value::Null => {}
        Value::Array(values) if values.is_empty() => {}
        value => {
            leaves.insert(path.to_owned(), shown(value));
        }
    }
}

/// A value as it is written where there is one line for it.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
