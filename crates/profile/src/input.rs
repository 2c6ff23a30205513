//! Typed TOML whose errors say where the mistake is and what was probably meant. Scenarios use it as well.

use std::{fmt, ops::Range};

use serde::de::DeserializeOwned;

use crate::nearest;

/// A mistake in a TOML text, shown as `origin:line:column: what is wrong`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// The file, or whatever else the text came from.
    pub origin: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What is wrong and, where that is known, what is right.
    pub message: String,
}

impl InputError {
    /// A mistake at a byte offset of `text`, for checks that come after parsing (take offsets from `toml::Spanned`).
    pub fn at(origin: &str, text: &str, offset: usize, message: impl Into<String>) -> Self {
        let (line, column) = position(text, offset);
        Self { origin: origin.to_owned(), line, column, message: message.into() }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.origin, self.line, self.column, self.message)
    }
}

impl std::error::Error for InputError {}

/// Parses `text` into `T`. `origin` names the text in errors, usually its path.
///
/// # Errors
///
/// The first mistake: bad syntax, a wrong type, a missing field, or a name that `T` does not know (give `T`
/// `#[serde(deny_unknown_fields)]`), then with the table it is in and the nearest right name.
pub fn parse<T: DeserializeOwned>(origin: &str, text: &str) -> Result<T, InputError> {
    toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        InputError::at(origin, text, span.start, explain(error.message(), text, &span))
    })
}

/// Line and column, both counted from 1.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Makes serde's message say in which table the name stands and which name is nearest.
fn explain(message: &str, text: &str, span: &Range<usize>) -> String {
    let Some((what, wrong, expected)) = unknown_name(message) else {
        // A parser's message may have several lines ("invalid string\nexpected ...").
        return message.split('\n').map(str::trim).collect::<Vec<_>>().join(", ");
    };
    let place = match enclosing_table(text, span.start) {
        Some(table) => format!(" under {table}"),
        None => String::new(),
    };
    match nearest(wrong, expected.iter().copied()) {
        Some(right) => format!("unknown {what} `{wrong}`{place}; did you mean `{right}`?"),
        None if expected.is_empty() => format!("unknown {what} `{wrong}`{place}; nothing may stand here"),
        None => format!("unknown {what} `{wrong}`{place}; known are: {}", expected.join(", ")),
    }
}

/// Takes apart serde's "unknown field `x`, expected one of `a`, `b`" (`serde_core::de::Error::unknown_field`).
fn unknown_name(message: &str) -> Option<(&'static str, &str, Vec<&str>)> {
    let (what, rest) = [("field", "unknown field `"), ("value", "unknown variant `")]
        .into_iter()
        .find_map(|(what, start)| Some((what, message.strip_prefix(start)?)))?;
    let (wrong, expected) = rest.split_once('`')?;
    Some((what, wrong, expected.split('`').skip(1).step_by(2).collect()))
}

/// The header, as written, of the table that encloses an offset; none at the top level or when the offset is in a
/// header itself.
fn enclosing_table(text: &str, offset: usize) -> Option<&str> {
    let line_start = text.get(..offset)?.rfind('\n').map_or(0, |newline| newline + 1);
    if text[line_start..].trim_start().starts_with('[') {
        return None;
    }
    let header = text[..line_start].lines().map(str::trim).rfind(|line| line.starts_with('['))?;
    Some(&header[..=header.rfind(']')?])
}

#[cfg(test)]
mod tests;
