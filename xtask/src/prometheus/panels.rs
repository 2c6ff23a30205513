//! Everything that the dashboards ask, with Grafana's variables put in.

use report::dashboards::{Query, Values, dashboards};

use super::{
    agree::{self, Agreement, Made},
    server::{Prometheus, Series, Span},
};

/// Over how long rates are asked for: four intervals of what a record keeps of components, as Grafana reckons it.
const RATE_INTERVAL: &str = "60s";
/// Where Grafana would have a point.
const INTERVAL: &str = "15s";

/// What is empty in the run that is looked at, by dashboard and panel, and why it cannot be otherwise.
const EXCUSED: &[(&str, &str, &str)] = &[(
    "compare.json",
    "Ratio",
    "only an experiment has a ratio, after six pairs of trials at the least, which take an hour and not four minutes",
)];

/// A query of a dashboard.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The dashboard's file.
    pub(crate) dashboard: &'static str,
    pub(crate) query: Query,
    /// As Prometheus is asked.
    pub(crate) expr: String,
}

/// All queries of all dashboards, for a screen that shows this span.
pub(crate) fn all(span: Span) -> Vec<Asked> {
    let values = Values::new()
        .and("__rate_interval", RATE_INTERVAL)
        .and("__interval", INTERVAL)
        .and("__range", &format!("{:.0}s", (span.to - span.from).max(1.0)));
    let asked = |dashboard: &'static str, query: Query| Asked { dashboard, expr: query.with(&values), query };
    let of = |dashboard: report::dashboards::Dashboard| {
        let file = dashboard.file;
        dashboard.queries().into_iter().map(move |query| (file, query))
    };
    dashboards().into_iter().flat_map(of).map(|(file, query)| asked(file, query)).collect()
}

impl Asked {
    /// What to call it.
    pub(crate) fn name(&self) -> String {
        format!("{}, {}: {}", self.dashboard, self.query.panel, self.query.expr)
    }

    /// What one shows in the span, and around it. A query for one moment is asked at its end.
    pub(crate) async fn of(&self, prometheus: &Prometheus, span: Span) -> anyhow::Result<Vec<Series>> {
        self.answer(prometheus, &self.expr, span).await
    }

    /// Of that what is compared.
    pub(crate) async fn compared(&self, prometheus: &Prometheus, span: Span) -> anyhow::Result<Vec<Series>> {
        self.answer(prometheus, agree::compared(&self.expr), span).await
    }

    async fn answer(&self, prometheus: &Prometheus, expr: &str, span: Span) -> anyhow::Result<Vec<Series>> {
        let Span { from, to } = self.span(span);
        prometheus.range(expr, Span { from: from - agree::AROUND, to: to + agree::AROUND }).await
    }

    /// Of it what is looked at.
    fn span(&self, span: Span) -> Span {
        if self.query.instant { Span { from: span.to, ..span } } else { span }
    }

    /// How the answers of two agree.
    pub(crate) fn compare(&self, live: &[Series], kept: &[Series], span: Span) -> Agreement {
        agree::compare(live, kept, self.span(span), Made::of(&self.expr))
    }

    /// Why it may be empty.
    pub(crate) fn excuse(&self) -> Option<&'static str> {
        let is_this =
            |(file, panel, _): &&(&str, &str, &str)| *file == self.dashboard && *panel == self.query.panel;
        EXCUSED.iter().find(is_this).map(|(_, _, why)| *why)
    }
}

/// Whether there is nothing to be seen: no series, or only such as have no value.
pub(crate) fn is_empty(series: &[Series]) -> bool {
    series.iter().flat_map(|series| &series.points).all(|(_, value)| value.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span { from: 1000.0, to: 1120.0 };

    #[test]
    fn no_variable_of_grafana_is_left_in_a_query() {
        let all = all(SPAN);
        assert!(!all.is_empty());
        for asked in all {
            assert!(!asked.expr.contains("$__") && !asked.expr.contains("${"), "{}", asked.expr);
        }
    }

    #[test]
    fn every_excuse_is_of_a_panel_that_there_is() {
        for (file, panel, why) in EXCUSED {
            let is_this = |asked: &Asked| asked.dashboard == *file && asked.query.panel == *panel;
            assert!(all(SPAN).iter().any(is_this), "{file}: {panel}: {why}");
        }
    }

    #[test]
    fn series_without_a_value_are_empty() {
        let with =
            |value| vec![Series { labels: std::collections::BTreeMap::new(), points: vec![(1.0, value)] }];
        assert!(is_empty(&[]) && is_empty(&with(f64::NAN)) && !is_empty(&with(0.0)));
    }
}
