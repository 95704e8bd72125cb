//! What jobs are started with.

use std::path::PathBuf;

use super::super::seam::WorkerCommand;
use crate::sweep::slurm_spec::SlurmSpec;

/// What jobs are started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlurmPlace {
    /// What is asked of Slurm.
    pub spec: SlurmSpec,
    /// How a worker is started.
    pub worker: WorkerCommand,
    /// Name of the sweep, part of the names of jobs.
    pub sweep: String,
    /// Folder in which jobs start.
    pub home: PathBuf,
    /// CPUs of a job.
    pub threads: usize,
    /// Jobs at a time.
    pub jobs: usize,
}
