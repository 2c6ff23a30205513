//! One line of the text format.

use std::borrow::Cow;

use super::Fault;
use crate::series::Kind;

/// What a line that begins with `#` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Comment<'a> {
    /// The type of the family whose lines follow.
    Type { name: &'a str, kind: Kind },
    /// Help, or nothing.
    Other,
}

/// The beginning of a text, for an error.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

fn excerpt_of(bytes: &[u8]) -> String {
    excerpt(&String::from_utf8_lossy(&bytes[..bytes.len().min(160)]))
}

/// Reads a line that begins with `#`.
pub(super) fn comment(line: &[u8]) -> Result<Comment<'_>, Fault> {
    let mut words = line[1..].split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    if words.next() != Some(b"TYPE") {
        return Ok(Comment::Other);
    }
    let named = words.next().unwrap_or_default();
    let name = name(named)?;
    if name.len() != named.len() {
        return Err(Fault::Name(excerpt_of(named)));
    }
    let kind = match words.next().unwrap_or_default() {
        b"counter" => Kind::Counter,
        b"gauge" => Kind::Gauge,
        b"histogram" => Kind::Histogram,
        b"summary" => Kind::Summary,
        b"untyped" => Kind::Untyped,
        other => return Err(Fault::Kind(excerpt_of(other))),
    };
    Ok(Comment::Type { name, kind })
}

/// The name that a line of a sample begins with.
pub(super) fn name(line: &[u8]) -> Result<&str, Fault> {
    let within = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    let end = line.iter().position(|byte| !within(byte)).unwrap_or(line.len());
    let name = std::str::from_utf8(&line[..end]).map_err(|_| Fault::Encoding)?;
    let ends = line.get(end).is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'{'));
    if name.is_empty() || name.as_bytes()[0].is_ascii_digit() || !ends {
        return Err(Fault::Name(excerpt_of(line)));
    }
    Ok(name)
}

/// What stands within the braces, if there are any, and what comes after them.
///
/// The last brace of a line closes: neither a value nor a timestamp has one.
pub(super) fn braces(rest: &str) -> Result<(&str, &str), Fault> {
    let Some(labels) = rest.trim_ascii_start().strip_prefix('{') else { return Ok(("", rest)) };
    labels.rsplit_once('}').ok_or_else(|| expected("a closing brace", labels))
}

/// Reads the value and checks the timestamp. Nothing in a control plane sends one, and a change is timed by who
/// scrapes, so it is not kept.
pub(super) fn value(rest: &str) -> Result<f64, Fault> {
    let mut words = rest.split_ascii_whitespace();
    let value = number(words.next().unwrap_or_default())?;
    if let Some(timestamp) = words.next() {
        let whole = timestamp.parse::<i64>().is_ok();
        if !whole || words.next().is_some() {
            return Err(Fault::Timestamp(excerpt(rest.trim_ascii())));
        }
    }
    Ok(value)
}

/// Reads a number as Go's `strconv.ParseFloat` does, but for hexadecimal and underscores, which nothing writes.
pub(super) fn number(text: &str) -> Result<f64, Fault> {
    text.parse().map_err(|_| Fault::Number(excerpt(text)))
}

/// Splits off the last label if it has this name and its value nothing to unescape: how Go's library writes a bucket.
pub(super) fn split_last<'a>(labels: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let (before, value) = labels.strip_suffix('"')?.rsplit_once('"')?;
    let others = before.strip_suffix('=')?.strip_suffix(name)?;
    // A backslash before either quote would make it part of a value.
    let plain = !value.contains('\\');
    let others = if others.is_empty() { others } else { others.strip_suffix(',')? };
    plain.then_some((others, value))
}

/// Reads what stands within the braces.
pub(super) fn labels(text: &str) -> LabelsOf<'_> {
    LabelsOf { rest: text, first: true }
}

/// Labels, one after the other; nothing after an error.
pub(super) struct LabelsOf<'a> {
    rest: &'a str,
    first: bool,
}

impl<'a> Iterator for LabelsOf<'a> {
    type Item = Result<(&'a str, Cow<'a, str>), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.rest.trim_ascii_start();
        if !self.first && !rest.is_empty() {
            match rest.strip_prefix(',') {
                Some(after) => rest = after.trim_ascii_start(),
                None => return Some(self.fail("a comma", rest)),
            }
        }
        if rest.is_empty() {
            self.rest = rest;
            return None;
        }
        self.first = false;
        let read = label(rest);
        self.rest = read.as_ref().map_or("", |(_, _, after)| after);
        Some(read.map(|(name, value, _)| (name, value)))
    }
}

impl LabelsOf<'_> {
    fn fail(&mut self, what: &'static str, found: &str) -> <Self as Iterator>::Item {
        self.rest = "";
        Err(expected(what, found))
    }
}

/// One label and what comes after it.
fn label(text: &str) -> Result<(&str, Cow<'_, str>, &str), Fault> {
    let (name, value) = text.split_once('=').ok_or_else(|| expected("a label", text))?;
    let name = name.trim_ascii_end();
    let within = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || name.as_bytes()[0].is_ascii_digit() || !name.bytes().all(within) {
        return Err(expected("the name of a label", text));
    }
    let quoted = value.trim_ascii_start().strip_prefix('"').ok_or_else(|| expected("a quote", value))?;
    let (value, after) = quoted_value(quoted)?;
    Ok((name, value, after))
}

/// A value up to its closing quote, and what comes after that.
fn quoted_value(text: &str) -> Result<(Cow<'_, str>, &str), Fault> {
    let mut value = Cow::Borrowed("");
    let mut rest = text;
    loop {
        let end = memchr::memchr2(b'"', b'\\', rest.as_bytes());
        let end = end.ok_or_else(|| expected("a closing quote", text))?;
        value += &rest[..end];
        if rest.as_bytes()[end] == b'"' {
            return Ok((value, &rest[end + 1..]));
        }
        value += match rest.as_bytes().get(end + 1) {
            Some(b'\\') => "\\",
            Some(b'"') => "\"",
            Some(b'n') => "\n",
            _ => return Err(expected("\\\\, \\\" or \\n", &rest[end..])),
        };
        rest = &rest[end + 2..];
    }
}

fn expected(expected: &'static str, found: &str) -> Fault {
    Fault::Labels { expected, found: excerpt(found) }
}
