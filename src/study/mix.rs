//! The best mixture of domains from runs, with the words for it.

use std::path::Path;
#[cfg(feature = "logs")]
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::data::MixtureTable;
#[cfg(feature = "logs")]
use crate::data::{MixtureColumns, ReadOptions, read_mixtures};
use crate::error::{FitError, Result};
use crate::fit::{MixtureAnswer, MixtureConfig, OnProgress, best_mixture};

/// The best mixture, and how its runs were read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixReport {
    /// The mixture.
    #[serde(flatten)]
    pub answer: MixtureAnswer,
    /// How the table was read.
    pub read_as: Vec<String>,
}

/// What is asked of runs on mixtures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MixRequest {
    /// What the mixture is for, and its limits.
    #[serde(flatten)]
    pub config: MixtureConfig,
}

impl MixRequest {
    /// The best mixture.
    ///
    /// ```
    /// use isoloss::data::{MixtureRun, MixtureTable};
    /// use isoloss::study::MixRequest;
    ///
    /// // Code helps, whatever it takes from the web; a little less each time.
    /// let run = |k: usize| {
    ///     let code = k as f64 / 11.0;
    ///     let loss = 2.0 + (-0.9 * code + 0.3 * (1.0 - code)).exp();
    ///     MixtureRun { run: k.to_string(), shares: vec![code, 1.0 - code], losses: vec![loss] }
    /// };
    /// let table = MixtureTable {
    ///     domains: vec!["code".to_owned(), "web".to_owned()],
    ///     targets: vec!["code".to_owned()],
    ///     runs: (0..12).map(run).collect(),
    ///     ..MixtureTable::default()
    /// };
    /// let mut request = MixRequest::default();
    /// request.config.bootstrap = 20;
    /// let report = request.answer(&table, None)?;
    /// assert!(report.answer.best["code"] > 0.999);
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`best_mixture`].
    pub fn answer(&self, table: &MixtureTable, test: Option<&MixtureTable>) -> Result<MixReport> {
        self.answer_with_progress(table, test, &|_| std::ops::ControlFlow::Continue(()))
    }

    /// As [`answer`](Self::answer); `progress` hears of every resample.
    ///
    /// # Errors
    /// As [`best_mixture`].
    pub fn answer_with_progress(
        &self,
        table: &MixtureTable,
        test: Option<&MixtureTable>,
        progress: &OnProgress<'_>,
    ) -> Result<MixReport> {
        let answer = best_mixture(table, test, &self.config, progress)?;
        Ok(MixReport { answer, read_as: table.read_as.clone() })
    }
}

impl MixReport {
    /// Reads a mixture that was saved.
    ///
    /// # Errors
    /// [`FitError::Artifact`] for a file that cannot be read or is no mixture.
    pub fn load(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        let bad = |reason: String| FitError::Artifact { path: shown.clone(), reason };
        let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
        Ok(serde_json::from_str(&text).map_err(|e| bad(format!("no mixture: {e}")))?)
    }
}

/// Reads runs on mixtures and, from other files, those that test them.
///
/// # Errors
/// As [`read_mixtures`].
#[cfg(feature = "logs")]
pub fn mixtures_of(
    runs: &[PathBuf],
    test: &[PathBuf],
    options: &ReadOptions,
    columns: &MixtureColumns,
) -> Result<(MixtureTable, Option<MixtureTable>)> {
    let table = read_mixtures(runs, options, columns)?;
    if test.is_empty() {
        return Ok((table, None));
    }
    let test = read_mixtures(test, options, columns)?;
    Ok((table, Some(test)))
}
