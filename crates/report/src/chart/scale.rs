//! Axes: where a value lies, where ticks are, and what is written at them.

/// An axis.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) title: String,
    pub(crate) scale: Scale,
    pub(crate) unit: Unit,
}

/// How values become places.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scale {
    /// From nothing up, or from the least value where that is below nothing.
    Linear,
    /// By logarithms: nothing and less is nowhere.
    Log,
    /// By how few lie beyond: as far from the median to p90 as from p90 to p99. Values are shares, 0 to below 1.
    Percentile,
    /// One below the other, by name; a value is the place of a name.
    Rows(Vec<String>),
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A number; what of is in the axis' title.
    Plain,
    Seconds,
    /// A share of samples that are at most so long.
    Percentile,
    /// A ratio.
    Times,
}

/// An axis for the values that are drawn.
#[derive(Clone, Debug)]
pub(crate) struct Fitted<'a> {
    axis: &'a Axis,
    low: f64,
    high: f64,
}

/// Ticks of a percentile axis.
const PERCENTILES: [f64; 8] = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999_999];

impl Axis {
    pub(crate) fn new(title: &str, scale: Scale, unit: Unit) -> Self {
        Self { title: title.to_owned(), scale, unit }
    }

    /// Whether a value has a place on it.
    pub(crate) fn has(&self, value: f64) -> bool {
        value.is_finite()
            && match self.scale {
                Scale::Log => value > 0.0,
                Scale::Percentile => (0.0..1.0).contains(&value),
                Scale::Linear | Scale::Rows(_) => true,
            }
    }

    /// Fits it to what is drawn. Its ends are values that can be written in a few digits.
    pub(crate) fn fit(&self, values: impl Iterator<Item = f64>) -> Fitted<'_> {
        let (mut low, mut high) = values
            .filter(|value| self.has(*value))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            (low, high) = (1.0, 1.0);
        }
        match &self.scale {
            Scale::Linear => {
                low = low.min(0.0);
                if high <= low {
                    high = low + 1.0;
                }
                let step = step((high - low) / 5.0);
                (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
            }
            Scale::Log => {
                if high / low < 1.05 {
                    (low, high) = (low / 1.05, high * 1.05);
                }
                (low, high) = around(low, high);
            }
            Scale::Percentile => (low, high) = (0.0, high.max(0.9)),
            #[expect(clippy::cast_precision_loss, reason = "nobody draws 2^53 rows")]
            Scale::Rows(names) => (low, high) = (0.0, names.len().max(1) as f64),
        }
        Fitted { axis: self, low, high }
    }

    /// A value as it is written in a table.
    pub(crate) fn exact(&self, value: f64) -> String {
        match self.unit {
            Unit::Plain => digits(value),
            Unit::Seconds => time(value, digits),
            Unit::Percentile => percentile(value),
            Unit::Times => format!("{value:.3}×"),
        }
    }

    fn tick(&self, value: f64) -> String {
        match self.unit {
            Unit::Plain => trimmed(value),
            Unit::Seconds => time(value, trimmed),
            Unit::Percentile => percentile(value),
            Unit::Times => format!("{}×", trimmed(value)),
        }
    }
}

impl Fitted<'_> {
    /// Where a value lies: 0 at the axis' low end, 1 at its high end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        match self.axis.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => (value / self.low).ln() / (self.high / self.low).ln(),
            Scale::Percentile => beyond(value) / beyond(self.high),
            // The first row is the uppermost.
            Scale::Rows(_) => 1.0 - (value + 0.5) / self.high,
        }
    }

    /// Where to write what, from low to high; about `wanted` of them.
    pub(crate) fn ticks(&self, wanted: f64) -> Vec<(f64, String)> {
        let values: Vec<f64> = match &self.axis.scale {
            Scale::Linear => multiples(self.low, self.high, step((self.high - self.low) / wanted)),
            Scale::Log => logarithmic(self.low, self.high, wanted),
            Scale::Percentile => PERCENTILES.iter().copied().filter(|value| *value <= self.high).collect(),
            Scale::Rows(_) => Vec::new(),
        };
        values.into_iter().map(|value| (self.place(value), self.axis.tick(value))).collect()
    }
}

