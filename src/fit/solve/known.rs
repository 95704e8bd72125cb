//! What is known of the coefficients before the runs: values, bounds and priors.

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
    /// go again where the objective pulls it back inside.
    ///
    /// `solved` gives an end of the problem it is handed, with whatever else the caller wants to keep
    /// of it. Returns the coefficients held in the end.
    pub(crate) fn settle<T>(
        &self,
        problem: &Problem<'_>,
        mut solved: impl FnMut(&Problem<'_>) -> Option<(NewtonEnd, T)>,
    ) -> Option<(Vec<Option<f64>>, T)> {
        let mut held = self.held.clone();
        let mut released = vec![false; held.len()];
        // Each coefficient is held at most twice: at first and after one release.
        for _ in 0..=4 * held.len() {
            let here = Problem { held: &held, ..*problem };
            let (end, kept) = solved(&here)?;
            let theta = here.natural(&end.x);
            let beyond = here.free().find_map(|i| {
                let (lo, hi) = self.bounds[i]?;
                let slack = 1e-12 * (hi - lo);
                if theta[i] < lo - slack {
                    Some((i, lo))
                } else {
                    (theta[i] > hi + slack).then_some((i, hi))
                }
            });
            if let Some((i, bound)) = beyond {
                held[i] = Some(bound);
                continue;
            }
            let pulled_in = (0..held.len()).find(|&i| {
                let (Some((lo, _)), None, false) = (self.bounds[i], self.held[i], released[i])
                else {
                    return false;
                };
                let Some(value) = held[i] else { return false };
                // Both scales grow with the coefficient, so the sign of the slope is the same.
                let slope = self.slope(&here, &theta, i);
                if value == lo { slope < 0.0 } else { slope > 0.0 }
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
