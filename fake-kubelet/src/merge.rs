//! The strategic merge patch between two statuses, as a kubelet computes it.
//!
//! Follows `strategicpatch.CreateTwoWayMergePatch` (apimachinery) for what node and pod statuses contain: maps are compared
//! key by key, a key that vanished becomes `null`, `conditions` merge by `type` with a `$setElementOrder` beside them and a
//! `$patch: delete` for each that vanished, and every other list is replaced whole.

use std::{borrow::Cow, cmp::Ordering};

use crate::json::{Fields, Json};

/// The one list in node and pod statuses that a kubelet's patches merge by key instead of replacing, and its key.
const MERGED_LIST: &str = "conditions";
const MERGE_KEY: &str = "type";
const ORDER_OF_MERGED_LIST: &str = "$setElementOrder/conditions";

/// What must be sent to turn `old` into `new`; empty when nothing differs.
pub(crate) fn diff<'a>(old: &Fields<'a>, new: &Fields<'a>) -> Fields<'a> {
    let mut patch = Fields::default();
    // Both are in the order of their keys.
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return patch,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((before, _)), Some((key, _))) => before.cmp(key),
        };
        let before = if order.is_le() { old.next() } else { None };
        let after = if order.is_ge() { new.next() } else { None };
        match (before, after) {
            (Some((_, before)), Some((key, value))) if before != value => {
                changed(key.clone(), before, value, &mut patch);
            }
            (None, Some((key, value))) => patch.insert(key.clone(), value.clone()),
            (Some((key, _)), None) => patch.insert(key.clone(), Json::Null),
            _ => {}
        }
    }
}

fn changed<'a>(key: Cow<'a, str>, before: &Json<'a>, value: &Json<'a>, patch: &mut Fields<'a>) {
    match (before, value) {
        (Json::Object(before), Json::Object(value)) => patch.insert(key, diff(before, value)),
        (Json::List(before), Json::List(value)) if key == MERGED_LIST => {
            let order = value.iter().map(|item| Json::from([(MERGE_KEY, key_of(item).clone())]));
            patch.insert(ORDER_OF_MERGED_LIST, order.collect::<Json<'_>>());
            // With nothing changed in the items it is their order that differs.
            let mut items = changed_items(before, value);
            items.extend(removed_items(before, value));
            if !items.is_empty() {
                patch.insert(key, items);
            }
        }
        _ => patch.insert(key, value.clone()),
    }
}

fn key_of<'b, 'a>(item: &'b Json<'a>) -> &'b Json<'a> {
    item.get(MERGE_KEY).unwrap_or(&Json::Null)
}

/// The items of a merged list that are no more.
fn removed_items<'a>(before: &[Json<'a>], value: &[Json<'a>]) -> impl Iterator<Item = Json<'a>> {
    let gone = before.iter().filter(|old| value.iter().all(|new| key_of(new) != key_of(old)));
    gone.map(|old| Json::from([("$patch", "delete".into()), (MERGE_KEY, key_of(old).clone())]))
}

/// The items of a merged list that differ, each reduced to its key and what changed.
fn changed_items<'a>(before: &[Json<'a>], value: &[Json<'a>]) -> Vec<Json<'a>> {
    let empty = Fields::default();
    value
        .iter()
        .filter_map(|item| {
            let key = key_of(item);
            let old = before.iter().find(|old| key_of(old) == key);
            let mut changes = diff(old.and_then(Json::as_object).unwrap_or(&empty), item.as_object()?);
            if changes.is_empty() {
                return None;
            }
            changes.insert(MERGE_KEY, key.clone());
            Some(Json::Object(changes))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    fn ours(value: &Value) -> Json<'_> {
        match value {
            Value::Null => Json::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => number.as_i64().unwrap().into(),
            Value::String(text) => text.into(),
            Value::Array(items) => items.iter().map(ours).collect(),
            Value::Object(fields) => fields_of(fields).into(),
        }
    }

    fn fields_of(map: &Map<String, Value>) -> Fields<'_> {
        map.iter().map(|(key, value)| (Cow::from(key), ours(value))).collect()
    }

    #[track_caller]
    fn check(old: &Value, new: &Value, patch: &Value) {
        let (Value::Object(old), Value::Object(new)) = (old, new) else { panic!("statuses are objects") };
        let found = diff(&fields_of(old), &fields_of(new));
        assert_eq!(serde_json::to_value(found).unwrap(), *patch);
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
            let patch = serde_json::to_value(diff(&fields_of(&old), &fields_of(&new))).unwrap();
            let mut patched = old;
            apply(&mut patched, patch.as_object().unwrap());
            prop_assert_eq!(patched, new);
        }
    }
}