fn beyond(share: f64) -> f64 {
    -(1.0 - share).log10()
}

/// The next of 1, 2, 5, 10, 20, 50, ... and of the parts of 1 likewise.
fn step(rough: f64) -> f64 {
    let magnitude = 10_f64.powf(rough.log10().floor());
    let first = [1.0, 2.0, 5.0].into_iter().find(|first| first * magnitude >= rough * (1.0 - 1e-9));
    first.unwrap_or(10.0) * magnitude
}

/// The ends of a logarithmic axis that holds both: of the numbers 1, 1.5, 2, 3, 5, 7 and their tenfolds.
fn around(low: f64, high: f64) -> (f64, f64) {
    const ENDS: [f64; 7] = [1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0];
    let split = |value: f64| {
        let magnitude = 10_f64.powf(value.log10().floor());
        (value / magnitude, magnitude)
    };
    let ((first, low_magnitude), (last, high_magnitude)) = (split(low), split(high));
    if high / low < 2.0 {
        let step = step((high - low) / 4.0);
        let floor = (low / step).floor() * step;
        return (if floor > 0.0 { floor } else { low }, (high / step).ceil() * step);
    }
    let below = ENDS.into_iter().rev().find(|end| *end <= first * (1.0 + 1e-9)).unwrap_or(1.0);
    let above = ENDS.into_iter().find(|end| *end >= last * (1.0 - 1e-9)).unwrap_or(10.0);
    (below * low_magnitude, above * high_magnitude)
}

fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let first = (low / step - 1e-9).ceil();
    let count = ((high - first * step) / step + 1e-9).floor().max(0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few ticks")]
    let count = count.min(100.0) as u32;
    (0..=count).map(|place| (first + f64::from(place)) * step).collect()
}

/// Multiples where the ends are near each other, else powers of ten, with what lies between where there is room.
fn logarithmic(low: f64, high: f64, wanted: f64) -> Vec<f64> {
    if high / low < 4.0 {
        return multiples(low, high, step((high - low) / wanted));
    }
    let decades = (high / low).log10();
    let firsts: &[f64] = if decades * 3.0 <= wanted * 1.2 {
        &[1.0, 2.0, 5.0]
    } else if decades * 2.0 <= wanted * 1.2 {
        &[1.0, 3.0]
    } else {
        &[1.0]
    };
    #[expect(clippy::cast_possible_truncation, reason = "powers of ten of a number are few")]
    let (from, to) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let all = (from..=to).flat_map(|power| firsts.iter().map(move |first| first * 10_f64.powi(power)));
    all.filter(|value| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(value)).collect()
}

/// Without zeros that say nothing, and with commas between thousands.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let text = if text == "-0" { "0" } else { text };
    match text.split_once('.') {
        None if value.abs() >= 10_000.0 => grouped(text),
        _ => text.to_owned(),
    }
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{sign}{text}")
}

