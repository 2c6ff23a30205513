//! How a candidate is to differ from its baseline in one setting.

use std::fmt;

/// What is seen of a thing that is not there.
pub(crate) const ABSENT: &str = "absent";

/// How they differ.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wish {
    Different,
    Same,
    /// At least so many times as high.
    Higher(f64),
    /// The baseline is at least so many times as high.
    Lower(f64),
    /// The candidate has exactly this.
    Is(String),
}

impl Wish {
    /// Whether two values are so.
    pub(crate) fn holds(&self, baseline: &str, candidate: &str) -> bool {
        let numbers = || Some((number(baseline)?, number(candidate)?));
        match self {
            Self::Different => !is_same(baseline, candidate),
            Self::Same => is_same(baseline, candidate),
            Self::Higher(times) => numbers().is_some_and(|(low, high)| high > low && high >= low * times),
            Self::Lower(times) => numbers().is_some_and(|(high, low)| high > low && high >= low * times),
            Self::Is(wanted) => is_same(wanted, candidate),
        }
    }
}

/// Whether two values are one: `500` and `500.0` are.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    match (number(one), number(other)) {
        (Some(one), Some(other)) => (one - other).abs() <= 1e-9 * one.abs().max(other.abs()),
        _ => one == other,
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Different => f.write_str("different"),
            Self::Same => f.write_str("the same"),
            Self::Higher(times) if *times > 1.0 => write!(f, "at least {times} times as high"),
            Self::Lower(times) if *times > 1.0 => write!(f, "at most 1/{times} of it"),
            Self::Higher(_) => f.write_str("higher"),
            Self::Lower(_) => f.write_str("lower"),
            Self::Is(wanted) => f.write_str(wanted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_numbers_and_words_as_words() {
        assert!(is_same("500", "500.0") && is_same("tmpfs", "tmpfs") && is_same(ABSENT, ABSENT));
        assert!(!is_same("0", "0.1") && !is_same("500", ABSENT) && is_same("0", "0.0"));
    }

    #[test]
    fn each_wish_holds_of_what_it_says() {
        for (wish, baseline, candidate, holds) in [
            (Wish::Different, "1", "2", true),
            (Wish::Different, "1", "1", false),
            (Wish::Same, "1", "1.0", true),
            (Wish::Higher(1.0), "1", "2", true),
            (Wish::Higher(1.0), "2", "2", false),
            (Wish::Higher(1.0), ABSENT, "2", false),
            (Wish::Higher(3.0), "1", "2", false),
            (Wish::Higher(3.0), "0", "1", true),
            (Wish::Lower(2.0), "4", "2", true),
            (Wish::Lower(2.0), "4", "3", false),
            (Wish::Is("B".to_owned()), "A", "B", true),
            (Wish::Is("B".to_owned()), "B", "A", false),
        ] {
            assert_eq!(wish.holds(baseline, candidate), holds, "{wish}: {baseline} {candidate}");
        }
    }
}
