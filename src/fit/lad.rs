//! Least absolute deviations: the vertex a narrowing Huber band points at.
//!
//! The sum of |r| is kinked where a row is met exactly, and its minimum meets as many rows as there
//! are free coefficients. A narrow band finds rows near it; Newton on r = 0 meets them to rounding,
//! and the multipliers say whether this vertex is the minimum: it is, strictly, when each lies
//! inside its row's weight. Where one does not, its row is let go and the first row that stops the
//! descent takes its place (Barrodale and Roberts 1973, on the linearised problem).

use nalgebra::{DMatrix, DVector};

use super::objective::Problem;
use crate::num::{Jet, NewtonEnd, smallest_eigenvalue};

/// Half-width of the last Huber band.
pub(super) const NARROWEST: f64 = 1e-5;

/// Exchanges of met rows before giving up; a handful is usual.
const MOST_EXCHANGES: usize = 100;

/// Log residual within which a row counts as met.
pub(super) const MET: f64 = 1e-11;

/// Moves the end of the narrowest band to its vertex. The jet there holds what the certificate
/// reads: as gradient how far each multiplier exceeds its weight, as Hessian the Gram matrix of the
/// gradients of the met rows, whose smallest eigenvalue is positive when they fix every coefficient.
///
/// `None` when the rows met do not fix the coefficients.
pub(super) fn vertex(problem: &Problem<'_>, end: &NewtonEnd) -> Option<NewtonEnd> {
    let q = end.x.len();
    let weight = |i: usize| problem.weight(i);
    let theta = problem.natural(&end.x);
    let mut nearest: Vec<(f64, usize)> = (0..problem.len())
        .filter(|&i| weight(i) > 0.0)
        .map(|i| (problem.residual(&theta, i).abs(), i))
        .collect();
    nearest.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut met: Vec<usize> = nearest.get(..q)?.iter().map(|(_, i)| *i).collect();

    let mut x = end.x.clone();
    for _ in 0..MOST_EXCHANGES {
        let jacobian = meet(problem, &met, &mut x)?;
        let theta = problem.natural(&x);
        let mut jet = Jet::zeros(q);
        let mut pull = DVector::zeros(q);
        let mut others = Vec::with_capacity(problem.len());
        for i in (0..problem.len()).filter(|&i| weight(i) > 0.0) {
            let (r, gradient) = problem.residual_with_gradient(&theta, i);
            jet.value += weight(i) * r.abs();
            if !met.contains(&i) {
                let gradient = DVector::from_vec(gradient);
                pull += weight(i) * r.signum() * &gradient;
                others.push((i, r, gradient));
            }
        }
        if !jet.value.is_finite() {
            return None;
        }
        let multipliers = jacobian.transpose().lu().solve(&-pull)?;
        for (k, &i) in met.iter().enumerate() {
            jet.gradient[k] = (multipliers[k].abs() - weight(i)).max(0.0);
            jet.gradient_scale[k] = weight(i);
        }
        let excess = |k: &usize| jet.gradient[*k];
        let worst = (0..q).max_by(|a, b| excess(a).total_cmp(&excess(b)))?;
        if excess(&worst) <= 1e-9 * weight(met[worst]) {
            let gram = jacobian.transpose() * &jacobian;
            jet.hessian.copy_from_slice(gram.as_slice());
            return Some(NewtonEnd { x, jet, iterations: end.iterations });
        }
        // Along this direction the other met rows stay met and the sum falls until enough rows
        // have changed sign.
        let mut release = DVector::zeros(q);
        release[worst] = multipliers[worst].signum();
        let direction = jacobian.lu().solve(&release)?;
        let mut stops: Vec<(f64, f64, usize)> = others
            .iter()
            .filter_map(|(i, r, gradient)| {
                let rate = gradient.dot(&direction);
                let t = -r / rate;
                (t > 0.0 && t.is_finite()).then(|| (t, 2.0 * weight(*i) * rate.abs(), *i))
            })
            .collect();
        stops.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut slope = -excess(&worst);
        let (t, _, enters) = stops.into_iter().find(|(_, turn, _)| {
            slope += turn;
            slope >= 0.0
        })?;
        x.iter_mut().zip(direction.iter()).for_each(|(x, d)| *x += t * d);
        met[worst] = enters;
    }
    None
}

/// Moves `x` to where the rows `met` have no residual; returns their gradients there, row by row.
fn meet(problem: &Problem<'_>, met: &[usize], x: &mut [f64]) -> Option<DMatrix<f64>> {
    let q = x.len();
    let mut jacobian = DMatrix::zeros(q, q);
    let mut last = f64::INFINITY;
    for _ in 0..30 {
        let theta = problem.natural(x);
        let mut r = DVector::zeros(q);
        for (k, &i) in met.iter().enumerate() {
            let (residual, gradient) = problem.residual_with_gradient(&theta, i);
            r[k] = residual;
            gradient.iter().enumerate().for_each(|(a, g)| jacobian[(k, a)] = *g);
        }
        let size = r.amax();
        // Newton's last steps halve nothing: what is left is rounding.
        if size <= MET && size > 0.5 * last || size == 0.0 {
            return Some(jacobian);
        }
        last = size;
        let step = jacobian.clone().lu().solve(&r).filter(|s| s.iter().all(|s| s.is_finite()))?;
        x.iter_mut().zip(step.iter()).for_each(|(x, s)| *x -= s);
    }
    (last <= MET).then_some(jacobian)
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
