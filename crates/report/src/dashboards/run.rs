//! *Run*: what was offered, what came of it, and whether the figures may be believed.

use measure::metrics::{
    AXIS, BACKLOG, BRACKET, CRITERION, DRIVER_FIGURE, DROPPED, FAILED, GOOD, LATENESS, LEVEL, MACHINE_CORES,
    MACHINE_CPU, OFFERED, OFFERED_RATE, OPERATION, PHASE, POD_STARTUP, PROCESS_CPU, REQUEST, REQUESTS,
    RUN_INFO, RUN_START, SERVICE, SUCCEEDED, TRIAL, WARNINGS, WATCH_EVENTS, WATCH_LAG,
};

use super::{
    Dashboard,
    annotation::marks,
    expression::{Expr, Series, Whose, quantile, series},
    panel::{Panel, Row, States},
    unit::Unit,
    variable::{Choice, Variable},
};

const OURS: Whose = Whose::Chosen;

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        file: "run.json",
        uid: "loadgen-run",
        title: "loadgen: run",
        about: "What loadgen offers a control plane, what comes of it, and whether the figures may be believed.",
        variables: variables(),
        annotations: marks(OURS),
        rows: vec![the_run(), load(), requests(), pods(), validity()],
    }
}

/// What every dashboard but the comparison is chosen by.
pub(super) fn variables() -> Vec<Variable> {
    let runs = "Runs that were going on in the time that is looked at. All: also series that belong to none.";
    let profiles = "What the control plane is tuned by; an experiment has two in turn.";
    vec![
        Variable::datasource(),
        Variable::label("run", "Run", runs, [RUN_INFO.name, "run"], Choice::SomeOrAny),
        Variable::label(
            "profile",
            "Profile",
            profiles,
            ["loadgen_run_info{run=~\"$run\"}", "profile"],
            Choice::SomeOrAny,
        ),
    ]
}

fn the_run() -> Row {
    let info = series(&RUN_INFO, OURS).last("$__range");
    let start = series(&RUN_START, OURS).last("$__range");
    let good_share = series(&GOOD, OURS).rate().sum("").over(&series(&OFFERED, OURS).rate().sum(""));
    let axis = series(&AXIS, OURS).now().max("axis, unit").labelled("edge", "offered");
    let bracket = series(&BRACKET, OURS).now().max("edge");
    let phase = States { one: "now", zero: "", zero_is_bad: false };
    Row {
        title: "The run",
        panels: vec![
            runs("Runs", "What ran in the time that is looked at, and when it began.", &info, &start),
            Panel::number(
                "Goodput over offered",
                Unit::Share,
                "Of the operations that were due, how many succeeded within twice their limit. A load \
                 holds from 98 % up; where operations take long, this lags behind a load that has just \
                 begun.",
            )
            .query(good_share, "good")
            .at_least(0.98)
            .high(6),
            Panel::number("Trials", Unit::Count, "How many loads were offered so far, this one included.")
                .query(series(&TRIAL, OURS).now().max(""), "trials")
                .high(6),
            Panel::timeline(
                "Phase",
                phase,
                "What a trial is doing. Only what is intended in the phase `measure` counts.",
            )
            .query(series(&PHASE, OURS).now().max("phase"), "{{phase}}")
            .wide(12)
            .high(6),
            Panel::lines(
                "Where the axis is put",
                Unit::Count,
                "The scenario's axis as offered, in its own unit; in a search also the highest load known \
                 to hold (low) and the lowest known to break (high).",
            )
            .query(axis.or(&bracket).or_absent("edge"), "{{edge}} {{axis}} {{unit}}")
            .wide(12)
            .high(6),
        ],
    }
}

