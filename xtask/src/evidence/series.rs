//! What is claimed, as data: commands, and what their records have to show.

use anyhow::Context;

use super::catalogue;

/// Several commands that show one thing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What it is for, in a paragraph.
    pub(crate) about: &'static str,
    commands: Commands,
    pub(crate) shows: Shows,
}

#[derive(Clone, Copy, Debug)]
enum Commands {
    /// Names, and words.
    These(&'static [(&'static str, &'static str)]),
    /// The same words with seeds from 1.
    Seeds(&'static str, u32),
    /// Every scenario that comes with the program: a quick search where there is something to turn up, else a run.
    Scenarios,
}

/// What the records of a series have to show together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// Searches for the same figure: the highest is at most a tenth above the lowest.
    Agreement,
    /// What limits the control plane.
    Limits,
    /// Controls of a profile against itself: fewer than three differences in twenty.
    FewDifferences,
    /// Profiles that are known to be worse are found to be.
    AllHurt,
    /// A verdict, whatever it is.
    Verdict,
    /// How late what was written came to watchers.
    Delivery,
    /// What each scenario comes to; its page is the catalogue.
    Catalogue,
}

/// One command.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) args: Vec<String>,
}

pub(crate) const SERIES: [Series; 7] = [
    Series {
        name: "saturate",
        title: "One search, three times",
        about: "How far a search can be trusted to find the same load again on the same machine.",
        commands: Commands::Seeds("saturate pod-churn --profile defaults-unthrottled", 3),
        shows: Shows::Agreement,
    },
    Series {
        name: "limiter",
        title: "The scheduler's own limiter",
        about: "With its defaults the scheduler makes at most 50 requests in a second (`kube-api-qps`), so where the machine carries more \
                pods than that the answer is the limiter's, and has to say so. The nodes send what KWOK sends, because what kubelets and \
                kube-proxies send takes more of this machine than the limiter leaves.",
        commands: Commands::These(&[
            ("defaults", "saturate pod-churn --profile defaults --preset kwok --nodes 50 --quick --from 20"),
            (
                "unthrottled",
                "saturate pod-churn --profile defaults-unthrottled --preset kwok --nodes 50 --quick --from 20",
            ),
        ]),
        shows: Shows::Limits,
    },
    Series {
        name: "aa",
        title: "A profile against itself",
        about: "A verdict is worth something only where there is none to be had if nothing differs. Six pairs each time, CPU per \
                operation; one experiment in twenty may find a difference by chance, and three would be chance once in thirteen times.",
        commands: Commands::Seeds("compare --control aa", 20),
        shows: Shows::FewDifferences,
    },
    Series {
        name: "known-bad",
        title: "Profiles that are known to be worse",
        about: "And a verdict has to be had where something does differ.",
        commands: Commands::These(&[
            ("etcd-slow-disk", "compare --control known-bad --profile etcd-slow-disk"),
            ("node-status-10s", "compare --control known-bad --profile node-status-10s"),
            ("seats-16", "compare --control known-bad --profile seats-16"),
        ]),
        shows: Shows::AllHurt,
    },
    Series {
        name: "api-qps",
        title: "kube-api-qps of scheduler and controller manager",
        about: "50/100 of the scheduler and 20/30 of the controller manager against 5000/10000 of both: what does each sustain? As for \
                the limiter, the nodes send what KWOK sends.",
        commands: Commands::These(&[(
            "pod-churn",
            "compare pod-churn --profile defaults --profile defaults-unthrottled --design capacity --pairs 6 --preset kwok --nodes 50 \
             --from 20",
        )]),
        shows: Shows::Verdict,
    },
    Series {
        name: "fan-out",
        title: "One write, many watchers",
        about: "How late a write's event is at each of thousands of watchers, over every delivery, and what the harness takes of the \
                machine for it: 5,000 watchers and 5 writes a second, and 500 and 50, which are 25,000 deliveries a second each.",
        commands: Commands::These(&[
            ("5000", "run watch-fanout-many --profile defaults-unthrottled --at 5000"),
            ("500", "run watch-fanout --profile defaults-unthrottled --at 500"),
        ]),
        shows: Shows::Delivery,
    },
    Series {
        name: "scenarios",
        title: "Every scenario",
        about: "What breaks first, what limits it, and at what load, on a machine of this size.",
        commands: Commands::Scenarios,
        shows: Shows::Catalogue,
    },
];

pub(crate) fn by_name(name: &str) -> anyhow::Result<&'static Series> {
    let found = SERIES.iter().find(|series| series.name == name);
    let names = || SERIES.map(|series| series.name).join(", ");
    found.with_context(|| format!("there is no series {name}; there are {}", names()))
}

impl Series {
    pub(crate) fn items(&self) -> anyhow::Result<Vec<Item>> {
        let item = |name: String, words: String| Item {
            name,
            args: words.split_whitespace().map(str::to_owned).collect(),
        };
        Ok(match self.commands {
            Commands::Scenarios => {
                let scenarios = catalogue::scenarios()?.into_iter();
                scenarios.map(|scenario| item(scenario.name.clone(), scenario.command())).collect()
            }
            Commands::These(these) => {
                these.iter().map(|(name, words)| item((*name).to_owned(), (*words).to_owned())).collect()
            }
            Commands::Seeds(words, seeds) => {
                (1..=seeds).map(|seed| item(format!("{seed:02}"), format!("{words} --seed {seed}"))).collect()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_a_series_have_names_of_their_own() {
        for series in &SERIES {
            let mut names: Vec<String> = series.items().unwrap().into_iter().map(|item| item.name).collect();
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all, "{series:?}");
        }
        assert_eq!(
            by_name("aa").unwrap().items().unwrap()[19].args,
            ["compare", "--control", "aa", "--seed", "20"]
        );
        assert!(by_name("bb").unwrap_err().to_string().contains("there are saturate, "));
    }
}
