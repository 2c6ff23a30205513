//! Every query against what is declared of the metrics in it.

use std::collections::BTreeSet;

use measure::metrics::{self, EVERYWHERE, FamilyKind};
use promql_parser::parser::{
    self, AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, MatrixSelector, VectorSelector,
};
use scrape::{names, series::Kind};

use crate::dashboards::{Dashboard, Query, Values, dashboards, variable::Variable};

type Labels = BTreeSet<String>;

/// The labels that series of this name have, where it is declared: its own, ours, Prometheus', and a bucket's.
fn declared(name: &str) -> Option<Labels> {
    let base = |distribution: bool| {
        let parts = ["_bucket", "_sum", "_count"];
        let without = parts.iter().find_map(|part| name.strip_suffix(part)).filter(|_| distribution);
        without.unwrap_or(name)
    };
    let ours = metrics::ALL.iter().find(|it| it.name == base(it.kind == FamilyKind::Histogram));
    let theirs = names::ALL.iter().find(|it| {
        let base = base(matches!(it.kind, Kind::Histogram | Kind::Summary));
        it.names().any(|own| own == base)
    });
    let own: Vec<&str> = match (ours, theirs) {
        (Some(ours), _) => ours.labels.to_vec(),
        // A label that older versions call otherwise would leave a panel empty with them.
        (None, Some(theirs)) => {
            let is_new = |label: &str| theirs.former_labels.iter().any(|former| former.now == label);
            theirs.labels.iter().copied().filter(|label| !is_new(label)).collect()
        }
        (None, None) => return None,
    };
    let bucket = name.ends_with("_bucket").then_some("le");
    let all = own.iter().chain(EVERYWHERE).chain(&["job", "instance"]).copied().chain(bucket);
    Some(all.map(str::to_owned).collect())
}

fn of_selector(selector: &VectorSelector) -> Labels {
    let name = selector.name.as_deref().unwrap_or_else(|| panic!("{selector} has no name"));
    let labels = declared(name).unwrap_or_else(|| panic!("{name} is not declared"));
    for matcher in &selector.matchers.matchers {
        assert!(labels.contains(&matcher.name), "{name} has no label {}", matcher.name);
    }
    labels
}

/// The labels that what comes of an expression can have.
fn of(expr: &Expr) -> Labels {
    match expr {
        Expr::VectorSelector(selector) => of_selector(selector),
        Expr::MatrixSelector(MatrixSelector { vs, .. }) => of_selector(vs),
        Expr::Aggregate(AggregateExpr { expr: inner, modifier, op, .. }) => {
            let there = of(inner);
            match modifier {
                None if op.to_string() == "topk" => there,
                None => Labels::new(),
                Some(LabelModifier::Include(labels)) => chosen(labels.labels.iter().cloned(), &there, expr),
                Some(LabelModifier::Exclude(_)) => panic!("{expr}: say which labels are kept"),
            }
        }
        Expr::Binary(BinaryExpr { lhs, rhs, modifier, .. }) => {
            let both: Labels = of(lhs).union(&of(rhs)).cloned().collect();
            let matching = modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
            if let Some(LabelModifier::Include(labels)) = matching {
                chosen(labels.labels.iter().cloned(), &both, expr);
            }
            both
        }
        Expr::Call(Call { func, args }) => {
            let mut all: Labels = args.args.iter().flat_map(|arg| of(arg)).collect();
            match (func.name, args.args.get(1).map(AsRef::as_ref)) {
                ("label_replace", Some(Expr::StringLiteral(new))) => drop(all.insert(new.val.clone())),
                ("histogram_quantile", _) => assert!(all.remove("le"), "{expr} has no buckets"),
                _ => {}
            }
            all
        }
        Expr::Paren(inner) => of(&inner.expr),
        Expr::Unary(inner) => of(&inner.expr),
        Expr::Subquery(inner) => of(&inner.expr),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Labels::new(),
        Expr::Extension(_) => panic!("{expr} is no PromQL"),
    }
}

fn chosen(labels: impl Iterator<Item = String>, there: &Labels, expr: &Expr) -> Labels {
    labels.inspect(|label| assert!(there.contains(label), "{expr}: there is no label {label}")).collect()
}

fn parsed(query: &Query) -> Expr {
    let text = query.with(&Values::new());
    parser::parse(&text).unwrap_or_else(|error| panic!("{}: {error}: {text}", query.panel))
}

/// Names between double braces.
fn in_legend(legend: &str) -> impl Iterator<Item = &str> {
    legend.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")).map(|(name, _)| name)
}

#[test]
fn every_query_is_promql_over_declared_metrics_and_their_labels() {
    let mut seen = 0;
    for query in dashboards().iter().flat_map(Dashboard::queries) {
        let labels = of(&parsed(&query));
        for name in in_legend(&query.legend) {
            assert!(labels.contains(name), "{}: {{{{{name}}}}} is never there: {}", query.panel, query.expr);
        }
        seen += 1;
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn a_query_of_what_is_not_there_would_be_found() {
    let fails = |expr: &str| {
        let query =
            Query { panel: String::new(), expr: expr.to_owned(), legend: String::new(), instant: false };
        std::panic::catch_unwind(|| of(&parsed(&query))).is_err()
    };
    assert!(!fails("sum by (load) (rate(loadgen_operations_good_total{run=~\"$run\"}[1m]))"));
    assert!(fails("sum by (laod) (rate(loadgen_operations_good_total[1m]))"));
    assert!(fails("sum by (load) (rate(loadgen_operations_good_totals[1m]))"));
    assert!(fails("loadgen_operations_good_total{stage=\"total\"}"));
    assert!(fails("vector(0) or sum by (laod) (loadgen_operations_good_total)"));
    assert!(fails(
        "histogram_quantile(0.5, sum by (load) (rate(loadgen_operation_duration_seconds_bucket[1m])))"
    ));
    // Its label was called `type` until 1.33.
    assert!(fails("sum by (resource) (rate(etcd_request_duration_seconds_count[1m]))"));
    assert!(fails("rate(up[1m]"));
}

#[test]
fn variables_list_labels_that_are_there() {
    for dashboard in dashboards() {
        for (series, label) in dashboard.variables.iter().filter_map(Variable::listed) {
            let panel = format!("label {label}");
            let query = Query { panel, expr: series.to_owned(), legend: String::new(), instant: true };
            assert!(of(&parsed(&query)).contains(label), "{}: {series} has no {label}", dashboard.file);
        }
    }
}

/// What every Go program serves, and every client and server of these libraries: only the job says whose it is.
const SHARED: [&str; 5] = ["process_", "go_", "workqueue_", "rest_client_", "grpc_"];

#[test]
fn what_many_programs_serve_is_chosen_by_job() {
    let dashboards = dashboards();
    let any_cluster = dashboards.iter().find(|dashboard| dashboard.uid == "loadgen-control-plane").unwrap();
    let mut seen = 0;
    for query in any_cluster.queries() {
        for selector in query.expr.split(|it: char| "( ".contains(it)) {
            if selector.contains('{') && SHARED.iter().any(|start| selector.starts_with(start)) {
                assert!(selector.contains("job=~"), "{}: {selector}", query.panel);
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen}");
}