fn load() -> Row {
    let rate = |metric| series(metric, OURS).rate().sum("load");
    let late = rate(&SUCCEEDED).less(&rate(&GOOD));
    Row {
        title: "Load",
        panels: vec![
            Panel::lines(
                "Offered against goodput",
                Unit::OperationsPerSecond,
                "Asked is the rate that the scenario says, offered what was due by the seeded schedule, \
                 good what succeeded within twice its limit. They lie on each other as long as the control \
                 plane keeps up.",
            )
            .dashed(series(&OFFERED_RATE, OURS).now().sum("load"), "asked {{load}}")
            .dashed(rate(&OFFERED), "offered {{load}}")
            .query(rate(&GOOD), "good {{load}}")
            .wide(12)
            .high(9),
            Panel::lines(
                "Not good",
                Unit::OperationsPerSecond,
                "Operations that succeeded too late, that failed for good, and that the harness could not \
                 even start: a dropped start makes a trial invalid.",
            )
            .query(late, "late {{load}}")
            .query(rate(&FAILED).or_zero("load"), "failed {{load}}")
            .query(rate(&DROPPED).or_zero("load"), "dropped {{load}}")
            .wide(12)
            .high(9),
            Panel::lines(
                "Backlog",
                Unit::Count,
                "Operations that are accepted and unfinished. A load whose backlog only grows is more \
                 than the control plane sustains.",
            )
            .query(series(&BACKLOG, OURS).now().sum("load"), "{{load}}"),
            Panel::lines(
                "Levels",
                Unit::Count,
                "Of loads that are a number of things, such as watchers: how many are asked for, and how \
                 many are there and in sync. Other loads have none.",
            )
            .query(series(&LEVEL, OURS).now().sum("load, state").or_absent("load"), "{{load}} {{state}}"),
            quantiles(
                Panel::lines(
                    "Operations: how long",
                    Unit::Seconds,
                    "From the intended start of an operation to its success, in the buckets of the \
                     histogram; the record has it exactly.",
                ),
                "load",
                &series(&OPERATION, OURS),
                ["p50 {{load}}", "p90 {{load}}", "p99 {{load}}"],
            ),
        ],
    }
}

fn requests() -> Row {
    let of_drivers = |metric| series(metric, OURS).only("side=\"drivers\"");
    let failed = series(&REQUESTS, OURS).only("code!~\"2..\"").rate().sum("side, code");
    let slowest = |metric| quantile(0.99, "verb, resource", &of_drivers(metric));
    Row {
        title: "Requests of the drivers",
        panels: vec![
            Panel::heat_map(
                "Latency",
                Unit::Seconds,
                "From the intended start of a request to its answer: how many fell into each bucket. The \
                 service level objective of single objects is 1 s, that of lists 30 s.",
            )
            .query(of_drivers(&REQUEST).part("_bucket").increase().sum("le"), "{{le}}")
            .wide(12)
            .high(9),
            quantiles(
                Panel::lines(
                    "Percentiles",
                    Unit::Seconds,
                    "Of all requests of the drivers, from their intended start; an estimate within a \
                     bucket, the record has them exactly.",
                ),
                "",
                &of_drivers(&REQUEST),
                ["p50", "p90", "p99"],
            )
            .logarithmic()
            .wide(12)
            .high(9),
            Panel::lines(
                "Slowest hundredth by kind",
                Unit::Seconds,
                "p99 of each kind of request: the response from its intended start, and, dashed, the \
                 service from its send. Where the two part, requests wait in the harness.",
            )
            .query(slowest(&REQUEST), "{{verb}} {{resource}}")
            .dashed(slowest(&SERVICE), "service {{verb}} {{resource}}")
            .logarithmic(),
            Panel::lines("Requests by kind", Unit::RequestsPerSecond, "Requests of the drivers that ended.")
                .query(of_drivers(&REQUESTS).rate().sum("verb, resource"), "{{verb}} {{resource}}"),
            Panel::lines(
                "Errors by code",
                Unit::RequestsPerSecond,
                "Requests of drivers and fleet that did not succeed, by status, `timeout` or `connection`. \
                 429 is priority and fairness; 404 and 409 can be a normal answer.",
            )
            .query(failed.or_zero("code"), "{{side}} {{code}}"),
        ],
    }
}

