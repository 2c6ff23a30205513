//! The record: everything a run leaves, so that it can be judged, drawn and compared later.
//!
//! A record is a folder: `run.json` ([`RunRecord`], with a checked-in JSON schema), `latency.hlog` and `fleet-latency.hlog`
//! (HdrHistogram interval logs), `series.jsonl` and `logs/`. That of an experiment has `experiment.json` ([`experiment`]) and a
//! folder for each of its trials; that of a rule of advice has `advice.json` ([`advice`]) and a folder for each experiment. The folder
//! that a command makes also has `metrics.jsonl` ([`metrics`]): what the run and its control planes said of themselves, over time.

pub mod advice;
mod any;
mod error;
pub mod experiment;
mod fault;
mod folder;
mod hlog;
mod load;
pub mod metrics;
mod requests;
mod run;
mod run_id;
mod search;
mod system;

pub use any::{AnyRecord, FILES};
pub use error::Error;
pub use fault::FaultRecord;
pub use folder::{Folder, Series, Side};
pub use hlog::Interval;
pub use load::{LoadRecord, Operations};
pub use requests::{KindRecord, Requests};
pub use run::{
    Ended, Fleet, Goodput, PhaseRecord, PodStartup, Pods, Profile, RunKind, RunRecord, SCHEMA_VERSION,
    Scenario, Warning, WarningClass, read_run, schema,
};
pub use run_id::run_id;
pub use search::{
    Limit, SEARCH_SCHEMA_VERSION, SearchAxis, SearchKind, SearchRecord, SearchSettings, TrialRecord,
    search_schema,
};
pub use system::{Component, Host, ProcessUse, Target, TargetKind};
