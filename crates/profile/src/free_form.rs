//! Tables whose keys are not ours: from TOML to the JSON that Kubernetes reads, and one over another.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

/// What a table of TOML is in JSON.
///
/// JSON has no times and no infinity. They become the text that was written, so whoever reads the object refuses it where it
/// wants something else.
pub(crate) fn json(table: &toml::Table) -> Value {
    table.iter().map(|(key, value)| (key.clone(), value_json(value))).collect()
}

pub(crate) fn value_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => {
            Number::from_f64(*number).map_or_else(|| number.to_string().into(), Value::Number)
        }
        toml::Value::Boolean(truth) => (*truth).into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(values) => values.iter().map(value_json).collect(),
        toml::Value::Table(table) => json(table),
    }
}

/// Puts `said` over `merged`: key by key where both are objects, and instead of it otherwise.
pub(crate) fn merge(merged: &mut Value, said: Value) {
    match (merged, said) {
        (Value::Object(merged), Value::Object(said)) => {
            for (key, value) in said {
                match merged.get_mut(&key) {
                    Some(there) => merge(there, value),
                    None => {
                        merged.insert(key, value);
                    }
                }
            }
        }
        (merged, said) => *merged = said,
    }
}

/// The same for tables that have a name each.
pub(crate) fn merge_named(merged: &mut BTreeMap<String, Value>, said: &BTreeMap<String, toml::Table>) {
    for (name, table) in said {
        match merged.get_mut(name) {
            Some(there) => merge(there, json(table)),
            None => {
                merged.insert(name.clone(), json(table));
            }
        }
    }
}

/// Sets one value. What is not there yet is made; in an array the numbers are keys.
pub(crate) fn put(into: &mut Value, path: &[&str], value: Value) -> Result<(), String> {
    let Some((key, rest)) = path.split_first() else {
        *into = value;
        return Ok(());
    };
    if into.is_null() {
        *into = Value::Object(Map::new());
    }
    let next = match into {
        Value::Object(fields) => fields.entry(*key).or_insert(Value::Null),
        Value::Array(values) => {
            let length = values.len();
            let element = key.parse::<usize>().ok().and_then(|at| values.get_mut(at));
            element.ok_or_else(|| format!("there is no element `{key}` in an array of {length}"))?
        }
        other => return Err(format!("`{key}` would stand in {other}, which is not a table")),
    };
    put(next, rest, value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{json as of, merge, put};

    #[test]
    fn one_value_is_set_where_its_path_leads() {
        let mut value = json!({ "a": [{ "b": 1 }], "c": 2 });
        put(&mut value, &["a", "0", "b"], json!("x")).unwrap();
        put(&mut value, &["d", "e"], json!(true)).unwrap();
        assert_eq!(value, json!({ "a": [{ "b": "x" }], "c": 2, "d": { "e": true } }));
        let error = |path: &[&str]| put(&mut value.clone(), path, json!(0)).unwrap_err();
        assert_eq!(error(&["a", "1"]), "there is no element `1` in an array of 1");
        assert_eq!(error(&["a", "b"]), "there is no element `b` in an array of 1");
        assert_eq!(error(&["c", "d"]), "`d` would stand in 2, which is not a table");
    }

    #[test]
    fn keys_are_merged_and_arrays_replaced() {
        let mut merged = json!({ "a": 1, "deep": { "b": [1, 2], "c": "x" }, "was": { "d": 1 } });
        merge(&mut merged, json!({ "deep": { "b": [3], "e": true }, "was": 2, "new": {} }));
        let expected = json!({ "a": 1, "deep": { "b": [3], "c": "x", "e": true }, "was": 2, "new": {} });
        assert_eq!(merged, expected);
    }

    #[test]
    fn toml_becomes_json_of_the_same_meaning() {
        let text = "a = 1\nb = 0.5\nc = [true, 'x']\nd = 2026-01-02T03:04:05Z\ne = inf\n[f]\n'g.h' = {}";
        let table: toml::Table = toml::from_str(text).unwrap();
        let expected = json!({
            "a": 1,
            "b": 0.5,
            "c": [true, "x"],
            "d": "2026-01-02T03:04:05Z",
            "e": "inf",
            "f": { "g.h": {} },
        });
        assert_eq!(of(&table), expected);
    }
}
