//! The flags of one component, each with the place it was written at.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, de};

/// One flag: its values and where they come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flag {
    /// One `--name=value` argument each. More than one where TOML had an array: the flag is repeated.
    pub values: Vec<String>,
    /// `profiles/mine.toml:14:1`, or the `--set` argument.
    pub origin: String,
}

/// Flags by name, without the leading dashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Flags(BTreeMap<String, Flag>);

impl Flags {
    pub(crate) const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// The flags in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Flag)> {
        self.0.iter().map(|(name, flag)| (name.as_str(), flag))
    }

    /// The flag called `name`.
    pub fn get(&self, name: &str) -> Option<&Flag> {
        self.0.get(name)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn insert(&mut self, name: String, flag: Flag) {
        self.0.insert(name, flag);
    }
}

/// What TOML may say for a flag: a string, a number, a boolean, or an array of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlagValue(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for FlagValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
    }
}

struct FlagVisitor;

impl<'de> de::Visitor<'de> for FlagVisitor {
    type Value = FlagValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number, a boolean or an array of them")
    }

    fn visit_str<E>(self, value: &str) -> Result<FlagValue, E> {
        Ok(FlagValue(vec![value.to_owned()]))
    }

    fn visit_i64<E>(self, value: i64) -> Result<FlagValue, E> {
        Ok(FlagValue(vec![value.to_string()]))
    }

    fn visit_f64<E>(self, value: f64) -> Result<FlagValue, E> {
        Ok(FlagValue(vec![value.to_string()]))
    }

    fn visit_bool<E>(self, value: bool) -> Result<FlagValue, E> {
        Ok(FlagValue(vec![value.to_string()]))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<FlagValue, A::Error> {
        let mut values = Vec::new();
        while let Some(FlagValue(item)) = items.next_element()? {
            values.extend(item);
        }
        if values.is_empty() {
            return Err(de::Error::custom("an empty array would say nothing; leave the flag out"));
        }
        Ok(FlagValue(values))
    }
}
