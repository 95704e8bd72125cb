//! From starts to a certified minimum.

use std::collections::BTreeMap;

use argmin::core::{CostFunction, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use serde::{Deserialize, Serialize};

use super::certificate::{Certificate, GRADIENT_TOLERANCE};
use super::config::FitConfig;
use super::known::Known;
use super::lad::{NARROWEST, proof_eigenvalue, vertex};
use super::objective::{Penalty, Problem};
use super::rows::{LawOn, Rows};
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
    /// The rows as they were solved: centred, unless something known of a coefficient moves with
    /// the centre.
    pub(super) rows: Rows,
    /// Coefficients held or at a bound, around the centre of those rows.
    pub(super) held: Vec<Option<f64>>,
    pub(super) known: Known,
    /// Every minimum that stands, lowest first, with the starts that led there.
    pub(super) minima: Vec<LocalMinimum>,
    /// Coefficients of the other minima in natural units, for rugged families.
    pub(super) others: Vec<Vec<f64>>,
}

impl Minimum {
    /// Where to look for the minimum of a slightly other problem, around the centre: the minimum
    /// itself, and every other one where the family is known to have several.
    pub(super) fn starts(&self, law: &dyn Law) -> Vec<Vec<f64>> {
        let mut starts = vec![self.theta.clone()];
        starts.extend(self.others.iter().cloned());
        for theta in &mut starts {
            law.recentre(theta, self.rows.ln_n0, self.rows.ln_d0);
        }
        starts
    }
}

/// A stationary point with upward curvature in which some starts ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalMinimum {
    /// Value there.
    pub objective: f64,
    /// Coefficients by name, in natural units.
    pub coefficients: BTreeMap<String, f64>,
    /// Starts that ended there.
    pub starts: usize,
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

/// Where a search over starts ended.
pub(super) struct Found {
    pub(super) best: NewtonEnd,
    /// Starts that ended at the best point.
    pub(super) agreeing: usize,
    /// All ends, with the number of starts that led there.
    pub(super) ends: Vec<(NewtonEnd, usize)>,
}

/// The best end over all starts; `None` when none ends at a finite objective.
///
/// - `starts`: coefficients in natural units around the centre of the rows.
/// - `rugged`: whether every start is followed to its own end, see
///   [`Form::RUGGED`](crate::law::Form::RUGGED).
pub(super) fn search(problem: &Problem<'_>, starts: &[Vec<f64>], rugged: bool) -> Option<Found> {
    // Each end with the number of starts that led to it.
    let mut ends: Vec<(NewtonEnd, usize)> = if rugged {
        let straight = starts.iter().map(|theta| finish(problem, &problem.variables(theta)));
        let mut distinct: Vec<(NewtonEnd, usize)> = Vec::new();
        for end in straight {
            match distinct.iter_mut().find(|(seen, _)| same_point(&seen.x, &end.x)) {
                Some((_, count)) => *count += 1,
                None => distinct.push((end, 1)),
            }
        }
        distinct
    } else {
        Vec::new()
    };
    let gathered = gather(problem, starts);
    for (x, starts) in gathered {
        let end = descend(problem, &x);
        match ends.iter_mut().find(|(seen, _)| same_point(&seen.x, &end.x)) {
            // Where every start was followed already, these are the same starts again.
            Some((_, count)) if rugged => *count = (*count).max(starts),
            Some((_, count)) => *count += starts,
            None => ends.push((end, starts)),
        }
    }
    ends.retain(|(end, _)| end.jet.value.is_finite());
    if !ends.iter().any(|(end, _)| stands(end)) {
        // Quasi-Newton needs no curvature to be positive; where it ends, Newton may begin again.
        let again: Vec<(NewtonEnd, usize)> = ends
            .iter()
            .filter_map(|(end, starts)| Some((quasi_newton(*problem, &end.x)?, *starts)))
            .map(|(x, starts)| (finish(problem, &x), starts))
            .filter(|(end, _)| end.jet.value.is_finite())
            .collect();
        ends.extend(again);
    }
    let best = ends
        .iter()
        .map(|(end, _)| end)
        .min_by(|a, b| {
            // A standing minimum beats a lower value that merely slides downhill.
            stands(b).cmp(&stands(a)).then(a.jet.value.total_cmp(&b.jet.value))
        })?
        .clone();
    let agreeing = ends
        .iter()
        .filter(|(end, _)| same_point(&end.x, &best.x))
        .map(|(_, starts)| starts)
        .sum::<usize>()
        .min(starts.len());
    Some(Found { best, agreeing, ends })
}

