//! From starts to a certified estimate: the one way that laws of runs, benchmark laws and laws of
//! curves are all fitted.

use super::certificate::Certificate;
use super::known::Known;
use super::problem::{Prior, Problem};
use super::valley::search_widely;
use crate::error::FitError;
use crate::num::{NewtonEnd, smallest_eigenvalue};

/// Where the search ended, with its proof.
#[derive(Clone, Debug)]
pub(crate) struct Estimate {
    /// The lowest minimum.
    pub(crate) best: NewtonEnd,
    /// Coefficients there in natural units, around the centre of the rows.
    pub(crate) theta: Vec<f64>,
    /// The proof, with the Hessian in the variables of the solver.
    pub(crate) certificate: Certificate,
    /// Coefficients held or at a bound.
    pub(crate) held: Vec<Option<f64>>,
    /// Priors, each worth what it is worth in the objective.
    pub(crate) priors: Vec<Prior>,
    /// Rows that carry the curvature.
    pub(crate) rows_in_band: Vec<usize>,
    /// All ends, with the number of starts that led there.
    pub(crate) ends: Vec<(NewtonEnd, usize)>,
}

/// The minimum of `problem`, whose held coefficients and priors are those of `known`.
///
/// - `law`: its id, for messages.
/// - `starts`: coefficients in natural units around the centre of the rows.
/// - `rugged`: whether every start is followed to its own end, see
///   [`Form::RUGGED`](crate::law::Form::RUGGED).
///
/// # Errors
/// [`FitError::NoMinimum`] when no start ends at a finite objective.
pub(crate) fn estimate(
    law: &'static str,
    problem: &Problem<'_>,
    known: &Known,
    starts: &[Vec<f64>],
    rugged: bool,
) -> Result<Estimate, FitError> {
    let none = || FitError::NoMinimum { law, starts: starts.len() };
    let mut priors = known.priors.clone();
    if !priors.is_empty() {
        // How strong a prior is depends on the scatter of the runs, which a fit without it shows.
        let without = Problem { priors: &[], ..*problem };
        let free = search_widely(&without, starts, rugged).ok_or_else(none)?;
        let scale = without.scale(&without.natural(&free.best.x));
        priors.iter_mut().for_each(|prior| prior.scale = scale);
    }
    let problem = Problem { priors: &priors, ..*problem };
    let (held, end) = known
        .settle(&problem, &known.held, |problem| {
            search_widely(problem, starts, rugged).map(|end| (end.best.clone(), end))
        })
        .ok_or_else(none)?;
    let problem = Problem { held: &held, ..problem };
    let theta = problem.natural(&end.best.x);
    let rows_in_band = problem.rows_in_band(&end.best.x);
    let certificate = Certificate::new(
        end.best.jet.scaled_gradient(),
        smallest_eigenvalue(end.best.x.len(), &end.best.jet.hessian),
        end.starts,
        end.agreeing,
        rows_in_band.len(),
        known.least_multiplier(&problem, &theta),
    );
    Ok(Estimate { best: end.best, theta, certificate, held, priors, rows_in_band, ends: end.ends })
}

/// A free coefficient on which no prediction depends at any start.
pub(crate) fn without_effect(problem: &Problem<'_>, starts: &[Vec<f64>]) -> Option<&'static str> {
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
