//! How a file says where a setting shows and how arms differ in it: `[[experiment.verify]]`.

use std::collections::BTreeMap;

use profile::Component;
use scrape::{exposition, series::Labels};
use serde::Deserialize;
use toml::Spanned;

use super::{Figure, Place, Wish};
use crate::experiment::metrics;

/// Where one setting shows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Verify {
    pub(crate) name: Spanned<String>,
    metric: Option<String>,
    requests: Option<BTreeMap<String, String>>,
    flag: Option<String>,
    env: Option<String>,
    status: Option<String>,
    file: Option<String>,
    filesystem: Option<String>,
    #[serde(default)]
    write_iops: bool,
    object: Option<String>,
    count: Option<String>,
    processes: Option<Program>,
    figure: Option<String>,
    /// Whose.
    of: Option<Program>,
    /// Into a file or an object.
    pointer: Option<String>,
    /// Of a metric: how much it grew.
    #[serde(default)]
    increase: bool,
    /// Of a metric: not its number but this of its labels.
    label: Option<String>,
    #[serde(default)]
    differs: Differs,
    /// At least so many times as high, or as low.
    by: Option<f64>,
}

/// How a candidate differs where it does not say so itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Differs {
    #[default]
    Different,
    Higher,
    Lower,
    Same,
}

/// A component by its program's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Program {
    #[serde(rename = "etcd")]
    Etcd,
    #[serde(rename = "kube-apiserver")]
    Apiserver,
    #[serde(rename = "kube-scheduler")]
    Scheduler,
    #[serde(rename = "kube-controller-manager")]
    ControllerManager,
}

impl From<Program> for Component {
    fn from(program: Program) -> Self {
        match program {
            Program::Etcd => Self::Etcd,
            Program::Apiserver => Self::Apiserver,
            Program::Scheduler => Self::Scheduler,
            Program::ControllerManager => Self::ControllerManager,
        }
    }
}

impl Verify {
    /// Where it is looked at, or what does not fit together.
    pub(crate) fn place(&self) -> Result<Place, String> {
        let of = || self.of.map(Component::from).ok_or_else(|| "whose? `of` names a program".to_owned());
        let mut places: Vec<Result<Place, String>> = Vec::new();
        if let Some(selector) = &self.metric {
            places.push(of().and_then(|of| self.said(of, selector)));
        }
        if let Some(labels) = &self.requests {
            places.push(Ok(requests(labels)));
        }
        if let Some(name) = &self.flag {
            places.push(of().map(|of| Place::Flag { of, name: bare(name) }));
        }
        if let Some(name) = &self.env {
            places.push(of().map(|of| Place::Variable { of, name: name.clone() }));
        }
        if let Some(field) = &self.status {
            places.push(of().map(|of| Place::Status { of, field: field.clone() }));
        }
        if let Some(flag) = &self.file {
            let pointer = self.pointer.clone();
            places.push(of().map(|of| Place::File { of, flag: bare(flag), pointer }));
        }
        if let Some(flag) = &self.filesystem {
            places.push(of().map(|of| Place::Filesystem { of, flag: bare(flag) }));
        }
        if self.write_iops {
            places.push(of().map(|of| Place::WriteIops { of }));
        }
        if let Some(path) = &self.object {
            let pointer = self.pointer.clone().ok_or("an object needs a `pointer` to the field in it");
            places.push(
                pointer.map(|pointer| Place::Object { path: path.clone(), pointer }).map_err(str::to_owned),
            );
        }
        if let Some(path) = &self.count {
            places.push(Ok(Place::Count { path: path.clone() }));
        }
        if let Some(program) = self.processes {
            places.push(Ok(Place::Processes { of: program.into() }));
        }
        if let Some(name) = &self.figure {
            places.push(metrics::by_name(name).map(Place::Measured));
        }
        let one = places.len() == 1;
        let place = places.pop().filter(|_| one).ok_or_else(|| {
            "it says one of metric, requests, flag, env, status, file, filesystem, write-iops, object, count, processes and figure"
                .to_owned()
        })??;
        self.fits(&place)?;
        Ok(place)
    }

    fn said(&self, of: Component, selector: &str) -> Result<Place, String> {
        let (family, labels) = series(selector)?;
        let figure = match (&self.label, self.increase) {
            (Some(_), true) => return Err("a label does not grow: `label` or `increase`".to_owned()),
            (Some(label), false) => Figure::Label(label.clone()),
            (None, true) => Figure::Increase,
            (None, false) => Figure::Sum,
        };
        Ok(Place::Said { of, family, labels, figure })
    }

