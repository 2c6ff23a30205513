//! JUnit: criteria as test cases, for a CI server that shows tests.
//!
//! Of a run every judgement is a case: one that broke failed, with the figure and its limit; one that stayed open is skipped and says
//! why. Of a search the cases are its answer and every hold, of an experiment its verdict. What makes figures void is an error, so that
//! a run nobody may believe is never green.
//!
//! There is no standard; this keeps to what Jenkins' `junit` plugin and GitLab read: `testsuites`, `testsuite`, `properties`,
//! `testcase` with `failure`, `error`, `skipped` or `system-out`.

mod cases;

use std::io;

use jiff::Timestamp;
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

pub(super) use self::cases::{of_experiment, of_run, of_search};
use super::Error;

/// The cases of one record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Suite {
    name: String,
    start: Option<Timestamp>,
    seconds: f64,
    /// What was tested, by name.
    properties: Vec<(&'static str, String)>,
    cases: Vec<Case>,
}

/// One thing that is well or not.
#[derive(Clone, Debug, PartialEq)]
struct Case {
    name: String,
    /// What groups cases.
    class: String,
    came: Came,
    /// All that is to be said, figures first.
    text: String,
}

/// What came of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Passed,
    Failed,
    Skipped,
    /// Nothing can be said, for this reason.
    Errored,
}

impl Suite {
    /// As XML.
    pub(super) fn xml(&self) -> Result<String, Error> {
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        self.write(&mut writer).map_err(Error::Write)?;
        let mut text = String::from_utf8_lossy(&writer.into_inner()).into_owned();
        text.push('\n');
        Ok(text)
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let counts = [
            ("tests", self.cases.len()),
            ("failures", self.count(Came::Failed)),
            ("errors", self.count(Came::Errored)),
            ("skipped", self.count(Came::Skipped)),
        ]
        .map(|(name, count)| (name, count.to_string()));
        let counts = || counts.iter().map(|(name, count)| (*name, count.as_str()));
        let seconds = format!("{:.3}", self.seconds);
        writer
            .create_element("testsuites")
            .with_attribute(("name", "loadgen"))
            .with_attributes(counts())
            .write_inner_content(|writer| {
                let name = printable(&self.name);
                let mut suite = writer.create_element("testsuite").with_attribute(("name", name.as_str()));
                suite = suite.with_attributes(counts()).with_attribute(("time", seconds.as_str()));
                if let Some(start) = self.start {
                    let start = start.strftime("%Y-%m-%dT%H:%M:%S").to_string();
                    suite = suite.with_attribute(("timestamp", start.as_str()));
                }
                suite.write_inner_content(|writer| self.write_inner(writer))?;
                Ok(())
            })?;
        Ok(())
    }

    fn write_inner(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        writer.create_element("properties").write_inner_content(|writer| {
            for (name, value) in &self.properties {
                let value = printable(value);
                let property = writer.create_element("property").with_attribute(("name", *name));
                property.with_attribute(("value", value.as_str())).write_empty()?;
            }
            Ok(())
        })?;
        self.cases.iter().try_for_each(|case| case.write(writer))
    }

    fn count(&self, came: Came) -> usize {
        self.cases.iter().filter(|case| case.came == came).count()
    }
}

impl Case {
    fn write(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let (name, class, text) = (printable(&self.name), printable(&self.class), printable(&self.text));
        let case = writer.create_element("testcase").with_attribute(("name", name.as_str()));
        case.with_attribute(("classname", class.as_str())).write_inner_content(|writer| {
            let first = text.lines().next().unwrap_or_default();
            let message = ("message", first);
            match self.came {
                Came::Passed => {
                    writer.create_element("system-out").write_text_content(BytesText::new(&text))?;
                }
                Came::Skipped => {
                    writer.create_element("skipped").with_attribute(message).write_empty()?;
                }
                Came::Failed => {
                    let failure = writer.create_element("failure").with_attribute(message);
                    failure
                        .with_attribute(("type", "criterion"))
                        .write_text_content(BytesText::new(&text))?;
                }
                Came::Errored => {
                    let error = writer.create_element("error").with_attribute(message);
                    error.with_attribute(("type", "validity")).write_text_content(BytesText::new(&text))?;
                }
            }
            Ok(())
        })?;
        Ok(())
    }
}

/// Without the characters that XML 1.0 cannot say, escaped or not.
fn printable(text: &str) -> String {
    let said = |char: char| matches!(char, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|char| if said(char) { char } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests;
