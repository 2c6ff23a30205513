//! The strategic merge patch between two statuses, as a kubelet computes it.
//!
//! Follows `strategicpatch.CreateTwoWayMergePatch` (apimachinery) for what node and pod statuses contain: maps are compared
//! key by key, a key that vanished becomes `null`, `conditions` merge by `type` with a `$setElementOrder` beside them and a
//! `$patch: delete` for each that vanished, and every other list is replaced whole.

use serde_json::{Map, Value, json};

/// The one list in node and pod statuses that a kubelet's patches merge by key instead of replacing, and its key.
const MERGED_LIST: (&str, &str) = ("conditions", "type");

/// What must be sent to turn `old` into `new`; empty when nothing differs.
pub(crate) fn diff(old: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for (key, value) in new {
        match old.get(key) {
            Some(before) if before == value => {}
            Some(before) => changed(key, before, value, &mut patch),
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    patch
}

fn changed(key: &str, before: &Value, value: &Value, patch: &mut Map<String, Value>) {
    match (before, value) {
        (Value::Object(before), Value::Object(value)) => {
            patch.insert(key.to_owned(), Value::Object(diff(before, value)));
        }
        (Value::Array(before), Value::Array(value)) if key == MERGED_LIST.0 => {
            let order = value.iter().map(|item| json!({ MERGED_LIST.1: item[MERGED_LIST.1] })).collect();
            patch.insert(format!("$setElementOrder/{key}"), Value::Array(order));
            // With nothing changed in the items it is their order that differs.
            let mut items = changed_items(before, value);
            items.extend(removed_items(before, value));
            if !items.is_empty() {
                patch.insert(key.to_owned(), Value::Array(items));
            }
        }
        _ => {
            patch.insert(key.to_owned(), value.clone());
        }
    }
}

/// The items of a merged list that are no more.
fn removed_items(before: &[Value], value: &[Value]) -> impl Iterator<Item = Value> {
    let key = |item: &Value| item[MERGED_LIST.1].clone();
    let gone = before.iter().filter(move |old| value.iter().all(|new| key(new) != key(old)));
    gone.map(move |old| json!({ "$patch": "delete", MERGED_LIST.1: key(old) }))
}

/// The items of a merged list that differ, each reduced to its key and what changed.
fn changed_items(before: &[Value], value: &[Value]) -> Vec<Value> {
    let empty = Map::new();
    value
        .iter()
        .filter_map(|item| {
            let new = item.as_object()?;
            let key = &item[MERGED_LIST.1];
            let old = before.iter().find(|old| &old[MERGED_LIST.1] == key);
            let mut changes = diff(old.and_then(Value::as_object).unwrap_or(&empty), new);
            if changes.is_empty() {
                return None;
            }
            changes.insert(MERGED_LIST.1.to_owned(), key.clone());
            Some(Value::Object(changes))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(old: &Value, new: &Value, patch: &Value) {
        let (Value::Object(old), Value::Object(new)) = (old, new) else { panic!("statuses are objects") };
        assert_eq!(Value::Object(diff(old, new)), *patch);
    }

    #[test]
    fn equal_statuses_need_no_patch() {
        check(&json!({"phase": "Running"}), &json!({"phase": "Running"}), &json!({}));
    }

    #[test]
    fn conditions_are_merged_by_type_and_keep_their_order() {
        check(
            &json!({"conditions": [{"type": "A", "status": "False", "reason": "R"}, {"type": "B", "status": "True"}]}),
            &json!({"conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "True"}]}),
            &json!({
                "$setElementOrder/conditions": [{"type": "A"}, {"type": "B"}],
                "conditions": [{"type": "A", "status": "True", "reason": null}],
            }),
        );
    }

    #[test]
    fn conditions_in_another_order_are_only_ordered() {
        check(
            &json!({"conditions": [{"type": "B", "status": "True"}, {"type": "A", "status": "True"}]}),
            &json!({"conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "True"}]}),
            &json!({"$setElementOrder/conditions": [{"type": "A"}, {"type": "B"}]}),
        );
    }

    #[test]
    fn conditions_that_are_no_more_are_deleted() {
        check(
            &json!({"conditions": [{"type": "A", "status": "False"}, {"type": "B", "status": "True"}]}),
            &json!({"conditions": [{"type": "B", "status": "True"}]}),
            &json!({
                "$setElementOrder/conditions": [{"type": "B"}],
                "conditions": [{"$patch": "delete", "type": "A"}],
            }),
        );
    }

    #[test]
    fn other_lists_are_replaced_whole() {
        check(
            &json!({"containerStatuses": [{"name": "a", "ready": false}, {"name": "b", "ready": true}]}),
            &json!({"containerStatuses": [{"name": "a", "ready": true}, {"name": "b", "ready": true}]}),
            &json!({"containerStatuses": [{"name": "a", "ready": true}, {"name": "b", "ready": true}]}),
        );
    }

    /// Merge patch (RFC 7386) is what remains of the strategic one when no list is merged: applying it must give `new`.
    fn apply(old: &mut Map<String, Value>, patch: &Map<String, Value>) {
        for (key, value) in patch {
            match (old.get_mut(key), value) {
                (_, Value::Null) => {
                    old.remove(key);
                }
                (Some(Value::Object(old)), Value::Object(patch)) => apply(old, patch),
                _ => {
                    old.insert(key.clone(), value.clone());
                }
            }
        }
    }

    fn status() -> impl Strategy<Value = Map<String, Value>> {
        let leaf = prop_oneof![
            any::<i32>().prop_map(Value::from),
            "[a-c]{0,2}".prop_map(Value::from),
            prop::collection::vec(0..3, 0..3).prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(3, 16, 3, |inner| {
            prop::collection::btree_map("[a-c]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect()))
        });
        prop::collection::btree_map("[a-c]", value, 0..4).prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        #[test]
        fn the_patch_turns_the_old_status_into_the_new_one(old in status(), new in status()) {
            let patch = diff(&old, &new);
            let mut patched = old;
            apply(&mut patched, &patch);
            prop_assert_eq!(patched, new);
        }
    }
}
