//! Variables and how they are put in, and what comes of metrics.

use measure::metrics::{GOOD, OPERATION};
use scrape::names::{ATTEMPTS, OBJECTS};

use crate::dashboards::{
    Dashboard, Query, Values, dashboards,
    expression::{Whose, quantile, series},
    variable::Variable,
};

fn query(expr: &str) -> Query {
    Query { panel: "any".to_owned(), expr: expr.to_owned(), legend: String::new(), instant: false }
}

#[test]
fn variables_are_put_in_as_grafana_does_it() {
    let values = Values::new().and("run", "one").and("run_a", "two").and("shift", "-90");
    let put_in = |expr: &str| query(expr).with(&values);
    assert_eq!(put_in("up{run=~\"$run\"}"), "up{run=~\"one\"}");
    assert_eq!(put_in("up{run=~\"$run_a|$run\"}"), "up{run=~\"two|one\"}");
    assert_eq!(put_in("rate(up[$__rate_interval] offset ${shift}s)"), "rate(up[1m] offset -90s)");
    assert_eq!(put_in("up{run=~\"${run:regex}\"}"), "up{run=~\"one\"}");
    assert_eq!(
        put_in("label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")"),
        "label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")"
    );
    assert_eq!(put_in("$"), "$");
    assert_eq!(put_in("${run"), "${run");
}

/// Names of variables in a text: after a dollar, with or without braces.
fn mentioned(text: &str) -> Vec<String> {
    text.split('$')
        .skip(1)
        .map(|rest| {
            let rest = rest.strip_prefix('{').unwrap_or(rest);
            rest.chars().take_while(|it| it.is_ascii_alphanumeric() || *it == '_').collect()
        })
        .collect()
}

#[test]
fn every_variable_that_is_used_is_one_of_the_dashboard() {
    for dashboard in dashboards() {
        let names: Vec<&str> = dashboard.variables.iter().map(|variable| variable.name).collect();
        let mut texts: Vec<String> = dashboard.queries().into_iter().map(|query| query.expr).collect();
        texts.extend(
            dashboard.variables.iter().filter_map(Variable::listed).map(|(series, _)| series.to_owned()),
        );
        for name in texts.iter().flat_map(|text| mentioned(text)) {
            let of_grafana = ["__rate_interval", "__interval", "__range"].contains(&name.as_str());
            assert!(of_grafana || names.contains(&name.as_str()), "{}: ${name}", dashboard.file);
        }
        for name in names.iter().filter(|&&name| name != "datasource") {
            let is_used = texts.iter().any(|text| mentioned(text).iter().any(|it| it == name));
            assert!(is_used, "{}: nothing goes by ${name}", dashboard.file);
        }
    }
}

#[test]
fn no_variable_is_left_when_all_are_put_in() {
    for query in dashboards().iter().flat_map(Dashboard::queries) {
        let text = query.with(&Values::new());
        assert!(!text.contains('$'), "{}: {text}", query.panel);
    }
}

#[test]
fn a_metric_is_asked_for_by_run_and_profile() {
    assert_eq!(
        series(&GOOD, Whose::Chosen).rate().sum("load").to_string(),
        "sum by (load) \
         (rate(loadgen_operations_good_total{run=~\"$run\",profile=~\"$profile\"}[$__rate_interval]))"
    );
    assert_eq!(
        quantile(0.99, "load", &series(&OPERATION, Whose::Second)).to_string(),
        "histogram_quantile(0.99, sum by (load, le) \
         (rate(loadgen_operation_duration_seconds_bucket{run=~\"$run_b\",profile=~\"$profile_b\"}[$__rate_interval] \
         offset ${shift}s)))"
    );
}

#[test]
fn a_label_of_the_components_own_is_not_taken_for_ours() {
    // The scheduler's profile is not ours, and it is the one that a scrape keeps.
    assert_eq!(
        series(&ATTEMPTS, Whose::Chosen).now().to_string(),
        "scheduler_schedule_attempts_total{run=~\"$run\"}"
    );
}

#[test]
fn what_was_called_otherwise_is_asked_for_by_both_names() {
    let both = series(&OBJECTS, Whose::Chosen).now().to_string();
    let matchers = "{run=~\"$run\",profile=~\"$profile\"}";
    assert_eq!(
        both,
        format!(
            "(apiserver_resource_objects{matchers} or on(job, instance) apiserver_storage_objects{matchers})"
        )
    );
}
