//! Where units are trained.

mod in_process;
mod local;
mod seam;
mod slurm;

pub use in_process::InProcess;
pub use local::Local;
pub use seam::{Engine, Gone, UnitState, WorkerCommand};
pub use slurm::{Slurm, SlurmPlace};
