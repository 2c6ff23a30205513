//! Every built-in profile, started once: what it sets is asked of those that it is set for.
//!
//! The programs of Kubernetes show their flags (`/flagz`) and gates, Go's runtime its variables in metrics, etcd its version and
//! quota. What is about the fleet is not seen here. That a profile comes up as a whole is the point; one answer of each shows that
//! it is this one.

use std::fs;

use control_plane::{ControlPlane, Error, ProcessInfo};
use profile::{AuditBackend, AuditLevel, Component, Medium, Profile, builtin_names};
use rustix::fs::statfs;
use serde_json::Value;

use super::{TMPFS_MAGIC, kubectl, leaders_are_elected, options, work_dir};

#[tokio::test(flavor = "multi_thread")]
async fn every_built_in_profile_starts_as_what_it_is() {
    for name in builtin_names() {
        let mut options = options(&format!("profile-{name}"), &[]);
        options.profile = profile::load(name).unwrap();
        let work = work_dir(&options);
        let started = ControlPlane::start(options).await;
        if let Err(error) = &started
            && this_machine_has_no_such(error)
        {
            assert!(!work.exists());
            continue;
        }
        let plane = started.unwrap_or_else(|error| panic!("{name}: {error}"));
        leaders_are_elected(&plane);
        let answers = Answers::of(&plane).await;
        let seen = answers.hold(plane.profile());
        shown(name, &seen);
        plane.stop().await.unwrap();
        assert!(!work.exists());
    }
}

/// Limits of writes need a disk and cgroups of one's own, CPU sets need the CPUs; that it is said then is tested elsewhere.
fn this_machine_has_no_such(error: &Error) -> bool {
    matches!(error, Error::NoCpu { .. }) || error.to_string().starts_with("etcd's writes cannot be limited")
}

#[expect(clippy::print_stdout, reason = "cargo shows it with the failure it explains")]
fn shown(name: &str, seen: &[String]) {
    println!("{name}: {}", seen.join(", "));
}

/// What the processes say of themselves.
struct Answers<'a> {
    plane: &'a ControlPlane,
    /// By the names of processes.
    metrics: Vec<(String, String)>,
}

impl<'a> Answers<'a> {
    async fn of(plane: &'a ControlPlane) -> Self {
        let said = plane.metrics().read_all().await.into_iter();
        let metrics = said.map(|it| (it.source.process, it.text.unwrap())).collect();
        Self { plane, metrics }
    }

    /// Panics where one contradicts the profile, and tells what was seen.
    fn hold(&self, profile: &Profile) -> Vec<String> {
        let mut seen = self.versions(profile);
        seen.extend(self.counts(profile));
        for component in Component::ALL {
            seen.extend(self.variables(profile, component));
            seen.extend(self.gates(profile, component));
            if component != Component::Etcd {
                seen.extend(self.flags(profile, component));
            }
        }
        seen.extend(self.etcd(profile));
        seen.extend(self.objects(profile));
        seen.extend(self.scheduler(profile));
        seen
    }

    fn process(&self, component: Component) -> ProcessInfo {
        let processes = self.plane.processes();
        processes.into_iter().find(|process| process.name == component.binary()).unwrap()
    }

