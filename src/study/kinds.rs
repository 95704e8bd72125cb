//! One law for each kind of runs in a table.

use serde::Serialize;

use super::fit::{FitReport, FitRequest};
use crate::data::RunTable;
use crate::error::{DataError, Error, FitError, Result, Warning};
use crate::fit::OnProgress;

/// The law of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct KindFit {
    /// What the column says.
    pub kind: String,
    /// Runs of this kind.
    pub runs: usize,
    /// Its fit; absent where these runs fix no law.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<FitReport>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A fit for each value of a column.
#[derive(Clone, Debug, Serialize)]
pub struct KindFits {
    /// The column.
    pub column: String,
    /// One entry per value, in the order of the values.
    pub kinds: Vec<KindFit>,
    /// Runs that the column says nothing of, which no fit has.
    pub without: usize,
}

impl KindFits {
    /// The warnings of all fits.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let reports = self.kinds.iter().filter_map(|kind| kind.report.as_ref());
        reports.flat_map(|report| report.warnings.iter().cloned()).collect()
    }
}

/// The refusal of a column that no run has.
pub(super) fn unknown_column(table: &RunTable, column: &str) -> DataError {
    let found: std::collections::BTreeSet<&str> =
        table.runs.iter().flat_map(|run| run.labels.columns()).collect();
    let found = found.into_iter().map(str::to_owned).collect();
    let path = table.files.first().map_or("the table", |file| file.path.as_str());
    DataError::UnknownColumn { path: path.to_owned(), column: column.to_owned(), found }
}

impl FitRequest {
    /// Answers the request for each value of `column` apart; what is asked of all of them is the same.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`] when no run has the column; the error of the first kind when no
    /// kind can be fitted; [`FitError::Stopped`](crate::error::FitError::Stopped).
    pub fn answer_by(
        &self,
        table: &RunTable,
        column: &str,
        progress: &OnProgress<'_>,
    ) -> Result<KindFits> {
        let groups = table.by_label(column);
        if groups.is_empty() {
            return Err(unknown_column(table, column).into());
        }
        let mut kinds = Vec::new();
        let mut first = None;
        for (kind, runs) in groups {
            let count = runs.runs.len();
            let (report, refused) = match self.answer_with_progress(&runs, progress) {
                Ok(report) => (Some(report), None),
                Err(error @ Error::Fit(FitError::Stopped)) => return Err(error),
                Err(error) => {
                    let text = error.to_string();
                    first.get_or_insert(error);
                    (None, Some(text))
                }
            };
            kinds.push(KindFit { kind, runs: count, report, refused });
        }
        match first {
            Some(error) if kinds.iter().all(|kind| kind.report.is_none()) => Err(error),
            _ => {
                let fitted: usize = kinds.iter().map(|kind| kind.runs).sum();
                let without = table.runs.len() - fitted;
                Ok(KindFits { column: column.to_owned(), kinds, without })
            }
        }
    }
}
