//! Template variables: what one chooses at the top of a dashboard.

use serde_json::{Value, json};

use super::query::Query;

/// A variable.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    /// What queries call it.
    pub(super) name: &'static str,
    /// What people see.
    label: &'static str,
    about: &'static str,
    kind: Kind,
    is_hidden: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Which Prometheus.
    Datasource,
    /// Values of a label in the time that is looked at.
    Label { series: String, label: &'static str, choice: Choice },
    /// Values of a label in what a query gives, at whichever time that looks.
    Found { expr: String, label: &'static str, choice: Choice },
    /// What comes of a query, as a number.
    Number { expr: String },
    /// What one types.
    Typed { default: &'static str },
}

/// How many values can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// One.
    One,
    /// One, or All, which is true of series without the label too.
    OneOrAny,
    /// Some, or All, which is true of series without the label too.
    SomeOrAny,
    /// Some, or all that were found and nothing else.
    SomeOrFound,
}

/// The datasource of every query.
pub(super) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

impl Variable {
    /// Which Prometheus is asked.
    pub(super) fn datasource() -> Self {
        let about = "The Prometheus that scrapes loadgen's --metrics-addr, or that records were put into.";
        Self::new("datasource", "Prometheus", about, Kind::Datasource)
    }

    /// One of the values that a label of series has. What is newest is first, where values begin with a date.
    pub(super) fn label(
        name: &'static str,
        shown: &'static str,
        about: &'static str,
        [series, label]: [&'static str; 2],
        choice: Choice,
    ) -> Self {
        Self::new(name, shown, about, Kind::Label { series: series.to_owned(), label, choice })
    }

    /// One of the values that a label has in what comes of a query.
    ///
    /// Grafana's own list of a label's values ends with the time that is looked at, and with it goes what was chosen from it.
    pub(super) fn found(
        name: &'static str,
        shown: &'static str,
        about: &'static str,
        (expr, label): (String, &'static str),
        choice: Choice,
    ) -> Self {
        Self::new(name, shown, about, Kind::Found { expr, label, choice })
    }

    /// The `job` that series of one component have.
    pub(super) fn job(name: &'static str, shown: &'static str, series: String) -> Self {
        let about = "Found by a metric that only this component serves.";
        Self::new(name, shown, about, Kind::Label { series, label: "job", choice: Choice::SomeOrFound })
            .hidden()
    }

    /// A whole number that a query gives.
    pub(super) fn number(name: &'static str, shown: &'static str, about: &'static str, expr: String) -> Self {
        Self::new(name, shown, about, Kind::Number { expr }).hidden()
    }

    /// What one types.
    pub(super) fn typed(
        name: &'static str,
        shown: &'static str,
        about: &'static str,
        default: &'static str,
    ) -> Self {
        Self::new(name, shown, about, Kind::Typed { default })
    }

    fn new(name: &'static str, label: &'static str, about: &'static str, kind: Kind) -> Self {
        Self { name, label, about, kind, is_hidden: false }
    }

    fn hidden(self) -> Self {
        Self { is_hidden: true, ..self }
    }

    /// What it asks, where that is a query and no list of label values.
    pub(super) fn query(&self) -> Option<Query> {
        let (Kind::Number { expr } | Kind::Found { expr, .. }) = &self.kind else { return None };
        let panel = format!("variable {}", self.name);
        Some(Query { panel, expr: expr.clone(), legend: String::new(), instant: true })
    }

    /// The series whose label it lists.
    #[cfg(test)]
    pub(super) fn listed(&self) -> Option<(&str, &'static str)> {
        match &self.kind {
            Kind::Label { series, label, .. } => Some((series, label)),
            Kind::Found { expr, label, .. } => Some((expr, label)),
            Kind::Datasource | Kind::Number { .. } | Kind::Typed { .. } => None,
        }
    }

    /// As Grafana reads it.
    pub(super) fn json(&self) -> Value {
        let mut json = match &self.kind {
            Kind::Datasource => json!({
                "type": "datasource", "query": "prometheus", "regex": "", "refresh": 1, "options": [],
                "multi": false, "includeAll": false,
            }),
            Kind::Label { series, label, choice } => {
                chosen(&format!("label_values({series}, {label})"), "", *choice)
            }
            // What Grafana makes of each answer: `{run="pod-churn"} 3600 1700000000000`, labels, value and time.
            Kind::Found { expr, label, choice } => {
                chosen(&format!("query_result({expr})"), &format!("/{label}=\"([^\"]+)\"/"), *choice)
            }
            Kind::Number { expr } => {
                chosen(&format!("query_result({expr})"), r"/\} (-?[0-9]+) /", Choice::One)
            }
            Kind::Typed { default } => {
                let option = json!({ "selected": true, "text": default, "value": default });
                json!({ "type": "textbox", "query": default, "current": option, "options": [option] })
            }
        };
        json["name"] = self.name.into();
        json["label"] = self.label.into();
        json["description"] = self.about.into();
        json["hide"] = if self.is_hidden { 2 } else { 0 }.into();
        json["skipUrlSync"] = false.into();
        json
    }
}

/// Chosen from the answers to a query, asked again whenever another time is looked at; what is last by its name is first.
fn chosen(query: &str, regex: &str, choice: Choice) -> Value {
    let has_all = choice != Choice::One;
    let is_several = matches!(choice, Choice::SomeOrAny | Choice::SomeOrFound);
    let mut json = json!({
        "type": "query", "datasource": datasource(), "options": [], "refresh": 2, "regex": regex, "sort": 2,
        "multi": is_several, "includeAll": has_all, "query": { "query": query, "refId": "variable" },
    });
    if has_all {
        let (text, value) = ("All", "$__all");
        json["current"] = if is_several {
            json!({ "selected": true, "text": [text], "value": [value] })
        } else {
            json!({ "selected": true, "text": text, "value": value })
        };
    }
    if matches!(choice, Choice::OneOrAny | Choice::SomeOrAny) {
        json["allValue"] = ".*".into();
    }
    json
}
