//! `[topology]`: how many processes a control plane is made of.

use std::{fmt, ops::RangeInclusive};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Unexpected},
};

/// As many as kubeadm's documentation has in a highly available cluster, and as one machine can feed.
const APISERVERS: RangeInclusive<i64> = 1..=3;

/// How many there are of what there may be several of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Topology {
    apiservers: u8,
}

impl Default for Topology {
    fn default() -> Self {
        Self { apiservers: 1 }
    }
}

impl Topology {
    /// Apiservers on one etcd, 1 to 3. More than one are behind a balancer.
    pub const fn apiservers(self) -> u8 {
        self.apiservers
    }

    pub(crate) fn apply(&mut self, said: &TopologyTable) {
        if let Some(Apiservers(number)) = said.apiservers {
            self.apiservers = number;
        }
    }
}

/// `[topology]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TopologyTable {
    apiservers: Option<Apiservers>,
}

#[derive(Clone, Copy, Debug)]
struct Apiservers(u8);

impl<'de> Deserialize<'de> for Apiservers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ApiserversVisitor)
    }
}

struct ApiserversVisitor;

impl de::Visitor<'_> for ApiserversVisitor {
    type Value = Apiservers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number from {} to {}", APISERVERS.start(), APISERVERS.end())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Apiservers, E> {
        let number = u8::try_from(value).ok().filter(|_| APISERVERS.contains(&value));
        number.map(Apiservers).ok_or_else(|| E::invalid_value(Unexpected::Signed(value), &self))
    }
}

#[cfg(test)]
mod tests {
    use crate::{from_text, load};

    const ROOT: &str = "about = \"x\"\nversions = { kubernetes = \"1.36.3\", etcd = \"3.6.8\" }\n";

    #[test]
    fn there_is_one_apiserver_unless_a_profile_says_otherwise() {
        let mut profile = load("defaults").unwrap();
        assert_eq!(profile.topology.apiservers(), 1);
        profile.set("topology.apiservers=3").unwrap();
        assert_eq!(profile.topology.apiservers(), 3);
        let profile = from_text("p.toml", &format!("{ROOT}[topology]\napiservers = 2")).unwrap();
        assert_eq!(profile.topology.apiservers(), 2);
        let json = serde_json::to_value(profile.topology).unwrap();
        assert_eq!(json, serde_json::json!({ "apiservers": 2 }));
    }
}
