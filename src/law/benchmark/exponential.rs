//! Error that falls exponentially with loss.

use super::form::BenchmarkForm;
use crate::law::coef::Coef;
use crate::num::{Real, nonnegative_least_squares};

/// Err(L) = eps - k exp(-gamma L): eps is the error at an infinite loss.
///
/// Source: Gadre et al. 2024, arXiv:2403.08540, eq. 5. Differs from it: nothing.
/// Domain: mean top-1 error over many tasks; single tasks scatter too much for it. Far below the
/// losses it was fitted on it becomes negative.
#[derive(Clone, Copy, Debug)]
pub struct ExponentialError;

impl BenchmarkForm for ExponentialError {
    const ID: &'static str = "exp-error";
    const EQUATION: &'static str = "error = eps - k·exp(-gamma·L)";
    const SOURCE: &'static str = "Gadre et al. 2024, arXiv:2403.08540, eq. 5";
    const COEFS: &'static [Coef] = &[
        Coef::positive("eps", "error").within(0.0, 10.0),
        Coef::positive("k", "error"),
        Coef::positive("gamma", "1/nat"),
    ];
    const EXAMPLE: &'static [f64] = &[0.85, 2.1, 0.75];

    fn error<T: Real>(&self, theta: &[T], loss: T) -> T {
        theta[0] - theta[1] * (-theta[2] * loss).exp()
    }

    /// For a fixed gamma, c - error = (c - eps) + k exp(-gamma L) is linear, c above every error.
    fn starts(&self, loss: &[f64], error: &[f64]) -> Vec<Vec<f64>> {
        let above = error.iter().copied().fold(0.0, f64::max) + 1.0;
        let mirrored: Vec<f64> = error.iter().map(|e| above - e).collect();
        [0.25, 0.5, 1.0, 2.0]
            .into_iter()
            .filter_map(|gamma| {
                let powers = loss.iter().map(|l| (-gamma * l).exp()).collect();
                let b = nonnegative_least_squares(&[vec![1.0; loss.len()], powers], &mirrored)?;
                let (eps, k) = (above - b[0], b[1]);
                (eps > 0.0 && k > 0.0).then(|| vec![eps, k, gamma])
            })
            .collect()
    }
}
