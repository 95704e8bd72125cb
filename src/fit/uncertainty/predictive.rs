//! Where a new value is expected: draws of a law, each with a residual.

use crate::num::Interval;

/// What residuals of a fit are multiplied by, since they are smaller than the errors: sqrt(n / (n - p)).
///
/// - `rows`, `coefs`: n and p.
pub(crate) fn inflation(rows: usize, coefs: usize) -> f64 {
    let (n, p) = (rows as f64, coefs as f64);
    (n / (n - p).max(1.0)).sqrt()
}

/// Interval of a new value; `None` without draws or residuals.
///
/// Draw k of the law is paired with a residual of the fitted rows, resampled in order: the interval
/// covers what is unknown about the law and what varies from row to row (Efron and Tibshirani 1993,
/// sec. 25.6).
///
/// - `value`: of draw k with its coefficients and a residual.
pub(crate) fn predictive_interval(
    draws: &[Vec<f64>],
    residuals: &[f64],
    level: f64,
    value: impl Fn(usize, &[f64], f64) -> f64,
) -> Option<Interval> {
    // A prime stride walks through all residuals, unlike their order in the table.
    const STRIDE: usize = 7919;
    if residuals.is_empty() {
        return None;
    }
    let sample: Vec<f64> = draws
        .iter()
        .enumerate()
        .map(|(k, theta)| value(k, theta, residuals[(k * STRIDE) % residuals.len()]))
        .collect();
    Interval::percentile(&sample, level)
}
