//! Profile likelihood: how much worse the fit gets when one coefficient is moved.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::fit::config::{FitConfig, Objective};
use crate::fit::solve::{LawOn, Minimum, Penalty, Problem, settle_near};
use crate::law::{Law, Scale};

/// The least objective over all other coefficients, with one held at each of some values.
///
/// The interval holds the values whose objective stays below what chance explains: 2 (Q(v) - Q) / w
/// is compared with the squared Student quantile of n - p degrees of freedom, where w is what one
/// unit of negative log likelihood is worth in the objective, E(psi²) / E(psi') of the residuals
/// (Huber 1981, sec. 6; for least squares twice the variance). Unlike a percentile of draws it needs
/// no draw to have a minimum, and it says so when an end is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The coefficient.
    pub coef: String,
    /// Lower end; absent when no value down to e^-20 times the estimate is too small.
    pub lo: Option<f64>,
    /// Upper end; absent when no value up to e^20 times the estimate is too large.
    pub hi: Option<f64>,
    /// (value, least objective), in order of the value.
    pub points: Vec<(f64, f64)>,
}

/// Farthest a profile looks from the estimate, in solver variables.
const FARTHEST: f64 = 20.0;

/// The profile of coefficient `i` around `best`; `None` when the coefficient is not free, and under
/// the asymmetric objective.
pub(crate) fn profile(
    law: &'static dyn Law,
    best: &Minimum,
    config: &FitConfig,
    i: usize,
) -> Option<Profile> {
    // An envelope below most runs has no likelihood; its profile intervals cover 77 to 90 % at a
    // nominal 95 % (benches/README.md), so there are none.
    if best.held[i].is_some() || config.objective == Objective::AsymmetricLog {
        return None;
    }
    // A coefficient that moves with the centre has its profile where papers print it.
    let moves = {
        let mut moved = best.theta.clone();
        law.recentre(&mut moved, 1.0, 1.0);
        moved[i] != best.theta[i]
    };
    let rows = if moves { best.rows.uncentred() } else { best.rows.clone() };
    let at_rows = |theta: &[f64]| {
        let mut theta = theta.to_vec();
        if !moves {
            law.recentre(&mut theta, rows.ln_n0, rows.ln_d0);
        }
        theta
    };
    let theta = at_rows(&best.theta);
    let held: Vec<Option<f64>> = best.held.iter().zip(&theta).map(|(h, t)| h.map(|_| *t)).collect();
    let model = LawOn::new(law, &rows);
    let problem = Problem {
        model: &model,
        observed: &rows.observed,
        weights: rows.weights.as_deref(),
        penalty: Penalty::of(config),
        held: &held,
        priors: &best.known.priors,
    };
    let worth = problem.scale(&theta);
    let freedom = best.rows.len().saturating_sub(best.free).max(1) as f64;
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(0.5 + 0.5 * config.level);
    let limit = 0.5 * worth * t * t;

    let log = law.coefs()[i].scale == Scale::Log;
    let value_of = |u: f64| if log { u.exp() } else { u };
    let here = if log { theta[i].ln() } else { theta[i] };
    let starts: Vec<Vec<f64>> =
        std::iter::once(theta.clone()).chain(best.others.iter().map(|t| at_rows(t))).collect();
    let mut points = vec![(here, best.objective)];
    let mut end = |direction: f64| -> Option<f64> {
        let mut at = Walk { problem, i, starts: starts.clone(), value_of: &value_of };
        let excess = |u: f64, at: &mut Walk<'_>, points: &mut Vec<(f64, f64)>| {
            let objective = at.least(u)?;
            points.push((u, objective));
            Some(objective - best.objective - limit)
        };
        let (mut inner, mut step) = (here, 0.01 * (1.0 + here.abs()) * direction);
        loop {
            let outer = inner + step;
            if (outer - here).abs() > FARTHEST {
                return None;
            }
            if excess(outer, &mut at, &mut points)? > 0.0 {
                // Bisection: a profile can have kinks where rows enter the band.
                let (mut lo, mut hi) = (inner, outer);
                for _ in 0..30 {
                    let middle = 0.5 * (lo + hi);
                    if excess(middle, &mut at, &mut points)? > 0.0 {
                        hi = middle;
                    } else {
                        lo = middle;
                    }
                    if (hi - lo).abs() < 1e-5 * (1.0 + hi.abs()) {
                        break;
                    }
                }
                return Some(lo);
            }
            inner = outer;
            step *= 1.6;
        }
    };
    let (down, up) = (end(-1.0), end(1.0));
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Some(Profile {
        coef: law.coefs()[i].name.to_owned(),
        lo: down.map(value_of),
        hi: up.map(value_of),
        points: points.into_iter().map(|(u, objective)| (value_of(u), objective)).collect(),
    })
}

/// A walk along one coefficient, each step from where the last one ended.
struct Walk<'a> {
    problem: Problem<'a>,
    i: usize,
    /// Coefficients to start from: where the last step ended, one per minimum of the fit.
    starts: Vec<Vec<f64>>,
    value_of: &'a dyn Fn(f64) -> f64,
}

impl Walk<'_> {
    /// The least objective with the coefficient at `u`; `None` where there is no end.
    fn least(&mut self, u: f64) -> Option<f64> {
        let mut held = self.problem.held.to_vec();
        held[self.i] = Some((self.value_of)(u));
        let problem = Problem { held: &held, ..self.problem };
        let mut least: Option<f64> = None;
        for start in &mut self.starts {
            let x = problem.variables(start);
            if x.is_empty() {
                return Some(problem.value(&x));
            }
            let end = settle_near(&problem, &x);
            if !end.jet.value.is_finite() {
                continue;
            }
            *start = problem.natural(&end.x);
            least = Some(least.map_or(end.jet.value, |l: f64| l.min(end.jet.value)));
        }
        least
    }
}
