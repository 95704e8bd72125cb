//! Error that is a logistic function of loss.

use super::form::BenchmarkForm;
use crate::law::coef::Coef;
use crate::num::Real;

/// Err(L) = lo + (hi - lo) / (1 + exp(-s (L - m))): hi is the error of guessing, lo the error that
/// remains, m the loss half-way.
///
/// Source: Grattafiori et al. 2024 (Llama 3), arXiv:2407.21783, sec. 3.2.1, fig. 4: accuracy as a
/// sigmoid of the loss of the correct answer; its coefficients are not printed. Differs from it: the
/// two ends are coefficients.
/// Domain: one task or a mean of tasks, on models on both sides of m. With models on one side only,
/// the runs do not fix the other end: hold it at a value.
#[derive(Clone, Copy, Debug)]
pub struct LogisticError;

impl BenchmarkForm for LogisticError {
    const ID: &'static str = "logistic-error";
    const EQUATION: &'static str = "error = lo + (hi - lo)/(1 + exp(-s·(L - m)))";
    const SOURCE: &'static str = "Grattafiori et al. 2024, arXiv:2407.21783, sec. 3.2.1";
    const COEFS: &'static [Coef] = &[
        Coef::linear("lo", "error", -1.0, 1.0),
        Coef::linear("hi", "error", 0.0, 2.0),
        Coef::positive("s", "1/nat"),
        Coef::positive("m", "nats per token"),
    ];
    const EXAMPLE: &'static [f64] = &[0.1, 0.75, 3.0, 3.2];

    fn error<T: Real>(&self, theta: &[T], loss: T) -> T {
        let rising = ((theta[3] - loss) * theta[2]).exp() + 1.0;
        theta[0] + (theta[1] - theta[0]) / rising
    }

    /// For a fixed slope and middle the error is linear in both ends.
    fn starts(&self, loss: &[f64], error: &[f64]) -> Vec<Vec<f64>> {
        let fold = |x: &[f64], f: fn(f64, f64) -> f64, start: f64| x.iter().copied().fold(start, f);
        let (lo, hi) = (fold(loss, f64::min, f64::INFINITY), fold(loss, f64::max, 0.0));
        let (low, high) = (fold(error, f64::min, f64::INFINITY), fold(error, f64::max, 0.0));
        let width = (hi - lo).max(1e-3);
        let mut starts = Vec::new();
        for middle in [0.2, 0.5, 0.8] {
            for slope in [2.0, 6.0] {
                let reach = 0.1 * (high - low);
                starts.push(vec![low - reach, high + reach, slope / width, lo + middle * width]);
            }
        }
        starts
    }
}
