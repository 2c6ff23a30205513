//! Advice: rules by which people tune large clusters, each bound to an experiment that tests it, or to the reason why none can.
//!
//! A rule is a file of `profiles/advice` ([`written`]). It is read and checked ([`load`]), bound to what it names ([`bind`]), and then
//! either run as `loadgen compare` would ([`test`]) or once at the smallest size ([`smoke`]).

pub(crate) mod bind;
mod check;
pub(crate) mod kept;
pub(crate) mod list;
pub(crate) mod show;
pub(crate) mod smoke;
pub(crate) mod test;
pub(crate) mod written;

use profile::input::{self, InputError};
use record::advice::RULES;

use self::written::Written;

/// The files and their texts, by id.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/profiles-advice.rs"));

/// A rule whose file says nothing that contradicts itself.
#[derive(Clone, Debug)]
pub(crate) struct Advice {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) file: Written,
}

/// Why there is no rule.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no rule `{id}`{}; `loadgen advice list` has all", nearest.map(|it| format!("; did you mean `{it}`?")).unwrap_or_default())]
    Unknown { id: String, nearest: Option<&'static str> },
    #[error(transparent)]
    Input(#[from] InputError),
}

/// The rule of this id.
pub(crate) fn load(id: &str) -> Result<Advice, Error> {
    match FILES.iter().find(|(known, _)| *known == id) {
        Some((_, text)) => parse(id, text),
        None => Err(Error::Unknown {
            id: id.to_owned(),
            nearest: profile::nearest(id, FILES.iter().map(|(known, _)| *known)),
        }),
    }
}

/// Every rule there is a file of, in the note's order.
pub(crate) fn all() -> impl Iterator<Item = Result<Advice, Error>> {
    let has_file = |id: &&str| FILES.iter().any(|(known, _)| known == id);
    RULES.into_iter().filter(move |id| has_file(id)).map(load)
}

fn parse(id: &str, text: &str) -> Result<Advice, Error> {
    let file: Written = input::parse(&origin(id), text)?;
    let advice = Advice { id: id.to_owned(), text: text.to_owned(), file };
    check::check(&advice)?;
    Ok(advice)
}

fn origin(id: &str) -> String {
    format!("profiles/advice/{id}.toml")
}

impl Advice {
    /// A mistake at a place of its file.
    fn wrong(&self, offset: usize, message: impl Into<String>) -> InputError {
        InputError::at(&origin(&self.id), &self.text, offset, message)
    }
}

#[cfg(test)]
mod tests;
