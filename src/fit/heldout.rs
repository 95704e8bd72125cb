//! Predictions of runs the fit never saw.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::artifact::Fit;
use super::rows::point;
use crate::data::{HoldOut, RunRecord, RunTable};
use crate::error::Warning;
use crate::law::{Point, Surface};
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
    /// Runs inside their prediction interval; absent without draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covered: Option<usize>,
    /// Each run with its prediction and its distance from the fitted ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<PredictedRun>,
}

/// Scores runs that were held out of `fit`; `condition` says which, for the record.
#[must_use]
pub fn score_held_out(fit: &Fit, test: &RunTable, condition: &HoldOut) -> HeldOut {
    let runs = predict_runs(fit, test);
    let errors: Vec<f64> = runs.iter().map(|r| r.error).collect();
    let absolute: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
    let judged = runs.iter().any(|r| r.interval.is_some());
    HeldOut {
        condition: condition.to_string(),
        n_points: errors.len(),
        mean_abs_error: mean(&absolute),
        max_abs_error: absolute.iter().copied().fold(0.0, f64::max),
        bias: mean(&errors),
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

/// By which factor a point lies outside the fitted runs, by quantity.
pub(super) fn outside(surface: &Surface, point: &Point) -> BTreeMap<String, f64> {
    let quantities = surface.support.outside(point).into_iter();
    quantities.map(|(quantity, factor)| (quantity.to_owned(), factor)).collect()
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
    /// By which factor the run lies outside the fitted ones in N, D, C and D/N; empty inside.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outside: BTreeMap<String, f64>,
}

impl PredictedRun {
    /// Whether the loss that came lies in the interval.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.interval.is_some_and(|i| i.contains(self.run.loss_nats))
    }

    /// The largest factor by which it lies outside; 1 inside.
    #[must_use]
    pub fn distance(&self) -> f64 {
        self.outside.values().copied().fold(1.0, f64::max)
    }
}

/// Where the loss of a new run at `point` is expected; `None` without draws.
///
/// Draw k of the law is paired with a residual of the fitted runs, resampled in order: the interval
/// covers what is unknown about the law and what varies from run to run (Efron and Tibshirani 1993,
/// sec. 25.6). Residuals are scaled by sqrt(n / (n - p)), since fitted residuals are too small.
pub(super) fn new_run_interval(fit: &Fit, point: &Point) -> Option<Interval> {
    let p = fit.surface.theta().len() as f64;
    let n = fit.residuals.len() as f64;
    let inflate = (n / (n - p).max(1.0)).sqrt();
    let (law, at) = (fit.surface.law(), point.at());
    let sample: Vec<f64> = fit
        .draws
        .iter()
        .enumerate()
        .map(|(k, theta)| {
            // A prime stride walks through all residuals, unlike their order in the table.
            let residual = fit.residuals[(k * 7919) % fit.residuals.len().max(1)];
            law.loss(theta, &at) * (-residual * inflate).exp()
        })
        .collect();
    Interval::percentile(&sample, fit.level)
}

/// Predicts each run of `table`, with intervals for *a new run*.
#[must_use]
pub fn predict_runs(fit: &Fit, table: &RunTable) -> Vec<PredictedRun> {
    table
        .runs
        .iter()
        .map(|run| {
            let at = point(run);
            let predicted_nats = fit.surface.loss(&at);
            PredictedRun {
                run: run.clone(),
                predicted_nats,
                interval: new_run_interval(fit, &at),
                error: predicted_nats / run.loss_nats - 1.0,
                outside: outside(&fit.surface, &at),
            }
        })
        .collect()
}
