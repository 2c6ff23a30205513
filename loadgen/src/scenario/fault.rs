//! What is made to go wrong, or to take its time: requests that a validating webhook of ours denies, or answers late.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::words::optional_duration;

/// What who is denied is told where nothing else is said: the server's own trouble.
const CODE: u16 = 500;
/// The apiserver gives a webhook 30 s at most (`apis/admissionregistration/validation`, `timeoutSeconds`), and one that takes longer
/// has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// What `loadgen-RUN-NAME` leaves of the 253 characters of a name, by far.
const LONGEST_NAME: usize = 50;

/// Errors or delays for what is written of one resource in the run's namespaces; of a resource that is in none, to objects of
/// the run.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) name: String,
    /// `pods`, `apps/v1/deployments`, `pods/status`. Requests of the nodes themselves are meant only by a subresource.
    pub(crate) resource: String,
    pub(crate) operations: Vec<FaultOperation>,
    /// Of a hundred requests so many are denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) percent: Option<f64>,
    /// The HTTP status that those get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    /// So long each request waits before it is answered.
    #[serde(default, with = "optional_duration", skip_serializing_if = "Option::is_none")]
    pub(crate) delay: Option<Duration>,
}

/// What admission calls operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FaultOperation {
    Create,
    /// A patch is one too.
    Update,
    Delete,
}

impl FaultOperation {
    /// As admission has it (`admission/v1`, `Operation`).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

impl Fault {
    pub(crate) fn code(&self) -> u16 {
        self.code.unwrap_or(CODE)
    }

    /// What no type says.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { name, operations, percent, code, delay, .. } = self;
        let of_name = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
        let is_edged = |name: &str| name.starts_with('-') || name.ends_with('-');
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(of_name) || is_edged(name) {
            return Err(format!(
                "`{name}` is no name of a fault: {LONGEST_NAME} small letters, digits and dashes between them at most"
            ));
        }
        if operations.is_empty() {
            return Err(format!(
                "operations of the fault {name} is empty; it has create, update or delete in it"
            ));
        }
        if let Some(percent) = percent.filter(|percent| !(*percent > 0.0 && *percent <= 100.0)) {
            return Err(format!("percent of the fault {name} is {percent}; it is above 0, and 100 at most"));
        }
        if let Some(code) = code.filter(|code| !(400..=599).contains(code)) {
            return Err(format!("code of the fault {name} is {code}; errors are 400 to 599"));
        }
        if code.is_some() && percent.is_none() {
            return Err(format!("the fault {name} has a code for who is denied, and no percent that are"));
        }
        match delay {
            Some(delay) if *delay >= PATIENCE => Err(format!(
                "delay of the fault {name} is {} s; apiservers wait for a webhook less than {} s",
                delay.as_secs(),
                PATIENCE.as_secs()
            )),
            None if percent.is_none() => {
                Err(format!("the fault {name} does nothing; it needs a percent or a delay"))
            }
            _ => Ok(()),
        }
    }
}

/// What it does, to a person.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done: Vec<String> = self.operations.iter().map(|it| it.name().to_lowercase()).collect();
        let what = format!("what would {} {}", done.join(" or "), self.resource);
        let waits = self.delay.map(|delay| format!("waits {} ms", delay.as_millis()));
        let denied = format!("is denied with {}", self.code());
        write!(f, "{}: ", self.name)?;
        match (self.percent, waits) {
            (Some(percent), None) => write!(f, "{percent} % of {what} {denied}"),
            (Some(percent), Some(waits)) => write!(f, "{what} {waits}, and {percent} % of it {denied}"),
            (None, waits) => write!(f, "{what} {}", waits.unwrap_or_default()),
        }
    }
}

/// Fails on the first that cannot be, and on two of one name.
pub(super) fn check(faults: &[Fault]) -> Result<(), String> {
    for (place, fault) in faults.iter().enumerate() {
        fault.check()?;
        if faults[..place].iter().any(|before| before.name == fault.name) {
            return Err(format!("there are two faults called {}", fault.name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(more: &str) -> Fault {
        let text =
            format!(r#"{{"name": "f", "resource": "pods", "operations": ["create", "delete"]{more}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn what_it_does_is_told_and_what_is_left_out_is_as_a_person_would_expect() {
        for (more, wanted) in [
            (r#", "percent": 5"#, "f: 5 % of what would create or delete pods is denied with 500"),
            (r#", "delay": "100ms""#, "f: what would create or delete pods waits 100 ms"),
            (
                r#", "percent": 0.5, "code": 429, "delay": "2s""#,
                "f: what would create or delete pods waits 2000 ms, and 0.5 % of it is denied with 429",
            ),
        ] {
            let fault = fault(more);
            check(std::slice::from_ref(&fault)).unwrap();
            assert_eq!(fault.to_string(), wanted);
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_can() {
        for (more, wanted) in [
            ("", "needs a percent or a delay"),
            (r#", "percent": 0"#, "percent of the fault f is 0; it is above 0, and 100 at most"),
            (r#", "percent": 100.5"#, "percent of the fault f is 100.5"),
            (r#", "percent": 5, "code": 200"#, "code of the fault f is 200; errors are 400 to 599"),
            (r#", "percent": 5, "code": 600"#, "code of the fault f is 600"),
            (r#", "delay": "1s", "code": 503"#, "no percent that are"),
            (r#", "delay": "30s""#, "less than 30 s"),
        ] {
            let error = check(&[fault(more)]).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn names_are_those_of_objects_and_there_is_one_of_each() {
        let good = fault(r#", "percent": 5"#);
        for name in ["", "Refusals", "a.b", "-a", "a-", &"a".repeat(51)] {
            let error = check(&[Fault { name: name.to_owned(), ..good.clone() }]).unwrap_err();
            assert!(error.contains("is no name of a fault"), "{error}");
        }
        let none = Fault { operations: Vec::new(), ..good.clone() };
        assert!(check(&[none]).unwrap_err().contains("operations of the fault f is empty"));
        assert_eq!(check(&[good.clone(), good]).unwrap_err(), "there are two faults called f");
    }
}
