//! `[<component>.feature-gates]`: features of a component switched on and off.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::Spanned;

/// One feature gate: what it is set to and where that is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// Whether the feature is on.
    pub on: bool,
    /// `profiles/mine.toml:14:1`, or the `--set` argument.
    pub origin: String,
}

/// `[<component>.feature-gates]` as it is written.
pub(crate) type GateTable = BTreeMap<Spanned<String>, bool>;
