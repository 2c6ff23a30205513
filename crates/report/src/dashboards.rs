//! Grafana dashboards, from a typed builder.
//!
//! A dashboard is data: rows of panels, each with its unit, what it says, and queries made of the metrics that [`measure::metrics`]
//! and [`scrape::names`] declare. What Grafana needs besides (ids, places on its grid, a panel's options) is worked out when it is
//! written as JSON. Nothing in here knows a server: queries go by the datasource and the run that are chosen in Grafana.
//!
//! Two kinds of series are asked for. Ours have the labels `run`, `scenario` and `profile`. Those of the control plane's components
//! have them too where the program hands them on, and have not where somebody's own Prometheus scrapes the components; "All" of a
//! variable is `.*`, which is true of a label that is not there, so the dashboard of the control plane shows any cluster. Only a
//! metric that all programs serve (`process_*`, `go_*`, `workqueue_*`, `rest_client_*`, gRPC's) is also chosen by `job`, and which
//! jobs there are is asked of metrics that only the right component serves.
//!
//! What older versions call otherwise is asked for by both names (`or on(job, instance)`: a component that serves both counts once).
//! What is only there once it has happened, such as errors, has a zero in its place (`or on()`), so that an empty panel means that
//! something is not scraped, or that no load does such a thing.

mod annotation;
mod compare;
mod control_plane;
mod expression;
mod fleet;
mod grid;
mod json;
mod panel;
mod query;
mod run;
mod unit;
mod variable;

pub use self::query::{Query, Values};
use self::{
    annotation::Annotation,
    panel::{Row, Shape},
    variable::Variable,
};

/// The dashboards, in the order in which one looks at them.
pub fn dashboards() -> Vec<Dashboard> {
    vec![run::dashboard(), control_plane::dashboard(), fleet::dashboard(), compare::dashboard()]
}

/// One dashboard.
#[derive(Clone, Debug)]
pub struct Dashboard {
    /// The name of its file.
    pub file: &'static str,
    /// Grafana knows it by this, on every server.
    pub uid: &'static str,
    /// Its title.
    pub title: &'static str,
    about: &'static str,
    variables: Vec<Variable>,
    annotations: Vec<Annotation>,
    rows: Vec<Row>,
}

impl Dashboard {
    /// As Grafana reads it: the same text every time.
    pub fn json(&self) -> String {
        format!("{:#}\n", json::dashboard(self))
    }

    /// Everything that is asked of Prometheus, Grafana's variables still in: by panels, annotations and variables.
    pub fn queries(&self) -> Vec<Query> {
        let panels = self.rows.iter().flat_map(|row| &row.panels);
        let of_panels = panels.flat_map(|panel| {
            panel.targets.iter().map(|target| Query {
                panel: panel.title.to_owned(),
                expr: target.expr.to_string(),
                legend: target.legend.to_owned(),
                instant: matches!(panel.shape, Shape::Table { .. }),
            })
        });
        let of_annotations = self.annotations.iter().map(Annotation::query);
        let of_variables = self.variables.iter().filter_map(Variable::query);
        of_panels.chain(of_annotations).chain(of_variables).collect()
    }
}

#[cfg(test)]
mod tests;
