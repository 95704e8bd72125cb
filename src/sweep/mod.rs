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

mod chosen;
mod console;
mod corpus_key;
mod corpus_spec;
mod design;
mod digest;
mod drafts;
mod dry_run;
mod engine;
mod execution;
mod explore;
mod export;
mod external;
mod external_spec;
mod folder;
mod launch;
mod learning_rate;
mod ledger;
mod machine;
mod memory;
mod mirror;
mod next;
mod parabola;
mod paths;
mod row_file;
mod rules;
mod run;
mod run_file;
mod schedule;
mod sections;
mod seed_noise;
mod shape_spec;
mod simulated;
mod sized;
mod slurm_spec;
mod state;
mod status;
mod step_log;
mod synthetic_spec;
mod toml_file;
mod train_config;
mod tune;
mod tuning;
mod unit;
mod wanted;
mod watch;
mod worker;

pub use chosen::{BaseSweep, ChosenRun, chosen_sweep};
pub use corpus_key::CorpusKey;
pub use corpus_spec::{BYTES, CorpusSource, CorpusSpec};
pub use design::SweepConfig;
pub use digest::{settings_digest, stem};
pub use dry_run::{DesignDoubt, DryRun, ExpectedRun, RateCurve, Speed, StageTotal};
pub use engine::{Engine, Gone, InProcess, Local, Slurm, SlurmPlace, UnitState, WorkerCommand};
pub use execution::{Compute, Execution, KeepCheckpoints, LogFormat, Precision};
pub use export::{Exported, export, thinned_log};
pub use external::External;
pub use external_spec::{CommandLine, ExternalTrainer, PLACEHOLDERS};
pub use folder::{SweepFolder, SweepLock};
pub use launch::{Failure, Launched, launch};
pub use ledger::RunLedger;
#[cfg(feature = "train")]
pub(crate) use memory::EVAL_TOKENS;
pub use memory::{MemoryEstimate, memory_estimate, short_bytes};
pub use next::{Lack, NextRuns, NextSize};
pub use row_file::RunRow;
#[cfg(feature = "train")]
pub(crate) use row_file::set_aside;
pub use rules::{batch_for, warmup_for};
pub use run::{
    EvalLog, Part, RouterLog, RunResult, RunSpec, RunStart, RunStatus, Seen, StepLog, TrainEvent,
    Trainer,
};
pub use run_file::RunConfig;
pub use schedule::{DecayShape, Schedule};
pub use sections::{
    BudgetRange, Budgets, Cell, Floors, Grid, Isoflop, Ladder, REPEATS, Repeats, USUAL_RATIO,
};
pub use seed_noise::SeedNoise;
pub use shape_spec::{ShapeSpec, ShapeTable};
pub use simulated::Simulated;
pub use slurm_spec::SlurmSpec;
pub use state::{Superseded, SweepState, trainer_identity};
pub use status::{PlannedRun, RunState, SweepStatus};
pub use step_log::{FinishedRun, LogFiles, finished_run, run_one};
pub use synthetic_spec::{SyntheticKind, SyntheticSpec};
pub use train_config::{
    BASE_BATCH, BASE_HEAD, BASE_LAYERS, BASE_WIDTH, TrainConfig, USUAL_BATCH, WidthTransfer,
};
pub use tune::{RateAxis, TuneConfig};
pub use tuning::{
    TUNING_LEVEL, TransferCheck, TriedBatch, TriedRate, TunedRate, Tuning, UNDER_TUNED, UnderTuned,
};
pub use unit::{Manifest, Progress, Unit, UnitLock, UnitRun, has_worker, is_alive};
pub use wanted::{Stage, StagedRun};
pub use watch::{Begin, Follower, LiveRun, Watcher};
pub use worker::{NewTrainer, OnEvent, Worked, work};

/// Seeded streams, for trainers: initialisation and data order draw from the run's seed.
pub use crate::num::{Stream, stream};
