//! Reading loose JSON: what is absent or of another type is `None`.

use std::collections::BTreeMap;

use k8s_pb::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;

use crate::moment;

pub(crate) fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

pub(crate) fn integer(value: &Value) -> Option<i64> {
    value.as_i64()
}

pub(crate) fn small_integer(value: &Value) -> Option<i32> {
    value.as_i64().and_then(|number| number.try_into().ok())
}

pub(crate) fn time(value: &Value) -> Option<Time> {
    value.as_str().and_then(moment::parse)
}

pub(crate) fn strings(value: &Value) -> BTreeMap<String, String> {
    let fields = value.as_object().into_iter().flatten();
    fields.filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect()
}

pub(crate) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Overwrites `slot` if the patch has a value for it.
pub(crate) fn set<T>(slot: &mut Option<T>, value: &Value, read: impl FnOnce(&Value) -> Option<T>) {
    if value.is_null() {
        return;
    }
    *slot = read(value);
}
