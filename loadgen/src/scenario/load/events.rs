//! The load of an event storm: events that are recorded at a rate.

use measure::{Arrivals, Rate};
use serde::{Deserialize, Serialize};

use super::{InventorySpec, is_of};

/// Events that are recorded: new ones, and others that happen again.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct EventsLoad {
    pub(crate) name: String,
    #[serde(default = "super::yes")]
    pub(crate) judged: bool,
    /// Events written per second: created, or counted up.
    pub(crate) rate: Rate,
    #[serde(default)]
    pub(crate) arrivals: Arrivals,
    /// Of a hundred so many have happened before, and are counted up.
    #[serde(default)]
    pub(crate) repeat_percent: u32,
    /// What they are about: objects of this inventory, in turn. Without it, pods that do not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<String>,
    /// About so many pods that do not exist.
    #[serde(default = "thousand")]
    pub(crate) objects: u32,
    #[serde(default = "super::sixteen")]
    pub(crate) identities: u32,
}

impl EventsLoad {
    pub(super) fn check(&self, inventory: &[InventorySpec]) -> Result<(), String> {
        let Self { name, repeat_percent, of, objects, .. } = self;
        if *repeat_percent > 100 {
            return Err(format!("repeat-percent of {name} is of a hundred events"));
        }
        match of {
            Some(of) => is_of(name, of, inventory),
            None if *objects == 0 => {
                Err(format!("objects of {name} is 0; its events have to be about something"))
            }
            None => Ok(()),
        }
    }
}

fn thousand() -> u32 {
    1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(more: &str) -> EventsLoad {
        serde_json::from_str(&format!(r#"{{"name": "storm", "rate": "100/s"{more}}}"#)).unwrap()
    }

    #[test]
    fn what_is_left_out_is_as_a_person_would_expect() {
        let load = load("");
        assert!(load.judged && load.check(&[]).is_ok());
        assert_eq!((load.repeat_percent, load.objects, load.identities), (0, 1000, 16));
    }

    #[test]
    fn more_than_all_events_cannot_be_repeats_and_an_inventory_has_to_be_there() {
        assert!(load(r#", "repeat-percent": 101"#).check(&[]).unwrap_err().contains("of a hundred"));
        assert!(load(r#", "of": "pods""#).check(&[]).unwrap_err().contains("no [[inventory]]"));
        assert!(load(r#", "objects": 0"#).check(&[]).is_err());
    }
}