/// The best minimum over all starts of the family.
///
/// # Errors
/// [`FitError::Held`] for a coefficient that cannot be held, [`FitError::NoEffect`] for one that the
/// runs say nothing about, [`FitError::NoMinimum`] when no start ends at a finite objective.
pub(super) fn solve(
    law: &'static dyn Law,
    centred: &Rows,
    config: &FitConfig,
) -> Result<Minimum, FitError> {
    let mut known = Known::of(law, config)?;
    let fixed = known.held.clone();
    let starts_around = |rows: &Rows| law.starts(&rows.at, &rows.observed.value.to_vec());
    let mut starts = starts_around(centred);
    // What is known of a coefficient that moves with the centre only holds where papers print it.
    let moves_with_centre = starts.first().is_some_and(|start| {
        let mut moved = start.clone();
        law.recentre(&mut moved, centred.ln_n0, centred.ln_d0);
        (0..start.len()).any(|i| known.constrains(i) && start[i] != moved[i])
    });
    let plain = centred.uncentred();
    let rows = if moves_with_centre { plain.clone() } else { centred.clone() };
    if moves_with_centre {
        starts = starts_around(&rows);
    }
    let model = LawOn::new(law, &rows);
    let problem = Problem {
        model: &model,
        observed: &rows.observed,
        weights: rows.weights.as_deref(),
        penalty: Penalty::of(config),
        held: &fixed,
        priors: &[],
    };
    if let Some(coef) = without_effect(&problem, &starts) {
        return Err(FitError::NoEffect { law: law.id(), coef: coef.to_owned() });
    }
    let none = || FitError::NoMinimum { law: law.id(), starts: starts.len() };
    let rugged = law.is_rugged();
    if !known.priors.is_empty() {
        // How strong a prior is depends on the scatter of the runs, which a fit without it tells.
        let free = search(&problem, &starts, rugged).ok_or_else(none)?;
        known.scale_priors(problem.scale(&problem.natural(&free.best.x)));
    }
    let priors = known.priors.clone();
    let settled = known.settle(&Problem { priors: &priors, ..problem }, |problem| {
        search(problem, &starts, rugged).map(|found| (found.best.clone(), found))
    });
    let (held, found) = settled.ok_or_else(none)?;
    let Found { best, agreeing, ends } = found;
    let problem = Problem { held: &held, priors: &priors, ..problem };
    let natural = |x: &[f64]| {
        let mut theta = problem.natural(x);
        law.recentre(&mut theta, -rows.ln_n0, -rows.ln_d0);
        theta
    };
    let theta = natural(&best.x);
    let in_band = problem.rows_in_band(&best.x);
    let plain_model = LawOn::new(law, &plain);
    let uncentred = Problem {
        model: &plain_model,
        observed: &plain.observed,
        held: &held.iter().zip(&theta).map(|(h, t)| h.map(|_| *t)).collect::<Vec<_>>(),
        ..problem
    };
    let certificate = Certificate::new(
        best.jet.scaled_gradient(),
        min_eigenvalue(&uncentred, &theta, &in_band),
        starts.len(),
        agreeing,
        in_band.len(),
    );
    let mut minima: Vec<LocalMinimum> = ends
        .iter()
        .filter(|(end, _)| stands(end))
        .map(|(end, starts)| LocalMinimum {
            objective: end.jet.value,
            coefficients: law
                .coefs()
                .iter()
                .zip(natural(&end.x))
                .map(|(c, t)| (c.name.to_owned(), t))
                .collect(),
            starts: *starts,
        })
        .collect();
    minima.sort_by(|a, b| a.objective.total_cmp(&b.objective));
    let others = ends
        .iter()
        .filter(|(end, _)| rugged && stands(end) && !same_point(&end.x, &best.x))
        .map(|(end, _)| natural(&end.x))
        .collect();
    let objective = best.jet.value;
    Ok(Minimum { x: best.x, theta, objective, certificate, rows, held, known, minima, others })
}

/// A free coefficient on which no prediction depends at any start.
fn without_effect(problem: &Problem<'_>, starts: &[Vec<f64>]) -> Option<&'static str> {
    let mut felt = vec![false; problem.held.len()];
    for theta in starts.iter().take(3) {
        for i in 0..problem.len() {
            let (_, gradient) = problem.residual_with_gradient(theta, i);
            problem.free().zip(gradient).for_each(|(k, g)| felt[k] |= g != 0.0);
        }
    }
    let idle = problem.free().find(|&k| !felt[k] && !starts.is_empty())?;
    Some(problem.model.coefs()[idle].name)
}

/// Where the starts lead at the widest band, each point with the number of its starts.
///
/// Most starts meet there. From one point there is one way down, so it is walked once.
fn gather(problem: &Problem<'_>, starts: &[Vec<f64>]) -> Vec<(Vec<f64>, usize)> {
    // A point this flat is within a thousandth of where it leads: near enough to tell basins apart,
    // and the way down starts from there.
    let settings = NewtonConfig { stop_at: 1e-5, max_iterations: 300, ..NewtonConfig::default() };
    let widest = wider_bands(problem.penalty).first().copied().unwrap_or(f64::INFINITY);
    let penalty = problem.penalty.with_band(widest);
    let mut points: Vec<(Vec<f64>, usize)> = Vec::new();
    for theta in starts {
        let x =
            minimise(&mut Problem { penalty, ..*problem }, &problem.variables(theta), &settings).x;
        match points.iter_mut().find(|(seen, _)| within(seen, &x, 1e-2)) {
            Some((_, starts)) => *starts += 1,
            None => points.push((x, 1)),
        }
    }
    points
}

/// Whether two points of solver variables agree to `tolerance`, relative above one.
fn within(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance * (1.0 + b.abs()))
}

fn same_point(a: &[f64], b: &[f64]) -> bool {
    within(a, b, 1e-6)
}

/// In the variables papers print, so that the figure can be compared with theirs.
fn min_eigenvalue(uncentred: &Problem<'_>, theta: &[f64], in_band: &[usize]) -> f64 {
    if uncentred.penalty == Penalty::AbsoluteLog {
        return proof_eigenvalue(uncentred, theta, in_band);
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
