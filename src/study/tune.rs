//! Laws of learning rate and batch from a sweep, and what they say of a run.

use serde::{Deserialize, Serialize};

use crate::data::TuningTable;
use crate::error::Result;
use crate::fit::{TuningConfig, TuningFit, fit_tuning};
use crate::num::Interval;
use crate::units::{Params, Tokens};

/// What is asked of a sweep of learning rate and batch.
///
/// | field | default | purpose |
/// |---|---|---|
/// | `at` | none | planned runs to give a learning rate and a batch to |
/// | `config` | [`TuningConfig::default`] | how the laws are fitted; its fields stand beside in a file |
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TuneRequest {
    /// Sizes and tokens.
    pub at: Vec<(Params, Tokens)>,
    /// How the laws are fitted.
    #[serde(flatten)]
    pub config: TuningConfig,
}

/// The laws, and the settings they give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneReport {
    /// The laws.
    #[serde(flatten)]
    pub fit: TuningFit,
    /// Settings of the runs asked for.
    pub settings: Vec<TunedRun>,
    /// How each quantity was read.
    pub read_as: Vec<String>,
    /// Rows left out.
    pub skipped: Vec<String>,
}

/// Learning rate and batch of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedRun {
    /// Parameters.
    pub params: Params,
    /// Training tokens.
    pub tokens: Tokens,
    /// Learning rate.
    pub lr: f64,
    /// Its interval.
    pub lr_interval: Option<Interval>,
    /// Batch.
    pub batch: Option<f64>,
    /// Its interval.
    pub batch_interval: Option<Interval>,
}

impl TuneRequest {
    /// Fits the laws and asks them.
    ///
    /// # Errors
    /// As [`fit_tuning`].
    pub fn answer(&self, table: &TuningTable) -> Result<TuneReport> {
        let fit = fit_tuning(table, &self.config)?;
        let setting = |(params, tokens): &(Params, Tokens)| {
            let (n, d) = (*params, *tokens);
            let level = self.config.level;
            TunedRun {
                params: n,
                tokens: d,
                lr: fit.lr.at(n, d),
                lr_interval: fit.lr.interval_at(n, d, level),
                batch: fit.batch.as_ref().map(|law| law.at(n, d)),
                batch_interval: fit.batch.as_ref().and_then(|law| law.interval_at(n, d, level)),
            }
        };
        let settings = self.at.iter().map(setting).collect();
        let (read_as, skipped) = (table.read_as.clone(), table.skipped.clone());
        Ok(TuneReport { fit, settings, read_as, skipped })
    }
}
