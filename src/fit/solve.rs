//! From starts to a certified minimum.

use argmin::core::{CostFunction, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use super::certificate::{Certificate, GRADIENT_TOLERANCE};
use super::config::FitConfig;
use super::objective::{HuberLog, natural, variables};
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
}

/// Widths of the band on the way down: from least squares to the one asked for.
///
/// With a band of 1e-3 a far start sees almost only the linear branch, whose curvature says
/// nothing about where to go.
fn bands(delta: f64) -> Vec<f64> {
    let mut bands = vec![delta];
    while bands[bands.len() - 1] < 0.03 {
        bands.push(bands[bands.len() - 1] * 10.0);
    }
    bands.reverse();
    bands
}

/// Newton through the narrowing bands from one start.
pub(super) fn descend(
    law: &'static dyn Law,
    rows: &Rows,
    weights: Option<&[f64]>,
    delta: f64,
    x0: &[f64],
) -> NewtonEnd {
    let rough = NewtonConfig { stop_at: 1e-4, max_iterations: 60, ..NewtonConfig::default() };
    let mut x = x0.to_vec();
    let bands = bands(delta);
    let (last, wide) = bands.split_last().map_or((delta, &[][..]), |(l, w)| (*l, w));
    for &band in wide {
        x = minimise(&mut HuberLog { law, rows, weights, delta: band }, &x, &rough).x;
    }
    finish(law, rows, weights, last, &x)
}

/// Newton at the band asked for.
pub(super) fn finish(
    law: &'static dyn Law,
    rows: &Rows,
    weights: Option<&[f64]>,
    delta: f64,
    x: &[f64],
) -> NewtonEnd {
    minimise(&mut HuberLog { law, rows, weights, delta }, x, &NewtonConfig::default())
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
/// [`FitError::NoMinimum`] when no start ends at a finite objective.
pub(super) fn solve(
    law: &'static dyn Law,
    rows: &Rows,
    config: &FitConfig,
) -> Result<Minimum, FitError> {
    let loss: Vec<f64> = rows.ln_loss.iter().map(|l| l.exp()).collect();
    let starts = law.starts(&rows.at, &loss);
    let mut ends: Vec<NewtonEnd> = starts
        .iter()
        .map(|theta| descend(law, rows, None, config.delta, &variables(law, theta)))
        .filter(|end| end.jet.value.is_finite())
        .collect();
    if !ends.iter().any(stands) {
        // Quasi-Newton needs no curvature to be positive; where it ends, Newton may begin again.
        let again: Vec<NewtonEnd> = ends
            .iter()
            .filter_map(|end| quasi_newton(law, rows, config.delta, &end.x))
            .map(|x| finish(law, rows, None, config.delta, &x))
            .filter(|end| end.jet.value.is_finite())
            .collect();
        ends.extend(again);
    }
    let none = || FitError::NoMinimum { law: law.id(), starts: starts.len() };
    let best = ends
        .iter()
        .min_by(|a, b| {
            // A standing minimum beats a lower value that merely slides downhill.
            stands(b).cmp(&stands(a)).then(a.jet.value.total_cmp(&b.jet.value))
        })
        .ok_or_else(none)?
        .clone();
    let agreeing = ends.iter().filter(|end| same_minimum(end, &best)).count();
    let mut theta = natural(law, &best.x);
    law.recentre(&mut theta, -rows.ln_n0, -rows.ln_d0);
    let certificate = Certificate::new(
        best.jet.scaled_gradient(),
        uncentred_min_eigenvalue(law, rows, config.delta, &theta),
        starts.len(),
        agreeing.min(starts.len()),
        HuberLog { law, rows, weights: None, delta: config.delta }.rows_in_band(&best.x),
    );
    Ok(Minimum { x: best.x, theta, objective: best.jet.value, certificate })
}

fn same_minimum(end: &NewtonEnd, best: &NewtonEnd) -> bool {
    let close = |a: &f64, b: &f64| (a - b).abs() <= 1e-6 * (1.0 + b.abs());
    end.x.iter().zip(&best.x).all(|(a, b)| close(a, b))
}

/// In the variables papers print, so that the figure can be compared with theirs.
fn uncentred_min_eigenvalue(law: &'static dyn Law, rows: &Rows, delta: f64, theta: &[f64]) -> f64 {
    let plain = rows.uncentred();
    let mut jet = Jet::zeros(theta.len());
    let x = variables(law, theta);
    HuberLog { law, rows: &plain, weights: None, delta }.jet(&x, &mut jet);
    smallest_eigenvalue(theta.len(), &jet.hessian)
}

struct Smooth<'a> {
    law: &'static dyn Law,
    rows: &'a Rows,
    delta: f64,
}

impl Smooth<'_> {
    fn jet(&self, x: &[f64]) -> Jet {
        let mut jet = Jet::zeros(x.len());
        let Self { law, rows, delta } = *self;
        HuberLog { law, rows, weights: None, delta }.jet(x, &mut jet);
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
fn quasi_newton(law: &'static dyn Law, rows: &Rows, delta: f64, x0: &[f64]) -> Option<Vec<f64>> {
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), 7);
    let outcome = Executor::new(Smooth { law, rows, delta }, solver)
        .configure(|state| state.param(x0.to_vec()).max_iters(500))
        .run()
        .ok()?;
    outcome.state().get_best_param().cloned()
}
