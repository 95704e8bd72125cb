//! Laws weighed into one: what is saved of them, and what they say together.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::uncertainty::predictive_interval;
use crate::law::{Law, Point, Surface};
use crate::num::{Interval, median};

/// Several fitted laws as one, each with a weight.
///
/// As draws for plans each law has its share of them, so an interval covers what is unknown about each
/// law and what they disagree on. A predicted loss is the weighted mean of theirs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stack {
    /// The laws, heaviest first; the weights add up to one.
    pub members: Vec<StackedLaw>,
    /// Mean |predicted / observed - 1| of the weighted mean over the held-out runs that the weights were
    /// taken from.
    pub mean_abs_error: f64,
}

/// A law of a [`Stack`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StackedLaw {
    /// Family id.
    pub law: String,
    /// Its share.
    pub weight: f64,
    /// Mean |predicted / observed - 1| of it alone, over the same runs.
    pub mean_abs_error: f64,
    /// The fitted surface.
    pub surface: Surface,
    /// Coefficients of as many of its bootstrap draws as its share of all.
    pub draws: Vec<Vec<f64>>,
}

impl Stack {
    /// The weighted mean of the losses, nats per token.
    #[must_use]
    pub fn loss(&self, point: &Point) -> f64 {
        self.members.iter().map(|m| m.weight * m.surface.loss(point)).sum()
    }

    /// The draws of all laws, each with its share.
    #[must_use]
    pub fn draws(&self) -> Vec<Surface> {
        let of = |m: &StackedLaw| -> Vec<Surface> {
            m.draws.iter().map(|theta| m.surface.with_theta(theta.clone())).collect()
        };
        self.members.iter().flat_map(of).collect()
    }

    /// Where the loss of a new run is expected; `None` without draws.
    ///
    /// - `residuals`: ln(predicted) - ln(observed) of the fitted runs, inflated for the coefficients.
    pub(crate) fn new_run_interval(
        &self,
        point: &Point,
        residuals: &[f64],
        level: f64,
    ) -> Option<Interval> {
        let laws: Vec<&'static dyn Law> =
            self.members.iter().flat_map(|m| m.draws.iter().map(|_| m.surface.law())).collect();
        let thetas: Vec<Vec<f64>> =
            self.members.iter().flat_map(|m| m.draws.iter().cloned()).collect();
        let at = point.at();
        predictive_interval(&thetas, residuals, level, |k, theta, residual| {
            laws[k].loss(theta, &at) * (-residual).exp()
        })
    }
}

/// Weights on the simplex for which the weighted mean of predictions errs least.
///
/// Errors are relative, so that of the weighted mean is the weighted mean of theirs. What is minimised
/// is a Huber sum over runs with the typical error of the best law as its band, by least squares with
/// weights renewed: a few runs far off do not decide. One run more says that all laws are alike, so
/// that laws which predict alike share their weight.
///
/// - `errors`: predicted / observed - 1 of each run, one row per law; the best law first.
pub(super) fn weights(errors: &[Vec<f64>]) -> Vec<f64> {
    const ROUNDS: usize = 50;
    let (laws, runs) = (errors.len(), errors.first().map_or(0, Vec::len));
    let mut weights = vec![1.0 / laws as f64; laws];
    if laws < 2 || runs == 0 {
        return weights;
    }
    let band = median(&errors[0].iter().map(|e| e.abs()).collect::<Vec<_>>()).max(1e-12);
    for _ in 0..ROUNDS {
        let counted = |i: usize| (band / combined(errors, &weights, i).abs()).min(1.0);
        let counts: Vec<f64> = (0..runs).map(counted).collect();
        let gram = DMatrix::from_fn(laws, laws, |a, b| {
            let alike = if a == b { band * band } else { 0.0 };
            alike + (0..runs).map(|i| counts[i] * errors[a][i] * errors[b][i]).sum::<f64>()
        });
        let next = least_on_simplex(&gram);
        let moved = next.iter().zip(&weights).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        weights = next;
        if moved < 1e-9 {
            break;
        }
    }
    weights
}

