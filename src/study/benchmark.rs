//! From loss to error on tasks, and from N and D in two steps.

use serde::{Deserialize, Serialize};

use super::law::ask_laws;
use crate::data::RunTable;
use crate::error::{FitError, Result, StudyError, Warning};
use crate::fit::{BenchmarkConfig, BenchmarkFit, fit_benchmark};
use crate::law::{
    Benchmark, Point, TwoStep, TwoStepPrediction, benchmark_by_id, published_benchmark,
};
use crate::num::find_root;
use crate::plan::compute_optimal;
use crate::units::{Flops, Params, Tokens};

/// What is asked of a table with a loss and a benchmark error per model.
///
/// | field | default | purpose |
/// |---|---|---|
/// | `form` | exp-error | family of the benchmark law |
/// | `config` | [`BenchmarkConfig::default`] | how it is fitted; its fields stand beside `form` in a file |
/// | `law` | none | law of loss of the first step, as [`ask_laws`] takes it |
/// | `flops` | none | budgets whose compute-optimal run is predicted |
/// | `points` | none | (N, D) to predict |
/// | `target` | none | error whose loss is looked for |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BenchmarkRequest {
    /// Family id.
    pub form: String,
    /// Law of loss of the first step.
    pub law: Option<String>,
    /// Budgets whose compute-optimal run is predicted.
    pub flops: Vec<Flops>,
    /// Sizes and tokens to predict.
    pub points: Vec<(Params, Tokens)>,
    /// Error whose loss is looked for.
    pub target: Option<f64>,
    /// How the law is fitted.
    #[serde(flatten)]
    pub config: BenchmarkConfig,
}

impl Default for BenchmarkRequest {
    fn default() -> Self {
        Self {
            form: "exp-error".to_owned(),
            law: None,
            flops: Vec::new(),
            points: Vec::new(),
            target: None,
            config: BenchmarkConfig::default(),
        }
    }
}

/// A fitted benchmark law and what it predicts.
#[derive(Clone, Debug, Serialize)]
pub struct BenchmarkReport {
    /// The law.
    #[serde(flatten)]
    pub fit: BenchmarkFit,
    /// Errors predicted in two steps.
    pub predictions: Vec<TwoStepPrediction>,
    /// The loss at which the error is the target; absent without a target, or where no loss has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_for_target: Option<f64>,
    /// Warnings of the fit, of the law of loss, and of predictions outside the losses fitted.
    #[serde(skip)]
    pub warnings: Vec<Warning>,
    /// What was asked.
    #[serde(skip)]
    pub request: BenchmarkRequest,
}

/// A benchmark law by published name, or from a saved [`BenchmarkReport`] (`.json`).
///
/// # Errors
/// [`FitError::Artifact`] for a file without one; [`LawError`](crate::error::LawError) for an unknown
/// name.
pub fn benchmark_law(name: &str) -> Result<(&'static dyn Benchmark, Vec<f64>)> {
    if !name.ends_with(".json") {
        let published = published_benchmark(name)?;
        return Ok((benchmark_by_id(&published.form)?, published.theta()?));
    }
    let bad = |reason: String| FitError::Artifact { path: name.to_owned(), reason };
    let text = std::fs::read_to_string(name).map_err(|e| bad(e.to_string()))?;
    let fit: BenchmarkFit = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    Ok((benchmark_by_id(&fit.form)?, fit.theta))
}

impl BenchmarkRequest {
    /// Fits the law to the losses and benchmark errors of `table`, and predicts.
    ///
    /// # Errors
    /// [`StudyError::NoBenchmarkError`] for a run without one; as
    /// [`fit_benchmark`] and [`ask_laws`] otherwise.
    pub fn answer(&self, table: &RunTable) -> Result<BenchmarkReport> {
        let rows = table
            .runs
            .iter()
            .map(|run| {
                let missing = || StudyError::NoBenchmarkError { run: run.run.clone() };
                Ok((run.loss_nats, run.benchmark_error.ok_or_else(missing)?))
            })
            .collect::<Result<Vec<(f64, f64)>>>()?;
        let benchmark = benchmark_by_id(&self.form)?;
        let fit = fit_benchmark(benchmark, &rows, &self.config)?;
        let mut warnings = fit.warnings.clone();
        let predictions = self.predictions(benchmark, &fit, &mut warnings)?;
        // Searched down to zero nats, and up to beyond ln of any vocabulary.
        let loss_for_target = self.target.and_then(|target| {
            let excess = |loss: f64| benchmark.error(&fit.theta, loss) - target;
            find_root("loss for an error", excess, 0.0, 20.0).ok()
        });
        let request = self.clone();
        Ok(BenchmarkReport { fit, predictions, loss_for_target, warnings, request })
    }

    /// The errors asked for, through the law of loss.
    fn predictions(
        &self,
        benchmark: &'static dyn Benchmark,
        fit: &BenchmarkFit,
        warnings: &mut Vec<Warning>,
    ) -> Result<Vec<TwoStepPrediction>> {
        let mut predictions = Vec::new();
        let Some(law) = &self.law else { return Ok(predictions) };
        for asked in ask_laws(law)? {
            warnings.extend(asked.warnings.iter().cloned());
            let surface = asked.ensemble.best.clone();
            let mut points = Vec::new();
            for c in &self.flops {
                let plan = compute_optimal(&surface, *c)?;
                points.push(Point::new(plan.n, plan.d));
            }
            points.extend(self.points.iter().map(|(n, d)| Point::new(*n, *d)));
            for point in points {
                let theta = fit.theta.clone();
                let both = TwoStep { surface: surface.clone(), benchmark, theta };
                let loss = both.surface.loss(&point);
                let outside = fit.losses.factor_outside(loss);
                if outside > 1.0 + 1e-9 {
                    let quantity = format!("loss {loss:.3}");
                    warnings.push(Warning::Extrapolation { quantity, factor: outside });
                }
                predictions.push(TwoStepPrediction {
                    law: surface.label.clone(),
                    params: point.n,
                    tokens: point.d,
                    loss,
                    error: both.error(&point),
                    interval: fit.two_step_interval(benchmark, &asked.ensemble, &point),
                });
            }
        }
        Ok(predictions)
    }
}
