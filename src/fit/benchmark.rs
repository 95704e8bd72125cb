//! Fits of benchmark laws: error on tasks against loss.

use std::collections::BTreeMap;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::design::FEW;
use super::limits;
use super::progress::{OnProgress, Parts, ignore};
use super::solve::{Certificate, Known, Observed, Penalty, Predictor, Problem, estimate, refit};
use super::uncertainty::{Spread, inflation, predictive_interval, resample};
use crate::error::{FitError, Warning};
use crate::law::{Benchmark, Coef, Ensemble, Point, Range};
use crate::num::Interval;

/// A benchmark law on rows.
struct BenchmarkOn<'a> {
    benchmark: &'static dyn Benchmark,
    loss: &'a [f64],
}

impl Predictor for BenchmarkOn<'_> {
    fn coefs(&self) -> &'static [Coef] {
        self.benchmark.coefs()
    }

    fn predict(&self, theta: &[f64], i: usize) -> f64 {
        self.benchmark.error(theta, self.loss[i])
    }

    fn jet(&self, theta: &[f64], i: usize, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        self.benchmark.jet(theta, self.loss[i], gradient, hessian)
    }
}

/// Settings of [`fit_benchmark`].
///
/// | field | default | range | purpose |
/// |---|---|---|---|
/// | `fixed` | none | domain of the coefficient | coefficients held at a value |
/// | `bootstrap` | 1000 | 0 or >= 20 | resamples of the rows |
/// | `seed` | 0 | | seed of the resamples |
/// | `level` | 0.95 | 0.5..0.999 | level of the intervals |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BenchmarkConfig {
    /// Coefficients held at a value, by name.
    pub fixed: BTreeMap<String, f64>,
    /// Bootstrap resamples; 0 for none.
    pub bootstrap: usize,
    /// Seed of the resamples.
    pub seed: u64,
    /// Level of the percentile intervals.
    pub level: f64,
}

impl Default for BenchmarkConfig {
    fn default() -> Self {
        Self { fixed: BTreeMap::new(), bootstrap: 1000, seed: 0, level: 0.95 }
    }
}

/// A fitted benchmark law.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BenchmarkFit {
    /// Family id.
    pub form: String,
    /// Rows fitted.
    pub n_points: usize,
    /// Losses they span.
    pub losses: Range,
    /// Coefficients in the order of the family.
    pub theta: Vec<f64>,
    /// Coefficients by name.
    pub coefficients: BTreeMap<String, f64>,
    /// Percentile intervals by name.
    pub intervals: BTreeMap<String, Interval>,
    /// Bootstrap standard deviations by name.
    pub std_errors: BTreeMap<String, f64>,
    /// Level of the intervals.
    pub level: f64,
    /// Sum of squared errors at the minimum.
    pub objective_value: f64,
    /// sqrt(sum of squares / (n - p)).
    pub residual_sd: f64,
    /// The proof of the minimum.
    pub certificate: Certificate,
    /// predicted - observed, in the order of the rows.
    pub residuals: Vec<f64>,
    /// Coefficients of the draws.
    pub draws: Vec<Vec<f64>>,
    /// Draws without a minimum.
    pub draws_failed: usize,
    /// What a reader has to know.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
}

impl BenchmarkConfig {
    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`FitError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), FitError> {
        limits::bootstrap(self.bootstrap)?;
        limits::level(self.level)
    }
}

/// Fits `benchmark` to (loss in nats per token, error) pairs by least squares on the error, as its
/// sources do, with a certificate; then refits resampled rows.
///
/// # Errors
/// [`FitError::TooFewRuns`] below one row more than free coefficients,
/// [`FitError::UnknownCoefficient`], [`FitError::OutsideDomain`] or [`FitError::NothingFree`] for
/// coefficients that cannot be held, [`FitError::Config`] for settings out of range,
/// [`FitError::NoMinimum`] when no start ends at a finite objective.
///
/// # Example
/// ```
/// use isoloss::fit::{BenchmarkConfig, fit_benchmark};
/// use isoloss::law::{Benchmark, ExponentialError};
///
/// let truth = [0.8, 1.9, 0.9]; // error = eps - k exp(-gamma L)
/// let losses = [2.2, 2.4, 2.7, 3.0, 3.4, 3.9, 4.5];
/// let rows = losses.map(|loss| (loss, ExponentialError.error(&truth, loss)));
/// let config = BenchmarkConfig { bootstrap: 0, ..BenchmarkConfig::default() };
/// let fitted = fit_benchmark(&ExponentialError, &rows, &config)?;
/// assert!(fitted.certificate.certified);
/// assert!((ExponentialError.error(&fitted.theta, 2.5) - ExponentialError.error(&truth, 2.5)).abs() < 1e-6);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn fit_benchmark(
    benchmark: &'static dyn Benchmark,
    rows: &[(f64, f64)],
    config: &BenchmarkConfig,
) -> Result<BenchmarkFit, FitError> {
    fit_benchmark_with_progress(benchmark, rows, config, &ignore)
}

