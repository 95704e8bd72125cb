//! What is known of the coefficients before the runs: values, bounds and priors.

use super::certificate::is_minimum;
use super::penalty::{MET, Penalty};
use super::problem::{Prior, Problem};
use crate::error::FitError;
use crate::fit::config::FitConfig;
use crate::fit::limits;
use crate::law::Law;
use crate::num::{Jet, NewtonEnd, Quadratic};

/// Values, bounds and priors in the order of a family.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// Coefficients at a given value.
    pub(crate) held: Vec<Option<f64>>,
    /// Closed ranges of free coefficients.
    pub(crate) bounds: Vec<Option<(f64, f64)>>,
    /// Normal distributions of free coefficients.
    pub(crate) priors: Vec<Prior>,
}

impl Known {
    /// Held coefficients and nothing else.
    pub(crate) fn held(held: Vec<Option<f64>>) -> Self {
        Self { bounds: vec![None; held.len()], held, priors: Vec::new() }
    }

    /// What the settings say of `law`.
    ///
    /// # Errors
    /// [`FitError::UnknownCoefficient`], [`FitError::OutsideDomain`], [`FitError::NothingFree`], or
    /// [`FitError::AlreadyHeld`] for a bound or prior of a held coefficient.
    pub(super) fn of(law: &dyn Law, config: &FitConfig) -> Result<Self, FitError> {
        let (id, coefs) = (law.id(), law.coefs());
        let mut known = Self::held(limits::held(id, coefs, &config.fixed)?);
        let free = |name: &str, values: &[f64]| match config.fixed.contains_key(name) {
            true => Err(FitError::AlreadyHeld { law: id, coef: name.to_owned() }),
            false => limits::coefficient(id, coefs, name, values),
        };
        for (name, range) in &config.bounds {
            known.bounds[free(name, &[range.lo, range.hi])?] = Some((range.lo, range.hi));
        }
        for (name, prior) in &config.priors {
            let coef = free(name, &[prior.mean])?;
            known.priors.push(Prior { coef, mean: prior.mean, sd: prior.sd, scale: 1.0 });
        }
        Ok(known)
    }

    /// Whether anything is known of coefficient `i`.
    pub(crate) fn constrains(&self, i: usize) -> bool {
        self.held[i].is_some()
            || self.bounds[i].is_some()
            || self.priors.iter().any(|p| p.coef == i)
    }

