//! Numbers as Go writes them, and so every component: a bound has one spelling wherever it was read.

use std::fmt;

/// A value, or the bound of a bucket, as Prometheus' Go library writes it (`expfmt/text_create.go`, `writeFloat`), which is Go's
/// `strconv.FormatFloat(value, 'g', -1, 64)`: the fewest digits that tell it from all others, with an exponent below 1e-4 and from 1e+06 on.
/// Only that a minus zero keeps its sign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number(pub f64);

/// Decimal exponents without an exponent in the text (`strconv/ftoa.go`, `formatDigits`).
const PLAIN: std::ops::Range<i32> = -4..6;

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value) = *self;
        if value.is_nan() {
            return out.write_str("NaN");
        }
        if value.is_infinite() {
            return out.write_str(if value > 0.0 { "+Inf" } else { "-Inf" });
        }
        // Rust has the fewest digits too, and always writes the exponent that is asked for here: `-1.5e-7`.
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or_default();
        if PLAIN.contains(&exponent) {
            return write!(out, "{value}");
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(out, "{digits}e{sign}{:02}", exponent.unsigned_abs())
    }
}
