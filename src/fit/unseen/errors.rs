//! Errors of predictions, summed up.

use crate::num::mean;

/// Errors as fractions of the observed loss.
pub(super) struct Errors {
    pub(super) n_points: usize,
    /// Mean of their sizes.
    pub(super) mean_abs: f64,
    /// Largest of their sizes.
    pub(super) max_abs: f64,
    /// Mean.
    pub(super) bias: f64,
}

impl Errors {
    /// - `errors`: predicted / observed - 1.
    pub(super) fn of(errors: &[f64]) -> Self {
        let sizes: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
        Self {
            n_points: errors.len(),
            mean_abs: mean(&sizes),
            max_abs: sizes.iter().copied().fold(0.0, f64::max),
            bias: mean(errors),
        }
    }
}
