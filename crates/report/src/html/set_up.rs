//! The exact set-up of a measurement, and the commands that repeat it.

use std::collections::BTreeMap;

use maud::{Markup, html};
use measure::search::End;
use record::{
    AnyRecord, Component, Host, RunRecord, SearchRecord, advice::AdviceRecord, experiment::ExperimentRecord,
};
use serde_json::Value;

use super::{
    place::Place,
    table::{row, table},
};
use crate::{Holds, Record, words};

/// What is to be said of a set-up, a line each, and what is folded below.
pub(super) struct SetUp<'a> {
    facts: Vec<(&'static str, String)>,
    components: &'a [Component],
    /// What the control plane was made of, by the name of the profile.
    profiles: Vec<(&'a str, &'a Value)>,
    /// The scenario's file.
    scenario: Option<&'a str>,
}

impl<'a> SetUp<'a> {
    pub(super) fn of_run(record: &'a RunRecord) -> Self {
        let began = record.phases.first().map(|phase| phase.start);
        let mut facts = vec![("Run", record.run_id.clone())];
        facts.extend(began.map(|began| ("Began", began.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())));
        facts.extend(versions(&record.loadgen_version, &record.versions));
        facts.push(("Control plane", words::run::on(record)));
        facts.push(("Nodes", fleet(&record.fleet)));
        facts.push(("Identities of the drivers", record.driver_identities.to_string()));
        facts.push(("Seed", record.seed.to_string()));
        facts.push(("Machine", machine(&record.host)));
        facts.extend(record.harness_cpus.iter().map(|cpus| ("Harness confined to CPUs", cpus.clone())));
        Self {
            facts,
            components: &record.components,
            profiles: record.profile.iter().map(|it| (it.name.as_str(), &it.resolved)).collect(),
            scenario: Some(&record.scenario.text),
        }
    }

    pub(super) fn of_search(record: &'a SearchRecord) -> Self {
        let began = record.trials.first().map(|trial| trial.start);
        let settings = &record.settings;
        let mut facts = vec![("Search", record.run_id.clone())];
        facts.extend(began.map(|began| ("Began", began.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())));
        facts.extend(versions(&record.loadgen_version, &record.versions));
        facts.push(("Control plane", words::search::on(record)));
        facts.push(("Nodes", fleet(&record.fleet)));
        facts.push(("Identities of the drivers", record.driver_identities.to_string()));
        facts.push(("Seed", record.seed.to_string()));
        facts.push((
            "Windows",
            format!(
                "{} s measured, up to {} times that while undecided; a hold of {} s; bracket within a factor of {}",
                settings.measure_seconds, settings.longest, settings.hold_seconds, settings.plan.bracket
            ),
        ));
        facts.push(("Machine", machine(&record.host)));
        Self {
            facts,
            components: &record.components,
            profiles: record.profile.iter().map(|it| (it.name.as_str(), &it.resolved)).collect(),
            scenario: Some(&record.scenario.text),
        }
    }