    /// Solves with the bounds as an active set: a coefficient beyond its bound is held there and let
    /// go again where the objective pulls it back inside. A coefficient that may be zero and is driven
    /// towards it is held at zero alike: its logarithm would run away.
    ///
    /// `solved` gives an end of the problem it is handed, with whatever else the caller wants to keep
    /// of it; `begin` says which coefficients are held at first. Returns those held in the end.
    pub(crate) fn settle<T>(
        &self,
        problem: &Problem<'_>,
        begin: &[Option<f64>],
        mut solved: impl FnMut(&Problem<'_>) -> Option<(NewtonEnd, T)>,
    ) -> Option<(Vec<Option<f64>>, T)> {
        let mut held = begin.to_vec();
        let mut released = vec![false; held.len()];
        // The objective from which a coefficient was taken to zero.
        let mut left: Vec<Option<f64>> = vec![None; held.len()];
        // Each coefficient is held at most twice: at first and after one release.
        for _ in 0..=4 * held.len() {
            let here = Problem { held: &held, ..*problem };
            let solution = solved(&here);
            let towards_zero =
                |i: &usize| !released[*i] && self.vanishes(&here, *i, solution.as_ref());
            let vanishing = here.free().find(towards_zero);
            if let Some(i) = vanishing {
                left[i] = solution.map(|(end, _)| end.jet.value);
                held[i] = Some(0.0);
                continue;
            }
            let (end, kept) = solution?;
            let theta = here.natural(&end.x);
            let beyond = here.free().find_map(|i| Some((i, self.beyond(i, &theta)?)));
            if let Some((i, bound)) = beyond {
                held[i] = Some(bound);
                continue;
            }
            let at_bound = |i: &usize| self.held[*i].is_none() && !released[*i];
            let pulled_in = (0..held.len()).filter(at_bound).find(|&i| {
                let pulls = held[i].is_some_and(|value| self.pulls_in(&here, &theta, i, value));
                // Zero is no better than where the search came from without arriving.
                pulls
                    || left[i].is_some_and(|before| {
                        end.jet.value > before * (1.0 + 1e-9) + end.jet.value_noise
                    })
            });
            match pulled_in {
                Some(i) => {
                    released[i] = true;
                    held[i] = None;
                }
                None => return Some((held, kept)),
            }
        }
        None
    }

    /// The bound that coefficient `i` lies beyond, if it does.
    fn beyond(&self, i: usize, theta: &[f64]) -> Option<f64> {
        let (lo, hi) = self.bounds[i]?;
        let slack = 1e-12 * (hi - lo);
        if theta[i] < lo - slack {
            return Some(lo);
        }
        (theta[i] > hi + slack).then_some(hi)
    }

    /// Whether the objective falls from the value that coefficient `i` is held at into its range.
    fn pulls_in(&self, problem: &Problem<'_>, theta: &[f64], i: usize, value: f64) -> bool {
        if value == 0.0 && problem.model.coefs()[i].or_zero {
            return multiplier(problem, theta, i) < 0.0;
        }
        // Both scales grow with the coefficient, so the sign of the slope is the same.
        let slope = self.slope(problem, theta, i);
        match self.bounds[i] {
            Some((lo, _)) if value == lo => slope < 0.0,
            Some(_) => slope > 0.0,
            None => false,
        }
    }

    /// Whether free coefficient `i` is on its way to zero: it may be zero, and the search ended
    /// nowhere, or at less than a millionth of what was measured.
    fn vanishes<T>(
        &self,
        problem: &Problem<'_>,
        i: usize,
        solution: Option<&(NewtonEnd, T)>,
    ) -> bool {
        let above_zero = self.bounds[i].is_some_and(|(lo, _)| lo > 0.0);
        if !problem.model.coefs()[i].or_zero || above_zero {
            return false;
        }
        let Some((end, _)) = solution else { return true };
        let typical = problem.observed.value.mean().unwrap_or(1.0);
        !is_minimum(end) || problem.natural(&end.x)[i] < 1e-6 * typical
    }

    /// The least of the multipliers of coefficients that stand at zero without being told to.
    pub(super) fn least_multiplier(&self, problem: &Problem<'_>, theta: &[f64]) -> Option<f64> {
        let coefs = problem.model.coefs();
        (0..coefs.len())
            .filter(|&i| coefs[i].or_zero && self.held[i].is_none() && theta[i] == 0.0)
            .map(|i| multiplier(problem, theta, i))
            .reduce(f64::min)
    }

    /// Derivative of the objective in coefficient `i` with the others as they are.
    fn slope(&self, problem: &Problem<'_>, theta: &[f64], i: usize) -> f64 {
        let held: Vec<Option<f64>> =
            theta.iter().enumerate().map(|(k, t)| (k != i).then_some(*t)).collect();
        let mut alone = Problem { held: &held, ..*problem };
        let mut jet = Jet::zeros(1);
        let x = alone.variables(theta);
        alone.jet(&x, &mut jet);
        jet.gradient[0]
    }
}

/// Slope of the objective in coefficient `i` itself, not its logarithm, over the sum of absolute
/// contributions of the rows. Under absolute deviations a row that is met resists with all its weight.
fn multiplier(problem: &Problem<'_>, theta: &[f64], i: usize) -> f64 {
    let p = problem.model.coefs().len();
    let (mut gradient, mut hessian) = (vec![0.0; p], vec![0.0; p * p]);
    let (mut slope, mut size) = (0.0, 0.0);
    for row in 0..problem.len() {
        let predicted = problem.model.jet(theta, row, &mut gradient, &mut hessian);
        let (residual, by) = match problem.penalty {
            Penalty::SquareLoss => (predicted - problem.observed.value[row], gradient[i]),
            _ => (problem.residual(theta, row), gradient[i] / predicted),
        };
        let met = problem.penalty == Penalty::AbsoluteLog && residual.abs() <= MET;
        let pull = if met { by.signum() } else { problem.penalty.at(residual).slope };
        slope += problem.weight(row) * pull * by;
        size += problem.weight(row) * (pull * by).abs();
    }
    for Prior { mean, sd, scale, .. } in problem.priors.iter().filter(|prior| prior.coef == i) {
        let pull = scale * (theta[i] - mean) / sd / sd;
        slope += pull;
        size += pull.abs();
    }
    if size > 0.0 { slope / size } else { 0.0 }
}
