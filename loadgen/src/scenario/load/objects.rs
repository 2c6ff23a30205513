//! Operations on objects of any kind, at a rate.

use std::time::Duration;

use measure::{Arrivals, Rate};
use serde::{Deserialize, Serialize};

use super::{InventorySpec, is_of};
use crate::words::{duration, optional_duration};

/// Objects of any kind that are made, read, changed or deleted.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ObjectsLoad {
    pub(crate) name: String,
    #[serde(default = "super::yes")]
    pub(crate) judged: bool,
    /// Operations per second.
    pub(crate) rate: Rate,
    /// Loads of one mix are turned up together, by `<mix>.rate`, and keep the parts that their rates have of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mix: Option<String>,
    /// Its part of the mix, from 0 to 1.
    #[serde(skip, default = "super::whole")]
    pub(crate) share: f64,
    #[serde(default)]
    pub(crate) arrivals: Arrivals,
    /// What is done.
    pub(crate) operation: Operation,
    /// Of what is made: from its being done to its deletion; without it nothing is deleted.
    #[serde(default, with = "optional_duration", skip_serializing_if = "Option::is_none")]
    pub(crate) lifetime: Option<Duration>,
    /// Of what is made: somebody else deletes it in the end, a controller or its time to live, and it is waited for until it is gone.
    #[serde(default)]
    pub(crate) expires: bool,
    /// What is read, changed or deleted: objects of this inventory, in turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<String>,
    /// A part of the object with an address of its own, such as `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subresource: Option<String>,
    /// When an operation is done, where an answer is not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) done: Option<Done>,
    #[serde(default = "super::sixteen")]
    pub(crate) identities: u32,
    /// The object, or of a patch what it changes, as a template.
    #[serde(default)]
    pub(crate) manifest: String,
}

/// What is done with objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Operation {
    Create,
    Get,
    /// The whole object is replaced, without looking at it before.
    Update,
    /// A merge patch.
    Patch,
    Delete,
}

/// What an object looks like when the operation on it is done.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Done {
    /// A JSON pointer (RFC 6901) into the object, such as `/status/phase`.
    pub(crate) path: String,
    /// What is there then.
    pub(crate) equals: serde_json::Value,
    /// What takes longer is slow.
    #[serde(with = "duration")]
    pub(crate) within: Duration,
}

impl ObjectsLoad {
    /// Whether its objects are watched until they are as they are to become, or gone.
    pub(crate) fn is_awaited(&self) -> bool {
        self.done.is_some() || self.expires
    }

    pub(super) fn check(&self, inventory: &[InventorySpec]) -> Result<(), String> {
        let Self { name, operation, of, manifest, lifetime, expires, .. } = self;
        if *expires && (lifetime.is_some() || *operation != Operation::Create) {
            return Err(format!(
                "{name} `expires`: it makes objects, and has no lifetime, as somebody else deletes them"
            ));
        }
        match (operation, of) {
            (Operation::Create, Some(_)) => {
                Err(format!("{name} makes new objects; leave `of` out, or choose another operation"))
            }
            (Operation::Get | Operation::Update | Operation::Patch | Operation::Delete, None) => {
                Err(format!(
                    "{name} is about objects that are there: `of` names the [[inventory]] that they are of"
                ))
            }
            (_, Some(of)) if is_of(name, of, inventory).is_err() => is_of(name, of, inventory),
            (Operation::Create | Operation::Update | Operation::Patch, _) if manifest.is_empty() => {
                Err(format!("{name} has no manifest"))
            }
            _ => Ok(()),
        }
    }
}
