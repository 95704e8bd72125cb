//! Sweeps: many small runs laid out by a file, trained, recorded, resumed.
//!
//! ```text
//! sweep file -> SweepConfig -> [RunSpec] -> Trainer -> runs.jsonl -> data
//! ```
//!
//! Trainers stand behind the [`Trainer`] trait: the bundled one in `train`, [`Simulated`], or yours.
//! [`SweepStatus`], [`NextRuns`] and [`export`] answer what a sweep is asked.
//!
//! # Run files and sweep files
//!
//! A run file, with every field; those that may be left out are commented out.
//! [`SweepConfig::template`] is a sweep file written alike.
#![doc = concat!(
    "\n```toml\n",
    include_str!("templates/run.toml"),
    include_str!("templates/shape.toml"),
    include_str!("templates/rest.toml"),
    "```\n"
)]

mod corpus_spec;
mod design;
mod execution;
mod export;
mod folder;
mod learning_rate;
mod memory;
mod mirror;
mod next;
mod run;
mod run_file;
mod runner;
mod schedule;
mod shape_spec;
mod simulated;
mod status;
mod step_log;
mod synthetic_spec;
mod toml_file;
mod train_config;

pub use corpus_spec::{BYTES, CorpusSource, CorpusSpec};
pub use design::{Cell, Ladder, SweepConfig};
pub use execution::{Compute, Execution, KeepCheckpoints, LogFormat, Precision};
pub use export::{Exported, export, thinned_log};
pub use folder::{SweepFolder, SweepLock, SweepState};
pub(crate) use memory::EVAL_TOKENS;
pub use memory::{MemoryEstimate, memory_estimate, short_bytes};
pub use next::{Lack, NextRuns, NextSize};
pub use run::{
    EvalLog, RouterLog, RunLedger, RunResult, RunSpec, RunStart, RunStatus, StepLog, TrainEvent,
    Trainer,
};
pub use run_file::RunConfig;
pub use runner::{Begin, Watcher, run_sweep};
pub use schedule::{DecayShape, Schedule};
pub use shape_spec::{ShapeSpec, ShapeTable};
pub use simulated::Simulated;
pub use status::{PlannedRun, SweepStatus};
pub use step_log::{LogFiles, run_one};
pub use synthetic_spec::{SyntheticKind, SyntheticSpec};
pub use train_config::{TrainConfig, WidthTransfer};

/// Seeded streams, for trainers: initialisation and data order draw from the run's seed.
pub use crate::num::{Stream, stream};
