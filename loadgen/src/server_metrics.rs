//! What the control plane says about itself: the `/metrics` of its components, read beside a trial.
//!
//! Sends: `GET /metrics` to each component as the admin; of a cluster that is not ours only to the apiserver. Records:
//! nothing by itself; a [`Reading`] becomes a line of the series and is kept as it is, and two of them say what limited the window between
//! them.
//!
//! Texts are parsed on the blocking threads: an apiserver's has megabytes, and the drivers' runtime has deadlines.

use bytes::Bytes;
use control_plane::MetricsSources;
use measure::{Clock, Nanos};
use profile::Profile;
use scrape::{
    exposition,
    limits::Process,
    names::{self, Component, Metric},
    series::{Labels, Scrape},
};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use wire::{Client, Encoding, Request};

use crate::{cells::Part, shown::Shown};

pub(crate) mod components;
mod families;
#[cfg(test)]
pub(crate) mod tests;

/// How fast clients of a component ask unless flags say otherwise: the scheduler's and the controller manager's
/// `--kube-api-qps` (`pkg/scheduler/apis/config/v1/defaults.go`, `cmd/kube-controller-manager/app/options`).
const SCHEDULER_QPS: f64 = 50.0;
const CONTROLLERS_QPS: f64 = 20.0;
/// What client-go makes of a QPS of zero (`rest/config.go`, `DefaultQPS`).
const ZERO_QPS: f64 = 5.0;

/// What reads the metrics of a control plane, or of those of all cells.
#[derive(Clone)]
pub(crate) struct ServerMetrics {
    source: Source,
    clock: Clock,
    shown: Shown,
}

#[derive(Clone)]
enum Source {
    /// All components of our control planes, one or one in each cell.
    Ours(Vec<(Part, MetricsSources)>),
    /// The apiserver of somebody else's.
    Apiserver(Client),
}

/// What the components said at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// When they were asked.
    pub(crate) at: Nanos,
    /// Each that answered: what it is, the process' name, the metrics of [`names`].
    pub(crate) scrapes: Vec<(Component, String, Scrape)>,
    /// The others, and why there is nothing of them.
    pub(crate) missing: Vec<(String, String)>,
}

impl ServerMetrics {
    /// Of control planes of ours their sources; of another cluster, where there are none, the admin's client, which can only reach
    /// the apiserver. Every reading is kept in what is `shown`.
    pub(crate) fn new(
        ours: Vec<(Part, MetricsSources)>,
        admin: &Client,
        clock: Clock,
        shown: &Shown,
    ) -> Self {
        let source = if ours.is_empty() { Source::Apiserver(admin.clone()) } else { Source::Ours(ours) };
        Self { source, clock, shown: shown.clone() }
    }

    /// Asks all components at once. Takes as long as the slowest, at most ten seconds, and never fails as a whole.
    pub(crate) async fn read(&self) -> Reading {
        let at = self.clock.now();
        let texts = match &self.source {
            Source::Ours(cells) => of_ours(cells).await,
            Source::Apiserver(admin) => of_a_cluster(admin).await,
        };
        let (shown, wall) = (self.shown.clone(), self.clock.wall(at));
        let parsing = tokio::task::spawn_blocking(move || {
            let reading = Reading::parse(at, texts);
            shown.keep(wall, &reading);
            reading
        });
        parsing.await.unwrap_or_else(|error| Reading {
            at,
            scrapes: Vec::new(),
            missing: vec![("all components".to_owned(), format!("cannot be parsed: {error}"))],
        })
    }
}

/// A component, its process' name, and its text or why there is none.
type Answer = (Component, String, Result<Bytes, String>);

/// Of all cells at once.
async fn of_ours(cells: &[(Part, MetricsSources)]) -> Vec<Answer> {
    let mut reading = JoinSet::new();
    for (part, sources) in cells.iter().cloned() {
        reading.spawn(async move { (part, sources.read_all().await) });
    }
    let mut answers = reading.join_all().await;
    answers.sort_unstable_by_key(|(part, _)| part.index());
    let answer = |part: Part, exposition: control_plane::Exposition| {
        let source = exposition.source;
        (kind(source.component), part.named(&source.process), exposition.text.map(Bytes::from))
    };
    answers.into_iter().flat_map(|(part, all)| all.into_iter().map(move |it| answer(part, it))).collect()
}

