//! What the run costs: CPU and memory of every component and of the harness itself, once a second.

use std::time::Duration;

use measure::{Clock, Nanos};
use record::Series;
use scrape::{Machine, Sample, Sampler, Tally};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::telemetry::Telemetry;

/// The name of our own process in every table.
pub(crate) const HARNESS: &str = "harness";

/// Samples in the background until it is dropped.
pub(crate) struct Sampling(mpsc::UnboundedSender<Command>);

enum Command {
    Begin,
    SoFar(oneshot::Sender<Used>),
}

/// What was used in a window.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    /// By process.
    pub(crate) tally: Tally,
    pub(crate) seconds: f64,
    /// Where the system tells.
    pub(crate) machine: Option<MachineUse>,
}

/// What the whole machine did in a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MachineUse {
    pub(crate) busy_cpu_seconds: f64,
    pub(crate) cores: usize,
}

struct Window {
    tally: Tally,
    machine: Option<Machine>,
    begin: Nanos,
}

/// The processes to look at, name and id: asked each time, because one that is started again has another id.
type Components = Box<dyn Fn() -> Vec<(String, u32)> + Send>;

struct Sampled {
    components: Components,
    clock: Clock,
    series: Series,
    telemetry: Telemetry,
    window: Option<Window>,
}

impl Sampling {
    /// Starts; every sample is also a line of the record's series, and among the running figures.
    pub(crate) fn start(
        components: impl Fn() -> Vec<(String, u32)> + Send + 'static,
        clock: Clock,
        series: Series,
        telemetry: &Telemetry,
    ) -> Self {
        let components = Box::new(components);
        let (commands, receiver) = mpsc::unbounded_channel();
        let telemetry = telemetry.clone();
        tokio::spawn(Sampled { components, clock, series, telemetry, window: None }.run(receiver));
        Self(commands)
    }

    /// A window begins now.
    pub(crate) fn begin(&self) {
        // The task is there as long as we are.
        let _ = self.0.send(Command::Begin);
    }

    /// What was used since the window began. `None` if none was.
    pub(crate) async fn so_far(&self) -> Option<Used> {
        let (reply, used) = oneshot::channel();
        self.0.send(Command::SoFar(reply)).ok()?;
        used.await.ok()
    }
}

impl Sampled {
    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = ticks.tick() => self.look(),
                command = commands.recv() => match command {
                    Some(Command::Begin) => self.begin(),
                    Some(Command::SoFar(reply)) => if let Some(used) = self.so_far() {
                        // Whoever asked may have been interrupted meanwhile.
                        let _ = reply.send(used);
                    },
                    None => return,
                },
            }
        }
    }

    fn sample(&self) -> Vec<Sample> {
        let mut processes = (self.components)();
        processes.push((HARNESS.to_owned(), std::process::id()));
        Sampler.sample(&processes)
    }

    fn look(&mut self) {
        let samples = self.sample();
        if let Err(error) = self.series.append(&line(self.clock, &samples)) {
            tracing::warn!(%error, "cannot write a sample");
        }
        self.telemetry.samples(&samples, Machine::now());
        if let Some(window) = &mut self.window {
            window.tally.add(&samples);
        }
    }

    fn begin(&mut self) {
        let mut tally = Tally::new();
        tally.add(&self.sample());
        self.window = Some(Window { tally, machine: Machine::now(), begin: self.clock.now() });
    }

    fn so_far(&mut self) -> Option<Used> {
        let samples = self.sample();
        let window = self.window.as_mut()?;
        window.tally.add(&samples);
        let machine = window.machine.zip(Machine::now()).map(|(before, now)| MachineUse {
            busy_cpu_seconds: now.busy_cpu_seconds - before.busy_cpu_seconds,
            cores: now.cores,
        });
        let seconds = self.clock.now().since(window.begin).as_secs_f64();
        Some(Used { tally: window.tally.clone(), seconds, machine })
    }
}

fn line(clock: Clock, samples: &[Sample]) -> Value {
    let now = clock.now();
    let processes = samples.iter().map(|sample| {
        let figures = json!({ "cpu_seconds": sample.cpu_seconds, "rss_bytes": sample.rss_bytes });
        (sample.name.clone(), figures)
    });
    json!({ "seconds": now.as_secs_f64(), "processes": processes.collect::<serde_json::Map<_, _>>() })
}
