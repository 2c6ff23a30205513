//! The load of services whose endpoints change.

use measure::{Arrivals, Rate};
use serde::{Deserialize, Serialize};

/// Services whose endpoints change, as an endpoint controller writes them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ServicesLoad {
    pub(crate) name: String,
    #[serde(default = "super::yes")]
    pub(crate) judged: bool,
    /// `EndpointSlices` written per second, each with one endpoint that is new.
    pub(crate) rate: Rate,
    #[serde(default)]
    pub(crate) arrivals: Arrivals,
    /// How many Services there are.
    #[serde(default = "one")]
    pub(crate) services: u32,
    /// Endpoints of each.
    pub(crate) endpoints: u32,
    /// Endpoints of a slice; the controller-manager's default (`--max-endpoints-per-slice`) is 100.
    #[serde(default = "super::hundred")]
    pub(crate) slice_endpoints: u32,
    /// Whether they have no address of their own.
    #[serde(default)]
    pub(crate) headless: bool,
    #[serde(default = "super::sixteen")]
    pub(crate) identities: u32,
}

/// The most endpoints that a slice may have (discovery.k8s.io, validation `maxEndpoints`).
const MOST_IN_A_SLICE: u32 = 1000;

impl ServicesLoad {
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { name, services, endpoints, slice_endpoints, .. } = self;
        if *services == 0 || *endpoints == 0 {
            return Err(format!("{name} needs at least one Service with one endpoint"));
        }
        if !(1..=MOST_IN_A_SLICE).contains(slice_endpoints) {
            return Err(format!("slice-endpoints of {name} is from 1 to {MOST_IN_A_SLICE}"));
        }
        Ok(())
    }
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_has_from_one_to_a_thousand_endpoints() {
        let check = |slice: u32| {
            let text =
                format!(r#"{{"name": "web", "rate": 5, "endpoints": 250, "slice-endpoints": {slice}}}"#);
            serde_json::from_str::<ServicesLoad>(&text).unwrap().check()
        };
        assert!(check(1).is_ok() && check(1000).is_ok());
        assert!(check(0).is_err() && check(1001).is_err());
    }
}
