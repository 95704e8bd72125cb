//! Roots of functions of one variable: by Brent's method from argmin, and, where thousands of nearly equal
//! ones are asked for, from a starting point.

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

/// Width of the first step away from a guess, and by how much each step is longer than the one before.
const FIRST_STEP: f64 = 0.02;
const GROWTH: f64 = 5.0;
/// Evaluations after which a bracket is given up; bisection alone takes about sixty.
const MOST_EVALUATIONS: usize = 200;

/// The root between `lo` and `hi` of a function that is negative below it and positive above, to about
/// four ulps, searched outwards from `near`.
///
/// A bracket is grown around the guess; inside it inverse quadratic interpolation, or bisection where
/// that is not safe (Chandrupatla 1997, doi:10.1016/S0965-9978(96)00051-8). With a good guess that is a
/// third of the evaluations of [`find_root`] over the whole range, and none of argmin's state is moved
/// for each of them.
///
/// - `what`: the name of `f`, for messages.
///
/// # Errors
/// [`NumError::NotBracketed`] when the sign stays the same up to an end, `f` is no number on the way, or
/// zero over a stretch, of which no point is more a root than another;
/// [`NumError::NotConverged`] when the bracket does not close.
pub fn find_rising_root(
    what: &'static str,
    f: impl Fn(f64) -> f64,
    near: f64,
    lo: f64,
    hi: f64,
) -> Result<f64, NumError> {
    let at = |x: f64| (x, f(x));
    let mut inner = at(near.max(lo).min(hi));
    let is_below = inner.1 < 0.0;
    let mut step = if is_below { FIRST_STEP } else { -FIRST_STEP };
    let outer = loop {
        if inner.1 == 0.0 {
            let flat = NumError::NotBracketed { what, lo, hi };
            return if is_flat(&f, inner.0) { Err(flat) } else { Ok(inner.0) };
        }
        let is_end = inner.0 == if is_below { hi } else { lo };
        if inner.1.is_nan() || is_end {
            return Err(NumError::NotBracketed { what, lo, hi });
        }
        let next = at((inner.0 + step).max(lo).min(hi));
        if (next.1 < 0.0) != is_below {
            break next;
        }
        inner = next;
        step *= GROWTH;
    };
    closed_bracket(f, inner, outer).ok_or(NumError::NotConverged { what, lo, hi })
}

/// Whether a function is zero beside a point too: no root to be named, as where the slopes of a law have
/// fallen below the smallest number.
fn is_flat(f: impl Fn(f64) -> f64, x: f64) -> bool {
    let beside = 1e-6 * (1.0 + x.abs());
    f(x - beside) == 0.0 || f(x + beside) == 0.0
}

