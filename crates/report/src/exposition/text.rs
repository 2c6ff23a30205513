//! Version 0.0.4 of the text format: what `/metrics` answers.
//! (Format: `content/docs/instrumenting/exposition_formats.md` of Prometheus.)

use std::fmt::{self, Write as _};

use measure::metrics::{Family, Sample};

use super::Number;

/// What an answer in this format says that it is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Families in the text format. One without samples is left out.
pub fn text(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families.iter().filter(|family| !family.samples.is_empty()) {
        // A string takes all that is written to it.
        let _ = write_family(&mut text, family);
    }
    text
}

fn write_family(out: &mut String, family: &Family) -> fmt::Result {
    let Family { name, kind, help, samples } = family;
    if !help.is_empty() {
        writeln!(out, "# HELP {name} {}", Escaped { text: help, quotes: false })?;
    }
    writeln!(out, "# TYPE {name} {}", kind.name())?;
    for Sample { name, labels, value } in samples {
        writeln!(out, "{name}{} {}", Braces(labels), Number(*value))?;
    }
    Ok(())
}

/// Labels as they stand behind a name; nothing where there are none.
pub(super) struct Braces<'a>(pub(super) &'a [(String, String)]);

impl fmt::Display for Braces<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = '{';
        for (name, value) in self.0 {
            write!(out, "{before}{name}=\"{}\"", Escaped { text: value, quotes: true })?;
            before = ',';
        }
        if self.0.is_empty() { Ok(()) } else { out.write_char('}') }
    }
}

/// A text with backslashes and line feeds escaped, and with quotes where it stands in them.
pub(super) struct Escaped<'a> {
    pub(super) text: &'a str,
    pub(super) quotes: bool,
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.chars().try_for_each(|letter| match letter {
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '"' if self.quotes => out.write_str("\\\""),
            other => out.write_char(other),
        })
    }
}
