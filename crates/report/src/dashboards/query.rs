//! What dashboards ask of Prometheus, for whoever asks it without Grafana.

use std::collections::BTreeMap;

/// A query as a dashboard has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The panel's title; or `annotation NAME`, `variable NAME`.
    pub panel: String,
    /// Prometheus' own language, with Grafana's variables in it.
    pub expr: String,
    /// What its series are called in the panel.
    pub legend: String,
    /// Whether it asks for one moment, the end of what is looked at; else for all of it.
    pub instant: bool,
}

/// What variables are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values(BTreeMap<String, String>);

impl Query {
    /// The expression with all variables put in, as Grafana would: `$name`, `${name}` and `${name:format}`. What is no variable of
    /// these stays: `$1` is the business of `label_replace`.
    pub fn with(&self, values: &Values) -> String {
        let mut text = String::new();
        let mut rest = self.expr.as_str();
        while let Some(at) = rest.find('$') {
            text.push_str(&rest[..at]);
            let (name, length) = variable(&rest[at..]);
            match values.0.get(name) {
                Some(value) => text.push_str(value),
                None => text.push_str(&rest[at..at + length]),
            }
            rest = &rest[at + length..];
        }
        text + rest
    }
}

/// The name of the variable that a text begins with, and how long its mention is: one for a dollar that is none.
fn variable(text: &str) -> (&str, usize) {
    if let Some(braced) = text.strip_prefix("${") {
        let Some(end) = braced.find('}') else { return ("", 1) };
        let name = braced[..end].split(':').next().unwrap_or_default();
        return (name, end + 3);
    }
    let name = &text[1..];
    let end = name.find(|it: char| !it.is_ascii_alphanumeric() && it != '_').unwrap_or(name.len());
    (&name[..end], end + 1)
}

impl Values {
    /// What Grafana has before anything is chosen: all runs, the components' jobs as we call them, half an hour on the
    /// screen, and rates over a minute, which a record that has the components every 15 s needs.
    pub fn new() -> Self {
        let all = [
            ("run", ".*"),
            ("profile", ".*"),
            ("run_a", ".*"),
            ("profile_a", ".*"),
            ("run_b", ".*"),
            ("profile_b", ".*"),
            ("priority_level", ".*"),
            ("etcd_job", "etcd"),
            ("apiserver_job", "kube-apiserver"),
            ("scheduler_job", "kube-scheduler"),
            ("controllers_job", "kube-controller-manager"),
            ("shift", "1"),
            ("nudge", "0"),
            ("__rate_interval", "1m"),
            ("__interval", "5s"),
            ("__range", "1800s"),
        ];
        Self(all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// With one of them changed: its name without the dollar.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }
}

impl Default for Values {
    fn default() -> Self {
        Self::new()
    }
}