/// Error of the weighted mean at run `i`.
pub(super) fn combined(errors: &[Vec<f64>], weights: &[f64], i: usize) -> f64 {
    errors.iter().zip(weights).map(|(e, w)| w * e[i]).sum()
}

/// min w' G w with w >= 0 and sum w = 1, for a positive definite G.
fn least_on_simplex(gram: &DMatrix<f64>) -> Vec<f64> {
    let laws = gram.nrows();
    let mut best: Option<(f64, Vec<f64>)> = None;
    // Every subset: exact, and few for as many laws as runs can tell apart.
    for set in 1..(1_usize << laws) {
        let chosen: Vec<usize> = (0..laws).filter(|k| set >> k & 1 == 1).collect();
        let m = chosen.len();
        let part = DMatrix::from_fn(m, m, |a, b| gram[(chosen[a], chosen[b])]);
        let Some(solved) = part.cholesky().map(|c| c.solve(&DVector::from_element(m, 1.0))) else {
            continue;
        };
        let total = solved.sum();
        if total <= 0.0 || solved.iter().any(|x| *x < 0.0) {
            continue;
        }
        // At the least value of a subset it is one over the total.
        let value = 1.0 / total;
        if best.as_ref().is_none_or(|(least, _)| value < *least) {
            let mut weights = vec![0.0; laws];
            chosen.iter().zip(solved.iter()).for_each(|(&k, x)| weights[k] = x / total);
            best = Some((value, weights));
        }
    }
    best.map_or_else(|| vec![1.0 / laws as f64; laws], |(_, weights)| weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::stream;
    use rand::RngExt;

    /// The sum of the Huber losses that [`weights`] minimises, with its run more.
    fn objective(errors: &[Vec<f64>], weights: &[f64], band: f64) -> f64 {
        let huber = |r: f64| {
            let r = r.abs();
            if r <= band { r * r } else { band * (2.0 * r - band) }
        };
        let runs = errors[0].len();
        (0..runs).map(|i| huber(combined(errors, weights, i))).sum::<f64>()
            + band * band * weights.iter().map(|w| w * w).sum::<f64>()
    }

    #[test]
    fn no_point_of_a_fine_grid_on_the_simplex_does_better() {
        let mut rng = stream(4, 0);
        for case in 0..20 {
            let bias: Vec<f64> = (0..3).map(|_| rng.random_range(-0.01..0.01)).collect();
            let mut errors: Vec<Vec<f64>> = bias
                .iter()
                .map(|b| (0..25).map(|_| b + rng.random_range(-0.005..0.005)).collect())
                .collect();
            errors.iter_mut().for_each(|e| e[0] += 0.3);
            let band = median(&errors[0].iter().map(|e| e.abs()).collect::<Vec<_>>());
            let ours = weights(&errors);
            assert!(
                (ours.iter().sum::<f64>() - 1.0).abs() < 1e-12 && ours.iter().all(|w| *w >= 0.0)
            );
            let least = objective(&errors, &ours, band);
            for i in 0..=100 {
                for j in 0..=(100 - i) {
                    let w = [f64::from(i), f64::from(j), f64::from(100 - i - j)].map(|x| x / 100.0);
                    let there = objective(&errors, &w, band);
                    assert!(
                        least <= there * (1.0 + 1e-9),
                        "{case}: {ours:?} {least} {w:?} {there}"
                    );
                }
            }
        }
    }

    #[test]
    fn laws_that_err_to_either_side_are_mixed_and_a_bad_one_is_left_out() {
        let high: Vec<f64> = (0..20).map(|i| 0.01 + 1e-4 * f64::from(i % 3)).collect();
        let low: Vec<f64> = high.iter().map(|e| -e).collect();
        let bad = vec![0.2; 20];
        let w = weights(&[high.clone(), low, bad.clone()]);
        assert!((w[0] - 0.5).abs() < 0.05 && (w[1] - 0.5).abs() < 0.05 && w[2] < 0.01, "{w:?}");
        let w = weights(&[high.clone(), high, bad]);
        assert!((w[0] - w[1]).abs() < 1e-9 && w[2] == 0.0, "laws alike share: {w:?}");
    }
}