    /// What belongs to other places, and factors where they mean something.
    fn fits(&self, place: &Place) -> Result<(), String> {
        let is_metric = self.metric.is_some();
        if (self.increase || self.label.is_some()) && !is_metric {
            return Err("`increase` and `label` are of a `metric`".to_owned());
        }
        if self.pointer.is_some() && !matches!(place, Place::File { .. } | Place::Object { .. }) {
            return Err("a `pointer` is into a `file` or an `object`".to_owned());
        }
        if self.pointer.as_ref().is_some_and(|pointer| !pointer.starts_with('/')) {
            return Err("a `pointer` begins with a slash (RFC 6901)".to_owned());
        }
        let counts = matches!(place, Place::Said { figure: Figure::Increase, .. } | Place::Measured(_));
        let grades = matches!(self.differs, Differs::Higher | Differs::Lower);
        match self.by {
            Some(by) if !(by >= 1.0 && by.is_finite()) => Err(format!("`by` is {by}; it is 1 or more")),
            Some(_) if !grades => Err("`by` is how many times `higher` or `lower`".to_owned()),
            None if counts && grades => {
                Err("what is counted differs by chance: `by` says how many times it has to".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// How a candidate differs in it, unless it says so itself.
    pub(crate) fn wish(&self) -> Wish {
        self.as_wish(self.differs)
    }

    /// How an arm says that it differs: a word, or `=` and the value itself.
    pub(crate) fn wish_of(&self, said: &str) -> Result<Wish, String> {
        if let Some(value) = said.strip_prefix('=') {
            return Ok(Wish::Is(value.to_owned()));
        }
        match said {
            "different" => Ok(Wish::Different),
            "same" => Ok(Wish::Same),
            "higher" => Ok(self.as_wish(Differs::Higher)),
            "lower" => Ok(self.as_wish(Differs::Lower)),
            _ => Err(format!("`{said}` is none of different, same, higher, lower and =VALUE")),
        }
    }

    fn as_wish(&self, differs: Differs) -> Wish {
        let by = self.by.unwrap_or(1.0);
        match differs {
            Differs::Different => Wish::Different,
            Differs::Higher => Wish::Higher(by),
            Differs::Lower => Wish::Lower(by),
            Differs::Same => Wish::Same,
        }
    }
}

/// Of all apiservers.
fn requests(labels: &BTreeMap<String, String>) -> Place {
    let labels = labels.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into()));
    Place::Said {
        of: Component::Apiserver,
        family: "apiserver_request_total".to_owned(),
        labels: Labels::new(labels),
        figure: Figure::Increase,
    }
}

fn bare(flag: &str) -> String {
    flag.trim_start_matches('-').to_owned()
}

/// `name{label="value"}`, as it stands in what components say.
fn series(selector: &str) -> Result<(String, Labels), String> {
    let wrong = |reason: String| format!("`{selector}` is no metric with labels: {reason}");
    let said =
        exposition::parse(&format!("{selector} 0"), |_| true).map_err(|it| wrong(it.fault.to_string()))?;
    let (name, family) = said.families().next().ok_or_else(|| wrong("there is none".to_owned()))?;
    let labels = family.series.keys().next().cloned().unwrap_or_default();
    Ok((name.to_owned(), labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Result<String, String> {
        let verify: Verify = toml::from_str(&format!("name = \"it\"\n{text}")).unwrap();
        verify.place().map(|place| place.to_string())
    }

    #[test]
    fn every_place_is_read_and_told() {
        for (text, told) in [
            (
                "metric = 'seats{level=\"low\"}'\nof = \"kube-apiserver\"",
                "seats{level=\"low\"} of kube-apiserver",
            ),
            (
                "metric = 'x_total'\nof = \"etcd\"\nincrease = true\ndiffers = \"higher\"\nby = 2.0",
                "increase of x_total of etcd",
            ),
            ("metric = 'v'\nof = \"etcd\"\nlabel = \"server_version\"", "server_version of v of etcd"),
            (
                "requests = { verb = \"PATCH\", resource = \"nodes\" }",
                "increase of apiserver_request_total{resource=\"nodes\",verb=\"PATCH\"} of kube-apiserver",
            ),
            ("flag = \"--v\"\nof = \"kube-scheduler\"", "--v of kube-scheduler"),
            ("env = \"GOGC\"\nof = \"etcd\"", "GOGC in the environment of etcd"),
            ("status = \"Threads\"\nof = \"etcd\"", "Threads of etcd"),
            (
                "file = \"config\"\npointer = \"/a/b\"\nof = \"kube-scheduler\"",
                "/a/b in the file of --config of kube-scheduler",
            ),
            ("filesystem = \"data-dir\"\nof = \"etcd\"", "file system of --data-dir of etcd"),
            ("write-iops = true\nof = \"etcd\"", "writes per second of the cgroup of etcd"),
            ("object = \"/api/v1/x\"\npointer = \"/spec/y\"", "/spec/y of /api/v1/x"),
            ("count = \"/api/v1/x\"", "objects of /api/v1/x"),
            ("processes = \"kube-apiserver\"", "processes of kube-apiserver"),
            ("figure = \"goodput\"", "goodput"),
        ] {
            assert_eq!(place(text).as_deref(), Ok(told), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for (text, wanted) in [
            ("", "one of metric, requests"),
            ("count = \"/x\"\nenv = \"Y\"\nof = \"etcd\"", "one of metric, requests"),
            ("flag = \"v\"", "whose?"),
            ("object = \"/x\"", "needs a `pointer`"),
            ("object = \"/x\"\npointer = \"y\"", "begins with a slash"),
            ("count = \"/x\"\npointer = \"/y\"", "into a `file` or an `object`"),
            ("flag = \"v\"\nof = \"etcd\"\nincrease = true", "are of a `metric`"),
            ("metric = 'x{'\nof = \"etcd\"", "`x{` is no metric with labels"),
            ("count = \"/x\"\nby = 2.0", "how many times"),
            ("count = \"/x\"\ndiffers = \"higher\"\nby = 0.5", "1 or more"),
            ("figure = \"goodput\"\ndiffers = \"higher\"", "differs by chance"),
            ("figure = \"godput\"", "did you mean `goodput`?"),
        ] {
            let error = place(text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn an_arm_says_how_it_differs_itself() {
        let verify: Verify =
            toml::from_str("name = \"it\"\ncount = \"/x\"\ndiffers = \"higher\"\nby = 2.0").unwrap();
        assert_eq!(verify.wish(), Wish::Higher(2.0));
        assert_eq!(verify.wish_of("lower"), Ok(Wish::Lower(2.0)));
        assert_eq!(verify.wish_of("=500"), Ok(Wish::Is("500".to_owned())));
        assert_eq!(verify.wish_of("same"), Ok(Wish::Same));
        assert!(verify.wish_of("hihger").unwrap_err().contains("none of different"));
    }
}
