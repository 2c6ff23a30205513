//! `[topology]`: how many processes a control plane is made of.

use std::{fmt, ops::RangeInclusive};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Unexpected},
};

/// As many as kubeadm's documentation has in a highly available cluster, and as one machine can feed.
const SEVERAL: RangeInclusive<i64> = 1..=3;

/// How many there are of what there may be several of, and what has an etcd of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Topology {
    apiservers: u8,
    etcd_members: u8,
    schedulers: u8,
    controller_managers: u8,
    events_etcd: bool,
    leases_etcd: bool,
}

impl Default for Topology {
    fn default() -> Self {
        Self {
            apiservers: 1,
            etcd_members: 1,
            schedulers: 1,
            controller_managers: 1,
            events_etcd: false,
            leases_etcd: false,
        }
    }
}

impl Topology {
    /// Apiservers on one etcd, 1 to 3. More than one are behind a balancer.
    pub const fn apiservers(self) -> u8 {
        self.apiservers
    }

    /// Members of the etcd cluster that holds whatever has no etcd of its own, 1 to 3.
    pub const fn etcd_members(self) -> u8 {
        self.etcd_members
    }

    /// Schedulers, 1 to 3. One of them leads and the others wait.
    pub const fn schedulers(self) -> u8 {
        self.schedulers
    }

    /// Controller managers, 1 to 3. One of them leads and the others wait.
    pub const fn controller_managers(self) -> u8 {
        self.controller_managers
    }

    /// Whether Events are in an etcd of their own, of one member.
    pub const fn events_etcd(self) -> bool {
        self.events_etcd
    }

    /// Whether Leases are in an etcd of their own, of one member.
    pub const fn leases_etcd(self) -> bool {
        self.leases_etcd
    }

    pub(crate) fn apply(&mut self, said: &TopologyTable) {
        for (said, setting) in [
            (said.apiservers, &mut self.apiservers),
            (said.etcd_members, &mut self.etcd_members),
            (said.schedulers, &mut self.schedulers),
            (said.controller_managers, &mut self.controller_managers),
        ] {
            if let Some(Several(number)) = said {
                *setting = number;
            }
        }
        self.events_etcd = said.events_etcd.unwrap_or(self.events_etcd);
        self.leases_etcd = said.leases_etcd.unwrap_or(self.leases_etcd);
    }
}

/// `[topology]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TopologyTable {
    apiservers: Option<Several>,
    etcd_members: Option<Several>,
    schedulers: Option<Several>,
    controller_managers: Option<Several>,
    events_etcd: Option<bool>,
    leases_etcd: Option<bool>,
}

#[derive(Clone, Copy, Debug)]
struct Several(u8);

impl<'de> Deserialize<'de> for Several {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SeveralVisitor)
    }
}

struct SeveralVisitor;

impl de::Visitor<'_> for SeveralVisitor {
    type Value = Several;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number from {} to {}", SEVERAL.start(), SEVERAL.end())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Several, E> {
        let number = u8::try_from(value).ok().filter(|_| SEVERAL.contains(&value));
        number.map(Several).ok_or_else(|| E::invalid_value(Unexpected::Signed(value), &self))
    }
}

#[cfg(test)]
mod tests {
    use crate::{from_text, load};

    const ROOT: &str = "about = \"x\"\nversions = { kubernetes = \"1.36.3\", etcd = \"3.6.8\" }\n";

    #[test]
    fn there_is_one_of_each_unless_a_profile_says_otherwise() {
        let mut profile = load("defaults").unwrap();
        let one = profile.topology;
        assert_eq!(
            [one.apiservers(), one.etcd_members(), one.schedulers(), one.controller_managers()],
            [1, 1, 1, 1]
        );
        assert!(!one.events_etcd() && !one.leases_etcd());
        profile.set("topology.apiservers=3").unwrap();
        assert_eq!(profile.topology.apiservers(), 3);
        let settings =
            "apiservers = 2\netcd-members = 3\nschedulers = 2\ncontroller-managers = 3\nevents-etcd = true";
        let profile = from_text("p.toml", &format!("{ROOT}[topology]\n{settings}")).unwrap();
        let expected = serde_json::json!({
            "apiservers": 2,
            "etcd-members": 3,
            "schedulers": 2,
            "controller-managers": 3,
            "events-etcd": true,
            "leases-etcd": false,
        });
        assert_eq!(serde_json::to_value(profile.topology).unwrap(), expected);
    }
}