async fn of_apiserver(admin: &Client) -> Result<Bytes, String> {
    // The answer is text whatever is asked for: the format is negotiated by Prometheus' library, which knows none of ours.
    let request = Request::get("/metrics").accept(Encoding::Json).timeout(std::time::Duration::from_secs(10));
    match admin.send(&request).await {
        Ok(response) if response.is_success() => Ok(response.body),
        Ok(response) => Err(format!("/metrics answers {}", response.status)),
        Err(error) => Err(error.to_string()),
    }
}

async fn of_a_cluster(admin: &Client) -> Vec<Answer> {
    let text = of_apiserver(admin).await;
    let unreachable = |component: Component| {
        let reason = "its metrics are not reachable through the apiserver of this cluster".to_owned();
        (component, program(component).to_owned(), Err(reason))
    };
    let apiserver = (Component::Apiserver, program(Component::Apiserver).to_owned(), text);
    let others = Component::ALL.into_iter().filter(|component| *component != Component::Apiserver);
    std::iter::once(apiserver).chain(others.map(unreachable)).collect()
}

impl Reading {
    fn parse(at: Nanos, answers: Vec<Answer>) -> Self {
        let mut reading = Self { at, ..Self::default() };
        for (component, process, text) in answers {
            match text.and_then(|text| parse(&text)) {
                Ok(scrape) => reading.scrapes.push((component, process, scrape)),
                Err(reason) => reading.missing.push((process, reason)),
            }
        }
        reading
    }

    fn of(&self, process: &str) -> Option<&Scrape> {
        self.scrapes.iter().find(|(_, name, _)| name == process).map(|(_, _, scrape)| scrape)
    }

    /// The few figures of each component by which a run is looked at. Gauges and totals as they stand; what is of a time, since
    /// `before`, an earlier reading.
    pub(crate) fn figures(&self, before: Option<&Self>) -> Map<String, Value> {
        let components = self.scrapes.iter().map(|(component, process, scrape)| {
            let earlier = before.and_then(|before| Some((before, before.of(process)?)));
            let since = earlier.map(|(before, earlier)| {
                Process::new(*component, process, earlier, scrape, self.at.since(before.at).as_secs_f64())
            });
            (process.clone(), figures(*component, scrape, since.as_ref()))
        });
        components.collect()
    }

    /// A line of the series.
    pub(crate) fn line(&self, before: Option<&Self>) -> Value {
        let mut line = json!({ "seconds": self.at.as_secs_f64(), "components": self.figures(before) });
        if !self.missing.is_empty() {
            let missing = self.missing.iter().map(|(process, reason)| (process.clone(), json!(reason)));
            line["missing"] = missing.collect::<Map<_, _>>().into();
        }
        line
    }
}

/// What each component did between two readings, for [`scrape::limits`]; one that is in only one of them is left out.
///
/// `ours` is the profile that the components were started with and how many processors they share: nobody knows what
/// those of another cluster may use.
pub(crate) fn processes(before: &Reading, after: &Reading, ours: Option<(&Profile, usize)>) -> Vec<Process> {
    let seconds = after.at.since(before.at).as_secs_f64();
    let change = |(component, name, scrape): &(Component, String, Scrape)| {
        let mut process = Process::new(*component, name, before.of(name)?, scrape, seconds);
        if let Some((profile, cores)) = ours {
            process.cpus = Some(cpus(*component, profile, cores));
            process.client_qps = client_qps(*component, profile);
        }
        Some(process)
    };
    after.scrapes.iter().filter_map(change).collect()
}

/// Go uses as many processors as `GOMAXPROCS` says, if that is a number above zero, but there are no more than the component may run
/// on or, unless it is confined, than the machine has.
fn cpus(component: Component, profile: &Profile, cores: usize) -> f64 {
    let asked = profile.env(of_profile(component)).get("GOMAXPROCS");
    let asked = asked.and_then(|asked| asked.trim().parse::<u32>().ok()).filter(|asked| *asked > 0);
    let cores = profile.cpu.of(of_profile(component)).map_or(cores, |set| set.iter().count());
    let cores = u32::try_from(cores).unwrap_or(u32::MAX);
    f64::from(asked.map_or(cores, |asked| asked.min(cores)))
}

