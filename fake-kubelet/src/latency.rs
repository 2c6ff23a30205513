//! How long the steps of a pod's life take: distributions that can be written on a command line.

use std::{ops::Range, str::FromStr, time::Duration};

use rand::{Rng, RngExt};
use rand_distr::{Distribution, LogNormal};

/// How long a step takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Latency {
    /// Every time in the range is as likely; an empty range is its start.
    Uniform(Range<Duration>),
    /// Log-normal: half of all take less than the median, one in a hundred more than `p99`.
    LogNormal {
        /// The 50th percentile.
        median: Duration,
        /// The 99th percentile, not less than the median.
        p99: Duration,
    },
}

/// The 99th percentile of the standard normal distribution.
const Z99: f64 = 2.326_347_874;

impl Latency {
    /// The same time always.
    pub const fn exactly(time: Duration) -> Self {
        Self::Uniform(time..time)
    }

    /// A time drawn at random.
    pub(crate) fn draw(&self, rng: &mut impl Rng) -> Duration {
        match self {
            Self::Uniform(range) if range.is_empty() => range.start,
            Self::Uniform(range) => rng.random_range(range.clone()),
            Self::LogNormal { median, p99 } => {
                let sigma = (p99.as_secs_f64() / median.as_secs_f64()).ln() / Z99;
                // Refused only for what is not finite: then the median is as good as any.
                LogNormal::new(median.as_secs_f64().ln(), sigma)
                    .map_or(*median, |it| Duration::try_from_secs_f64(it.sample(rng)).unwrap_or(*median))
            }
        }
    }
}

/// Why a latency cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLatency {
    /// It is not one of the forms.
    #[error(
        "`{0}` is no latency: write 300ms, 250ms..550ms (uniform) or 300ms~2s (log-normal: median and 99th percentile)"
    )]
    Form(String),
    /// There is no such step.
    #[error("unknown step `{name}`; there are {}", Latencies::NAMES.join(", "))]
    Step {
        /// What was asked for.
        name: String,
    },
}

impl FromStr for Latency {
    type Err = BadLatency;

    fn from_str(text: &str) -> Result<Self, BadLatency> {
        let bad = || BadLatency::Form(text.to_owned());
        let time = |text: &str| {
            let time = text.trim().parse::<jiff::SignedDuration>().ok();
            time.and_then(|time| Duration::try_from(time).ok()).ok_or_else(bad)
        };
        if let Some((low, high)) = text.split_once("..") {
            let range = time(low)?..time(high)?;
            return if range.start <= range.end { Ok(Self::Uniform(range)) } else { Err(bad()) };
        }
        if let Some((median, p99)) = text.split_once('~') {
            let (median, p99) = (time(median)?, time(p99)?);
            let sound = !median.is_zero() && median <= p99;
            return if sound { Ok(Self::LogNormal { median, p99 }) } else { Err(bad()) };
        }
        time(text).map(Self::exactly)
    }
}

/// How long the steps of a pod's life take on a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Latencies {
    /// From the pod being seen to the kubelet having taken it up.
    pub admit: Latency,
    /// From there to its volumes being mounted, if it has any.
    pub mount: Latency,
    /// From there to its sandbox and network being ready.
    pub sandbox: Latency,
    /// The pull of an image that is always pulled.
    pub pull: Latency,
    /// From the image being there to a container being created.
    pub create: Latency,
    /// From there to the container running; also what it takes to remove a sandbox.
    pub start: Latency,
    /// A probe that succeeds.
    pub probe: Latency,
    /// How long an init container runs.
    pub init: Latency,
    /// How long a container runs whose pod is not always restarted.
    pub job: Latency,
    /// From something happening in the runtime to the kubelet's seeing it.
    pub relist: Latency,
    /// From seeing that a pod has done its work to the next look, when its cgroup is gone.
    pub relist_again: Latency,
    /// From SIGTERM to the last container's end.
    pub stop: Latency,
    /// From there to the pod's resources being gone.
    pub remove: Latency,
}

