//! Least absolute deviations: the vertex a narrowing Huber band points at.
//!
//! The sum of |r| is kinked where a row is met exactly, and its minimum meets as many rows as there
//! are free coefficients. A narrow band finds rows near it; Newton on r = 0 meets them to rounding,
//! and the multipliers say whether this vertex is the minimum: it is, strictly, when each lies
//! inside its row's weight. Where one does not, its row is let go and the first row that stops the
//! descent takes its place (Barrodale and Roberts 1973, on the linearised problem). Where the law
//! bends enough the minimum lies on an edge between vertices, with fewer rows met; Newton on the
//! Lagrangian finds it there.

use std::collections::{BTreeMap, BTreeSet};

use nalgebra::{DMatrix, DVector};

use super::certificate::is_minimum;
use super::penalty::MET;
use super::problem::Problem;
use crate::num::{Jet, NewtonEnd, smallest_eigenvalue};

/// Half-width of the last Huber band.
pub(crate) const NARROWEST: f64 = 1e-5;

/// Exchanges of met rows before giving up; a handful is usual.
const MOST_EXCHANGES: usize = 100;

/// Moves the end of the narrowest band to its vertex. The jet there holds what the certificate
/// reads: as gradient how far each multiplier exceeds its weight, as Hessian the Gram matrix of the
/// gradients of the met rows, whose smallest eigenvalue is positive when they fix every coefficient.
///
/// `None` when the rows met do not fix the coefficients.
pub(crate) fn vertex(problem: &Problem<'_>, end: &NewtonEnd) -> Option<NewtonEnd> {
    let q = end.x.len();
    let rows = distinct_rows(problem, &problem.natural(&end.x));
    let weight = |k: usize| rows[k].weight;
    // Positions in `rows`, nearest to being met first.
    let mut nearest: Vec<usize> = (0..rows.len()).collect();
    nearest.sort_by(|a, b| rows[*a].residual.abs().total_cmp(&rows[*b].residual.abs()));
    let mut met = independent(&rows, &nearest, q)?;
    // Rows inside the narrow band are those the minimum meets, unless they crowd there by chance.
    let close: Vec<usize> =
        met.iter().copied().filter(|&k| rows[k].residual.abs() <= NARROWEST).collect();
    if (1..q).contains(&close.len())
        && let Some(edge) = edge_minimum(problem, &rows, &close, &end.x).filter(is_minimum)
    {
        return Some(edge);
    }

    let mut x = end.x.clone();
    let mut visited: BTreeSet<Vec<usize>> = BTreeSet::new();
    for _ in 0..MOST_EXCHANGES {
        let met_rows: Vec<usize> = met.iter().map(|&k| rows[k].row).collect();
        let jacobian = meet(problem, &met_rows, &mut x)?;
        let theta = problem.natural(&x);
        let mut jet = Jet::zeros(q);
        let mut pull = DVector::zeros(q);
        let mut others = Vec::with_capacity(rows.len());
        for (i, row) in rows.iter().enumerate() {
            let (r, gradient) = problem.residual_with_gradient(&theta, row.row);
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
        // Coming back to the same rows means that the descent from each vertex leads to the other: the
        // sum is lowest between them, on the edge where one row less is met.
        let mut set = met_rows.clone();
        set.sort_unstable();
        if !visited.insert(set) {
            let mut edge = met.clone();
            edge.remove(worst);
            if edge.is_empty() {
                return None;
            }
            return edge_minimum(problem, &rows, &edge, &x);
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

/// The minimum on the edge where the rows `met` have no residual, fewer than coefficients: Newton on
/// the gradient of the Lagrangian, since the curvature of the law decides along an edge.
///
/// The jet holds multipliers beyond weights as [`vertex`] does, then the gradient along the edge, and
/// as Hessian the Gram matrix of the met rows plus the curvature along the edge.
fn edge_minimum(
    problem: &Problem<'_>,
    rows: &[Distinct],
    met: &[usize],
    start: &[f64],
) -> Option<NewtonEnd> {
    let (q, k) = (start.len(), met.len());
    let mut x = DVector::from_column_slice(start);
    for iterations in 1..=50 {
        let theta = problem.natural(x.as_slice());
        let edge = Edge::at(problem, rows, met, &theta);
        // [H A'; A 0] [step; multipliers] = [-pull; -residuals]
        let mut system = DMatrix::zeros(q + k, q + k);
        system.view_mut((0, 0), (q, q)).copy_from(&edge.curvature);
        system.view_mut((0, q), (q, k)).copy_from(&edge.gradients.transpose());
        system.view_mut((q, 0), (k, q)).copy_from(&edge.gradients);
        let mut right = DVector::zeros(q + k);
        right.rows_mut(0, q).copy_from(&-&edge.pull);
        right.rows_mut(q, k).copy_from(&-&edge.residuals);
        let solution = system.lu().solve(&right).filter(|s| s.iter().all(|s| s.is_finite()))?;
        let step = solution.rows(0, q).into_owned();
        if step.amax() <= 1e-13 * (1.0 + x.amax()) {
            let mut jet = Jet::zeros(q);
            jet.value = edge.value;
            for (j, &row) in met.iter().enumerate() {
                jet.gradient[j] = (edge.multipliers[j].abs() - rows[row].weight).max(0.0);
                jet.gradient_scale[j] = rows[row].weight;
            }
            let along = (&edge.pull + edge.gradients.transpose() * &edge.multipliers).amax();
            if k < q {
                (jet.gradient[k], jet.gradient_scale[k]) = (along, edge.pull_scale);
            }
            jet.hessian.copy_from_slice(edge.proof().as_slice());
            return Some(NewtonEnd { x: x.as_slice().to_vec(), jet, iterations });
        }
        x += step;
    }
    None
}

/// What the Lagrangian of an edge is made of.
struct Edge {
    value: f64,
    /// Sum of w sign(r) times the gradients of the rows that are not met.
    pull: DVector<f64>,
    /// Largest component of the same sum of absolute values.
    pull_scale: f64,
    residuals: DVector<f64>,
    /// Gradients of the met rows, row by row.
    gradients: DMatrix<f64>,
    multipliers: DVector<f64>,
    /// Hessian of the Lagrangian.
    curvature: DMatrix<f64>,
}

impl Edge {
    fn at(problem: &Problem<'_>, rows: &[Distinct], met: &[usize], theta: &[f64]) -> Self {
        let q = problem.free().count();
        let (mut value, mut pull, mut sizes) = (0.0, DVector::zeros(q), DVector::zeros(q));
        let mut curvature = DMatrix::zeros(q, q);
        for (_, row) in rows.iter().enumerate().filter(|(k, _)| !met.contains(k)) {
            let (r, gradient, bend) = problem.residual_with_hessian(theta, row.row);
            value += row.weight * r.abs();
            pull += row.weight * r.signum() * &gradient;
            sizes += row.weight * gradient.abs();
            curvature += row.weight * r.signum() * bend;
        }
        let mut gradients = DMatrix::zeros(met.len(), q);
        let mut residuals = DVector::zeros(met.len());
        let mut bends = Vec::with_capacity(met.len());
        for (j, &k) in met.iter().enumerate() {
            let (r, gradient, bend) = problem.residual_with_hessian(theta, rows[k].row);
            residuals[j] = r;
            gradients.set_row(j, &gradient.transpose());
            bends.push(bend);
        }
        // Least squares multipliers: A A' l = -A pull.
        let gram = &gradients * gradients.transpose();
        let multipliers = gram
            .lu()
            .solve(&-(&gradients * &pull))
            .unwrap_or_else(|| DVector::from_element(met.len(), f64::NAN));
        for (bend, multiplier) in bends.iter().zip(multipliers.iter()) {
            curvature += *multiplier * bend;
        }
        Self { value, pull, pull_scale: sizes.amax(), residuals, gradients, multipliers, curvature }
    }

    /// Gram matrix of the met rows plus the curvature along the edge: positive definite exactly when
    /// the met rows are independent and the Lagrangian bends upward along the edge.
    fn proof(&self) -> DMatrix<f64> {
        let q = self.pull.len();
        let gram = &self.gradients * self.gradients.transpose();
        let Some(inverse) = gram.try_inverse() else { return DMatrix::zeros(q, q) };
        let across = self.gradients.transpose() * inverse * &self.gradients;
        let along = DMatrix::identity(q, q) - across;
        self.gradients.transpose() * &self.gradients + &along * &self.curvature * &along
    }
}

/// A row with the weights of all rows like it.
struct Distinct {
    row: usize,
    weight: f64,
    residual: f64,
    gradient: Vec<f64>,
}

/// Rows of weight above zero; equal ones, which are met or missed together, as one.
fn distinct_rows(problem: &Problem<'_>, theta: &[f64]) -> Vec<Distinct> {
    let mut seen: BTreeMap<Vec<u64>, usize> = BTreeMap::new();
    let mut rows: Vec<Distinct> = Vec::new();
    for row in (0..problem.len()).filter(|&i| problem.weight(i) > 0.0) {
        let (residual, gradient) = problem.residual_with_gradient(theta, row);
        let bits = |x: &f64| x.to_bits();
        let key: Vec<u64> = std::iter::once(&residual).chain(&gradient).map(bits).collect();
        let weight = problem.weight(row);
        match seen.get(&key) {
            Some(&at) => rows[at].weight += weight,
            None => {
                seen.insert(key, rows.len());
                rows.push(Distinct { row, weight, residual, gradient });
            }
        }
    }
    rows
}

/// The first `q` of `order` whose gradients are independent; `None` when there are fewer.
fn independent(rows: &[Distinct], order: &[usize], q: usize) -> Option<Vec<usize>> {
    let mut chosen = Vec::with_capacity(q);
    let mut basis: Vec<DVector<f64>> = Vec::with_capacity(q);
    for &k in order {
        let gradient = DVector::from_column_slice(&rows[k].gradient);
        let mut left = gradient.clone();
        for b in &basis {
            left -= b * b.dot(&left);
        }
        if left.norm() > 1e-6 * gradient.norm() {
            basis.push(left.normalize());
            chosen.push(k);
            if chosen.len() == q {
                return Some(chosen);
            }
        }
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

/// Smallest eigenvalue of what proves the minimum at `theta`: the Gram matrix of the rows met, with
/// the curvature along the edge where they are fewer than coefficients.
pub(crate) fn proof_eigenvalue(problem: &Problem<'_>, theta: &[f64], met: &[usize]) -> f64 {
    let rows = distinct_rows(problem, theta);
    let met: Vec<usize> = (0..rows.len()).filter(|&k| met.contains(&rows[k].row)).collect();
    let q = problem.free().count();
    if met.is_empty() || met.len() > q {
        return f64::NAN;
    }
    smallest_eigenvalue(q, Edge::at(problem, &rows, &met, theta).proof().as_slice())
}
