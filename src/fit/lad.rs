//! Least absolute deviations: the vertex a narrowing Huber band points at.
//!
//! The sum of |r| is kinked where a row is met exactly, and its minimum meets as many rows as there
//! are free coefficients. A band of 1e-8 finds those rows; Newton on r = 0 then meets them to
//! rounding, and the multipliers prove the vertex: it is a strict minimum exactly when each lies
//! inside its row's weight (Koenker 2005, Quantile Regression, theorem 2.1, on the linearised
//! problem).

use nalgebra::{DMatrix, DVector};

use super::objective::Problem;
use crate::num::{Jet, NewtonEnd, smallest_eigenvalue};

/// Half-width of the last Huber band.
pub(super) const NARROWEST: f64 = 1e-8;

/// Log residual within which a row counts as met.
pub(super) const MET: f64 = 1e-11;

/// Moves the end of the narrowest band to its vertex. The jet there holds what the certificate
/// reads: as gradient how far each multiplier exceeds its weight, as Hessian the Gram matrix of the
/// gradients of the met rows, whose smallest eigenvalue is positive when they fix every coefficient.
///
/// `None` when the rows met do not fix the coefficients.
pub(super) fn vertex(problem: &Problem<'_>, end: &NewtonEnd) -> Option<NewtonEnd> {
    let q = end.x.len();
    let weight = |i: usize| problem.weights.map_or(1.0, |w| w[i]);
    let theta = problem.natural(&end.x);
    let mut nearest: Vec<(f64, usize)> = (0..problem.rows.len())
        .filter(|&i| weight(i) > 0.0)
        .map(|i| (problem.residual(&theta, i).abs(), i))
        .collect();
    nearest.sort_by(|a, b| a.0.total_cmp(&b.0));
    let met: Vec<usize> = nearest.get(..q)?.iter().map(|(_, i)| *i).collect();

    let mut x = end.x.clone();
    let mut jacobian = DMatrix::zeros(q, q);
    for _ in 0..20 {
        let theta = problem.natural(&x);
        let mut r = DVector::zeros(q);
        for (k, &i) in met.iter().enumerate() {
            let (residual, gradient) = problem.residual_with_gradient(&theta, i);
            r[k] = residual;
            gradient.iter().enumerate().for_each(|(a, g)| jacobian[(k, a)] = *g);
        }
        if !r.iter().all(|r| r.is_finite()) {
            return None;
        }
        if r.amax() <= 1e-15 {
            break;
        }
        let step = jacobian.clone().lu().solve(&r)?;
        x.iter_mut().zip(step.iter()).for_each(|(x, s)| *x -= s);
    }

    let theta = problem.natural(&x);
    let mut jet = Jet::zeros(q);
    let mut pull = DVector::zeros(q);
    for i in (0..problem.rows.len()).filter(|&i| weight(i) > 0.0) {
        let (r, gradient) = problem.residual_with_gradient(&theta, i);
        jet.value += weight(i) * r.abs();
        if !met.contains(&i) {
            let pull_of = |a: usize| weight(i) * r.signum() * gradient[a];
            (0..q).for_each(|a| pull[a] += pull_of(a));
        }
    }
    let multipliers = jacobian.transpose().lu().solve(&-pull)?;
    for (k, &i) in met.iter().enumerate() {
        jet.gradient[k] = (multipliers[k].abs() - weight(i)).max(0.0);
        jet.gradient_scale[k] = weight(i);
    }
    let gram = jacobian.transpose() * &jacobian;
    jet.hessian.copy_from_slice(gram.as_slice());
    jet.value.is_finite().then_some(NewtonEnd { x, jet, iterations: end.iterations })
}

/// Smallest eigenvalue of the Gram matrix of the gradients of the rows met at `theta`.
pub(super) fn gram_eigenvalue(problem: &Problem<'_>, theta: &[f64], met: &[usize]) -> f64 {
    let rows: Vec<Vec<f64>> =
        met.iter().map(|&i| problem.residual_with_gradient(theta, i).1).collect();
    let q = rows.first().map_or(0, Vec::len);
    let gram: Vec<f64> =
        (0..q * q).map(|ab| rows.iter().map(|g| g[ab / q] * g[ab % q]).sum()).collect();
    smallest_eigenvalue(q, &gram)
}
