//! Losses of planned runs under a fit.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::law::load_fit;
use crate::data::{PointTable, ReadOptions, read_points};
use crate::error::{FitError, Result, StudyError, Warning};
use crate::fit::{Extrapolation, Fit, Prediction, predict, predict_quantiles};
use crate::law::Point;

/// Beyond this factor of the fitted runs a prediction is warned of.
const FAR: f64 = 10.0;

/// A fit, and tables of runs to predict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictRequest {
    /// A saved fit.
    pub fit: PathBuf,
    /// Probabilities at which the loss of each run is given beside its interval, between 0 and 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<f64>,
    /// Tables with N and one of D, C or D/N in each row.
    pub points: Vec<PathBuf>,
    /// How they are read.
    #[serde(default)]
    pub read: ReadOptions,
}

/// A planned run with its prediction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PredictedPoint {
    /// Name of the run.
    pub run: String,
    /// Loss, interval and distance from the fitted runs.
    #[serde(flatten)]
    pub prediction: Prediction,
    /// The losses at the probabilities asked, nats per token; empty without draws.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<f64>,
}

/// Predicted losses, in the order of the tables.
#[derive(Clone, Debug, Serialize)]
pub struct PredictReport {
    /// Label of the law.
    pub law: String,
    /// Level of the intervals.
    pub level: f64,
    /// Family id.
    pub family: String,
    /// What extrapolation has cost among the runs of the fit: intervals beyond them carry it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extrapolation: Option<Extrapolation>,
    /// The probabilities asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<f64>,
    /// A row per planned run.
    pub rows: Vec<PredictedPoint>,
    /// Warnings of the fit, and of runs far beyond it.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
}

impl PredictRequest {
    /// Reads fit and tables, and predicts.
    ///
    /// # Errors
    /// As [`load_fit`] and [`read_points`]; [`FitError::Config`] for a probability that is none; [`StudyError::OtherParams`] where N counts something else in
    /// the tables than in the fit.
    pub fn answer(&self) -> Result<PredictReport> {
        self.answer_under(&load_fit(&self.fit)?)
    }

    /// As [`answer`](Self::answer), under a fit at hand instead of the one named.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub fn answer_under(&self, fit: &Fit) -> Result<PredictReport> {
        if let Some(bad) = self.quantiles.iter().find(|p| !(**p > 0.0 && **p < 1.0)) {
            let (found, wanted) = (bad.to_string(), "probabilities between 0 and 1");
            return Err(FitError::Config { field: "quantiles", found, wanted }.into());
        }
        let table = read_points(&self.points, &self.read)?;
        let mut report = predict_points(fit, &table)?;
        for (row, point) in report.rows.iter_mut().zip(&table.points) {
            let at = Point::new(point.n, point.d).within(point.setting);
            row.quantiles = predict_quantiles(fit, &at, &self.quantiles).unwrap_or_default();
        }
        report.quantiles.clone_from(&self.quantiles);
        Ok(report)
    }
}

/// Predicts planned runs under a fit at hand.
///
/// # Errors
/// [`StudyError::OtherParams`] where N counts something else in the table than in the fit.
pub fn predict_points(fit: &Fit, table: &PointTable) -> Result<PredictReport> {
    let (fitted, found) = (fit.surface.params, table.params);
    if fitted != found {
        return Err(StudyError::OtherParams { fitted, found }.into());
    }
    let points: Vec<Point> =
        table.points.iter().map(|p| Point::new(p.n, p.d).within(p.setting)).collect();
    let rows: Vec<PredictedPoint> = predict(fit, &points)
        .into_iter()
        .zip(&table.points)
        .map(|(prediction, point)| PredictedPoint {
            run: point.run.clone(),
            prediction,
            quantiles: Vec::new(),
        })
        .collect();
    let mut warnings = fit.warnings.clone();
    // One line for all of them: the farthest of any quantity.
    let farthest = rows
        .iter()
        .flat_map(|row| row.prediction.outside.iter())
        .max_by(|a, b| a.1.total_cmp(b.1))
        .filter(|(_, factor)| **factor > FAR);
    if let Some((quantity, factor)) = farthest {
        let quantity = format!("{quantity} of the farthest run");
        warnings.push(Warning::Extrapolation { quantity, factor: *factor });
    }
    Ok(PredictReport {
        law: fit.surface.label.clone(),
        level: fit.level,
        family: fit.law.clone(),
        extrapolation: fit.extrapolation.clone(),
        quantiles: Vec::new(),
        rows,
        warnings,
    })
}
