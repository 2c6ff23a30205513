//! The lines of the file.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use measure::metrics::Labels;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Whole numbers up to here are the same as `f64` and as `i64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line<'a> {
    Metrics(Head),
    Family(OfFamily<'a>),
    Series(OfSeries<'a>),
    Moment(Moment<'a>),
}

/// The lines of one command begin.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) version: u32,
    /// When, as seconds since 1970.
    pub(super) unix: f64,
}

/// A family.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OfFamily<'a> {
    pub(super) name: Cow<'a, str>,
    /// As the text format says it.
    pub(super) kind: Cow<'a, str>,
    pub(super) help: Cow<'a, str>,
}

/// A series, or all of a histogram with the same labels.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OfSeries<'a> {
    /// One more than that of the series before it.
    pub(super) id: usize,
    pub(super) name: Cow<'a, str>,
    /// Who tells it.
    pub(super) source: Cow<'a, str>,
    /// Where that is not its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) family: Option<Cow<'a, str>>,
    /// Without `le`, where there is a list of that.
    pub(super) labels: Written<'a>,
    /// One series for each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) le: Vec<Cow<'a, str>>,
    /// The names of further series with the same labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) then: Vec<Cow<'a, str>>,
}

/// What a source told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Moment<'a> {
    /// Since the head.
    pub(super) seconds: f64,
    /// Since 1970.
    pub(super) unix: f64,
    pub(super) source: Cow<'a, str>,
    /// The first id, and the values of it and of those that follow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) values: Vec<(usize, Figures)>,
    /// The first id and the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) gone: Vec<(usize, usize)>,
}

/// Labels, as an object.
#[derive(Debug)]
pub(super) struct Written<'a>(pub(super) Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl Written<'_> {
    pub(super) fn into_labels(self) -> Labels {
        self.0.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Written<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let labels = BTreeMap::<String, String>::deserialize(deserializer)?;
        Ok(Self(labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect()))
    }
}

/// Values of series whose ids follow one another, in as few letters as it takes and to the last bit: a whole number behind a whole
/// number is by how much it is more, which is little or nothing among the buckets of a histogram; any other is the value itself.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Figures(Vec<Figure>);

#[derive(Clone, Copy, Debug)]
enum Figure {
    Whole(i64),
    Float(f64),
}

impl Figures {
    pub(super) fn of(values: &[f64]) -> Self {
        let before = std::iter::once(None).chain(values.iter().map(|value| whole(*value)));
        let figure = |(before, value): (Option<i64>, &f64)| match (before, whole(*value)) {
            (Some(before), Some(now)) => Figure::Whole(now - before),
            (None, Some(now)) => Figure::Whole(now),
            (_, None) => Figure::Float(*value),
        };
        Self(before.zip(values).map(figure).collect())
    }

    pub(super) fn values(&self) -> impl Iterator<Item = f64> {
        self.0.iter().scan(None, |before: &mut Option<i64>, figure| {
            Some(match figure {
                Figure::Whole(figure) => {
                    // What a file says may be anything.
                    let now = before.unwrap_or_default().saturating_add(*figure);
                    *before = Some(now);
                    float(now)
                }
                Figure::Float(value) => {
                    *before = None;
                    *value
                }
            })
        })
    }
}

/// The value as a whole number, if it is one and exact.
fn whole(value: f64) -> Option<i64> {
    let is_whole = value.trunc().to_bits() == value.to_bits() && value.abs() < EXACT;
    let is_minus_zero = value.to_bits() == (-0.0_f64).to_bits();
    #[expect(clippy::cast_possible_truncation, reason = "a whole number that is exact as both")]
    (is_whole && !is_minus_zero).then_some(value as i64)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "what is not exact as a float is not written as a whole number"
)]
fn float(whole: i64) -> f64 {
    whole as f64
}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Whole(value) => serializer.serialize_i64(value),
            Self::Float(value) if value.is_nan() => serializer.serialize_str("NaN"),
            Self::Float(f64::INFINITY) => serializer.serialize_str("+Inf"),
            Self::Float(f64::NEG_INFINITY) => serializer.serialize_str("-Inf"),
            Self::Float(value) => serializer.serialize_f64(value),
        }
    }
}

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FigureVisitor)
    }
}

struct FigureVisitor;

impl de::Visitor<'_> for FigureVisitor {
    type Value = Figure;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a number, \"NaN\", \"+Inf\" or \"-Inf\"")
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Figure, E> {
        Ok(Figure::Float(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Figure, E> {
        Ok(Figure::Whole(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Figure, E> {
        let value = i64::try_from(value);
        value.map(Figure::Whole).map_err(|_| E::custom("a whole number of more than 2^53"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Figure, E> {
        match text {
            "NaN" => Ok(Figure::Float(f64::NAN)),
            "+Inf" => Ok(Figure::Float(f64::INFINITY)),
            "-Inf" => Ok(Figure::Float(f64::NEG_INFINITY)),
            other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
        }
    }
}
