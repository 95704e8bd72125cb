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

mod console;
mod corpus_key;
mod corpus_spec;
mod design;
mod digest;
mod engine;
mod execution;
mod export;
mod external;
mod external_spec;
mod folder;
mod launch;
mod learning_rate;
mod machine;
mod mirror;
mod next;
mod paths;
mod row_file;
mod run;
mod run_file;
mod schedule;
mod seed_noise;
mod shape_spec;
mod simulated;
mod slurm_spec;
mod state;
mod status;
mod step_log;
mod toml_file;
mod train_config;
mod unit;
mod watch;
mod worker;

pub use corpus_key::CorpusKey;
pub use corpus_spec::{BYTES, CorpusSource, CorpusSpec, SyntheticSpec};
pub use design::{Cell, Ladder, SweepConfig};
pub use digest::{settings_digest, stem};
pub use engine::{Engine, Gone, InProcess, Local, Slurm, SlurmPlace, UnitState, WorkerCommand};
pub use execution::{Compute, Execution, KeepCheckpoints, LogFormat, Precision};
pub use export::{Exported, export, thinned_log};
pub use external::External;
pub use external_spec::{CommandLine, ExternalTrainer, PLACEHOLDERS};
pub use folder::{SweepFolder, SweepLock};
pub use launch::{Failure, Launched, launch};
pub use next::{Lack, NextRuns, NextSize};
pub use row_file::RunRow;
#[cfg(feature = "train")]
pub(crate) use row_file::set_aside;
pub use run::{
    EvalLog, Part, RouterLog, RunLedger, RunResult, RunSpec, RunStart, RunStatus, Seen, StepLog,
    TrainEvent, Trainer,
};
pub use run_file::RunConfig;
pub use schedule::{DecayShape, Schedule};
pub use seed_noise::SeedNoise;
pub use shape_spec::{ShapeSpec, ShapeTable};
pub use simulated::Simulated;
pub use slurm_spec::SlurmSpec;
pub use state::{Superseded, SweepState, trainer_identity};
pub use status::{PlannedRun, RunState, SweepStatus};
pub use step_log::{FinishedRun, LogFiles, finished_run, run_one};
pub use train_config::{TrainConfig, WidthTransfer};
pub use unit::{Manifest, Progress, Unit, UnitLock, UnitRun, has_worker, is_alive};
pub use watch::{Begin, Follower, LiveRun, Watcher};
pub use worker::{NewTrainer, OnEvent, Worked, work};

/// Seeded streams, for trainers: initialisation and data order draw from the run's seed.
pub use crate::num::{Stream, stream};
