//! Scores of a fit on held-out runs.

use serde::{Deserialize, Serialize};

use super::errors::Errors;
use crate::data::RunTable;
use crate::error::Warning;
use crate::fit::fitted::Fit;
use crate::fit::predict::{PredictedRun, predict_runs};

/// Errors on held-out runs, as fractions of the observed loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// The condition that selected them, or the table they came from.
    pub condition: String,
    /// How many.
    pub n_points: usize,
    /// Mean of |predicted / observed - 1|.
    pub mean_abs_error: f64,
    /// Largest |predicted / observed - 1|.
    pub max_abs_error: f64,
    /// Mean of predicted / observed - 1.
    pub bias: f64,
    /// Runs inside their prediction interval; absent without draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covered: Option<usize>,
    /// Each run with its prediction and its distance from the fitted ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<PredictedRun>,
}

/// Scores runs that were held out of `fit`; `condition` says which, for the record: a condition, or the
/// table they came from.
#[must_use]
pub fn score_held_out(fit: &Fit, test: &RunTable, condition: &dyn std::fmt::Display) -> HeldOut {
    let runs = predict_runs(fit, test);
    let errors = Errors::of(&runs.iter().map(|r| r.error).collect::<Vec<_>>());
    let judged = runs.iter().any(|r| r.interval.is_some());
    HeldOut {
        condition: condition.to_string(),
        n_points: errors.n_points,
        mean_abs_error: errors.mean_abs,
        max_abs_error: errors.max_abs,
        bias: errors.bias,
        covered: judged.then(|| runs.iter().filter(|r| r.is_covered()).count()),
        runs,
    }
}

impl HeldOut {
    /// A warning where the farthest of them has more than ten times the training FLOPs of any fitted
    /// run.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let farthest =
            self.runs.iter().filter_map(|run| run.outside.get("C").copied()).fold(1.0, f64::max);
        if farthest <= 10.0 {
            return Vec::new();
        }
        let quantity = "C of the held-out runs".to_owned();
        vec![Warning::Extrapolation { quantity, factor: farthest }]
    }
}
