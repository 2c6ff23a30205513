//! A rate: how often something happens, per second.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Events per second: finite and above zero. Written `20/s`, `1200/min`, `3600/h` or as a bare number per second.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

/// Text or a number that is not a rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a rate: write a number above zero per second, minute or hour, like `20/s`, `1200/min` or `0.5`"
)]
pub struct InvalidRate(String);

impl Rate {
    /// A rate in events per second.
    pub fn per_second(value: f64) -> Result<Self, InvalidRate> {
        if value.is_finite() && value > 0.0 { Ok(Self(value)) } else { Err(InvalidRate(value.to_string())) }
    }

    /// Events per second.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let invalid = || InvalidRate(text.to_owned());
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit.trim() {
            "s" | "sec" | "second" => 1.0,
            "m" | "min" | "minute" => 60.0,
            "h" | "hour" => 3600.0,
            _ => return Err(invalid()),
        };
        let number: f64 = number.trim().parse().map_err(|_| invalid())?;
        Self::per_second(number / seconds).map_err(|_| invalid())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl Serialize for Rate {
    /// The number per second.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl<'de> Deserialize<'de> for Rate {
    /// A number per second, or text as [`FromStr`] reads it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RateVisitor)
    }
}

struct RateVisitor;

impl de::Visitor<'_> for RateVisitor {
    type Value = Rate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rate like \"20/s\", \"1200/min\" or 20")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Rate, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Rate, E> {
        Rate::per_second(value).map_err(E::custom)
    }

    #[expect(clippy::cast_precision_loss, reason = "no rate comes near 2^53 per second")]
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Rate, E> {
        self.visit_f64(value as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "no rate comes near 2^53 per second")]
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Rate, E> {
        self.visit_f64(value as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_units_and_the_bare_number() {
        for (text, per_second) in [
            ("20/s", 20.0),
            ("20", 20.0),
            ("1200/min", 20.0),
            (" 90 / m ", 1.5),
            ("1800/h", 0.5),
            ("1e3/s", 1000.0),
        ] {
            assert_eq!(text.parse(), Rate::per_second(per_second), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_rate_and_says_what_is() {
        for text in ["", "0", "0/s", "-3/s", "NaN", "inf", "20/day", "20/", "twenty", "1/2/s", "1e-400/s"] {
            let error = text.parse::<Rate>().expect_err(text);
            assert!(error.to_string().starts_with(&format!("`{text}` is not a rate: ")), "{error}");
        }
    }

    #[test]
    fn json_numbers_and_text_mean_the_same() {
        let rates: Vec<Rate> = serde_json::from_str(r#"[20, 20.0, "20/s", "1200/min"]"#).unwrap();
        assert!(rates.iter().all(|rate| *rate == rates[0]), "{rates:?}");
        assert_eq!(serde_json::to_string(&rates[0]).unwrap(), "20.0");
        assert!(serde_json::from_str::<Rate>("-1").is_err());
    }
}
