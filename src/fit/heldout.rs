//! Predictions of runs the fit never saw.

use serde::{Deserialize, Serialize};

use super::artifact::Fit;
use super::rows::point;
use crate::data::{HoldOut, RunRecord, RunTable};
use crate::law::Surface;
use crate::num::{Interval, mean};

/// Errors on held-out runs, as fractions of the observed loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// The condition that took them.
    pub condition: String,
    /// How many.
    pub n_points: usize,
    /// Mean of |predicted / observed - 1|.
    pub mean_abs_error: f64,
    /// Largest |predicted / observed - 1|.
    pub max_abs_error: f64,
    /// Mean of predicted / observed - 1.
    pub bias: f64,
}

pub(super) fn score(surface: &Surface, test: &RunTable, condition: &HoldOut) -> HeldOut {
    let errors: Vec<f64> =
        test.runs.iter().map(|r| surface.loss(&point(r)) / r.loss_nats - 1.0).collect();
    let absolute: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
    HeldOut {
        condition: condition.to_string(),
        n_points: errors.len(),
        mean_abs_error: mean(&absolute),
        max_abs_error: absolute.iter().copied().fold(0.0, f64::max),
        bias: mean(&errors),
    }
}

/// One run beside its prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PredictedRun {
    /// The run as it was.
    pub run: RunRecord,
    /// Predicted loss, nats per token.
    #[serde(rename = "predicted")]
    pub predicted_nats: f64,
    /// Where the loss of a new run is expected: the draws of the law plus the scatter of the runs
    /// around it. Absent without draws.
    pub interval: Option<Interval>,
    /// predicted / observed - 1.
    pub error: f64,
}

/// Predicts each run of `table`, with intervals for *a new run*.
///
/// Draw k of the law is paired with a residual of the fitted runs, resampled in order: the interval
/// covers what is unknown about the law and what varies from run to run (Efron and Tibshirani 1993,
/// sec. 25.6). Residuals are scaled by sqrt(n / (n - p)), since fitted residuals are too small.
#[must_use]
pub fn predict_runs(fit: &Fit, table: &RunTable) -> Vec<PredictedRun> {
    let ensemble = fit.ensemble();
    let p = fit.surface.theta().len() as f64;
    let n = fit.residuals.len() as f64;
    let inflate = (n / (n - p).max(1.0)).sqrt();
    table
        .runs
        .iter()
        .map(|run| {
            let at = point(run);
            let predicted_nats = fit.surface.loss(&at);
            let sample: Vec<f64> = ensemble
                .draws
                .iter()
                .enumerate()
                .map(|(k, draw)| {
                    // A prime stride walks through all residuals, unlike their order in the table.
                    let residual = fit.residuals[(k * 7919) % fit.residuals.len().max(1)];
                    draw.loss(&at) * (-residual * inflate).exp()
                })
                .collect();
            PredictedRun {
                run: run.clone(),
                predicted_nats,
                interval: Interval::percentile(&sample, fit.level),
                error: predicted_nats / run.loss_nats - 1.0,
            }
        })
        .collect()
}
