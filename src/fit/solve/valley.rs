//! Few runs: lower minima along the directions they hardly fix.
//!
//! A narrow band sees few rows, and few rows leave a valley in which the objective hardly changes and
//! has several bottoms. Starts that meet on the way down at a wide band end in one of them. From there
//! this walks out along the valley, both ways, and down again.

use nalgebra::DMatrix;

use super::certificate::is_minimum;
use super::descent::finish_within;
use super::problem::Problem;
use super::search::{SearchEnd, same_point, search, within};
use crate::num::{NewtonEnd, map_all};

/// Rows per free coefficient below which valleys are walked.
const FEW: usize = 20;

/// As [`search`], with few rows also along the valley of what it found.
pub(super) fn search_widely(
    problem: &Problem<'_>,
    starts: &[Vec<f64>],
    rugged: bool,
) -> Option<SearchEnd> {
    const MOST_ROUNDS: usize = 5;
    let mut found = search(problem, starts, rugged)?;
    if problem.len() >= FEW * problem.free().count() {
        return Some(found);
    }
    for _ in 0..MOST_ROUNDS {
        match lower(problem, &found) {
            Some(further) => found = further,
            None => break,
        }
    }
    Some(found)
}

/// What walking out from the best end leads to, if that is a lower minimum.
///
/// Points of the walk count as starts then: most of them ending elsewhere is what a reader has to
/// know. Without a lower minimum they say nothing about the starts of the family.
fn lower(problem: &Problem<'_>, found: &SearchEnd) -> Option<SearchEnd> {
    const MOST_STEPS: usize = 60;
    let best = &found.best;
    if !is_minimum(best) {
        return None;
    }
    let walk = walk(best);
    let reached: Vec<NewtonEnd> = map_all(&walk, &|x| finish_within(problem, x, MOST_STEPS))
        .into_iter()
        .filter(is_minimum)
        .collect();
    // Below what rounding can tell, it is the same minimum.
    let gain = 1e-9 * best.jet.value.abs() + best.jet.value_noise;
    let is_lower =
        |end: &NewtonEnd| end.jet.value < best.jet.value - gain && !within(&end.x, &best.x, 1e-3);
    if !reached.iter().any(is_lower) {
        return None;
    }
    let mut ends = found.ends.clone();
    for end in reached {
        match ends.iter_mut().find(|(seen, _)| same_point(&seen.x, &end.x)) {
            Some((_, count)) => *count += 1,
            None => ends.push((end, 1)),
        }
    }
    SearchEnd::of(ends, found.starts + walk.len())
}

/// Points along the two directions in which the objective bends least, both ways. Variables are
/// logarithms and exponents, so a step of one is large for any law.
fn walk(from: &NewtonEnd) -> Vec<Vec<f64>> {
    const DIRECTIONS: usize = 2;
    const STEPS: [f64; 7] = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2];
    let q = from.x.len();
    let eigen = DMatrix::from_row_slice(q, q, &from.jet.hessian).symmetric_eigen();
    let mut order: Vec<usize> = (0..q).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*a].total_cmp(&eigen.eigenvalues[*b]));
    let mut points = Vec::new();
    for k in order.into_iter().take(DIRECTIONS) {
        let direction = eigen.eigenvectors.column(k);
        for step in STEPS.into_iter().flat_map(|step| [step, -step]) {
            points.push(from.x.iter().zip(direction.iter()).map(|(x, d)| x + step * d).collect());
        }
    }
    points
}
