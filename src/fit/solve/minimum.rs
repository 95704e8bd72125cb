//! The minimum of a law of N and D on a table of runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::certificate::{Certificate, is_minimum};
use super::coordinates::Coordinates;
use super::descent::lowest_end;
use super::estimate::{Estimate, estimate, without_effect};
use super::known::Known;
use super::penalty::Penalty;
use super::problem::Problem;
use super::rows::{LawOn, Rows};
use super::search::same_point;
use super::vertex::proof_eigenvalue;
use crate::error::FitError;
use crate::fit::config::FitConfig;
use crate::law::Law;
use crate::num::{Jet, Quadratic, smallest_eigenvalue};

/// A minimum, in solver variables around the centre and in natural units.
#[derive(Clone, Debug)]
pub(crate) struct Minimum {
    /// Number of free coefficients.
    pub(crate) free: usize,
    /// Coefficients in natural units.
    pub(crate) theta: Vec<f64>,
    pub(crate) objective: f64,
    pub(crate) certificate: Certificate,
    /// The rows as they were solved: centred, unless something known of a coefficient moves with
    /// the centre.
    pub(crate) rows: Rows,
    /// The coefficients the solver moved.
    pub(crate) coordinates: Coordinates,
    /// Coefficients held or at a bound, around the centre of those rows.
    pub(crate) held: Vec<Option<f64>>,
    pub(crate) known: Known,
    /// Every minimum that was found, lowest first, with the starts that led there.
    pub(crate) minima: Vec<LocalMinimum>,
    /// Coefficients of the other minima in natural units, for rugged families.
    pub(crate) others: Vec<Vec<f64>>,
}

impl Minimum {
    /// Where to look for the minimum of a slightly other problem, around the centre and in the
    /// coefficients of the solver: the minimum itself, and every other one where the family is known to
    /// have several.
    pub(crate) fn starts(&self, law: &dyn Law) -> Vec<Vec<f64>> {
        let mut starts = vec![self.theta.clone()];
        starts.extend(self.others.iter().cloned());
        for theta in &mut starts {
            law.recentre(theta, self.rows.ln_n0, self.rows.ln_d0);
            *theta = self.coordinates.enter(theta);
        }
        starts
    }

    /// Coefficients in natural units at the minimum of a slightly other problem of the same rows, as with
    /// other weights or losses; `None` where it has none in the domain.
    pub(crate) fn refitted(&self, law: &dyn Law, problem: &Problem<'_>) -> Option<Vec<f64>> {
        let starts = self.starts(law);
        let (_, theta) = self.known.settle(problem, &self.held, |problem| {
            let starts: Vec<Vec<f64>> =
                starts.iter().map(|theta| problem.variables(theta)).collect();
            let lowest = lowest_end(problem, &starts)?;
            let theta = is_minimum(&lowest).then(|| problem.natural(&lowest.x));
            Some((lowest, theta))
        })?;
        let mut theta = self.coordinates.leave(&theta?);
        law.recentre(&mut theta, -self.rows.ln_n0, -self.rows.ln_d0);
        law.coefs().iter().zip(&theta).all(|(c, t)| c.holds(*t)).then_some(theta)
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

/// The best minimum over all starts of the family.
///
/// # Errors
/// As [`Known::of`]; [`FitError::NoEffect`] for a coefficient that the runs say nothing about,
/// [`FitError::NoMinimum`] when no start ends at a finite objective.
pub(crate) fn minimum_of(
    law: &'static dyn Law,
    centred: &Rows,
    config: &FitConfig,
) -> Result<Minimum, FitError> {
    let mut known = Known::of(law, config)?;
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
    // Bounds, priors and held values are of printed coefficients.
    let coordinates = Coordinates::of(law, &known);
    let starts: Vec<Vec<f64>> = starts.iter().map(|theta| coordinates.enter(theta)).collect();
    let model = LawOn::new(coordinates.law, &rows);
    let problem = Problem {
        model: &model,
        observed: &rows.observed,
        weights: rows.weights.as_deref(),
        penalty: Penalty::of(config),
        held: &known.held,
        priors: &[],
    };
    if let Some(coef) = without_effect(&problem, &starts) {
        return Err(FitError::NoEffect { law: law.id(), coef: coef.to_owned() });
    }
    let rugged = law.is_rugged();
    let Estimate { best, theta, certificate, held, priors, rows_in_band, ends } =
        estimate(law.id(), &problem, &known, &starts, rugged)?;
    let problem = Problem { held: &held, priors: &priors, ..problem };
    let uncentre = |theta: Vec<f64>| {
        let mut theta = coordinates.leave(&theta);
        law.recentre(&mut theta, -rows.ln_n0, -rows.ln_d0);
        theta
    };
    let natural = |x: &[f64]| uncentre(problem.natural(x));
    let theta = uncentre(theta);
    let plain_model = LawOn::new(law, &plain);
    let uncentred = Problem {
        model: &plain_model,
        observed: &plain.observed,
        held: &held.iter().zip(&theta).map(|(h, t)| h.map(|_| *t)).collect::<Vec<_>>(),
        ..problem
    };
    let certificate = match coordinates.are_printed() {
        true => certificate.with_eigenvalue(min_eigenvalue(&uncentred, &theta, &rows_in_band)),
        // The sign is that of any coordinates; in the printed ones it would be lost in rounding.
        false => certificate,
    };
    let mut minima: Vec<LocalMinimum> = ends
        .iter()
        .filter(|(end, _)| is_minimum(end))
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
        .filter(|(end, _)| rugged && is_minimum(end) && !same_point(&end.x, &best.x))
        .map(|(end, _)| natural(&end.x))
        .collect();
    let (objective, free) = (best.jet.value, best.x.len());
    known.priors = priors;
    Ok(Minimum {
        free,
        theta,
        objective,
        certificate,
        rows,
        coordinates,
        held,
        known,
        minima,
        others,
    })
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