fn pods() -> Row {
    Row {
        title: "Pods and watches",
        panels: vec![
            quantiles(
                Panel::lines(
                    "Pod startup by stage",
                    Unit::Seconds,
                    "How long pods take: created, scheduled, started, and in total until a watcher sees \
                     them Running. The service level objective is 5 s for 99 of 100.",
                ),
                "stage",
                &series(&POD_STARTUP, OURS),
                ["p50 {{stage}}", "p90 {{stage}}", "p99 {{stage}}"],
            )
            .at_most(5.0),
            quantiles(
                Panel::lines(
                    "Watch lag",
                    Unit::Seconds,
                    "From a write's acknowledgement to its event at a watcher. More than a second for more \
                     than one of a hundred breaks the criterion.",
                ),
                "load",
                &series(&WATCH_LAG, OURS),
                ["p50 {{load}}", "p90 {{load}}", "p99 {{load}}"],
            )
            .at_most(1.0),
            Panel::lines(
                "Watch events",
                Unit::EventsPerSecond,
                "Events that watchers of the loads were told.",
            )
            .query(series(&WATCH_EVENTS, OURS).rate().sum("load"), "{{load}}"),
        ],
    }
}

fn validity() -> Row {
    let kept = States { one: "kept", zero: "broken", zero_is_bad: true };
    let harness = series(&PROCESS_CPU, OURS).only("process=\"harness\"").rate().sum("");
    let figures = series(&DRIVER_FIGURE, OURS).now().sum("load, figure").or_zero("figure");
    Row {
        title: "May it be believed?",
        panels: vec![
            quantiles(
                Panel::lines(
                    "Lateness of the harness",
                    Unit::Seconds,
                    "From a request's intended start to its send: what the harness adds. A p99 above 5 ms \
                     makes a trial invalid, or above 1 % of the limit that is judged where that is more.",
                ),
                "side",
                &series(&LATENESS, OURS),
                ["p50 {{side}}", "p90 {{side}}", "p99 {{side}}"],
            )
            .at_most(0.005)
            .logarithmic(),
            Panel::lines(
                "CPU of harness and machine",
                Unit::Cores,
                "Processors that this program keeps busy, all of the machine's that are, and how many \
                 there are. Above four fifths of what the harness may use its figures are its own.",
            )
            .query(harness, "harness")
            .query(series(&MACHINE_CPU, OURS).rate().max(""), "machine, busy")
            .dashed(series(&MACHINE_CORES, OURS).now().max(""), "machine, all"),
            Panel::lines(
                "Validity warnings",
                Unit::Count,
                "Doubts of the harness about its own figures, by name: how many trials so far have them. \
                 The record says what each means.",
            )
            .query(series(&WARNINGS, OURS).now().max("warning").or_zero("warning"), "{{warning}}"),
            Panel::timeline(
                "Criteria",
                kept,
                "Whether each criterion was kept in the last window that was judged. A broken one is the \
                 end of what the control plane sustains.",
            )
            .query(series(&CRITERION, OURS).now().min("criterion").or_absent("criterion"), "{{criterion}}")
            .wide(16)
            .high(9),
            Panel::table(
                "What else drivers count",
                Unit::Count,
                &["load", "figure"],
                "value",
                "Bytes, relists, watches that were cut: since the load began.",
            )
            .query(figures, "")
            .high(9),
        ],
    }
}

/// A table of runs and when they began, as Grafana counts time: in milliseconds.
pub(super) fn runs(title: &'static str, about: &'static str, info: &Expr, start: &Expr) -> Panel {
    let columns = &["run", "scenario", "profile", "target", "kubernetes", "etcd", "version"];
    let (info, start) = (info.max(&columns.join(", ")), start.max("run, scenario, profile"));
    let began = format!("{info} * on(run, scenario, profile) group_left() ({start} * 1000)");
    Panel::table(title, Unit::Moment, columns, "began", about).query(Expr::raw(began), "").wide(16).high(6)
}

/// The median, nine of ten and 99 of 100 of a histogram, in each group.
pub(super) fn quantiles(panel: Panel, by: &str, histogram: &Series, legends: [&'static str; 3]) -> Panel {
    let [median, most, nearly_all] = legends;
    panel
        .dashed(quantile(0.5, by, histogram), median)
        .query(quantile(0.9, by, histogram), most)
        .query(quantile(0.99, by, histogram), nearly_all)
}
