//! From starts to a certified minimum.

use argmin::core::{CostFunction, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use super::certificate::{Certificate, GRADIENT_TOLERANCE};
use super::config::FitConfig;
use super::lad::{NARROWEST, gram_eigenvalue, vertex};
use super::objective::{Penalty, Problem};
use super::rows::Rows;
use crate::error::FitError;
use crate::law::Law;
use crate::num::{Jet, NewtonConfig, NewtonEnd, Quadratic, minimise, smallest_eigenvalue};

/// A minimum, in solver variables around the centre and in natural units.
#[derive(Clone, Debug)]
pub(super) struct Minimum {
    /// Solver variables around the centre: the warm start of every resample.
    pub(super) x: Vec<f64>,
    /// Coefficients in natural units.
    pub(super) theta: Vec<f64>,
    pub(super) objective: f64,
    pub(super) certificate: Certificate,
    /// The rows as they were solved: centred, unless a held coefficient moves with the centre.
    pub(super) rows: Rows,
    /// Held coefficients around the centre of those rows.
    pub(super) held: Vec<Option<f64>>,
}

/// Widths of the band on the way down to the one asked for, from least squares.
///
/// With a band of 1e-3 a far start sees almost only the linear branch, whose curvature says
/// nothing about where to go.
fn wider_bands(penalty: Penalty) -> Vec<f64> {
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
pub(super) fn descend(problem: &Problem<'_>, x0: &[f64]) -> NewtonEnd {
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
    if problem.penalty != Penalty::AbsoluteLog {
        return minimise(&mut problem.clone(), x, &NewtonConfig::default());
    }
    let penalty = problem.penalty.with_band(NARROWEST);
    let narrow = minimise(&mut Problem { penalty, ..*problem }, x, &NewtonConfig::default());
    vertex(problem, &narrow).unwrap_or_else(|| {
        // No vertex, no proof: the flat jet of the absolute deviations never certifies.
        let mut jet = Jet::zeros(narrow.x.len());
        problem.clone().jet(&narrow.x, &mut jet);
        NewtonEnd { jet, ..narrow }
    })
}

/// Whether a Newton end is a stationary point with upward curvature.
pub(super) fn stands(end: &NewtonEnd) -> bool {
    end.jet.value.is_finite()
        && end.jet.scaled_gradient() <= GRADIENT_TOLERANCE
        && smallest_eigenvalue(end.x.len(), &end.jet.hessian) > 0.0
}

/// The best minimum over all starts of the family.
///
/// # Errors
/// [`FitError::Held`] for a coefficient that cannot be held, [`FitError::NoMinimum`] when no start
/// ends at a finite objective.
pub(super) fn solve(
    law: &'static dyn Law,
    centred: &Rows,
    config: &FitConfig,
) -> Result<Minimum, FitError> {
    let held = config.held(law)?;
    let starts_around = |rows: &Rows| law.starts(&rows.at, &rows.loss.to_vec());
    let mut starts = starts_around(centred);
    // A coefficient that moves with the centre can only be held where papers print it.
    let moves_with_centre = starts.first().is_some_and(|start| {
        let mut moved = start.clone();
        law.recentre(&mut moved, centred.ln_n0, centred.ln_d0);
        start.iter().zip(&moved).zip(&held).any(|((a, b), held)| held.is_some() && a != b)
    });
    let plain = centred.uncentred();
    let rows = if moves_with_centre { plain.clone() } else { centred.clone() };
    if moves_with_centre {
        starts = starts_around(&rows);
    }
    let penalty = Penalty::of(config);
    let problem = Problem { law, rows: &rows, weights: None, penalty, held: &held };
    // Each end with the number of starts that led to it.
    let mut ends: Vec<(NewtonEnd, usize)> = gather(&problem, &starts)
        .into_iter()
        .map(|(x, starts)| (descend(&problem, &x), starts))
        .filter(|(end, _)| end.jet.value.is_finite())
        .collect();
    if !ends.iter().any(|(end, _)| stands(end)) {
        // Quasi-Newton needs no curvature to be positive; where it ends, Newton may begin again.
        let again: Vec<(NewtonEnd, usize)> = ends
            .iter()
            .filter_map(|(end, starts)| Some((quasi_newton(problem, &end.x)?, *starts)))
            .map(|(x, starts)| (finish(&problem, &x), starts))
            .filter(|(end, _)| end.jet.value.is_finite())
            .collect();
        ends.extend(again);
    }
    let none = || FitError::NoMinimum { law: law.id(), starts: starts.len() };
    let best = ends
        .iter()
        .map(|(end, _)| end)
        .min_by(|a, b| {
            // A standing minimum beats a lower value that merely slides downhill.
            stands(b).cmp(&stands(a)).then(a.jet.value.total_cmp(&b.jet.value))
        })
        .ok_or_else(none)?
        .clone();
    let agreeing = ends
        .iter()
        .filter(|(end, _)| same_point(&end.x, &best.x))
        .map(|(_, starts)| starts)
        .sum::<usize>();
    let mut theta = problem.natural(&best.x);
    law.recentre(&mut theta, -rows.ln_n0, -rows.ln_d0);
    let in_band = problem.rows_in_band(&best.x);
    let uncentred = Problem {
        rows: &plain,
        held: &held.iter().zip(&theta).map(|(h, t)| h.map(|_| *t)).collect::<Vec<_>>(),
        ..problem
    };
    let certificate = Certificate::new(
        best.jet.scaled_gradient(),
        min_eigenvalue(&uncentred, &theta, &in_band),
        starts.len(),
        agreeing.min(starts.len()),
        in_band.len(),
    );
    Ok(Minimum { x: best.x, theta, objective: best.jet.value, certificate, rows, held })
}

/// Where the starts lead at the widest band, each point with the number of its starts.
///
/// Most starts meet there. From one point there is one way down, so it is walked once.
fn gather(problem: &Problem<'_>, starts: &[Vec<f64>]) -> Vec<(Vec<f64>, usize)> {
    let settings = NewtonConfig { stop_at: 1e-9, max_iterations: 60, ..NewtonConfig::default() };
    let widest = wider_bands(problem.penalty).first().copied().unwrap_or(f64::INFINITY);
    let penalty = problem.penalty.with_band(widest);
    let mut points: Vec<(Vec<f64>, usize)> = Vec::new();
    for theta in starts {
        let x =
            minimise(&mut Problem { penalty, ..*problem }, &problem.variables(theta), &settings).x;
        match points.iter_mut().find(|(seen, _)| same_point(seen, &x)) {
            Some((_, starts)) => *starts += 1,
            None => points.push((x, 1)),
        }
    }
    points
}

fn same_point(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6 * (1.0 + b.abs()))
}

/// In the variables papers print, so that the figure can be compared with theirs.
fn min_eigenvalue(uncentred: &Problem<'_>, theta: &[f64], in_band: &[usize]) -> f64 {
    if uncentred.penalty == Penalty::AbsoluteLog {
        return gram_eigenvalue(uncentred, theta, in_band);
    }
    let x = uncentred.variables(theta);
    let mut jet = Jet::zeros(x.len());
    uncentred.clone().jet(&x, &mut jet);
    smallest_eigenvalue(x.len(), &jet.hessian)
}

struct Smooth<'a>(Problem<'a>);

impl Smooth<'_> {
    fn jet(&self, x: &[f64]) -> Jet {
        let mut jet = Jet::zeros(x.len());
        self.0.clone().jet(x, &mut jet);
        jet
    }
}

impl CostFunction for Smooth<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        Ok(self.jet(x).value)
    }
}

impl Gradient for Smooth<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, argmin::core::Error> {
        Ok(self.jet(x).gradient)
    }
}

/// L-BFGS from argmin; `None` when its line search leaves the finite numbers, as it often does
/// far from a minimum.
fn quasi_newton(problem: Problem<'_>, x0: &[f64]) -> Option<Vec<f64>> {
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), 7);
    let outcome = Executor::new(Smooth(problem), solver)
        .configure(|state| state.param(x0.to_vec()).max_iters(500))
        .run()
        .ok()?;
    outcome.state().get_best_param().cloned()
}
