//! `loadgen scenario`: which scenarios there are, what is in them, and whether a file is one.

use std::{collections::BTreeMap, path::Path};

use comfy_table::{CellAlignment, ContentArrangement};

use super::print;
use crate::{
    cli::ScenarioCommand,
    end::End,
    scenario::{self, InventorySpec, Load, Loaded, Operation, Scenario, Turn},
    table::{line, new_table},
};

pub(crate) fn run(command: ScenarioCommand) -> End {
    let text = match command {
        ScenarioCommand::List => list(),
        ScenarioCommand::Show { scenario } => scenario::load(&scenario).map(|loaded| loaded.text),
        ScenarioCommand::Check { file } => read(&file).map(|loaded| describe(&loaded)),
    };
    match text {
        Ok(text) => {
            print(&text);
            End::Done
        }
        Err(error) => End::usage(error),
    }
}

/// A file is one whatever it is called.
fn read(file: &str) -> Result<Loaded, scenario::Error> {
    if Path::new(file).is_file() { scenario::file(file) } else { scenario::load(file) }
}

/// All scenarios that come with the program, a line each; other shapes of one below.
fn list() -> Result<String, scenario::Error> {
    let mut table = new_table(&["scenario", "axis", "nodes", "about"]);
    // As wide as the terminal, where there is one.
    table.set_content_arrangement(ContentArrangement::Dynamic);
    for index in [1, 3] {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Left);
        }
    }
    let mut variants: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in scenario::catalogue() {
        let Scenario { about, axis, fleet, variant_of, .. } = scenario::load(name)?.scenario;
        if let Some(of) = variant_of {
            variants.entry(of).or_default().push(name);
            continue;
        }
        let axis = axis.map_or_else(|| "-".to_owned(), |axis| axis.to_string());
        table.add_row([name.to_owned(), axis, fleet.nodes.to_string(), first_sentence(&about).to_owned()]);
    }
    let mut text = format!("{table}\n");
    for (of, names) in variants {
        line(&mut text, &format!("\n{of} also as {}", names.join(", ")));
    }
    Ok(text)
}

/// The first sentence of a paragraph, without what follows a colon in it.
fn first_sentence(about: &str) -> &str {
    let sentence = about.split_once(". ").map_or(about, |(first, _)| first);
    sentence.split_once(": ").map_or(sentence, |(first, _)| first).trim_end_matches('.')
}

/// What a scenario would do, in a few lines.
fn describe(Loaded { name, scenario, .. }: &Loaded) -> String {
    let mut text = String::new();
    let turned = match &scenario.axis {
        Some(axis) => format!("{axis}, from {}", axis.show(scenario.axis_value())),
        None => "nothing".to_owned(),
    };
    line(
        &mut text,
        &format!(
            "{name} turns up {turned}, on {} nodes ({})",
            scenario.fleet.nodes,
            scenario.fleet.traffic()
        ),
    );
    if scenario.cells > 1 {
        let cells = scenario.cells;
        let part = "of the nodes and of every load, which its end would stop";
        line(
            &mut text,
            &format!("  over {cells} control planes beside one another, each with 1/{cells} {part}"),
        );
    }
    for setting in &scenario.set {
        line(&mut text, &format!("  with {setting}"));
    }
    if let Some(window) = scenario.window {
        line(&mut text, &format!("  measures at least {} s", window.as_secs()));
    }
    for kind in scenario.install.iter().flat_map(kinds) {
        line(&mut text, &format!("  installs a {kind}"));
    }
    for spec in &scenario.inventory {
        line(&mut text, &format!("  makes {}", inventory(spec)));
    }
    for load in &scenario.loads {
        line(&mut text, &format!("  {}", offered(load)));
    }
    for fault in &scenario.faults {
        line(&mut text, &format!("  fault {fault}"));
    }
    text
}

/// The kinds of what is installed. A file was read before, so it is all there.
fn kinds(install: &scenario::Install) -> Vec<String> {
    let objects = install.objects("check", "check").unwrap_or_default();
    objects
        .iter()
        .map(|object| object["kind"].as_str().unwrap_or("object without a kind").to_owned())
        .collect()
}

fn inventory(spec: &InventorySpec) -> String {
    let InventorySpec { name, count, namespaces, .. } = spec;
    let template = spec.template("check", None).ok();
    let kind = template.as_ref().map_or("object", |template| template.kind().1);
    let places = if *namespaces > 1 { format!(" in {namespaces} namespaces") } else { String::new() };
    format!("{count} of kind {kind}{places}, the {name} inventory")
}

