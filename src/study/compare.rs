//! Smaller models at the same loss, and when they pay back.

use serde::{Deserialize, Serialize, Serializer};

use super::law::{AskedLaw, ask_laws};
use super::target::Target;
use crate::error::{Result, StudyError, Warning};
use crate::plan::{Comparison, compare_ratios, compare_sizes};
use crate::units::Params;

/// Which models to compare at one loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompareRequest {
    /// The laws, as [`ask_laws`] reads them.
    pub law: String,
    /// The loss they share.
    pub target: Target,
    /// The models.
    pub ways: Ways,
}

/// Ways to one loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ways {
    /// Models of these sizes.
    Sizes(Vec<Params>),
    /// Models with these numbers of tokens per parameter.
    Ratios(Vec<f64>),
}

/// One comparison per law.
///
/// Serialised as the comparison itself under one law, and as `comparisons` under several.
#[derive(Clone, Debug, PartialEq)]
pub struct CompareReport {
    /// One per law, in the order asked.
    pub comparisons: Vec<Comparison>,
    /// Warnings of the laws, and of sizes near the wall.
    pub warnings: Vec<Warning>,
}

impl Serialize for CompareReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Several<'a> {
            comparisons: &'a [Comparison],
        }
        match self.comparisons.as_slice() {
            [one] => one.serialize(serializer),
            comparisons => Several { comparisons }.serialize(serializer),
        }
    }
}

impl CompareRequest {
    /// Compares the models under each law.
    ///
    /// # Errors
    /// [`StudyError::NothingToCompare`] without models;
    /// [`PlanError::PastTheWall`](crate::error::PlanError::PastTheWall) for a size that cannot reach the
    /// loss; those of [`ask_laws`].
    ///
    /// ```
    /// use isoloss::study::{CompareRequest, Target, Ways};
    /// use isoloss::units::Params;
    ///
    /// let request = CompareRequest {
    ///     law: "besiroglu".to_owned(),
    ///     target: Target { quality_of: Some(Params::new(70e9)), loss: None },
    ///     ways: Ways::Ratios(vec![20.0, 100.0, 500.0]),
    /// };
    /// let rows = &request.answer()?.comparisons[0].rows;
    /// assert!(rows[2].plan.n < rows[1].plan.n);
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    pub fn answer(&self) -> Result<CompareReport> {
        self.answer_under(&ask_laws(&self.law)?)
    }

    /// As [`answer`](Self::answer), under laws at hand instead of those named.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub fn answer_under(&self, laws: &[AskedLaw]) -> Result<CompareReport> {
        let (mut comparisons, mut warnings) = (Vec::new(), Vec::new());
        for law in laws {
            let surface = &law.ensemble.best;
            let loss = self.target.loss_under(surface)?;
            let comparison = match &self.ways {
                Ways::Sizes(sizes) if !sizes.is_empty() => compare_sizes(surface, loss, sizes)?,
                Ways::Ratios(ratios) if !ratios.is_empty() => {
                    compare_ratios(surface, loss, ratios)?
                }
                _ => return Err(StudyError::NothingToCompare.into()),
            };
            warnings.extend(law.warnings.iter().cloned());
            warnings.extend(comparison.near_wall());
            comparisons.push(comparison);
        }
        Ok(CompareReport { comparisons, warnings })
    }
}
