//! Which runs of a sweep have ended, and what they cost.

use std::path::PathBuf;

use serde::Serialize;

use super::design::SweepConfig;
use super::folder::{SweepFolder, SweepState};
use super::run::{RunResult, RunSpec, RunStatus};
use crate::error::Result;
use crate::flops::FlopRule;
use crate::units::{Flops, Params, Tokens};

/// The state of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepStatus {
    /// Name of the sweep.
    pub sweep: String,
    /// Runs in the sweep file.
    pub total: usize,
    /// Runs that have ended.
    pub ended: usize,
    /// The table of ended runs.
    pub records: PathBuf,
    /// C of all ended runs, as if each had been trained from its start.
    pub flops: Flops,
    /// The part of it that branches of a common trunk did not spend.
    pub flops_saved_by_branches: Flops,
    /// Rows of ended runs, in the order of the sweep file.
    pub runs: Vec<RunResult>,
    /// Ids of runs left to train.
    pub todo: Vec<String>,
    /// Every run of the sweep file, ended or not.
    pub planned: Vec<PlannedRun>,
}

/// A run of a sweep file and how far it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedRun {
    /// Its id.
    pub run: String,
    /// Its budget, or C = 6 N D where it has none.
    pub flops: Flops,
    /// All parameters.
    pub n_params: Params,
    /// Training tokens.
    pub tokens: Tokens,
    /// How it ended; absent while it is left to train.
    pub status: Option<RunStatus>,
    /// Final loss, nats per token.
    pub loss_nats: Option<f64>,
    /// Wall-clock seconds it took.
    pub elapsed_s: Option<f64>,
}

impl PlannedRun {
    fn new(spec: &RunSpec, state: &SweepState) -> Self {
        let counted = spec.shape.params();
        let row = state.ended.get(&spec.id);
        Self {
            run: spec.id.clone(),
            flops: spec.budget.unwrap_or_else(|| FlopRule::six_nd(counted.active, spec.tokens)),
            n_params: counted.all,
            tokens: spec.tokens,
            status: row.map(|row| row.status),
            loss_nats: row.and_then(|row| row.loss_nats),
            elapsed_s: row.map(|row| row.elapsed_s),
        }
    }
}

impl SweepStatus {
    /// The state of a sweep by its folder.
    ///
    /// # Errors
    /// When its table of ended runs cannot be read.
    pub fn read(config: &SweepConfig) -> Result<Self> {
        let folder = SweepFolder::new(config.out_dir());
        let state = folder.state()?;
        let specs = config.runs();
        let runs: Vec<RunResult> =
            specs.iter().filter_map(|spec| state.ended.get(&spec.id).cloned()).collect();
        let saved = runs.iter().map(|row| row.flops_shared().get()).sum();
        Ok(Self {
            sweep: config.name.clone(),
            total: specs.len(),
            ended: runs.len(),
            records: folder.records(),
            flops: Flops::new(runs.iter().map(|row| row.flops.get()).sum()),
            flops_saved_by_branches: Flops::new(saved),
            todo: todo(&specs, &state),
            planned: specs.iter().map(|spec| PlannedRun::new(spec, &state)).collect(),
            runs,
        })
    }

    /// C that was spent: that of all ended runs less what branches shared.
    #[must_use]
    pub fn flops_spent(&self) -> Flops {
        Flops::new(self.flops.get() - self.flops_saved_by_branches.get())
    }

    /// The share of C that branches saved, 0 without branches.
    #[must_use]
    pub fn saved_ratio(&self) -> f64 {
        let (saved, total) = (self.flops_saved_by_branches.get(), self.flops.get());
        if saved > 0.0 { saved / total } else { 0.0 }
    }
}

/// Ids of the runs that have not ended.
pub(super) fn todo(specs: &[RunSpec], state: &SweepState) -> Vec<String> {
    specs.iter().filter(|spec| !state.is_done(&spec.id)).map(|spec| spec.id.clone()).collect()
}