impl Latencies {
    /// The steps, by the names that [`Latencies::set`] takes.
    pub const NAMES: [&str; 13] = [
        "admit",
        "mount",
        "sandbox",
        "pull",
        "create",
        "start",
        "probe",
        "init",
        "job",
        "relist",
        "relist-again",
        "stop",
        "remove",
    ];

    /// Changes one step.
    ///
    /// # Errors
    /// When there is no step of this name.
    pub fn set(&mut self, name: &str, latency: Latency) -> Result<(), BadLatency> {
        let step = match name {
            "admit" => &mut self.admit,
            "mount" => &mut self.mount,
            "sandbox" => &mut self.sandbox,
            "pull" => &mut self.pull,
            "create" => &mut self.create,
            "start" => &mut self.start,
            "probe" => &mut self.probe,
            "init" => &mut self.init,
            "job" => &mut self.job,
            "relist" => &mut self.relist,
            "relist-again" => &mut self.relist_again,
            "stop" => &mut self.stop,
            "remove" => &mut self.remove,
            _ => return Err(BadLatency::Step { name: name.to_owned() }),
        };
        *step = latency;
        Ok(())
    }
}

impl Default for Latencies {
    /// What a kubelet with containerd and a cached image showed: volumes 0.2 s, sandbox 0.2 s, start 0.1 s, stop 0.15 s, and up to
    /// a second until the next look at the runtime. How long programs run and images are pulled is a guess.
    fn default() -> Self {
        let ms = |low, high| Latency::Uniform(Duration::from_millis(low)..Duration::from_millis(high));
        Self {
            admit: ms(1, 4),
            mount: ms(100, 250),
            sandbox: ms(120, 300),
            pull: ms(500, 3000),
            create: ms(10, 20),
            start: ms(50, 80),
            probe: ms(30, 40),
            init: ms(200, 500),
            job: ms(1000, 3000),
            relist: ms(0, 1000),
            relist_again: ms(900, 1100),
            stop: ms(90, 250),
            remove: ms(500, 1000),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    #[test]
    fn latencies_are_read_as_they_are_written() {
        let ms = Duration::from_millis;
        assert_eq!("300ms".parse(), Ok(Latency::exactly(ms(300))));
        assert_eq!("250ms..1s".parse(), Ok(Latency::Uniform(ms(250)..ms(1000))));
        assert_eq!("300ms~2s".parse(), Ok(Latency::LogNormal { median: ms(300), p99: ms(2000) }));
        for wrong in ["", "fast", "2s..1s", "2s~1s", "0s~1s", "-1s"] {
            assert!(wrong.parse::<Latency>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_step_has_a_name() {
        let mut latencies = Latencies::default();
        for name in Latencies::NAMES {
            latencies.set(name, Latency::exactly(Duration::from_secs(7))).unwrap();
        }
        let told = format!("{latencies:?}");
        assert_eq!(told.matches("7s..7s").count(), Latencies::NAMES.len(), "{told}");
        let error = latencies.set("sandboxes", Latency::exactly(Duration::ZERO)).unwrap_err();
        assert!(error.to_string().starts_with("unknown step `sandboxes`; there are admit, mount, sandbox"));
    }

    /// Shares below the two percentiles, of 20,000 draws; four standard deviations are 1.4 and 0.3 points.
    #[test]
    fn a_log_normal_latency_has_the_percentiles_it_is_named_by() {
        let latency: Latency = "300ms~2s".parse().unwrap();
        let mut rng = SmallRng::seed_from_u64(1);
        let drawn: Vec<Duration> = (0..20_000).map(|_| latency.draw(&mut rng)).collect();
        let below = |limit: Duration| drawn.iter().filter(|time| **time < limit).count();
        assert!((9_720..10_280).contains(&below(Duration::from_millis(300))));
        assert!((19_740..19_860).contains(&below(Duration::from_secs(2))));
    }
}
