//! Writing YAML as people would: strings that another reader could take for something else are quoted, and texts of several
//! lines are blocks.

use serde::Serialize;

/// One document.
pub(super) fn document(value: &impl Serialize) -> String {
    // A folded text is hard to search for, and arguments are long.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: 100_000 };
    serde_saphyr::to_string_with_options(value, options)
        .expect("what has only texts, numbers, lists and tables with names can be written")
}

/// Several, each after the first behind `---`.
pub(super) fn stream(documents: impl IntoIterator<Item = String>) -> String {
    documents.into_iter().collect::<Vec<_>>().join("---\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{document, stream};

    #[test]
    fn what_is_read_is_what_was_written() {
        let awkward = json!({
            "texts": ["true", "yes", "010", "1e3", "", " a", "a: b", "# no", "*,a", "0-1,3", "null", "it's", "a\nb\n", "1.0"],
            "long": "x".repeat(200),
            "words": "several words ".repeat(20),
            "other": [1, 1.5, true, null, {}, []],
            "nested": { "a": [{ "b": "c", "d": ["e"] }] },
        });
        let text = document(&awkward);
        assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), awkward, "{text}");
        let two = stream([document(&json!({ "a": 1 })), document(&json!({ "b": 2 }))]);
        assert_eq!(two, "a: 1\n---\nb: 2\n");
    }
}