/// The root between two points of opposite sign; `None` where a value is no number.
fn closed_bracket(f: impl Fn(f64) -> f64, a: (f64, f64), b: (f64, f64)) -> Option<f64> {
    // The newest point, and the one across the root from it.
    let (mut new, mut across) = (a, b);
    let mut share = 0.5;
    for _ in 0..MOST_EVALUATIONS {
        let x = new.0 + share * (across.0 - new.0);
        let y = f(x);
        if y.is_nan() || across.1.is_nan() {
            return None;
        }
        // The one before of the three.
        let old = match (y < 0.0) == (new.1 < 0.0) {
            true => new,
            false => std::mem::replace(&mut across, new),
        };
        new = (x, y);
        let best = if new.1.abs() < across.1.abs() { new } else { across };
        if best.1 == 0.0 && is_flat(&f, best.0) {
            return None;
        }
        let width = (across.0 - new.0).abs();
        let least = 2.0 * f64::EPSILON * best.0.abs();
        if best.1 == 0.0 || width <= 2.0 * least {
            return Some(best.0);
        }
        // Interpolation is safe where the three points bend little.
        let bend = (new.0 - across.0) / (old.0 - across.0);
        let rise = (new.1 - across.1) / (old.1 - across.1);
        let is_safe = rise * rise < bend && (1.0 - rise) * (1.0 - rise) < 1.0 - bend;
        share = if is_safe {
            let by_across = new.1 / (across.1 - new.1) * (old.1 / (across.1 - old.1));
            let by_old = (old.0 - new.0) / (across.0 - new.0)
                * (new.1 / (old.1 - new.1))
                * (across.1 / (old.1 - across.1));
            by_across + by_old
        } else {
            0.5
        };
        let edge = least / width;
        share = share.max(edge).min(1.0 - edge);
    }
    None
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

    /// From any guess, near, far or outside; of a steep, a flat and a jumping function.
    #[test]
    fn a_rising_root_is_found_from_any_guess() {
        type Rising = (&'static str, fn(f64) -> f64, f64);
        let functions: [Rising; 5] = [
            ("power", |x| (0.35 * (x - 20.0)).exp() - 1.0, 20.0),
            ("balance", |x| 2.0 * (-9.0 + 0.4 * x).exp() - 3.0 * (5.0 - 0.3 * x).exp(), f64::NAN),
            ("cube", |x| (x - 7.0_f64).powi(3), 7.0),
            ("jump", |x| if x < 11.0 { -1.0 } else { 1e-3 }, 11.0),
            ("wall", |x| if x <= 3.0 { f64::NEG_INFINITY } else { 2.0 - 1.0 / (x - 3.0) }, 3.5),
        ];
        for (name, f, root) in functions {
            let brent = find_root(name, |x| f(x).max(-1e300), 0.0, 60.0).expect("bracketed");
            let root = if root.is_nan() { brent } else { root };
            for near in [-5.0, 0.0, 3.0, 6.9, 11.0, 20.01, 25.0, 60.0, 1e3] {
                let calls = std::cell::Cell::new(0);
                let counted = |x: f64| {
                    calls.set(calls.get() + 1);
                    f(x)
                };
                let found = find_rising_root(name, counted, near, 0.0, 60.0).expect("bracketed");
                // A cube is flat at its root: its values there are smaller than any number.
                let tolerance = if name == "cube" { 1e-5 } else { 1e-14 * root };
                assert!((found - root).abs() <= tolerance, "{name} from {near}: {found} {root}");
                assert!(calls.get() < 75, "{name} from {near}: {} evaluations", calls.get());
            }
        }
    }

    #[test]
    fn a_good_guess_is_worth_most_of_the_evaluations() {
        let f = |x: f64| 2.0 * (-9.0 + 0.4 * x).exp() - 3.0 * (5.0 - 0.3 * x).exp();
        type Solve<'a> = dyn Fn(&dyn Fn(f64) -> f64) -> f64 + 'a;
        let count = |solve: &Solve<'_>| {
            let calls = std::cell::Cell::new(0);
            let root = solve(&|x| {
                calls.set(calls.get() + 1);
                f(x)
            });
            (root, calls.get())
        };
        let (root, wide) = count(&|f| find_root("balance", f, 0.0, 50.0).expect("bracketed"));
        let near = root + 0.1;
        let (found, few) =
            count(&|f| find_rising_root("balance", f, near, 0.0, 50.0).expect("bracketed"));
        assert!((found - root).abs() < 1e-13 && few <= 11 && few < wide, "{few} {wide}");
    }

    #[test]
    fn a_stretch_of_zeros_is_no_root() {
        let flat = |x: f64| if x < 3.0 { -1.0 } else { (x - 9.0).max(0.0) };
        for near in [-20.0, 2.0, 5.0, 8.999, 30.0] {
            assert!(find_rising_root("flat", flat, near, -50.0, 50.0).is_err(), "{near}");
        }
    }

    #[test]
    fn a_function_that_does_not_rise_through_zero_is_an_error() {
        for f in [|_: f64| 1.0, |_: f64| -1.0, |_: f64| f64::NAN, |x: f64| -x] {
            assert!(find_rising_root("none", f, 0.5, -1.0, 2.0).is_err());
        }
        assert!(find_rising_root("no guess", |x| x, f64::NAN, -1.0, 2.0).is_ok());
    }
}
