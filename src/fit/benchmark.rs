//! Fits of benchmark laws: error on tasks against loss.

use std::collections::BTreeMap;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::certificate::Certificate;
use super::objective::{Model, Observed, Penalty, Problem};
use super::solve::{descend, finish, search, stands};
use crate::error::{FitError, Warning};
use crate::law::{Benchmark, Coef, Range};
use crate::num::{Interval, smallest_eigenvalue, standard_deviation, stream};

/// A benchmark law on rows.
struct BenchmarkOn<'a> {
    benchmark: &'static dyn Benchmark,
    loss: &'a [f64],
}

impl Model for BenchmarkOn<'_> {
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
    /// Doubts.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
}

/// Fits `benchmark` to (loss in nats per token, error) pairs by least squares on the error, as its
/// sources do, with a certificate; then refits resampled rows.
///
/// # Errors
/// [`FitError::TooFewRuns`] below one row more than free coefficients, [`FitError::Held`] for a
/// coefficient that cannot be held, [`FitError::Config`] for settings out of range,
/// [`FitError::NoMinimum`] when no start ends at a finite objective.
pub fn fit_benchmark(
    benchmark: &'static dyn Benchmark,
    rows: &[(f64, f64)],
    config: &BenchmarkConfig,
) -> Result<BenchmarkFit, FitError> {
    let bad = |field, found: String, wanted| Err(FitError::Config { field, found, wanted });
    if config.bootstrap != 0 && !(20..=1_000_000).contains(&config.bootstrap) {
        return bad("bootstrap", config.bootstrap.to_string(), "0, or between 20 and 1000000");
    }
    if !(0.5..=0.999).contains(&config.level) {
        return bad("level", config.level.to_string(), "between 0.5 and 0.999");
    }
    let coefs = benchmark.coefs();
    let held = held(benchmark, config)?;
    let free = held.iter().filter(|h| h.is_none()).count();
    if rows.len() <= free {
        let (law, found, wanted) = (benchmark.id(), rows.len(), free + 1);
        return Err(FitError::TooFewRuns { law, found, coefs: free, wanted });
    }
    let loss: Vec<f64> = rows.iter().map(|r| r.0).collect();
    let errors: Vec<f64> = rows.iter().map(|r| r.1).collect();
    let observed = Observed::of(errors.iter().copied().collect());
    let model = BenchmarkOn { benchmark, loss: &loss };
    let problem = Problem {
        model: &model,
        observed: &observed,
        weights: None,
        penalty: Penalty::SquareLoss,
        held: &held,
        priors: &[],
    };
    let starts = benchmark.starts(&loss, &errors);
    let none = || FitError::NoMinimum { law: benchmark.id(), starts: starts.len() };
    let found = search(&problem, &starts, false).ok_or_else(none)?;
    let best = found.best;
    let theta = problem.natural(&best.x);
    let certificate = Certificate::new(
        best.jet.scaled_gradient(),
        smallest_eigenvalue(best.x.len(), &best.jet.hessian),
        starts.len(),
        found.agreeing,
        rows.len(),
    );
    let draws: Vec<Option<Vec<f64>>> = (0..config.bootstrap)
        .map(|k| {
            let mut rng = stream(config.seed, k as u64);
            let mut counts = vec![0.0; rows.len()];
            (0..rows.len()).for_each(|_| counts[rng.random_range(0..rows.len())] += 1.0);
            let drawn = Problem { weights: Some(&counts), ..problem };
            let mut end = finish(&drawn, &best.x);
            if !stands(&end) {
                end = descend(&drawn, &best.x);
            }
            stands(&end).then(|| drawn.natural(&end.x))
        })
        .collect();
    let draws_failed = draws.iter().filter(|d| d.is_none()).count();
    let draws: Vec<Vec<f64>> = draws.into_iter().flatten().collect();
    let mut warnings = certificate.warnings();
    if draws_failed > 0 {
        warnings.push(Warning::DrawsFailed { failed: draws_failed, draws: config.bootstrap });
    }
    if rows.len() < super::design::FEW * free {
        warnings.push(Warning::FewRuns { runs: rows.len(), coefs: free });
    }
    let sample = |i: usize| draws.iter().map(|d| d[i]).collect::<Vec<f64>>();
    let by_name = coefs.iter().enumerate().filter(|(i, _)| held[*i].is_none());
    let residuals: Vec<f64> =
        rows.iter().map(|(loss, error)| benchmark.error(&theta, *loss) - error).collect();
    Ok(BenchmarkFit {
        form: benchmark.id().to_owned(),
        n_points: rows.len(),
        losses: Range::of(loss.iter().copied()).ok_or_else(none)?,
        coefficients: coefs.iter().zip(&theta).map(|(c, t)| (c.name.to_owned(), *t)).collect(),
        intervals: by_name
            .clone()
            .filter_map(|(i, c)| {
                Some((c.name.to_owned(), Interval::percentile(&sample(i), config.level)?))
            })
            .collect(),
        std_errors: by_name
            .filter(|_| draws.len() >= 2)
            .map(|(i, c)| (c.name.to_owned(), standard_deviation(&sample(i))))
            .collect(),
        level: config.level,
        objective_value: best.jet.value,
        residual_sd: (best.jet.value / (rows.len() - free) as f64).sqrt(),
        certificate,
        theta,
        residuals,
        draws,
        draws_failed,
        warnings,
    })
}

/// Held coefficients in the order of the family.
fn held(benchmark: &dyn Benchmark, config: &BenchmarkConfig) -> Result<Vec<Option<f64>>, FitError> {
    let coefs = benchmark.coefs();
    let mut held = vec![None; coefs.len()];
    for (name, value) in &config.fixed {
        let bad = |reason: String| {
            let (law, coef) = (benchmark.id(), name.clone());
            Err(FitError::Held { law, coef, reason })
        };
        let Some(i) = coefs.iter().position(|c| c.name == name) else {
            let known: Vec<&str> = coefs.iter().map(|c| c.name).collect();
            return bad(format!("the law has only {}", known.join(", ")));
        };
        let (lo, hi) = coefs[i].domain;
        if !(value.is_finite() && *value > lo && *value < hi) {
            return bad(format!("{value} is not between {lo} and {hi}"));
        }
        held[i] = Some(*value);
    }
    if held.iter().all(Option::is_some) {
        let (law, coef) = (benchmark.id(), "every coefficient".to_owned());
        let reason = "no coefficient is left to fit".to_owned();
        return Err(FitError::Held { law, coef, reason });
    }
    Ok(held)
}

impl BenchmarkFit {
    /// Where the error of a new model of this loss is expected: draws of the law with resampled
    /// residuals, scaled by sqrt(n / (n - p)); `None` without draws.
    #[must_use]
    pub fn new_model_interval(&self, benchmark: &dyn Benchmark, loss: f64) -> Option<Interval> {
        let (n, p) = (self.residuals.len() as f64, self.theta.len() as f64);
        let inflate = (n / (n - p).max(1.0)).sqrt();
        let sample: Vec<f64> = self
            .draws
            .iter()
            .enumerate()
            .map(|(k, theta)| {
                // A prime stride walks through all residuals, unlike their order in the table.
                let residual = self.residuals[(k * 7919) % self.residuals.len().max(1)];
                benchmark.error(theta, loss) - inflate * residual
            })
            .collect();
        Interval::percentile(&sample, self.level)
    }
}
