//! Sweeps: many small runs laid out by a design, trained, booked, resumed.

mod corpus_spec;
mod design;
mod execution;
#[cfg(feature = "logs")]
mod export;
#[cfg(feature = "logs")]
mod mirror;
mod recipe;
mod run;
#[cfg(feature = "logs")]
mod runner;
mod schedule;
mod shape_spec;
mod simulated;
#[cfg(feature = "logs")]
mod step_log;

pub use corpus_spec::{BYTES, CorpusSpec, SyntheticSpec};
pub use design::{Cell, Ladder, SweepConfig};
pub use execution::{Compute, Execution, KeepCheckpoints, LogFormat, Precision};
#[cfg(feature = "logs")]
pub use export::thinned_log;
pub use recipe::{Recipe, WidthTransfer};
pub use run::{
    EvalLog, RouterLog, RunLedger, RunResult, RunSpec, RunStart, RunStatus, StepLog, TrainEvent,
    Trainer,
};
#[cfg(feature = "logs")]
pub use runner::{SweepFolder, SweepLock, SweepState, Watcher, run_sweep};
pub use schedule::{DecayShape, Schedule};
pub use shape_spec::{ShapeSpec, ShapeTable};
pub use simulated::Simulated;
#[cfg(feature = "logs")]
pub use step_log::{LogFiles, run_one};

/// Seeded streams, for trainers: initialisation and data order draw from the run's seed.
pub use crate::num::{Stream, stream};