/// A load: what, how much, and whether it counts.
fn offered(load: &Load) -> String {
    let much = match load.turn() {
        Turn::Rate(rate) => format!("{:.1}/s", rate.get()),
        Turn::Count(count) => count.to_string(),
    };
    let what = match load {
        Load::Pods(_) => "pods are created and deleted".to_owned(),
        Load::Objects(load) => objects(load.operation, load.of.as_deref()),
        Load::Lists(load) => format!("lists of {}", load.resource),
        Load::Watches(load) => format!("watchers of {}", load.resource),
        Load::Events(_) => "events are recorded".to_owned(),
        Load::Services(load) => {
            format!("changes to {} services of {} endpoints", load.services, load.endpoints)
        }
        Load::Nodes(_) => "nodes at a time go away".to_owned(),
        Load::Controllers(_) => "clients that watch, and do what they do".to_owned(),
        Load::Maintenance(load) => {
            let steps: Vec<String> = load
                .steps
                .iter()
                .map(|step| format!("{} after {} s", step.what.name(), step.at.as_secs()))
                .collect();
            return format!("{}: {}", load.name, steps.join(", "));
        }
    };
    let of_mix = load.mix().map(|mix| format!(", part of {mix}")).unwrap_or_default();
    let judged = if load.is_judged() { "" } else { ", not judged" };

    format!("{}: {much}, {what}{of_mix}{judged}", load.name())
}

fn objects(operation: Operation, of: Option<&str>) -> String {
    let done = match operation {
        Operation::Create => "created",
        Operation::Get => "read",
        Operation::Update => "replaced",
        Operation::Patch => "patched",
        Operation::Delete => "deleted",
    };
    match of {
        Some(of) => format!("objects of the {of} inventory are {done}"),
        None => format!("objects are {done}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_line_for_each_scenario_and_one_for_the_other_shapes_of_another() {
        let text = list().unwrap();
        let is_listed = |name: &&str| text.lines().any(|line| line.split_whitespace().next() == Some(*name));
        assert_eq!(scenario::catalogue().filter(is_listed).count(), 24);
        for more in
            ["scheduler-burst also as scheduler-burst-affinity, ", "watch-fanout also as watch-fanout-many"]
        {
            assert!(text.lines().any(|line| line.starts_with(more)), "{more} in {text}");
        }
        let churn = text.lines().find(|line| line.starts_with("pod-churn")).unwrap();
        let words: Vec<&str> = churn.split_whitespace().collect();
        assert_eq!(words[..4], ["pod-churn", "pods.rate", "200", "Pods"]);
        assert!(churn.trim_end().ends_with("at a steady rate"), "{churn}");
    }

    #[test]
    fn a_sentence_ends_where_its_explanation_begins() {
        assert_eq!(first_sentence("One thing: in short. Another."), "One thing");
        assert_eq!(first_sentence("One thing. Another."), "One thing");
        assert_eq!(first_sentence("One thing."), "One thing");
    }

    #[test]
    fn what_a_file_would_do_is_told_load_by_load() {
        let text = describe(&scenario::load("custom-resources").unwrap());
        let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
        assert_eq!(
            lines,
            [
                "custom-resources turns up status-updates.rate, from 60.0/s, on 10 nodes (kubelet)",
                "installs a CustomResourceDefinition",
                "makes 5000 of kind Widget, the widget inventory",
                "watchers: 10, watchers of loadgen.example.com/v1/widgets",
                "status-updates: 60.0/s, objects of the widget inventory are patched",
            ]
        );
    }

    #[test]
    fn every_scenario_can_be_told_of() {
        for name in scenario::catalogue() {
            let loaded = scenario::load(name).unwrap();
            let text = describe(&loaded);
            for load in &loaded.scenario.loads {
                assert!(text.contains(&format!("  {}: ", load.name())), "{name}: {text}");
            }
        }
    }

    #[test]
    fn it_is_told_what_the_end_of_one_cell_would_stop() {
        let text = describe(&scenario::load("cells").unwrap());
        let told = "over 2 control planes beside one another, each with 1/2 of the nodes and of every load, which its end would stop";
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn steps_are_told_with_their_times() {
        let text = describe(&scenario::load("etcd-maintenance").unwrap());
        assert!(
            text.contains("maintenance: snapshot after 10 s, compact after 35 s, defrag after 60 s"),
            "{text}"
        );
        assert!(text.contains("turns up nothing") && text.contains("at least 100 s"), "{text}");
    }
}
