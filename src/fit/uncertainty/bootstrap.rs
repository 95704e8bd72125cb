//! Refits of a law of N and D to resampled runs.

use std::borrow::Cow;

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::draws::{Draws, resample};
use super::predictive::inflation;
use crate::error::FitError;
use crate::fit::config::{FitConfig, Resample};
use crate::fit::progress::OnProgress;
use crate::fit::solve::{LawOn, Minimum, Penalty, Prior, Problem, Rows};
use crate::law::Law;
use crate::num::Stream;

/// `config.bootstrap` refits of resampled rows, in order.
///
/// # Errors
/// [`FitError::Stopped`] when `progress` says so.
pub(crate) fn bootstrap(
    law: &'static dyn Law,
    best: &Minimum,
    clusters: &[Vec<usize>],
    config: &FitConfig,
    progress: &OnProgress<'_>,
) -> Result<Draws, FitError> {
    resample(config.bootstrap, config.seed, progress, |rng| one(law, best, clusters, config, rng))
}

/// Coefficients of one refit in natural units, or `None` where it has no minimum in the domain.
fn one(
    law: &'static dyn Law,
    best: &Minimum,
    clusters: &[Vec<usize>],
    config: &FitConfig,
    rng: &mut Stream,
) -> Option<Vec<f64>> {
    let mut rows = Cow::Borrowed(&best.rows);
    let weights = if config.resample == Resample::Wild {
        rows = Cow::Owned(with_random_signs(law, best, rng));
        best.rows.weights.clone()
    } else {
        let mut counts = vec![0.0; best.rows.len()];
        for _ in 0..clusters.len() {
            for &row in &clusters[rng.random_range(0..clusters.len())] {
                counts[row] += best.rows.weights.as_ref().map_or(1.0, |w| w[row]);
            }
        }
        Some(counts)
    };
    // What was known beforehand is a measurement too and varies like one.
    let priors: Vec<Prior> = best
        .known
        .priors
        .iter()
        .map(|p| {
            let z: f64 = StandardNormal.sample(rng);
            Prior { mean: p.mean + p.sd * z, ..*p }
        })
        .collect();
    let model = LawOn::new(best.coordinates.law, &rows);
    let problem = Problem {
        model: &model,
        observed: &rows.observed,
        weights: weights.as_deref(),
        penalty: Penalty::of(config),
        held: &best.held,
        priors: &priors,
    };
    best.refitted(law, &problem)
}

/// The fitted losses with each log residual under a random sign, scaled by sqrt(n / (n - p)) since
/// fitted residuals are too small.
fn with_random_signs(law: &dyn Law, best: &Minimum, rng: &mut Stream) -> Rows {
    let mut rows = best.rows.clone();
    let mut theta = best.theta.clone();
    law.recentre(&mut theta, rows.ln_n0, rows.ln_d0);
    let inflate = inflation(rows.len(), best.free);
    for i in 0..rows.len() {
        let fitted = law.loss(&theta, &rows.at[i]).ln();
        let sign = if rng.random_range(0..2) == 0 { 1.0 } else { -1.0 };
        let ln = fitted + sign * inflate * (rows.observed.ln[i] - fitted);
        rows.observed.ln[i] = ln;
        rows.observed.value[i] = ln.exp();
    }
    rows
}
