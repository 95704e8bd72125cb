//! From one point down to a minimum.

use super::certificate::is_minimum;
use super::penalty::Penalty;
use super::problem::Problem;
use super::vertex::{NARROWEST, vertex};
use crate::num::{Jet, NewtonConfig, NewtonEnd, Quadratic, minimise};

/// Widths of the band on the way down to the one asked for, from least squares.
///
/// With a band of 1e-3 a far start sees almost only the linear branch, whose curvature says
/// nothing about where to go.
pub(super) fn wider_bands(penalty: Penalty) -> Vec<f64> {
    let narrowest = match penalty {
        Penalty::AbsoluteLog => NARROWEST,
        other => other.band(),
    };
    let mut bands = vec![narrowest];
    while bands[bands.len() - 1] < 0.03 {
        bands.push(bands[bands.len() - 1] * 10.0);
    }
    bands.reverse();
    bands.pop();
    bands
}

/// Newton through the narrowing bands from one start.
pub(crate) fn descend(problem: &Problem<'_>, x0: &[f64]) -> NewtonEnd {
    let rough = NewtonConfig { stop_at: 1e-4, max_iterations: 60, ..NewtonConfig::default() };
    let mut x = x0.to_vec();
    for band in wider_bands(problem.penalty) {
        let penalty = problem.penalty.with_band(band);
        x = minimise(&mut Problem { penalty, ..*problem }, &x, &rough).x;
    }
    finish(problem, &x)
}

/// Newton at the penalty asked for, or the vertex of the absolute deviations.
pub(super) fn finish(problem: &Problem<'_>, x: &[f64]) -> NewtonEnd {
    finish_within(problem, x, NewtonConfig::default().max_iterations)
}

/// As [`finish`] with at most so many steps.
pub(super) fn finish_within(problem: &Problem<'_>, x: &[f64], max_iterations: usize) -> NewtonEnd {
    let settings = NewtonConfig { max_iterations, ..NewtonConfig::default() };
    if problem.penalty != Penalty::AbsoluteLog {
        return minimise(&mut problem.clone(), x, &settings);
    }
    let penalty = problem.penalty.with_band(NARROWEST);
    let narrow = minimise(&mut Problem { penalty, ..*problem }, x, &settings);
    vertex(problem, &narrow).unwrap_or_else(|| {
        // No vertex, no proof: the flat jet of the absolute deviations never certifies.
        let mut jet = Jet::zeros(narrow.x.len());
        problem.clone().jet(&narrow.x, &mut jet);
        NewtonEnd { jet, ..narrow }
    })
}

/// The end from a point that is expected near it: straight, or through the bands where that stops
/// short of a minimum.
pub(crate) fn settle_near(problem: &Problem<'_>, x: &[f64]) -> NewtonEnd {
    let end = finish(problem, x);
    // One that still walks after all its steps is in a valley without a bottom, which wider bands only
    // lead to the head of.
    let walking = end.iterations >= NewtonConfig::default().max_iterations;
    if walking || is_minimum(&end) { end } else { descend(problem, x) }
}

/// The lowest minimum from these starts or, where there is none, the lowest end; `None` when no end is
/// finite.
pub(crate) fn lowest_end(problem: &Problem<'_>, starts: &[Vec<f64>]) -> Option<NewtonEnd> {
    starts
        .iter()
        .map(|x| settle_near(problem, x))
        .filter(|end| end.jet.value.is_finite())
        .min_by(|a, b| is_minimum(b).cmp(&is_minimum(a)).then(a.jet.value.total_cmp(&b.jet.value)))
}

/// The lowest minimum of a problem that differs slightly from a solved one, from the minima of that
/// one; `None` when none is left.
pub(crate) fn refit(problem: &Problem<'_>, starts: &[Vec<f64>]) -> Option<NewtonEnd> {
    starts
        .iter()
        .map(|x| settle_near(problem, x))
        .filter(is_minimum)
        .min_by(|a, b| a.jet.value.total_cmp(&b.jet.value))
}
