//! What a measurement was made on, and with which words.

use std::fs;

use serde::Serialize;

/// The head of a page of evidence.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct About {
    /// As it can be typed again.
    pub(crate) command: String,
    pub(crate) date: String,
    pub(crate) kubernetes: String,
    pub(crate) etcd: String,
    /// Of this program, with the commit where git knows one.
    pub(crate) loadgen: String,
    pub(crate) cpus: usize,
    pub(crate) cpu: String,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
}

impl About {
    /// This machine, now, for the versions of the profile `defaults`.
    pub(crate) fn here() -> anyhow::Result<Self> {
        let versions = profile::load("defaults")?.versions;
        let words = without_folder(std::env::args().skip(1));
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let value_of = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
            line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory = value_of(&read("/proc/meminfo"), "MemTotal");
        let kib: u64 = memory.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default();
        Ok(Self {
            command: format!("cargo xtask {}", words.join(" ")),
            date: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            kubernetes: versions.kubernetes,
            etcd: versions.etcd,
            loadgen: [env!("CARGO_PKG_VERSION"), &commit()].join(" ").trim_end().to_owned(),
            cpus: std::thread::available_parallelism().map_or(0, usize::from),
            cpu: value_of(&read("/proc/cpuinfo"), "model name"),
            memory_gib: kib >> 20,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        })
    }

    /// A paragraph.
    pub(crate) fn paragraph(&self) -> String {
        let Self { command, date, kubernetes, etcd, loadgen, cpus, cpu, memory_gib, kernel } = self;
        format!(
            "Written by `{command}` on {date}: Kubernetes v{kubernetes}, etcd v{etcd}, loadgen {loadgen}; {cpus} CPUs ({cpu}), \
             {memory_gib} GiB, Linux {kernel}. Control plane and load share the machine.\n"
        )
    }
}

/// Where a record was kept says nothing to who reads the page.
fn without_folder(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = words.collect();
    if let Some(at) = kept.iter().position(|word| word == "--keep") {
        kept.drain(at..(at + 2).min(kept.len()));
    }
    kept
}

fn commit() -> String {
    let mut git = std::process::Command::new("git");
    let output = git.args(["rev-parse", "--short=12", "HEAD"]).current_dir(crate::command::root()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_record_is_left_out() {
        let words = ["soak", "--keep", "/x", "--minutes", "3"].map(str::to_owned);
        assert_eq!(without_folder(words.into_iter()), ["soak", "--minutes", "3"]);
        assert_eq!(without_folder(["soak".to_owned(), "--keep".to_owned()].into_iter()), ["soak"]);
    }
}
