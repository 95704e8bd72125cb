//! Roots of monotone functions of one variable, by Brent's method from argmin.

use argmin::core::{CostFunction, Executor, State};
use argmin::solver::brent::BrentRoot;

use crate::error::NumError;

struct Function<F>(F);

impl<F: Fn(f64) -> f64> CostFunction for Function<F> {
    type Param = f64;
    type Output = f64;

    fn cost(&self, x: &f64) -> Result<f64, argmin::core::Error> {
        Ok((self.0)(*x))
    }
}

/// The root of `f` between `lo` and `hi`, to about four ulps.
///
/// - `what`: the name of `f`, for messages.
///
/// # Errors
/// [`NumError::NotBracketed`] when `f` has the same sign (or no number) at both ends,
/// [`NumError::NotConverged`] when Brent's method gives up.
pub fn find_root(
    what: &'static str,
    f: impl Fn(f64) -> f64,
    lo: f64,
    hi: f64,
) -> Result<f64, NumError> {
    let (at_lo, at_hi) = (f(lo), f(hi));
    if at_lo == 0.0 {
        return Ok(lo);
    }
    if at_hi == 0.0 {
        return Ok(hi);
    }
    let bracketed = at_lo.is_finite() && at_hi.is_finite() && (at_lo < 0.0) != (at_hi < 0.0);
    if !bracketed {
        return Err(NumError::NotBracketed { what, lo, hi });
    }
    let outcome = Executor::new(Function(f), BrentRoot::new(lo, hi, 1e-15))
        .configure(|state| state.param(0.5 * (lo + hi)).max_iters(300))
        .run()
        .map_err(|_| NumError::NotConverged { what, lo, hi })?;
    outcome
        .state()
        .get_best_param()
        .copied()
        .filter(|x| x.is_finite())
        .ok_or(NumError::NotConverged { what, lo, hi })
}

/// The root of `f` above `lo`, searched by doubling the step from `step` up to `limit`.
///
/// # Errors
/// As [`find_root`]; [`NumError::NotBracketed`] when there is no sign change below `limit`.
pub fn find_root_upward(
    what: &'static str,
    f: impl Fn(f64) -> f64,
    lo: f64,
    step: f64,
    limit: f64,
) -> Result<f64, NumError> {
    let sign_at_lo = f(lo) < 0.0;
    let (mut inner, mut width) = (lo, step);
    loop {
        let outer = (inner + width).min(limit);
        let value = f(outer);
        if value.is_finite() && (value < 0.0) != sign_at_lo {
            return find_root(what, f, inner, outer);
        }
        if outer >= limit {
            return Err(NumError::NotBracketed { what, lo, hi: limit });
        }
        inner = outer;
        width *= 2.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_a_cosine_is_half_pi() {
        let root = find_root("cos", f64::cos, 0.1, 3.0).expect("bracketed");
        assert!((root - std::f64::consts::FRAC_PI_2).abs() < 1e-14);
    }

    #[test]
    fn a_far_root_is_found_by_doubling() {
        let root = find_root_upward("ln", |x| (x / 1e6).ln(), 1.0, 1.0, 1e9).expect("bracketed");
        assert!((root / 1e6 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_function_without_a_root_is_an_error() {
        assert!(find_root("square", |x| x * x + 1.0, -1.0, 1.0).is_err());
        assert!(find_root_upward("one", |_| 1.0, 0.0, 1.0, 10.0).is_err());
    }
}
