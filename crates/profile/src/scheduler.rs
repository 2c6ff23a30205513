//! `[scheduler.config]`: the scheduler's configuration file, checked against what the harness writes into it and against the
//! scheduler's flags.
//!
//! The rest is for kube-scheduler to judge, which decodes the file strictly.

use serde_json::Value;

use crate::{Component, Profile, check::Contradiction};

/// What the harness knows and the profile does not.
const OURS: [&[&str]; 4] =
    [&["apiVersion"], &["kind"], &["clientConnection", "kubeconfig"], &["leaderElection"]];

/// The flags that kube-scheduler does not read beside a file (`cmd/kube-scheduler/app/options/deprecated.go`) and that the harness
/// writes into it.
const WRITTEN: [(&str, &[&str]); 2] =
    [("kube-api-qps", &["clientConnection", "qps"]), ("kube-api-burst", &["clientConnection", "burst"])];

/// Those that it does not.
const UNREAD: [(&str, &str); 3] = [
    ("kube-api-content-type", "clientConnection.contentType"),
    ("profiling", "enableProfiling"),
    ("contention-profiling", "enableContentionProfiling"),
];

pub(crate) fn check(profile: &Profile) -> Result<(), Contradiction> {
    let Some(config) = &profile.scheduler_config else { return Ok(()) };
    let at = |path: &[&str], reason| {
        Err(Contradiction::at(&[&["scheduler", "config"][..], path].concat(), reason))
    };
    if let Some(path) = OURS.into_iter().find(|path| written(config, path).is_some()) {
        return at(path, format!("the harness itself writes `{}`; leave it out", path.join(".")));
    }
    let flags = profile.flags(Component::Scheduler);
    for (name, path) in WRITTEN {
        if let (Some(flag), Some(in_file)) = (flags.get(name), written(config, path))
            && !flag.values.last().is_some_and(|value| same(value, in_file))
        {
            let reason = format!(
                "`{}` is {in_file} here, and the flag `{name}` is {} ({}): the flag would be written here too, so leave out one of \
                 them",
                path.join("."),
                flag.values.join(","),
                flag.origin,
            );
            return at(path, reason);
        }
    }
    for (name, path) in UNREAD {
        if flags.get(name).is_some() {
            let reason = format!(
                "kube-scheduler does not read the flag `{name}` beside [scheduler.config]; write `{path}` there"
            );
            return Err(Contradiction::at(&["scheduler", "flags", name], reason));
        }
    }
    Ok(())
}

fn written<'a>(config: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(config, |value, key| value.get(key))
}

/// Both are numbers, one of them as text.
fn same(flag: &str, in_file: &Value) -> bool {
    let flag = flag.parse::<f64>().ok();
    flag.zip(in_file.as_f64()).is_some_and(|(flag, in_file)| flag.total_cmp(&in_file).is_eq())
}

#[cfg(test)]
mod tests {
    use crate::{from_text, load};

    const ROOT: &str = "about = \"x\"\nversions = { kubernetes = \"1.36.3\", etcd = \"3.6.8\" }\n";

    fn error(text: &str) -> String {
        from_text("p.toml", &format!("{ROOT}{text}")).unwrap_err().to_string()
    }

    #[test]
    fn keys_are_merged_over_inherited_ones_and_set_one_by_one() {
        let mut profile = load("defaults").unwrap();
        assert_eq!(profile.scheduler_config, None);
        for assignment in [
            "scheduler.config.percentageOfNodesToScore=10",
            "scheduler.config.clientConnection.qps=200.5",
            "scheduler.config.enableProfiling=false",
            "scheduler.config.profiles=[{ schedulerName = 'a' }, { schedulerName = 'b' }]",
            "scheduler.config.profiles.1.schedulerName=c d",
        ] {
            profile.set(assignment).unwrap();
        }
        let expected = serde_json::json!({
            "percentageOfNodesToScore": 10,
            "clientConnection": { "qps": 200.5 },
            "enableProfiling": false,
            "profiles": [{ "schedulerName": "a" }, { "schedulerName": "c d" }],
        });
        assert_eq!(profile.scheduler_config, Some(expected));
    }

    #[test]
    fn what_is_ours_is_refused() {
        let ours = |what| format!("the harness itself writes `{what}`; leave it out");
        assert_eq!(
            error("[scheduler.config]\nparallelism = 4\nkind = \"KubeSchedulerConfiguration\""),
            format!("p.toml:5:8: {}", ours("kind"))
        );
        assert_eq!(
            error("[scheduler.config.clientConnection]\nkubeconfig = \"/x\""),
            format!("p.toml:4:14: {}", ours("clientConnection.kubeconfig"))
        );
        assert_eq!(
            error("[scheduler]\nconfig = { leaderElection = { leaderElect = false } }"),
            format!("p.toml:4:29: {}", ours("leaderElection"))
        );
        let mut profile = load("defaults").unwrap();
        let error = profile.set("scheduler.config.apiVersion=v1").unwrap_err().to_string();
        assert_eq!(error, format!("cannot set `scheduler.config.apiVersion=v1`: {}", ours("apiVersion")));
    }

    #[test]
    fn a_flag_that_belongs_into_the_file_must_say_the_same() {
        let flags = "[scheduler.flags]\nkube-api-qps = 100\nkube-api-burst = \"200\"\n";
        let agrees = "[scheduler.config.clientConnection]\nqps = 100.0\nburst = 200";
        from_text("p.toml", &format!("{ROOT}{flags}{agrees}")).unwrap();
        assert_eq!(
            error(&format!("{flags}[scheduler.config.clientConnection]\nqps = 100\nburst = 300")),
            "p.toml:8:9: `clientConnection.burst` is 300 here, and the flag `kube-api-burst` is 200 (p.toml:5:1): the flag would be \
             written here too, so leave out one of them"
        );
        assert_eq!(
            error("[scheduler.flags]\nprofiling = false\n[scheduler.config]\nparallelism = 4"),
            "p.toml:4:13: kube-scheduler does not read the flag `profiling` beside [scheduler.config]; write `enableProfiling` there"
        );
        from_text("p.toml", &format!("{ROOT}[scheduler.flags]\nprofiling = false")).unwrap();
    }
}