/// As [`fit_benchmark`]; `progress` is called after each resample.
///
/// # Errors
/// As [`fit_benchmark`]; [`FitError::Stopped`] when `progress` says so.
pub fn fit_benchmark_with_progress(
    benchmark: &'static dyn Benchmark,
    rows: &[(f64, f64)],
    config: &BenchmarkConfig,
    progress: &OnProgress<'_>,
) -> Result<BenchmarkFit, FitError> {
    config.validate()?;
    let (id, coefs) = (benchmark.id(), benchmark.coefs());
    let known = Known::held(limits::held(id, coefs, &config.fixed)?);
    let free = known.held.iter().filter(|h| h.is_none()).count();
    if rows.len() <= free {
        let (found, wanted) = (rows.len(), free + 1);
        return Err(FitError::TooFewRuns { law: id, found, coefs: free, wanted });
    }
    Parts::new(config.bootstrap, progress).check()?;
    let loss: Vec<f64> = rows.iter().map(|r| r.0).collect();
    let errors: Vec<f64> = rows.iter().map(|r| r.1).collect();
    let observed = Observed::of(errors.iter().copied().collect());
    let problem = Problem {
        model: &BenchmarkOn { benchmark, loss: &loss },
        observed: &observed,
        weights: None,
        penalty: Penalty::SquareLoss,
        held: &known.held,
        priors: &[],
    };
    let starts = benchmark.starts(&loss, &errors);
    let none = || FitError::NoMinimum { law: id, starts: starts.len() };
    let losses = Range::of(loss.iter().copied()).ok_or_else(none)?;
    let minimum = estimate(id, &problem, &known, &starts, false)?;
    let (theta, objective) = (minimum.theta, minimum.best.jet.value);
    let near = [minimum.best.x];
    let draws = resample(config.bootstrap, config.seed, progress, |rng| {
        let mut counts = vec![0.0; rows.len()];
        (0..rows.len()).for_each(|_| counts[rng.random_range(0..rows.len())] += 1.0);
        let drawn = Problem { weights: Some(&counts), ..problem };
        refit(&drawn, &near).map(|end| drawn.natural(&end.x))
    })?;
    let mut warnings = minimum.certificate.warnings();
    warnings.extend(draws.warning());
    if rows.len() < FEW * free {
        warnings.push(Warning::FewRuns { runs: rows.len(), coefs: free });
    }
    let Spread { intervals, std_errors } =
        Spread::of(&draws.samples(coefs, &known.held), config.level);
    let residuals: Vec<f64> =
        rows.iter().map(|(loss, error)| benchmark.error(&theta, *loss) - error).collect();
    Ok(BenchmarkFit {
        form: id.to_owned(),
        n_points: rows.len(),
        losses,
        coefficients: coefs.iter().zip(&theta).map(|(c, t)| (c.name.to_owned(), *t)).collect(),
        intervals,
        std_errors,
        level: config.level,
        objective_value: objective,
        residual_sd: (objective / (rows.len() - free) as f64).sqrt(),
        certificate: minimum.certificate,
        theta,
        residuals,
        draws: draws.thetas,
        draws_failed: draws.failed,
        warnings,
    })
}

impl BenchmarkFit {
    /// Where the error of a new model of this loss is expected: draws of the law with resampled
    /// residuals, scaled by sqrt(n / (n - p)); `None` without draws.
    #[must_use]
    pub fn new_model_interval(&self, benchmark: &dyn Benchmark, loss: f64) -> Option<Interval> {
        self.interval_at(benchmark, |_| loss)
    }

    /// Where the error of a new model at `point` is expected: draws of the law of loss, where it has
    /// any, paired with draws of the benchmark law and its residuals; `None` without draws.
    #[must_use]
    pub fn two_step_interval(
        &self,
        benchmark: &dyn Benchmark,
        law: &Ensemble,
        point: &Point,
    ) -> Option<Interval> {
        self.interval_at(benchmark, |k| match law.draws.len() {
            0 => law.best.loss(point),
            draws => law.draws[k % draws].loss(point),
        })
    }

    /// - `loss`: of draw k.
    fn interval_at(
        &self,
        benchmark: &dyn Benchmark,
        loss: impl Fn(usize) -> f64,
    ) -> Option<Interval> {
        let inflate = inflation(self.residuals.len(), self.theta.len());
        predictive_interval(&self.draws, &self.residuals, self.level, |k, theta, residual| {
            benchmark.error(theta, loss(k)) - inflate * residual
        })
    }
}
