//! The table of all rules: class, what tests them, and what came of it last.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, ContentArrangement};
use record::advice::AdviceRecord;
use report::words::advice::told;
use serde::Serialize;

use super::{
    Advice, Error,
    written::{Arm, Class, Design, Experiment},
};
use crate::table::{line, new_table};

/// A rule, as it is listed.
#[derive(Clone, Debug, Serialize)]
struct Row {
    id: String,
    class: Class,
    rule: String,
    experiments: Vec<Of>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// The last test that came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<AdviceRecord>,
}

/// One experiment of it.
#[derive(Clone, Debug, Serialize)]
struct Of {
    name: String,
    scenario: String,
    design: Design,
    primary: String,
    profile: String,
    arms: Vec<String>,
}

impl Of {
    fn new(experiment: &Experiment) -> Self {
        let baseline = experiment.baseline.profile.as_ref().map_or("", |profile| profile.get_ref().as_str());
        let arm = |arm: &Arm| match &arm.profile {
            Some(profile) if profile.get_ref() != baseline => {
                format!("{} ({})", arm.name.get_ref(), profile.get_ref())
            }
            _ => arm.name.get_ref().clone(),
        };
        Self {
            name: experiment.name().to_owned(),
            scenario: experiment.scenario.get_ref().clone(),
            design: experiment.design,
            primary: experiment.primary.get_ref().clone(),
            profile: baseline.to_owned(),
            arms: experiment.arms().map(arm).collect(),
        }
    }

    /// `defaults: 50/100, 500/1000`
    fn profiles(&self) -> String {
        format!("{}: {}", self.profile, self.arms.join(", "))
    }
}

fn rows(
    all: impl Iterator<Item = Result<Advice, Error>>,
    mut last: BTreeMap<String, AdviceRecord>,
) -> Result<Vec<Row>, Error> {
    let row = |advice: Result<Advice, Error>| -> Result<Row, Error> {
        let Advice { id, file, .. } = advice?;
        Ok(Row {
            last: last.remove(&id),
            class: file.class,
            rule: file.rule,
            experiments: file.experiments.iter().map(Of::new).collect(),
            why: file.why,
            id,
        })
    };
    all.map(row).collect()
}

/// All rules as a table, with what is known of each by `last`.
pub(crate) fn text(last: BTreeMap<String, AdviceRecord>) -> Result<String, Error> {
    let mut table = new_table(&["rule", "class", "scenario", "profiles", "last verdict"]);
    // As wide as the terminal, where there is one.
    table.set_content_arrangement(ContentArrangement::Dynamic);
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Left);
    }
    let rows = rows(super::all(), last)?;
    for row in &rows {
        let mut scenarios: Vec<&str> = row.experiments.iter().map(|of| of.scenario.as_str()).collect();
        scenarios.dedup();
        let profiles: Vec<String> = row.experiments.iter().map(Of::profiles).collect();
        let verdicts = match (&row.last, row.class) {
            (_, Class::N) => "none possible: see show".to_owned(),
            (None, _) => "-".to_owned(),
            (Some(record), _) => verdicts(record),
        };
        let or_dash = |words: String| if words.is_empty() { "-".to_owned() } else { words };
        table.add_row([
            row.id.clone(),
            row.class.to_string(),
            or_dash(scenarios.join(", ")),
            or_dash(profiles.join("; ")),
            verdicts,
        ]);
    }
    let mut text = String::new();
    for row in table.to_string().lines() {
        line(&mut text, row.trim_end());
    }
    line(
        &mut text,
        &format!("\n{} rules; `loadgen advice show RULE` says more of one, `test` tests it", rows.len()),
    );
    Ok(text)
}

fn verdicts(record: &AdviceRecord) -> String {
    let of = |tested: &record::advice::Tested| {
        let name = &tested.arms.candidate;
        format!("{name} {} ({})", told(tested), record.start.strftime("%Y-%m-%d"))
    };
    record.tested.iter().map(of).collect::<Vec<_>>().join("; ")
}

/// The same as JSON.
pub(crate) fn json(last: BTreeMap<String, AdviceRecord>) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&rows(super::all(), last)?)? + "\n")
}
