//! What a fit minimises: a predictor on rows, what was measured there, and what is known beforehand.

use nalgebra::{DMatrix, DVector};
use ndarray::Array1;

use super::penalty::Penalty;
use crate::law::{At, Coef, Scale, Separable};
use crate::num::median;

/// Most coefficients a family may have here; scratch arrays live on the stack.
pub(super) const MOST: usize = 12;

/// A family on rows: what is predicted for each, whatever the rows hold.
pub(crate) trait Predictor: Sync {
    /// Coefficients in order.
    fn coefs(&self) -> &'static [Coef];
    /// Prediction for row `i`.
    fn predict(&self, theta: &[f64], i: usize) -> f64;
    /// Prediction for row `i` with gradient (p) and Hessian (p by p) in the coefficients.
    fn jet(&self, theta: &[f64], i: usize, gradient: &mut [f64], hessian: &mut [f64]) -> f64;
    /// The predictor as a separable law with its rows, if it is one.
    fn separable(&self, _theta: &[f64]) -> Option<(Separable, &[At<f64>])> {
        None
    }
}

/// What was measured, one value per row.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) value: Array1<f64>,
    pub(crate) ln: Array1<f64>,
}

impl Observed {
    pub(crate) fn of(value: Array1<f64>) -> Self {
        Self { ln: value.mapv(f64::ln), value }
    }

    pub(crate) fn len(&self) -> usize {
        self.value.len()
    }
}

/// Something known of a coefficient beforehand: a normal distribution, in natural units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prior {
    /// Its coefficient.
    pub(crate) coef: usize,
    pub(crate) mean: f64,
    pub(crate) sd: f64,
    /// What one unit of negative log likelihood is worth in the objective.
    pub(crate) scale: f64,
}

/// sum_i w_i rho(r_i) over the free coefficients of a family, plus what priors add.
///
/// Variables are the free coefficients, those of [`Scale::Log`] as logarithms.
#[derive(Clone, Copy)]
pub(crate) struct Problem<'a> {
    pub(crate) model: &'a dyn Predictor,
    pub(crate) observed: &'a Observed,
    /// How much each row counts, or `None` for every row once.
    pub(crate) weights: Option<&'a [f64]>,
    pub(crate) penalty: Penalty,
    /// Per coefficient, the value it is held at, around the centre of the rows.
    pub(crate) held: &'a [Option<f64>],
    pub(crate) priors: &'a [Prior],
}

