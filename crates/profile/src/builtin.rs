//! The profiles that are part of the program: every file of `profiles/`.

macro_rules! builtins {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../profiles/", $name, ".toml")))),*]
    };
}

const PROFILES: &[(&str, &str)] = builtins![
    "audit-request-response",
    "best-known",
    "cargo-cult-20000",
    "defaults",
    "defaults-unthrottled",
    "etcd-slow-disk",
    "etcd-tmpfs",
    "events-split",
    "founding-note",
    "gc-tuned",
    "isolated-lists",
    "kcm-sched-500",
    "kops-5000",
    "kubeup-5000",
    "low-seats-128",
    "node-status-10s",
    "seats-16",
    "three-apiservers",
    "three-etcd",
];

/// The names of the built-in profiles.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|(name, _)| *name)
}

pub(crate) fn text(name: &str) -> Option<&'static str> {
    PROFILES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
