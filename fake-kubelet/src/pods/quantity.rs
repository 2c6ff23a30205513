//! Resource quantities, as far as adding up the requests of a pod needs them (apimachinery `api/resource/quantity.go`).

use std::{fmt, ops::AddAssign};

const DECIMAL: [(&str, i128); 7] = [
    ("E", 1_000_000_000_000_000_000),
    ("P", 1_000_000_000_000_000),
    ("T", 1_000_000_000_000),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
    ("k", 1_000),
    ("", 1),
];
const BINARY: [(&str, i128); 6] =
    [("Ei", 1 << 60), ("Pi", 1 << 50), ("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];

/// An amount in thousandths, and whether it is written with powers of 1024.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quantity {
    milli: i128,
    binary: bool,
}

impl Quantity {
    /// Reads a quantity; what cannot be read, which the API would have refused, is nothing.
    pub(crate) fn parse(text: &str) -> Self {
        Self::read(text).unwrap_or_default()
    }

    fn read(text: &str) -> Option<Self> {
        let digits = text.find(|it: char| !matches!(it, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
        let (number, suffix) = text.split_at(digits);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        // Amounts below a thousandth are rounded up, as `MilliValue` does.
        let nano: i128 = format!("{fraction:0<9.9}").parse().ok()?;
        let nano = whole * 1_000_000_000 + nano;
        let (unit, binary) = match suffix {
            "n" => return Some(Self { milli: div_up(nano, 1_000_000_000_000_000), binary: false }),
            "u" => return Some(Self { milli: div_up(nano, 1_000_000_000_000), binary: false }),
            "m" => return Some(Self { milli: div_up(nano, 1_000_000_000), binary: false }),
            _ => match BINARY.iter().find(|(name, _)| *name == suffix) {
                Some((_, unit)) => (*unit, true),
                None => (decimal_unit(suffix)?, false),
            },
        };
        Some(Self { milli: div_up(nano * unit, 1_000_000), binary })
    }

    /// In thousandths: millicores.
    pub(crate) fn milli(self) -> i128 {
        self.milli
    }

    /// In whole units, rounded up: bytes.
    pub(crate) fn value(self) -> i128 {
        div_up(self.milli, 1000)
    }

    pub(crate) fn max(self, other: Self) -> Self {
        if other.milli > self.milli { other } else { self }
    }
}

fn decimal_unit(suffix: &str) -> Option<i128> {
    if let Some((_, unit)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Some(*unit);
    }
    let exponent: u32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    10_i128.checked_pow(exponent)
}

fn div_up(value: i128, by: i128) -> i128 {
    value.div_euclid(by) + i128::from(value.rem_euclid(by) > 0)
}

/// The sum is written as the first of the two is, unless that is nothing (`Quantity.Add`).
impl AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        if self.milli == 0 {
            self.binary = other.binary;
        }
        self.milli += other.milli;
    }
}

/// The canonical form: the largest unit that leaves no fraction.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.milli % 1000 != 0 {
            return write!(f, "{}m", self.milli);
        }
        let value = self.milli / 1000;
        let units: &[(&str, i128)] = if self.binary { &BINARY } else { &DECIMAL };
        match units.iter().find(|(_, unit)| value != 0 && value % unit == 0) {
            Some((suffix, unit)) => write!(f, "{}{suffix}", value / unit),
            None => write!(f, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_written_in_their_canonical_form() {
        for (text, canonical) in [
            ("10m", "10m"),
            ("0.5", "500m"),
            ("1.5Gi", "1536Mi"),
            ("1024Mi", "1Gi"),
            ("2000m", "2"),
            ("1000", "1k"),
            ("1e3", "1k"),
            ("100u", "1m"),
            ("0", "0"),
            ("128974848", "128974848"),
        ] {
            assert_eq!(Quantity::parse(text).to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn a_sum_is_written_as_its_first_part() {
        for (first, second, sum) in [("10m", "1", "1010m"), ("16Mi", "1M", "17777216"), ("0", "16Mi", "16Mi")]
        {
            let mut total = Quantity::parse(first);
            total += Quantity::parse(second);
            assert_eq!(total.to_string(), sum, "{first} + {second}");
        }
    }
}
