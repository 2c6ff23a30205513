//! A rule's file as it is written: what it says, and the experiments that test it.

use std::{collections::BTreeMap, fmt, time::Duration};

use fake_kubelet::Preset;
use measure::statistics::verdict::Verdict;
use serde::{Deserialize, Serialize};
use toml::{Spanned, Table};

use crate::{
    experiment::wanted::Kind,
    knobs::written::Verify,
    words::{duration, optional_duration},
};

/// A file of `profiles/advice`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Written {
    /// In the words of whoever gave it.
    pub(crate) rule: String,
    pub(crate) class: Class,
    /// What is expected to come of it, and why, in a sentence.
    pub(crate) expect: String,
    pub(crate) sources: Vec<String>,
    /// What a measurement here cannot say.
    pub(crate) note: Option<String>,
    /// Settings that the rule names and that do not exist any more.
    #[serde(default)]
    pub(crate) refused: Vec<Spanned<String>>,
    /// Why no experiment can test it.
    pub(crate) why: Option<String>,
    /// And what can be measured instead.
    pub(crate) nearest: Option<String>,
    #[serde(default, rename = "experiment")]
    pub(crate) experiments: Vec<Experiment>,
}

/// How a rule can be tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Class {
    /// Measured for real on a control plane of this machine.
    M,
    /// Its API traffic is that of imitated clients; what it does to the control plane is measured.
    T,
    /// It has no effect on a control plane.
    N,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::M => "M",
            Self::T => "T",
            Self::N => "N",
        })
    }
}

/// A baseline, and what is held against it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Experiment {
    name: Option<String>,
    pub(crate) scenario: Spanned<String>,
    pub(crate) design: Design,
    /// Where the axis is; of a capacity where its searches begin.
    pub(crate) at: Option<String>,
    pub(crate) nodes: Option<u32>,
    pub(crate) preset: Option<Preset>,
    /// How long is measured.
    #[serde(default = "forty_seconds", with = "duration")]
    pub(crate) duration: Duration,
    #[serde(default, with = "optional_duration")]
    pub(crate) lifetime: Option<Duration>,
    /// The metric that decides.
    pub(crate) primary: Spanned<String>,
    /// Those that are looked at beside it.
    pub(crate) secondary: Vec<Spanned<String>>,
    pub(crate) band: Option<f64>,
    /// Whether every control plane is filled anew.
    #[serde(default)]
    pub(crate) anew: bool,
    /// Settings of all arms.
    #[serde(default)]
    pub(crate) set: Vec<Spanned<String>>,
    /// What all arms are put through otherwise than the scenario says.
    pub(crate) load: Option<Spanned<Table>>,
    pub(crate) baseline: Arm,
    #[serde(rename = "candidate")]
    pub(crate) candidates: Vec<Arm>,
    /// How it is seen that the arms differ.
    pub(crate) verify: Vec<Verify>,
    pub(crate) smoke: Smoke,
}

/// How arms are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Design {
    FixedRate,
    Capacity,
}

impl Design {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::FixedRate => Kind::FixedRate,
            Self::Capacity => Kind::Capacity,
        }
    }
}

/// A baseline or a candidate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Arm {
    pub(crate) name: Spanned<String>,
    /// Of a candidate the baseline's, if it has none.
    pub(crate) profile: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) set: Vec<Spanned<String>>,
    pub(crate) load: Option<Spanned<Table>>,
    pub(crate) scenario: Option<Spanned<String>>,
    /// Changes of its scenario over all others, for the smallest size: where arms differ in how many there are of something, each has
    /// its own smallest number.
    pub(crate) smoke: Option<Spanned<Table>>,
    /// What the rule says of a candidate.
    pub(crate) predict: Option<Verdict>,
    /// Whether a candidate is the one that a test without more words measures.
    #[serde(default)]
    pub(crate) first: bool,
    /// How it differs, by the name of what is looked at.
    #[serde(default)]
    pub(crate) sees: BTreeMap<String, String>,
}

/// The smallest size at which there is still something to be seen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Smoke {
    pub(crate) nodes: Option<u32>,
    pub(crate) at: Option<String>,
    #[serde(with = "duration")]
    pub(crate) duration: Duration,
    #[serde(default)]
    pub(crate) set: Vec<Spanned<String>>,
    pub(crate) load: Option<Spanned<Table>>,
}

impl Experiment {
    /// As it is called, or else as its scenario is.
    pub(crate) fn name(&self) -> &str {
        let scenario = self.scenario.get_ref();
        self.name.as_deref().unwrap_or_else(|| scenario.rsplit('/').next().unwrap_or(scenario))
    }

    /// The baseline first.
    pub(crate) fn arms(&self) -> impl Iterator<Item = &Arm> {
        std::iter::once(&self.baseline).chain(&self.candidates)
    }
}

fn forty_seconds() -> Duration {
    Duration::from_secs(40)
}