/// Requests per second of one client; none where there is no limiter.
fn client_qps(component: Component, profile: &Profile) -> Option<f64> {
    let usual = match component {
        Component::Scheduler => SCHEDULER_QPS,
        Component::ControllerManager => CONTROLLERS_QPS,
        Component::Apiserver | Component::Etcd => return None,
    };
    let flag = profile.flags(of_profile(component)).get("kube-api-qps");
    let in_a_file = || {
        let config = profile.scheduler_config.as_ref().filter(|_| component == Component::Scheduler)?;
        config["clientConnection"]["qps"].as_f64()
    };
    // The last of a flag that is repeated counts.
    let qps = match flag.and_then(|flag| flag.values.last()) {
        Some(value) => value.trim().parse::<f64>().ok()?,
        None => in_a_file().unwrap_or(usual),
    };
    if qps == 0.0 { Some(ZERO_QPS) } else { Some(qps).filter(|qps| *qps > 0.0) }
}

fn parse(text: &[u8]) -> Result<Scrape, String> {
    let mut parser = exposition::Parser::new(names::wanted);
    parser.feed(text).and_then(|()| parser.finish()).map_err(|error| format!("its metrics: {error}"))
}

/// The figures of one component in a line. One that is not there is left out.
fn figures(component: Component, scrape: &Scrape, since: Option<&Process>) -> Value {
    let total = |metric: &Metric| metric.find(scrape)?.total(|_| true);
    let p99 = |metric: &Metric| since?.change.histogram(metric, |_| true)?.quantile(0.99);
    let rate = |metric: &Metric| since?.change.rate(metric, |_| true);
    let sum_rate = |metric: &Metric| {
        let change = &since?.change;
        Some(change.histogram(metric, |_| true)?.sum / change.seconds)
    };
    let mut figures = Map::new();
    let mut add = |name: &str, figure: Option<f64>| {
        figures.extend(
            figure.filter(|figure| figure.is_finite()).map(|figure| (name.to_owned(), json!(figure))),
        );
    };
    add("cpu_seconds", total(&names::PROCESS_CPU));
    add("rss_bytes", total(&names::PROCESS_MEMORY));
    match component {
        Component::Etcd => {
            add("wal_fsync_p99_seconds", p99(&names::WAL_FSYNC));
            add("backend_commit_p99_seconds", p99(&names::BACKEND_COMMIT));
            add("db_bytes", total(&names::DB_BYTES));
            add("db_bytes_in_use", total(&names::DB_BYTES_IN_USE));
        }
        Component::Apiserver => {
            add("requests_per_second", rate(&names::REQUESTS));
            add("watch_events_per_second", rate(&names::WATCH_EVENTS));
            add("watch_bytes_per_second", sum_rate(&names::WATCH_EVENT_BYTES));
            // Of what could not be counted it says -1.
            add("objects", total(&names::OBJECTS).filter(|objects| *objects > 0.0));
            by(&mut figures, "seats", &names::EXECUTING_SEATS, "priority_level", scrape);
        }
        Component::Scheduler => {
            add("attempts_per_second", rate(&names::ATTEMPTS));
            add("attempt_p99_seconds", p99(&names::ATTEMPT_DURATION));
            by(&mut figures, "pending_pods", &names::PENDING_PODS, "queue", scrape);
        }
        Component::ControllerManager => {
            by(&mut figures, "workqueue_depth", &names::WORKQUEUE_DEPTH, "name", scrape);
        }
    }
    figures.into()
}

/// A gauge by the values of one of its labels. Zeros are left out: there are dozens of queues, and most are empty.
fn by(figures: &mut Map<String, Value>, name: &str, metric: &Metric, label: &str, scrape: &Scrape) {
    let Some(family) = metric.find(scrape) else { return };
    let value = |value: &str| {
        let total = family.total(|labels: &Labels| labels.is(label, value))?;
        (total != 0.0 && total.is_finite()).then(|| (value.to_owned(), json!(total)))
    };
    figures.insert(name.to_owned(), family.values_of(label).into_iter().filter_map(value).collect());
}

/// Profiles and metrics each have their own word for a component.
fn kind(component: profile::Component) -> Component {
    match component {
        profile::Component::Etcd => Component::Etcd,
        profile::Component::Apiserver => Component::Apiserver,
        profile::Component::Scheduler => Component::Scheduler,
        profile::Component::ControllerManager => Component::ControllerManager,
    }
}

fn of_profile(component: Component) -> profile::Component {
    match component {
        Component::Etcd => profile::Component::Etcd,
        Component::Apiserver => profile::Component::Apiserver,
        Component::Scheduler => profile::Component::Scheduler,
        Component::ControllerManager => profile::Component::ControllerManager,
    }
}

fn program(component: Component) -> &'static str {
    of_profile(component).binary()
}
