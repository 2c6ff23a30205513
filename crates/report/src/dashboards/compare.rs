//! *Compare*: two runs, or the two profiles of one run, on one chart.
//!
//! Two runs seldom went on at the same time, so the second is moved to where the first began. Grafana's own time shift is the same
//! for all, and Prometheus has no time since the start; but `offset` takes any whole number of seconds, also below zero, where the
//! second is the later one (in all versions since 2.33). The hidden variable `shift` is that number: the difference of the two values of
//! `loadgen_run_start_timestamp_seconds`, asked of Prometheus by Grafana's `query_result` whenever a run is chosen. Hence every query of
//! the second ends with `offset ${shift}s`, and both lie on the first one's time axis: what stands at one place happened equally
//! long after each start.
//!
//! Runs and their starts are looked for half a year back and half a year ahead of the end of what is looked at, since the second may have
//! been before or after it. Prometheus refuses an offset of zero, so two that began at once, such as the two profiles of one run, are moved
//! by a second. `nudge` is for whoever wants to lay another moment on each other than the starts.
//!
//! The profiles of one run, which an experiment has in turn, are compared by choosing the run twice and a profile on each side.

use measure::metrics::{
    BACKLOG, Declared, GOOD, LATENESS, OFFERED, POD_STARTUP, PROCESS_CPU, PROCESS_MEMORY, RATIO, REQUEST,
    REQUESTS, RUN_INFO, RUN_START, WATCH_LAG,
};
use scrape::names::{
    BACKEND_COMMIT, DB_BYTES, EXECUTING_SEATS, LIMITER_WAIT, REQUEST_SLI_DURATION, SEAT_WAIT, WAL_FSYNC,
    WATCH_EVENTS,
};

use super::{
    Dashboard,
    annotation::marks,
    expression::{Expr, Series, Whose, quantile, series},
    panel::{Panel, Row},
    run::runs,
    unit::Unit,
    variable::{Choice, Variable},
};

const FIRST: Whose = Whose::First;
const SECOND: Whose = Whose::Second;

/// Everything from half a year before to half a year after.
const ANY_TIME: &str = "[364d] offset -182d";

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        file: "compare.json",
        uid: "loadgen-compare",
        title: "loadgen: compare",
        about: "Two runs, or two profiles of one, each from its own start. The time is the first one's.",
        variables: variables(),
        annotations: marks(FIRST),
        rows: vec![what(), load(), latency(), cost(), control_plane()],
    }
}

fn variables() -> Vec<Variable> {
    let info = RUN_INFO.name;
    let known = |matchers: &str, label| {
        let found = Expr::raw(format!("last_over_time({info}{matchers}{ANY_TIME})")).max(label);
        (found.to_string(), label)
    };
    let run = |name, shown, about| Variable::found(name, shown, about, known("", "run"), Choice::One);
    let profile = |name, shown, matchers| {
        let about = "All, or one of an experiment's two.";
        Variable::found(name, shown, about, known(matchers, "profile"), Choice::OneOrAny)
    };
    vec![
        Variable::datasource(),
        run("run_a", "First run", "The time that is looked at must be this one's."),
        profile("profile_a", "its profile", "{run=~\"$run_a\"}"),
        run("run_b", "Second run", "Moved to where the first began."),
        profile("profile_b", "its profile", "{run=~\"$run_b\"}"),
        Variable::typed("nudge", "Move by (s)", "Seconds by which the second is moved besides.", "0"),
        Variable::number("shift", "Shift", "Seconds from the second's start to the first's.", shift()),
    ]
}

/// Whole seconds from the second's start to the first's, and never zero.
fn shift() -> String {
    let start = |run: &str| {
        let name = RUN_START.name;
        Expr::raw(format!("last_over_time({name}{{run=~\"{run}\"}}{ANY_TIME})")).max("")
    };
    let apart = format!("round({}) + $nudge", start("$run_a").less(&start("$run_b")));
    format!("({apart}) != 0 or vector(1)")
}

