//! Predictions of runs, made or not, with intervals for *a new run*.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::{RunRecord, RunTable};
use crate::fit::fitted::Fit;
use crate::fit::solve::point;
use crate::fit::uncertainty::{inflation, predictive_interval};
use crate::law::{Beyond, Point, Surface};
use crate::num::Interval;
use crate::units::{Params, Tokens};

/// The loss expected of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// N, by the convention of the fit.
    pub params: Params,
    /// D.
    pub tokens: Tokens,
    /// Predicted loss, nats per token.
    #[serde(rename = "loss")]
    pub loss_nats: f64,
    /// Where the loss of a new run is expected: the draws of the law plus the scatter of the runs
    /// around it and, beyond the runs, what extrapolation has cost among them. Absent without draws.
    pub interval: Option<Interval>,
    /// By which factor the run lies outside the fitted ones in N, D, C and D/N; empty inside.
    #[serde(default)]
    pub outside: BTreeMap<String, f64>,
}

/// Predicts a run at each point.
///
/// # Example
/// ```
/// use isoloss::fit::{FitConfig, fit, predict};
/// use isoloss::law::Point;
/// use isoloss::units::{Params, Tokens};
///
/// # use isoloss::data::{RunRecord, RunTable};
/// # use isoloss::law::{Chinchilla, Surface};
/// # use isoloss::units::ParamRule;
/// # let truth = Surface::published("besiroglu")?;
/// # let mut runs = Vec::new();
/// # for (i, n) in [1e8, 3e8, 1e9, 3e9].map(Params::new).into_iter().enumerate() {
/// #     for (j, ratio) in [5.0, 20.0, 80.0].into_iter().enumerate() {
/// #         let d = Tokens::new(ratio * n.get());
/// #         let noise = 1.0 + 0.002 * ((3 * i + 5 * j) as f64).sin();
/// #         let loss = noise * truth.loss(&Point::new(n, d));
/// #         runs.push(RunRecord::new(format!("{n} {d}"), n, d, loss));
/// #     }
/// # }
/// # let table = RunTable::from_runs(runs, ParamRule::All);
/// let config = FitConfig { bootstrap: 20, ..FitConfig::default() };
/// let fitted = fit(&Chinchilla, &table, &config)?;
/// let far = Point::new(Params::new(30e9), Tokens::new(600e9));
/// let predicted = &predict(&fitted, &[far])[0];
/// assert!(predicted.interval.is_some_and(|i| i.contains(predicted.loss_nats)));
/// assert!((predicted.outside["N"] - 10.0).abs() < 1e-9);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
#[must_use]
pub fn predict(fit: &Fit, points: &[Point]) -> Vec<Prediction> {
    let one = |at: &Point| Prediction {
        params: at.n,
        tokens: at.d,
        loss_nats: fit.loss(at),
        interval: new_run_interval(fit, at),
        outside: outside(&fit.surface, at),
    };
    points.iter().map(one).collect()
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
    /// around it and, beyond the runs, what extrapolation has cost among them. Absent without draws.
    pub interval: Option<Interval>,
    /// predicted / observed - 1.
    pub error: f64,
    /// By which factor the run lies outside the fitted ones in N, D, C and D/N; empty inside.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outside: BTreeMap<String, f64>,
}

impl PredictedRun {
    /// Whether the observed loss lies in the interval.
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

/// Predicts each run of `table`, with intervals for *a new run*.
///
/// # Example
/// ```
/// use isoloss::fit::{FitConfig, fit, predict_runs};
///
/// # use isoloss::data::{RunRecord, RunTable};
/// # use isoloss::law::{Chinchilla, Point, Surface};
/// # use isoloss::units::{ParamRule, Params, Tokens};
/// # let truth = Surface::published("besiroglu")?;
/// # let mut runs = Vec::new();
/// # for n in [1e8, 3e8, 1e9, 3e9, 1e10].map(Params::new) {
/// #     for ratio in [5.0, 20.0, 80.0] {
/// #         let d = Tokens::new(ratio * n.get());
/// #         runs.push(RunRecord::new(format!("{n} {d}"), n, d, truth.loss(&Point::new(n, d))));
/// #     }
/// # }
/// # let table = RunTable::from_runs(runs, ParamRule::All);
/// let config = FitConfig { bootstrap: 0, ..FitConfig::default() };
/// let near = table.with_runs(table.runs[..12].to_vec());
/// let far = table.with_runs(table.runs[12..].to_vec());
/// let fitted = fit(&Chinchilla, &near, &config)?;
/// for predicted in predict_runs(&fitted, &far) {
///     assert!(predicted.error.abs() < 1e-6, "losses without noise are predicted exactly");
/// }
/// # Ok::<(), isoloss::error::Error>(())
/// ```
#[must_use]
pub fn predict_runs(fit: &Fit, table: &RunTable) -> Vec<PredictedRun> {
    let points: Vec<Point> = table.runs.iter().map(point).collect();
    let predictions = predict(fit, &points).into_iter();
    table
        .runs
        .iter()
        .zip(predictions)
        .map(|(run, Prediction { loss_nats, interval, outside, .. })| PredictedRun {
            run: run.clone(),
            predicted_nats: loss_nats,
            interval,
            error: loss_nats / run.loss_nats - 1.0,
            outside,
        })
        .collect()
}

/// By which factor a point lies outside the fitted runs, by quantity.
pub(super) fn outside(surface: &Surface, point: &Point) -> BTreeMap<String, f64> {
    let quantities = surface.support.outside(point).into_iter();
    quantities.map(|(quantity, factor)| (quantity.to_owned(), factor)).collect()
}

/// Quantiles of the loss of a new run at `point`, in the order of `probabilities`; `None` without draws.
///
/// They come from the distribution that the intervals of new runs are cut from.
///
/// - `probabilities`: between 0 and 1, for example 0.1 for the loss that one run in ten stays below.
#[must_use]
pub fn predict_quantiles(fit: &Fit, point: &Point, probabilities: &[f64]) -> Option<Vec<f64>> {
    let quantile = |p: &f64| {
        let interval = interval_at(fit, point, (2.0 * p - 1.0).abs())?;
        Some(if *p < 0.5 { interval.lo } else { interval.hi })
    };
    probabilities.iter().map(quantile).collect()
}

/// Where the loss of a new run at `point` is expected; `None` without draws. Beyond the runs it carries what
/// extrapolation has cost among them.
pub(super) fn new_run_interval(fit: &Fit, point: &Point) -> Option<Interval> {
    interval_at(fit, point, fit.level)
}

/// [`new_run_interval`] at another level, from 0.
fn interval_at(fit: &Fit, point: &Point, level: f64) -> Option<Interval> {
    let inflate = inflation(fit.residuals.len(), fit.surface.theta().len());
    if let Some(stack) = &fit.stack {
        let residuals: Vec<f64> = fit.residuals.iter().map(|r| r * inflate).collect();
        return stack.new_run_interval(point, &residuals, level);
    }
    let (law, at) = (fit.surface.law(), point.at());
    let beyond = fit.extrapolation.as_ref().map_or(0.0, |cost| {
        Beyond { level, ..cost.beyond.clone() }.half_width(&fit.surface, point)
    });
    let near = predictive_interval(&fit.draws, &fit.residuals, level, |_, theta, residual| {
        law.loss(theta, &at) * (-residual * inflate).exp()
    })?;
    Some(near.widened(beyond))
}