/// Four digits, or all before the point.
fn digits(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 {
        return "0".to_owned();
    }
    if magnitude >= 1000.0 {
        return grouped(&format!("{value:.0}"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 9")]
    let after = (3.0 - magnitude.log10().floor()).clamp(0.0, 8.0) as usize;
    let text = format!("{value:.after$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn time(seconds: f64, write: fn(f64) -> String) -> String {
    let magnitude = seconds.abs();
    // What ought to be 1 ms may be a little less.
    let (factor, unit) = if magnitude < 1e-3 * (1.0 - 1e-9) && magnitude > 0.0 {
        (1e6, "µs")
    } else if magnitude < 1.0 - 1e-9 && magnitude > 0.0 {
        (1e3, "ms")
    } else {
        (1.0, "s")
    };
    format!("{} {unit}", write(seconds * factor))
}

fn percentile(share: f64) -> String {
    let text = format!("{:.5}", share * 100.0);
    format!("p{}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(scale: Scale, unit: Unit, values: &[f64], wanted: f64) -> Vec<String> {
        let axis = Axis::new("it", scale, unit);
        let fitted = axis.fit(values.iter().copied());
        let ticks = fitted.ticks(wanted);
        assert!(ticks.iter().all(|(place, _)| (-1e-9..=1.0 + 1e-9).contains(place)), "{ticks:?}");
        assert!(ticks.is_sorted_by(|a, b| a.0 < b.0), "{ticks:?}");
        ticks.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn linear_axes_begin_at_nothing_and_have_round_ticks() {
        assert_eq!(ticks(Scale::Linear, Unit::Plain, &[3.0, 42.5], 5.0), ["0", "10", "20", "30", "40", "50"]);
        assert_eq!(ticks(Scale::Linear, Unit::Plain, &[0.12, 0.31], 4.0), ["0", "0.1", "0.2", "0.3", "0.4"]);
        assert_eq!(ticks(Scale::Linear, Unit::Plain, &[24_000.0], 2.0), ["0", "20,000"]);
        assert_eq!(ticks(Scale::Linear, Unit::Plain, &[], 2.0), ["0", "0.5", "1"]);
    }

    #[test]
    fn logarithmic_axes_have_ticks_at_few_digits() {
        let seconds = |values: &[f64]| ticks(Scale::Log, Unit::Seconds, values, 6.0);
        assert_eq!(seconds(&[0.0012, 0.9]), ["1 ms", "3 ms", "10 ms", "30 ms", "100 ms", "300 ms", "1 s"]);
        assert_eq!(seconds(&[0.000_09, 20.0]), ["100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s"]);
        assert_eq!(seconds(&[0.62, 27.2]), ["500 ms", "1 s", "2 s", "5 s", "10 s", "20 s"]);
        let times = ticks(Scale::Log, Unit::Times, &[0.953, 1.105], 5.0);
        assert!(times.contains(&"1×".to_owned()) && times.len() >= 3, "{times:?}");
        // Nothing has no place, and one value alone has an axis too.
        assert_eq!(seconds(&[0.0, 1.0]).len(), seconds(&[1.0]).len());
    }

    #[test]
    fn percentiles_are_as_far_apart_as_they_are_rare() {
        assert_eq!(
            ticks(Scale::Percentile, Unit::Percentile, &[0.5, 0.9995], 5.0),
            ["p0", "p50", "p90", "p99", "p99.9"]
        );
        let axis = Axis::new("it", Scale::Percentile, Unit::Percentile);
        let fitted = axis.fit([0.999].into_iter());
        let [ninety, ninety_nine] = [0.9, 0.99].map(|share| fitted.place(share));
        assert!((ninety_nine - 2.0 * ninety).abs() < 1e-9);
        assert!(!axis.has(1.0) && axis.has(0.0));
    }

    #[test]
    fn rows_lie_one_below_the_other() {
        let axis = Axis::new("it", Scale::Rows(vec!["a".to_owned(), "b".to_owned()]), Unit::Plain);
        let fitted = axis.fit(std::iter::empty());
        assert!((fitted.place(0.0) - 0.75).abs() < 1e-9 && (fitted.place(1.0) - 0.25).abs() < 1e-9);
    }

    #[test]
    fn a_table_has_four_digits() {
        let axis = |unit| Axis::new("it", Scale::Linear, unit);
        let plain: Vec<String> = [0.0, 0.012_345, 1.5, 123.456, 1_234_567.0]
            .iter()
            .map(|it| axis(Unit::Plain).exact(*it))
            .collect();
        assert_eq!(plain, ["0", "0.01235", "1.5", "123.5", "1,234,567"]);
        assert_eq!(axis(Unit::Seconds).exact(0.000_25), "250 µs");
        assert_eq!(axis(Unit::Seconds).exact(1.25), "1.25 s");
        assert_eq!(axis(Unit::Percentile).exact(0.999), "p99.9");
        assert_eq!(axis(Unit::Times).exact(0.9531), "0.953×");
    }
}