    /// `trial` is one of its trials, which knows more of the control planes.
    pub(super) fn of_experiment(record: &'a ExperimentRecord, trial: Option<&'a AnyRecord>) -> Self {
        let plan = &record.plan;
        let mut facts = vec![
            ("Experiment", record.run_id.clone()),
            ("Began", record.start.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
            ("loadgen", record.loadgen_version.clone()),
            ("Scenario", format!("{} (SHA-256 {})", plan.scenario.name, plan.scenario.text_sha256)),
            ("Seed", plan.seed.to_string()),
            ("Machine", machine(&record.host)),
        ];
        let (components, scenario): (&[Component], Option<&str>) = match trial {
            Some(AnyRecord::Run(run)) => {
                facts.push(("Nodes", fleet(&run.fleet)));
                (run.components.as_slice(), Some(run.scenario.text.as_str()))
            }
            Some(AnyRecord::Search(search)) => {
                facts.push(("Nodes", fleet(&search.fleet)));
                (search.components.as_slice(), Some(search.scenario.text.as_str()))
            }
            _ => (&[], None),
        };
        let profiles =
            plan.arms.both().into_iter().filter_map(|arm| Some((arm.name.as_str(), arm.resolved.as_ref()?)));
        Self { facts, components, profiles: profiles.collect(), scenario }
    }

    pub(super) fn of_advice(record: &'a AdviceRecord) -> Self {
        let facts = vec![
            ("Test", record.run_id.clone()),
            ("Began", record.start.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
            ("loadgen", record.loadgen_version.clone()),
            ("The rule's file", format!("SHA-256 {}", record.file_sha256)),
            ("Machine", machine(&record.host)),
        ];
        Self { facts, components: &[], profiles: Vec::new(), scenario: None }
    }
}

fn versions(loadgen: &str, versions: &BTreeMap<String, String>) -> [(&'static str, String); 2] {
    let all: Vec<String> = versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    [("loadgen", loadgen.to_owned()), ("Versions", all.join(", "))]
}

fn fleet(fleet: &record::Fleet) -> String {
    let record::Fleet { nodes, ready, preset, identities } = fleet;
    format!("{nodes} asked for, {ready} ready; traffic {preset}, identities {identities}")
}

/// Processors, memory and kernel.
pub(crate) fn machine(host: &Host) -> String {
    let memory = host.memory_bytes.map(|bytes| format!(", {} GiB", bytes >> 30)).unwrap_or_default();
    let cgroup = host.cgroup_version.map(|version| format!(", cgroup v{version}")).unwrap_or_default();
    format!("{} CPUs{memory}, {}{cgroup}", host.cpus, host.kernel)
}

/// The section.
pub(super) fn section(place: &Place, set_up: &SetUp<'_>) -> Markup {
    let body = html! {
        dl {
            @for (name, value) in &set_up.facts { dt { (name) } dd { (value) } }
        }
        @for (name, resolved) in &set_up.profiles { (profile(name, resolved)) }
        @if !set_up.components.is_empty() {
            details {
                summary { "Command lines of the " (set_up.components.len()) " processes of the control plane" }
                @for component in set_up.components {
                    p.caption {
                        (component.name)
                        @if let Some(cpus) = &component.cpus { " on CPUs " (cpus) }
                    }
                    (code(&component.name, &component.argv.join("\n  ")))
                }
            }
        }
        @if let Some(scenario) = set_up.scenario.filter(|text| !text.is_empty()) {
            details { summary { "The scenario's file" } (code("The scenario's file", scenario)) }
        }
    };
    place.section("set-up", "Set-up", &body)
}

/// What a profile sets.
fn profile(name: &str, resolved: &Value) -> Markup {
    let settings = words::settings::leaves(resolved);
    let rows: Vec<Vec<Markup>> = settings.iter().map(|(path, value)| row([path, value])).collect();
    let title = format!("Profile {name}");
    html! {
        details {
            summary { (title) ": " (settings.len()) " settings" }
            @if let Some(about) = resolved["about"].as_str() { p { (about) } }
            (table(&title, &["setting", "value"], &rows))
        }
    }
}

/// Text as it is, in a box that scrolls.
fn code(name: &str, text: &str) -> Markup {
    html! { pre.scroll tabindex="0" role="region" aria-label=(name) { code { (text) } } }
}

/// What one types to do it again.
pub(super) fn repeat(place: &Place, record: &Record) -> Markup {
    let (version, commands) = commands(record);
    let body = html! {
        p.muted { "With loadgen " (version) ", on a machine like this one." }
        @for (what, command) in &commands {
            p.caption { (what) }
            (code(what, command))
        }
    };
    place.section("repeat", "To repeat it", &body)
}

/// The commands that repeat a record, each with what it does, and the version of the program that they are of.
pub(crate) fn commands(record: &Record) -> (&str, Vec<(&'static str, String)>) {
    let (version, command) = match &record.holds {
        Holds::Run(run) => (&run.record.loadgen_version, &run.record.command),
        Holds::Search(search) => (&search.record.loadgen_version, &search.record.command),
        Holds::Experiment(experiment) => (&experiment.record.loadgen_version, &experiment.record.command),
        Holds::Advice(advice) => (&advice.record.loadgen_version, &advice.record.command),
    };
    let mut commands = vec![("The whole of it", words::command(command))];
    if let Holds::Search(search) = &record.holds {
        commands.extend(
            at_what_held(&search.record).map(|command| ("One window at the highest load that held", command)),
        );
    }
    (version.as_str(), commands)
}

/// A run at the highest load that held.
fn at_what_held(record: &SearchRecord) -> Option<String> {
    let answer = record.answer.filter(|answer| answer.end == End::Found)?;
    let at = if record.axis.unit == "/s" {
        format!("{:.2}/s", answer.low?)
    } else {
        format!("{:.0}", answer.low?)
    };
    let mut words: Vec<String> = ["loadgen", "run", &record.scenario.name].map(str::to_owned).into();
    words.extend(record.profile.iter().flat_map(|profile| ["--profile".to_owned(), profile.name.clone()]));
    let axis = if record.axis.name == "fleet.nodes" { "--nodes" } else { "--at" };
    words.extend([axis.to_owned(), at, "--seed".to_owned(), record.seed.to_string()]);
    if axis == "--at" {
        words.extend(["--nodes".to_owned(), record.fleet.nodes.to_string()]);
    }
    words.extend(["--preset".to_owned(), record.fleet.preset.clone()]);
    Some(words::command(&words))
}
