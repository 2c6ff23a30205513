//! What a scenario turns up.

use std::{fmt, str::FromStr};

use measure::Rate;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::Turn;

/// The axis of a scenario: `<load>.rate`, `<load>.count`, or `fleet.nodes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    /// Operations per second of the load of this name.
    Rate(String),
    /// How many there are of it.
    Count(String),
    /// How many nodes there are.
    Nodes,
}

impl Axis {
    /// The axis' unit, as it follows a number.
    pub(crate) fn unit(&self) -> &'static str {
        match self {
            Self::Rate(_) => "/s",
            Self::Count(_) => "",
            Self::Nodes => " nodes",
        }
    }

    /// The load that is turned up, where it is not the fleet.
    pub(crate) fn load(&self) -> Option<&str> {
        match self {
            Self::Rate(load) | Self::Count(load) => Some(load),
            Self::Nodes => None,
        }
    }

    /// What of it.
    pub(crate) fn part(&self) -> &'static str {
        match self {
            Self::Rate(_) => "rate",
            Self::Count(_) => "count",
            Self::Nodes => "nodes",
        }
    }

    /// Where a load is that is turned up to this. Nothing of the fleet, and of a rate that is none.
    pub(crate) fn turn(&self, at: f64) -> Option<Turn> {
        match self {
            Self::Rate(_) => Rate::per_second(at).ok().map(Turn::Rate),
            Self::Count(_) => Some(Turn::Count(whole(at))),
            Self::Nodes => None,
        }
    }

    /// A value of it, as a person writes it: `20/s` or `400`.
    pub(crate) fn value(&self, text: &str) -> anyhow::Result<f64> {
        match self {
            Self::Rate(_) => Ok(text.parse::<Rate>()?.get()),
            Self::Count(_) | Self::Nodes => match text.parse::<u32>() {
                Ok(count) if count > 0 => Ok(count.into()),
                _ => anyhow::bail!("`{text}` is not a number above 0, and the scenario's axis is {self}"),
            },
        }
    }

    /// A value of it with its unit, with as many digits as say something.
    pub(crate) fn show(&self, value: f64) -> String {
        let digits = match self {
            Self::Rate(_) if value < 10.0 => 2,
            Self::Rate(_) if value < 100.0 => 1,
            Self::Rate(_) | Self::Count(_) | Self::Nodes => 0,
        };
        format!("{value:.digits$}{}", self.unit())
    }
}

/// The number of things that a place on an axis stands for.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of things, and the cast saturates"
)]
pub(super) fn whole(at: f64) -> u32 {
    at.round() as u32
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(load) => write!(f, "{load}.rate"),
            Self::Count(load) => write!(f, "{load}.count"),
            Self::Nodes => f.write_str("fleet.nodes"),
        }
    }
}

impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('.') {
            Some(("fleet", "nodes")) => Ok(Self::Nodes),
            Some((load, "rate")) if !load.is_empty() => Ok(Self::Rate(load.to_owned())),
            Some((load, "count")) if !load.is_empty() => Ok(Self::Count(load.to_owned())),
            _ => Err(format!(
                "`{text}` is not an axis: write `<name of a load>.rate`, `<name of a load>.count` or `fleet.nodes`"
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Axis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Axis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_is_read_and_written_alike() {
        for text in ["pods.rate", "watchers.count", "fleet.nodes"] {
            assert_eq!(text.parse::<Axis>().unwrap().to_string(), text);
        }
        for odd in ["pods", "fleet.rates", ".rate", "nodes"] {
            assert!(odd.parse::<Axis>().is_err(), "{odd}");
        }
    }

    #[test]
    fn values_have_the_axis_own_unit() {
        let (rate, nodes) = (Axis::Rate("pods".into()), Axis::Nodes);
        let values = (rate.value("120/min").unwrap(), nodes.value("400").unwrap());
        assert_eq!(values, (2.0, 400.0));
        assert!(nodes.value("400/s").is_err() && nodes.value("0").is_err() && rate.value("0").is_err());
        assert_eq!(
            (rate.show(84.31), rate.show(7.128), nodes.show(1200.0)),
            ("84.3/s".into(), "7.13/s".into(), "1200 nodes".into())
        );
    }
}
