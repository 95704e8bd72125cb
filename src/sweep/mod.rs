//! Sweeps: many small runs laid out by a design, trained, booked, resumed.

mod design;
mod export;
mod recipe;
mod run;
mod runner;
mod simulated;

pub use design::{Cell, SweepConfig};
pub use export::thinned_log;
pub use recipe::Recipe;
pub use run::{
    EvalLog, RunLedger, RunResult, RunSpec, RunStart, RunStatus, StepLog, TrainEvent, Trainer,
};
pub use runner::{SweepFolder, SweepLock, SweepState, Watcher, run_one, run_sweep};
pub use simulated::Simulated;

/// Seeded streams, for trainers: initialisation and data order draw from the run's seed.
pub use crate::num::{Stream, stream};