impl Problem<'_> {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.observed.len()
    }

    pub(crate) fn weight(&self, i: usize) -> f64 {
        self.weights.map_or(1.0, |w| w[i])
    }

    /// Indices of the free coefficients.
    pub(crate) fn free(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.held.len()).filter(|&i| self.held[i].is_none())
    }

    /// Coefficients in natural units from solver variables.
    pub(crate) fn natural(&self, x: &[f64]) -> Vec<f64> {
        let mut x = x.iter();
        self.model
            .coefs()
            .iter()
            .zip(self.held)
            .map(|(c, held)| match (held, c.scale) {
                (Some(value), _) => *value,
                (None, Scale::Log) => x.next().map_or(f64::NAN, |x| x.exp()),
                (None, Scale::Linear) => x.next().copied().unwrap_or(f64::NAN),
            })
            .collect()
    }

    /// Solver variables from coefficients in natural units. A coefficient at zero, which has no
    /// logarithm, starts from a twentieth of what was measured.
    pub(crate) fn variables(&self, theta: &[f64]) -> Vec<f64> {
        let coefs = self.model.coefs();
        let variable = |i: usize| match coefs[i].scale {
            Scale::Linear => theta[i],
            Scale::Log if theta[i] > 0.0 => theta[i].ln(),
            Scale::Log => (0.05 * self.observed.value.mean().unwrap_or(1.0)).ln(),
        };
        self.free().map(variable).collect()
    }

    /// ln(predicted) - ln(observed) of row `i`.
    pub(crate) fn residual(&self, theta: &[f64], i: usize) -> f64 {
        self.model.predict(theta, i).ln() - self.observed.ln[i]
    }

    /// Rows whose residual lies within the band: those that carry the curvature.
    pub(crate) fn rows_in_band(&self, x: &[f64]) -> Vec<usize> {
        let theta = self.natural(x);
        let band = self.penalty.band();
        let inside = |i: usize| band.is_infinite() || self.residual(&theta, i).abs() <= band;
        (0..self.len()).filter(|&i| self.weight(i) > 0.0 && inside(i)).collect()
    }

    /// Log residual of row `i` with its gradient in the free variables.
    pub(crate) fn residual_with_gradient(&self, theta: &[f64], i: usize) -> (f64, Vec<f64>) {
        let coefs = self.model.coefs();
        let p = coefs.len();
        let (mut g, mut h) = ([0.0; MOST], [0.0; MOST * MOST]);
        let predicted = self.model.jet(theta, i, &mut g[..p], &mut h[..p * p]);
        let chain = |k: usize| if coefs[k].scale == Scale::Log { theta[k] } else { 1.0 };
        let gradient = self.free().map(|k| g[k] * chain(k) / predicted).collect();
        (predicted.ln() - self.observed.ln[i], gradient)
    }

    /// Log residual of row `i` with its gradient and Hessian in the free variables.
    pub(crate) fn residual_with_hessian(
        &self,
        theta: &[f64],
        i: usize,
    ) -> (f64, DVector<f64>, DMatrix<f64>) {
        let coefs = self.model.coefs();
        let p = coefs.len();
        let (mut g, mut h) = ([0.0; MOST], [0.0; MOST * MOST]);
        let predicted = self.model.jet(theta, i, &mut g[..p], &mut h[..p * p]);
        let free: Vec<usize> = self.free().collect();
        let q = free.len();
        let log = |k: usize| coefs[k].scale == Scale::Log;
        let chain = |k: usize| if log(k) { theta[k] } else { 1.0 };
        let gradient = DVector::from_fn(q, |a, _| g[free[a]] * chain(free[a]) / predicted);
        let hessian = DMatrix::from_fn(q, q, |a, b| {
            let (i, j) = (free[a], free[b]);
            let own = if a == b && log(i) { gradient[a] } else { 0.0 };
            h[i * p + j] * chain(i) * chain(j) / predicted - gradient[a] * gradient[b] + own
        });
        (predicted.ln() - self.observed.ln[i], gradient, hessian)
    }

    /// What one unit of negative log likelihood is worth in the objective: E(psi²) / E(psi') of the
    /// residuals at `theta`, psi the slope of the penalty; twice the variance for squares. A fit of p
    /// coefficients takes p rows' worth out of its residuals, so n - p takes the place of n.
    ///
    /// A narrow band holds too few rows to estimate E(psi'), so the density of the residuals at zero is
    /// counted over half a robust standard deviation either side, without the p rows that such a fit
    /// meets.
    pub(crate) fn scale(&self, theta: &[f64]) -> f64 {
        let in_value = self.penalty == Penalty::SquareLoss;
        let mut rows: Vec<(f64, f64)> = (0..self.len())
            .map(|i| {
                let r = if in_value {
                    self.model.predict(theta, i) - self.observed.value[i]
                } else {
                    self.residual(theta, i)
                };
                (r, self.weight(i))
            })
            .filter(|(_, weight)| *weight > 0.0)
            .collect();
        rows.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
        let p = self.free().count().min(rows.len().saturating_sub(1));
        let mean = |rows: &[(f64, f64)], f: &dyn Fn(f64) -> f64| {
            let count: f64 = rows.iter().map(|(_, w)| w).sum();
            rows.iter().map(|(r, w)| w * f(*r)).sum::<f64>() / count
        };
        let left = &rows[p..];
        let robust_sd = 1.4826 * median(&left.iter().map(|(r, _)| r.abs()).collect::<Vec<_>>());
        let near = 0.5 * robust_sd;
        if self.penalty.band() >= near {
            let freedom = rows.len() as f64 / left.len() as f64;
            let squared_slope = mean(&rows, &|r| self.penalty.at(r).slope.powi(2));
            return freedom * squared_slope / mean(&rows, &|r| self.penalty.at(r).bend);
        }
        // The slope turns by its two outer values within the band.
        let turn = self.penalty.at(2.0 * near).slope - self.penalty.at(-2.0 * near).slope;
        let bend = turn * mean(left, &|r| f64::from(r.abs() <= near)) / (2.0 * near);
        mean(left, &|r| self.penalty.at(r).slope.powi(2)) / bend
    }
}