/// The same of both, the second dashed.
fn both(panel: Panel, legends: [&'static str; 2], query: impl Fn(Whose) -> Expr) -> Panel {
    let [first, second] = legends;
    panel.query(query(FIRST), first).dashed(query(SECOND), second)
}

const ONE_EACH: [&str; 2] = ["first", "second"];

fn what() -> Row {
    let of_both =
        |name: &str| Expr::raw(format!("last_over_time({name}{{run=~\"$run_a|$run_b\"}}{ANY_TIME})"));
    let ratio = series(&RATIO, FIRST).now().max("bound").or_absent("bound");
    let words = "Each side is a run and a profile. The second's times are moved so that both begin at the \
                 same place; the time axis is the first one's, so choose the time of the first (its start \
                 is below). Solid lines are the first's, dashed ones the second's. For the two profiles of \
                 an experiment choose its run on both sides and a profile on each, and by how much the \
                 second is moved where one trial is to lie on another. A difference that one sees here is \
                 not a verdict: `loadgen compare` gives one, with an interval.";
    Row {
        title: "What is compared",
        panels: vec![
            Panel::text("How to read this", "What this dashboard does.", words).high(4),
            runs(
                "The two",
                "What each was, and when it began.",
                &of_both(RUN_INFO.name),
                &of_both(RUN_START.name),
            ),
            Panel::number(
                "Ratio",
                Unit::Ratio,
                "Of a comparison that the first run is: its second arm over its first in the primary \
                 metric, with the ends of the interval.",
            )
            .query(ratio, "{{bound}}")
            .wide(8)
            .high(6),
        ],
    }
}

fn load() -> Row {
    let rate = |metric: &Declared, whose| series(metric, whose).rate().sum("");
    Row {
        title: "Load",
        panels: vec![
            both(
                Panel::lines(
                    "Offered",
                    Unit::OperationsPerSecond,
                    "Operations that were due: alike where both had one load.",
                ),
                ONE_EACH,
                |whose| rate(&OFFERED, whose),
            ),
            both(
                Panel::lines(
                    "Goodput",
                    Unit::OperationsPerSecond,
                    "Operations that succeeded within twice their limit.",
                ),
                ONE_EACH,
                |whose| rate(&GOOD, whose),
            ),
            both(
                Panel::lines("Backlog", Unit::Count, "Operations that are accepted and unfinished."),
                ONE_EACH,
                |whose| series(&BACKLOG, whose).now().sum(""),
            ),
        ],
    }
}

fn latency() -> Row {
    let drivers = |metric: &Declared, whose| series(metric, whose).only("side=\"drivers\"");
    let total = |whose| series(&POD_STARTUP, whose).only("stage=\"total\"");
    let errors = |whose| {
        let requests = |series: Series| series.rate().sum("");
        let failed = requests(series(&REQUESTS, whose).only("code!~\"2..\"")).or_zero("");
        failed.over(&requests(series(&REQUESTS, whose)))
    };
    let two = ["p99 first", "p99 second"];
    Row {
        title: "Latency and errors",
        panels: vec![
            middle_and_end(
                Panel::lines(
                    "Requests of the drivers",
                    Unit::Seconds,
                    "From the intended start to the answer.",
                )
                .logarithmic(),
                |whose| drivers(&REQUEST, whose),
            ),
            middle_and_end(
                Panel::lines(
                    "Pod startup",
                    Unit::Seconds,
                    "From the intended start until a watcher sees the pod Running.",
                )
                .at_most(5.0),
                total,
            ),
            middle_and_end(
                Panel::lines(
                    "Watch lag",
                    Unit::Seconds,
                    "From a write's acknowledgement to its event at a watcher.",
                )
                .at_most(1.0),
                |whose| series(&WATCH_LAG, whose),
            ),
            both(
                Panel::lines(
                    "Requests that did not succeed",
                    Unit::Share,
                    "Of all requests of drivers and fleet. Some 404 and 409 are a normal life.",
                ),
                ONE_EACH,
                errors,
            ),
            both(
                Panel::lines(
                    "Lateness of the harness",
                    Unit::Seconds,
                    "What the harness added, p99: where the two differ here, they are not comparable.",
                )
                .at_most(0.005)
                .logarithmic(),
                two,
                |whose| quantile(0.99, "", &drivers(&LATENESS, whose)),
            ),
        ],
    }
}

/// Median and p99 of both.
fn middle_and_end(panel: Panel, histogram: impl Fn(Whose) -> Series) -> Panel {
    let panel = both(panel, ["p50 first", "p50 second"], |whose| quantile(0.5, "", &histogram(whose)));
    both(panel, ["p99 first", "p99 second"], |whose| quantile(0.99, "", &histogram(whose)))
}

fn cost() -> Row {
    let plane = |whose| series(&PROCESS_CPU, whose).only("process!=\"harness\"");
    let legends = ["{{process}} first", "{{process}} second"];
    Row {
        title: "What it costs",
        panels: vec![
            both(
                Panel::lines(
                    "CPU",
                    Unit::Cores,
                    "Processors that each process keeps busy, the harness among them.",
                ),
                legends,
                |whose| series(&PROCESS_CPU, whose).rate().sum("process"),
            ),
            both(
                Panel::lines(
                    "CPU for each good operation",
                    Unit::Seconds,
                    "Of the control plane's processes together: the steadier figure where two are \
                     compared at one load.",
                ),
                ONE_EACH,
                |whose| plane(whose).rate().sum("").over(&series(&GOOD, whose).rate().sum("")),
            ),
            both(Panel::lines("Memory", Unit::Bytes, "Resident memory of each process."), legends, |whose| {
                series(&PROCESS_MEMORY, whose).now().sum("process")
            }),
        ],
    }
}

fn control_plane() -> Row {
    let two = ["p99 first", "p99 second"];
    let served = |whose| series(&REQUEST_SLI_DURATION, whose).only("verb!~\"WATCH|CONNECT\"");
    Row {
        title: "The control plane, by its own figures",
        panels: vec![
            both(
                Panel::lines(
                    "Requests of the apiserver",
                    Unit::Seconds,
                    "As its service level objective has them, p99.",
                )
                .logarithmic(),
                two,
                |whose| quantile(0.99, "", &served(whose)),
            ),
            both(
                Panel::lines(
                    "Wait for a seat",
                    Unit::Seconds,
                    "In priority and fairness, p99 of all levels.",
                )
                .logarithmic(),
                two,
                |whose| quantile(0.99, "", &series(&SEAT_WAIT, whose)),
            ),
            both(
                Panel::lines("Seats taken", Unit::Count, "At the moment of a scrape, all levels."),
                ONE_EACH,
                |whose| series(&EXECUTING_SEATS, whose).now().sum(""),
            ),
            both(
                Panel::lines("Sync of etcd's log", Unit::Seconds, "p99.").at_most(0.01).logarithmic(),
                two,
                |whose| quantile(0.99, "", &series(&WAL_FSYNC, whose)),
            ),
            both(
                Panel::lines("Commit of etcd's database", Unit::Seconds, "p99.").at_most(0.025).logarithmic(),
                two,
                |whose| quantile(0.99, "", &series(&BACKEND_COMMIT, whose)),
            ),
            both(
                Panel::lines("etcd's database", Unit::Bytes, "The file, the largest of all members."),
                ONE_EACH,
                |whose| series(&DB_BYTES, whose).now().max(""),
            ),
            both(
                Panel::lines("Events to watches", Unit::EventsPerSecond, "Changes times watchers."),
                ONE_EACH,
                |whose| series(&WATCH_EVENTS, whose).rate().sum(""),
            ),
            both(
                Panel::lines(
                    "Own limiters",
                    Unit::Seconds,
                    "Seconds that scheduler and controllers wait for their own clients' tokens in each \
                     second.",
                ),
                ["{{job}} first", "{{job}} second"],
                |whose| series(&LIMITER_WAIT, whose).part("_sum").rate().sum("job"),
            ),
        ],
    }
}
