//! Reads version 0.0.4 of the Prometheus text format: what `/metrics` of every Kubernetes component and of etcd answers.
//! (Format: `content/docs/instrumenting/exposition_formats.md` of Prometheus.)
//!
//! A busy apiserver's answer has many megabytes and most of it nobody asked for, so the [`Parser`] takes the text in
//! any pieces as they arrive, asks by a family's name whether it is wanted before it looks at a label, and keeps
//! names and values of labels once. What a family that is not wanted says is not checked.
//!
//! Why not a crate: of those on crates.io `prometheus-parse` and `prometheus-scrape` match regular expressions and
//! cut labels at every comma and `=`, so a value that has one is wrong without an error; they skip lines they do not
//! understand, put the labels of every series in a map of its own and have no way to leave families out.
//! `openmetrics-parser` is LGPL. Measured on 3.1 MB of an apiserver that 200 nodes and 60 pods/s had kept busy
//! (23,000 lines, release build): `prometheus-parse` 0.2.5 takes 240 ms and keeps 6.7 MB, this takes 14 ms and keeps
//! 0.8 MB with the families of [`crate::names`], 30 ms and 1.5 MB with all of them, and 5 ms with none.

use std::{collections::HashSet, mem, sync::Arc};

use crate::series::{Kind, Scrape};

mod family;
mod line;

use family::{Current, Part};
use line::Comment;

/// The longest line that is read: the longest of a real control plane has less than a kilobyte.
const LONGEST_LINE: usize = 1 << 20;

/// The text is not in the format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct Malformed {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a line. Texts are the beginning of what stands there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A line begins with something else than a name.
    #[error("`{0}` is not the name of a metric")]
    Name(String),
    /// The part in braces cannot be read.
    #[error("labels: expected {expected} at `{found}`")]
    Labels {
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A value, a bound or a quantile is no number.
    #[error("`{0}` is not a number")]
    Number(String),
    /// The timestamp is no whole number of milliseconds, or something comes after it.
    #[error("`{0}` is not a timestamp")]
    Timestamp(String),
    /// A type that the format does not have.
    #[error("`{0}` is not a type")]
    Kind(String),
    /// A bucket without its bound, or a quantile without its quantile.
    #[error("no label `{0}`")]
    Bound(&'static str),
    /// The lines of one family do not stand together.
    #[error("the family `{0}` comes twice")]
    Twice(String),
    /// The line is not UTF-8.
    #[error("not UTF-8")]
    Encoding,
    /// The line has more than a mebibyte.
    #[error("longer than a mebibyte")]
    Length,
}

/// Reads one answer, piece by piece.
pub struct Parser<F> {
    wanted: F,
    /// The beginning of a line whose end has not come.
    tail: Vec<u8>,
    lines: usize,
    current: Option<Current>,
    strings: HashSet<Arc<str>>,
    scrape: Scrape,
}

/// Reads a whole answer.
pub fn parse(text: &str, wanted: impl FnMut(&str) -> bool) -> Result<Scrape, Malformed> {
    let mut parser = Parser::new(wanted);
    parser.feed(text.as_bytes())?;
    parser.finish()
}

impl<F: FnMut(&str) -> bool> Parser<F> {
    /// One that keeps the families whose names are `wanted`: of a histogram the name without `_bucket`, `_sum`, `_count`.
    pub fn new(wanted: F) -> Self {
        Self {
            wanted,
            tail: Vec::new(),
            lines: 0,
            current: None,
            strings: HashSet::new(),
            scrape: Scrape::new(),
        }
    }

    /// Takes the next piece, which may end anywhere, even within a letter.
    pub fn feed(&mut self, mut piece: &[u8]) -> Result<(), Malformed> {
        while let Some(end) = memchr::memchr(b'\n', piece) {
            let (line, rest) = (&piece[..end], &piece[end + 1..]);
            if self.tail.is_empty() {
                self.line(line)?;
            } else {
                self.keep_tail(line)?;
                let mut whole = mem::take(&mut self.tail);
                self.line(&whole)?;
                whole.clear();
                self.tail = whole;
            }
            piece = rest;
        }
        self.keep_tail(piece)
    }

    /// Ends the reading. A last line without its line feed counts, as Prometheus' own parsers see it.
    pub fn finish(mut self) -> Result<Scrape, Malformed> {
        if !self.tail.is_empty() {
            let line = mem::take(&mut self.tail);
            self.line(&line)?;
        }
        self.close();
        Ok(self.scrape)
    }

    fn keep_tail(&mut self, part: &[u8]) -> Result<(), Malformed> {
        if self.tail.len() + part.len() > LONGEST_LINE {
            return Err(Malformed { line: self.lines + 1, fault: Fault::Length });
        }
        self.tail.extend_from_slice(part);
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Malformed> {
        self.lines += 1;
        let line = line.trim_ascii();
        let read = match line.first() {
            None => Ok(()),
            Some(b'#') => self.comment(line),
            Some(_) => self.sample(line),
        };
        read.map_err(|fault| Malformed { line: self.lines, fault })
    }

    fn comment(&mut self, line: &[u8]) -> Result<(), Fault> {
        match line::comment(line)? {
            Comment::Type { name, kind } => self.begin(name, kind),
            Comment::Other => Ok(()),
        }
    }

    fn sample(&mut self, line: &[u8]) -> Result<(), Fault> {
        let name = line::name(line)?;
        let known = self.current.as_ref().and_then(|current| current.part(name));
        if known.is_none() {
            self.begin(name, Kind::Untyped)?;
        }
        let part = known.unwrap_or(Part::Number);
        match &mut self.current {
            Some(current) if current.wanted() => current.add(part, &line[name.len()..], &mut self.strings),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, name: &str, kind: Kind) -> Result<(), Fault> {
        self.close();
        let wanted = (self.wanted)(name);
        if wanted && self.scrape.family(name).is_some() {
            return Err(Fault::Twice(line::excerpt(name)));
        }
        self.current = Some(Current::new(name, kind, wanted));
        Ok(())
    }

    fn close(&mut self) {
        if let Some(current) = self.current.take().filter(Current::wanted) {
            let (name, family) = current.finish();
            self.scrape.insert(&name, family);
        }
    }
}

impl<F> std::fmt::Debug for Parser<F> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Parser").field("lines", &self.lines).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
