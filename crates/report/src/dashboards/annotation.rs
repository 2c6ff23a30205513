//! What is marked on all panels of a dashboard: what the harness was doing.

use measure::metrics::{PHASE, TRIAL};
use serde_json::{Value, json};

use super::{
    expression::{Expr, Whose, series},
    query::Query,
    variable::datasource,
};

/// Something that is marked.
#[derive(Clone, Debug)]
pub(super) struct Annotation {
    /// What one switches it on and off by.
    name: &'static str,
    /// Where it is above zero is the mark: a region, where that goes on.
    expr: Expr,
    /// What a mark is called.
    title: &'static str,
    colour: &'static str,
}

/// When loads were measured, as regions, and where each trial begins.
///
/// A trial begins where the count of trials grows, or where there is none a step earlier: at the beginning of a run, and where an
/// experiment goes over to its other profile.
pub(super) fn marks(whose: Whose) -> Vec<Annotation> {
    let phase = series(&PHASE, whose).only("phase=\"measure\"").now().max("run, profile, phase");
    let trial = series(&TRIAL, whose).now().max("run, profile");
    let before = format!("{} offset $__interval", selector(whose));
    let before = Expr::raw(before).max("run, profile");
    let begins = Expr::raw(format!("({trial} > {before}) or ({trial} unless {before})"));
    vec![
        Annotation { name: "Measured", expr: phase, title: "{{phase}} {{profile}}", colour: "light-blue" },
        Annotation { name: "Trials", expr: begins, title: "trial of {{profile}}", colour: "purple" },
    ]
}

/// The series of trials alone, for an offset to follow.
fn selector(whose: Whose) -> String {
    series(&TRIAL, whose).now().to_string()
}

impl Annotation {
    /// As Grafana's Prometheus datasource reads it.
    pub(super) fn json(&self) -> Value {
        json!({
            "datasource": datasource(),
            "enable": true,
            "expr": self.expr.to_string(),
            "hide": false,
            "iconColor": self.colour,
            "name": self.name,
            "step": "5s",
            "tagKeys": "run,profile",
            "textFormat": "{{run}}",
            "titleFormat": self.title,
            "useValueForTime": false,
        })
    }

    /// What it asks.
    pub(super) fn query(&self) -> Query {
        Query {
            panel: format!("annotation {}", self.name),
            expr: self.expr.to_string(),
            legend: self.title.to_owned(),
            instant: false,
        }
    }
}
