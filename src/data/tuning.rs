//! Sweeps of learning rate and batch: one row per run with N, D, both, and the loss.

use serde::{Deserialize, Serialize};

use crate::units::{ParamRule, Params, Tokens};

/// One run of a sweep of learning rate and batch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuningRun {
    /// Parameters, by the table's convention.
    pub n: Params,
    /// Training tokens.
    pub d: Tokens,
    /// Peak learning rate.
    pub lr: f64,
    /// Batch, in the table's unit; absent where no column says it.
    pub batch: Option<f64>,
    /// Loss in nats, per token or per byte.
    pub loss_nats: f64,
}

/// What a batch is counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchUnit {
    /// Tokens.
    #[default]
    Tokens,
    /// Whatever the column counts, usually sequences.
    AsLogged,
}

/// A sweep.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TuningTable {
    /// Its runs.
    pub runs: Vec<TuningRun>,
    /// Which parameters N counts.
    pub params: ParamRule,
    /// What its batches are counted in.
    pub batch_unit: BatchUnit,
    /// How each quantity was read, in words.
    pub read_as: Vec<String>,
    /// Rows left out, each with its reason.
    pub skipped: Vec<String>,
}
