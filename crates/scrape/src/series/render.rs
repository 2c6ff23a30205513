//! Series as text again: version 0.0.4 of the Prometheus text format, as `exposition` reads it.

use std::fmt;

use super::{Family, Histogram, Labels, Scrape, Summary, Value};

impl fmt::Display for Scrape {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, family) in self.families() {
            writeln!(out, "# TYPE {name} {}", family.kind)?;
            write_family(out, name, family)?;
        }
        Ok(())
    }
}

fn write_family(out: &mut fmt::Formatter<'_>, name: &str, family: &Family) -> fmt::Result {
    for (labels, value) in &family.series {
        match value {
            Value::Number(number) => write_line(out, name, "", labels, None, *number)?,
            Value::Histogram(histogram) => write_histogram(out, name, labels, histogram)?,
            Value::Summary(summary) => write_summary(out, name, labels, summary)?,
        }
    }
    Ok(())
}

fn write_histogram(
    out: &mut fmt::Formatter<'_>,
    name: &str,
    labels: &Labels,
    histogram: &Histogram,
) -> fmt::Result {
    for bucket in histogram.buckets() {
        write_line(out, name, "_bucket", labels, Some(("le", bucket.upper)), bucket.count)?;
    }
    write_line(out, name, "_sum", labels, None, histogram.sum)?;
    write_line(out, name, "_count", labels, None, histogram.count)
}

fn write_summary(
    out: &mut fmt::Formatter<'_>,
    name: &str,
    labels: &Labels,
    summary: &Summary,
) -> fmt::Result {
    for (quantile, value) in &summary.quantiles {
        write_line(out, name, "", labels, Some(("quantile", *quantile)), *value)?;
    }
    write_line(out, name, "_sum", labels, None, summary.sum)?;
    write_line(out, name, "_count", labels, None, summary.count)
}

fn write_line(
    out: &mut fmt::Formatter<'_>,
    name: &str,
    suffix: &str,
    labels: &Labels,
    last: Option<(&str, f64)>,
    value: f64,
) -> fmt::Result {
    write!(out, "{name}{suffix}")?;
    let mut before = '{';
    for (name, value) in labels.iter() {
        write!(out, "{before}{name}=\"{}\"", Escaped(value))?;
        before = ',';
    }
    if let Some((name, bound)) = last {
        write!(out, "{before}{name}=\"{}\"", Number(bound))?;
        before = ',';
    }
    if before == ',' {
        out.write_str("}")?;
    }
    writeln!(out, " {}", Number(value))
}

struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;

        self.0.chars().try_for_each(|letter| match letter {
            '\\' => out.write_str("\\\\"),
            '"' => out.write_str("\\\""),
            '\n' => out.write_str("\\n"),
            other => out.write_char(other),
        })
    }
}

struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == f64::INFINITY {
            out.write_str("+Inf")
        } else if self.0 == f64::NEG_INFINITY {
            out.write_str("-Inf")
        } else {
            write!(out, "{:?}", self.0)
        }
    }
}
