//! The CPU time of the whole machine, from `/proc/stat`.

/// What the machine's processors have done since it was started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// Processors online.
    pub cores: usize,
    /// CPU time spent on any work of this machine, seconds; not idle, not waiting for I/O.
    pub busy_cpu_seconds: f64,
    /// CPU time that the hypervisor gave to somebody else while this machine wanted it, seconds.
    pub stolen_cpu_seconds: f64,
}

impl Machine {
    /// Reads the counters now. Absent where there is no `/proc`.
    #[cfg(target_os = "linux")]
    pub fn now() -> Option<Self> {
        use procfs::{CurrentSI as _, KernelStats};

        let stats = KernelStats::current().ok()?;
        let cpu = stats.total;
        // `user` and `nice` hold the guests' time already.
        let busy = cpu.user + cpu.nice + cpu.system + cpu.irq.unwrap_or(0) + cpu.softirq.unwrap_or(0);
        Some(Self {
            cores: stats.cpu_time.len(),
            busy_cpu_seconds: crate::process::seconds(busy),
            stolen_cpu_seconds: crate::process::seconds(cpu.steal.unwrap_or(0)),
        })
    }

    /// Reads the counters now. Absent where there is no `/proc`.
    #[cfg(not(target_os = "linux"))]
    pub fn now() -> Option<Self> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_at_least_as_busy_as_this_process() {
        let before = Machine::now().unwrap();
        assert!(before.cores >= std::thread::available_parallelism().unwrap().get());
        let own = || crate::Sampler.sample(&[("self".to_owned(), std::process::id())])[0].cpu_seconds;
        let start = own();
        // Burns CPU until the 10 ms ticks of /proc can show it.
        while own() < start + 0.05 {}
        assert!(Machine::now().unwrap().busy_cpu_seconds > before.busy_cpu_seconds);
    }
}