    /// The value of the first series that starts so.
    fn metric(&self, component: Component, series: &str) -> Option<f64> {
        let (_, text) = self.metrics.iter().find(|(process, _)| process == component.binary())?;
        let line = text.lines().find(|line| line.starts_with(series))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    fn is(&self, component: Component, series: &str, wanted: f64) -> String {
        let value = self.metric(component, series);
        let value = value.unwrap_or_else(|| panic!("{component} has no {series}"));
        assert!((value - wanted).abs() < 0.5, "{component}: {series} is {value}, not {wanted}");
        format!("{}={wanted}", series.trim_end())
    }

    fn versions(&self, profile: &Profile) -> Vec<String> {
        let etcd = format!("etcd_server_version{{server_version=\"{}\"}}", profile.versions.etcd);
        let git = format!("v{}", profile.versions.kubernetes);
        let version: Value = serde_json::from_str(&kubectl(self.plane, "get --raw /version")).unwrap();
        assert_eq!(version["gitVersion"], git.as_str());
        vec![self.is(Component::Etcd, &etcd, 1.0), git]
    }

    /// As many of each as there should be have answered.
    fn counts(&self, profile: &Profile) -> Vec<String> {
        let topology = profile.topology;
        let own = u8::from(topology.events_etcd()) + u8::from(topology.leases_etcd());
        let count = |component| match component {
            Component::Etcd => topology.etcd_members() + own,
            Component::Apiserver => topology.apiservers(),
            Component::ControllerManager => topology.controller_managers(),
            Component::Scheduler => topology.schedulers(),
        };
        let mut seen = Vec::new();
        for component in Component::ALL {
            let named =
                self.metrics.iter().filter(|(process, _)| process.starts_with(component.binary())).count();
            assert_eq!(named, usize::from(count(component)), "{component}");
            if named > 1 {
                seen.push(format!("{named} of {component}"));
            }
        }
        seen
    }

    /// Go's own variables.
    fn variables(&self, profile: &Profile, component: Component) -> Vec<String> {
        let env = profile.env(component);
        let number = |name: &str| env.get(name).and_then(|value| value.parse::<f64>().ok());
        [("GOGC", "go_gc_gogc_percent "), ("GOMAXPROCS", "go_sched_gomaxprocs_threads ")]
            .into_iter()
            .filter_map(|(name, series)| Some(self.is(component, series, number(name)?)))
            .collect()
    }

    fn gates(&self, profile: &Profile, component: Component) -> Vec<String> {
        if component == Component::Etcd {
            return Vec::new();
        }
        let gates = profile.feature_gates(component).iter();
        let gate = |(name, gate): (&String, &profile::Gate)| {
            let series = format!("kubernetes_feature_enabled{{name=\"{name}\"");
            self.is(component, &series, if gate.on { 1.0 } else { 0.0 })
        };
        gates.map(gate).collect()
    }

    /// A component's own address, which the admin's kubeconfig does not have.
    fn raw(&self, component: Component, path: &str) -> String {
        let process = self.process(component);
        let port = process.argv.iter().find_map(|argument| argument.strip_prefix("--secure-port=")).unwrap();
        kubectl(self.plane, &format!("--server=https://127.0.0.1:{port} get --raw {path}"))
    }

    /// Those that are said on the command line.
    fn flags(&self, profile: &Profile, component: Component) -> Vec<String> {
        let by_file = component == Component::Scheduler && profile.scheduler_config.is_some();
        let flags: Vec<_> = profile
            .flags(component)
            .iter()
            .filter(|(name, _)| !(by_file && name.starts_with("kube-api-")))
            .collect();
        if flags.is_empty() {
            return Vec::new();
        }
        let shown = self.raw(component, "/flagz");
        let mut seen = Vec::new();
        for (name, flag) in flags {
            let value = shown.lines().find_map(|line| flag_value(line, name));
            let value = value.unwrap_or_else(|| panic!("{component} has no flag {name} in\n{shown}"));
            let wanted = flag.values.join(",");
            assert!(same(value, &wanted), "{component}: --{name} is {value}, not {wanted}");
            seen.push(format!("{name}={value}"));
        }
        seen
    }

    fn etcd(&self, profile: &Profile) -> Vec<String> {
        let mut seen = Vec::new();
        if let Some(quota) = profile.flags(Component::Etcd).get("quota-backend-bytes") {
            let quota: f64 = quota.values[0].parse().unwrap();
            seen.push(self.is(Component::Etcd, "etcd_server_quota_backend_bytes ", quota));
        }
        let argv = self.process(Component::Etcd).argv;
        let data = argv.iter().find_map(|argument| argument.strip_prefix("--data-dir=")).unwrap();
        let in_memory = statfs(data).unwrap().f_type == TMPFS_MAGIC;
        assert_eq!(in_memory, profile.storage.medium == Medium::Tmpfs, "{data}");
        if in_memory {
            seen.push("in memory".to_owned());
        }
        for component in Component::ALL {
            let Some(cpus) = profile.cpu.of(component) else { continue };
            let status = fs::read_to_string(format!("/proc/{}/status", self.process(component).pid)).unwrap();
            let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
            assert_eq!(allowed.trim(), cpus.to_string(), "{component}");
            seen.push(format!("{component} on {cpus}"));
        }
        seen
    }

    /// What was applied, and what is audited.
    fn objects(&self, profile: &Profile) -> Vec<String> {
        let mut seen = Vec::new();
        for (kind, specs) in [
            ("flowschema", &profile.apf.flow_schemas),
            ("prioritylevelconfiguration", &profile.apf.priority_levels),
        ] {
            for (name, wanted) in specs {
                let object = kubectl(self.plane, &format!("get {kind} {name} -o json"));
                let object: Value = serde_json::from_str(&object).unwrap();
                assert!(holds(&object["spec"], wanted), "{kind} {name}: {object:#}");
                seen.push(format!("{kind} {name}"));
            }
        }
        if profile.audit.level != AuditLevel::None {
            let events = match profile.audit.backend {
                AuditBackend::Log => self.plane.audit_log().unwrap().metadata().unwrap().len(),
                AuditBackend::Webhook => u64::from(self.plane.audit_received().is_some()),
            };
            assert!(events > 0, "nothing was audited");
            seen.push("audit events".to_owned());
        }
        seen
    }

    /// Its configuration as it is in force, by the names of Go's fields.
    fn scheduler(&self, profile: &Profile) -> Vec<String> {
        let Some(Value::Object(wanted)) = &profile.scheduler_config else { return Vec::new() };
        let said: Value = serde_json::from_str(&self.raw(Component::Scheduler, "/configz")).unwrap();
        let said = said.as_object().unwrap().values().next().unwrap().as_object().unwrap();
        let mut seen = Vec::new();
        for (name, wanted) in wanted.iter().filter(|(_, wanted)| wanted.is_number() || wanted.is_boolean()) {
            let value =
                said.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value);
            assert_eq!(value, Some(wanted), "{name}");
            seen.push(format!("{name}={wanted}"));
        }
        seen
    }
}

/// Between a name and its value stands something else each time, so that nobody relies on it (apiserver
/// `pkg/server/flagz/textserializer.go`).
fn flag_value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(name)?;
    rest.starts_with([':', '=', ' ']).then(|| rest.trim_start_matches([':', '=', ' ']))
}

/// Flags show times as Go writes them, and lists between brackets, to which the apiserver adds members of its own.
fn same(shown: &str, wanted: &str) -> bool {
    let time = |text: &str| text.parse::<jiff::SignedDuration>().ok();
    let members: Vec<&str> = shown.trim_matches(['[', ']']).split(',').collect();
    let number = |text: &str| text.parse::<f64>().ok();
    shown == wanted
        || (shown.starts_with('[') && wanted.split(',').all(|wanted| members.contains(&wanted)))
        || time(shown).is_some_and(|shown| Some(shown) == time(wanted))
        || number(shown).zip(number(wanted)).is_some_and(|(shown, wanted)| shown.total_cmp(&wanted).is_eq())
}

/// Whether an object has everything that another one has.
fn holds(object: &Value, wanted: &Value) -> bool {
    match wanted {
        Value::Object(wanted) => wanted.iter().all(|(key, wanted)| holds(&object[key], wanted)),
        wanted => object == wanted,
    }
}
