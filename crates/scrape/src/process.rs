//! What a process takes: CPU time, resident memory, bytes read from and written to storage, from `/proc/PID`.

/// Reads processes by their id.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sampler;

/// One process at one moment. Counters are since the process was started.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name it was asked for by.
    pub name: String,
    /// Its process id: another one under the same name was started anew.
    pub pid: u32,
    /// CPU time in user and kernel mode, of all threads, seconds.
    pub cpu_seconds: f64,
    /// Resident memory, bytes.
    pub rss_bytes: u64,
    /// Bytes fetched from storage; absent where the kernel does not let us look (another user's process).
    pub read_bytes: Option<u64>,
    /// Bytes sent to storage; absent as above.
    pub write_bytes: Option<u64>,
}

impl Sampler {
    /// Samples the processes that are there, in the order asked for. One that is gone has no sample.
    pub fn sample(self, processes: &[(String, u32)]) -> Vec<Sample> {
        processes.iter().filter_map(|(name, pid)| read(name, *pid)).collect()
    }
}

#[cfg(target_os = "linux")]
fn read(name: &str, pid: u32) -> Option<Sample> {
    use procfs::process::Process;

    let process = Process::new(i32::try_from(pid).ok()?).ok()?;
    let stat = process.stat().ok()?;
    // A process that has ended and was not yet waited for is gone: it has no memory, and would count as restarted to zero.
    if matches!(stat.state, 'Z' | 'X') {
        return None;
    }
    let io = process.io().ok();
    Some(Sample {
        name: name.to_owned(),
        pid,
        cpu_seconds: seconds(stat.utime + stat.stime),
        rss_bytes: stat.rss * procfs::page_size(),
        read_bytes: io.map(|io| io.read_bytes),
        write_bytes: io.map(|io| io.write_bytes),
    })
}

#[cfg(not(target_os = "linux"))]
fn read(_name: &str, _pid: u32) -> Option<Sample> {
    None
}

#[cfg(target_os = "linux")]
#[expect(clippy::cast_precision_loss, reason = "2^53 ticks are three million years")]
pub(crate) fn seconds(ticks: u64) -> f64 {
    ticks as f64 / procfs::ticks_per_second() as f64
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn this_process_has_memory_and_its_name() {
        let samples = Sampler.sample(&[("harness".to_owned(), std::process::id())]);
        let [sample] = samples.as_slice() else { panic!("{samples:?}") };
        assert_eq!((sample.name.as_str(), sample.pid), ("harness", std::process::id()));
        assert!(sample.rss_bytes > 100_000 && sample.rss_bytes < 1 << 40, "{sample:?}");
        assert!(sample.write_bytes.is_some(), "one may always look at oneself");
    }

    #[test]
    fn a_process_that_ended_has_no_sample_even_before_it_is_waited_for() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let name = ("child".to_owned(), child.id());
        let own = ("self".to_owned(), std::process::id());
        assert_eq!(Sampler.sample(std::slice::from_ref(&name)).len(), 1);
        child.kill().unwrap();
        while !Sampler.sample(std::slice::from_ref(&name)).is_empty() {}
        child.wait().unwrap();
        let names: Vec<_> = Sampler.sample(&[name, own]).into_iter().map(|sample| sample.name).collect();
        assert_eq!(names, ["self"]);
    }
}
