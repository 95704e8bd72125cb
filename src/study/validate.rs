//! The smaller budgets fitted, the largest predicted, and what happened there.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::data::RunTable;
use crate::error::Result;
use crate::fit::{Backtest, FitConfig, OnProgress, backtest_with_progress};
use crate::law::law_by_id;

/// How a sweep is tested against its own largest budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValidateRequest {
    /// Family id.
    pub law: String,
    /// How it is fitted.
    #[serde(flatten)]
    pub config: FitConfig,
}

impl Default for ValidateRequest {
    fn default() -> Self {
        Self { law: "chinchilla".to_owned(), config: FitConfig::default() }
    }
}

impl ValidateRequest {
    /// Fits every budget of `table` but the largest, and predicts that one.
    ///
    /// # Errors
    /// As [`backtest()`](crate::fit::backtest()); [`LawError`](crate::error::LawError) for an unknown
    /// family.
    pub fn answer(&self, table: &RunTable) -> Result<Backtest> {
        self.answer_with_progress(table, &|_| ControlFlow::Continue(()))
    }

    /// As [`answer`](Self::answer); `progress` hears how far the resamples are, and can stop them.
    ///
    /// # Errors
    /// As [`answer`](Self::answer), and [`FitError::Stopped`](crate::error::FitError::Stopped).
    pub fn answer_with_progress(
        &self,
        table: &RunTable,
        progress: &OnProgress<'_>,
    ) -> Result<Backtest> {
        backtest_with_progress(law_by_id(&self.law)?, table, &self.config, progress)
    }
}
