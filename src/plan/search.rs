//! The search behind every plan: the least cost of a loss, the lowest loss of a budget.
//!
//! Both are one-dimensional. On an iso-loss curve D follows from N; under a budget D is what is left
//! after serving. The search solves the first-order condition in ln N, so a plan is exact to rounding;
//! limits then move it to the nearest allowed size.

use super::allocation::Plan;
use super::isoloss::{ln_d_for_loss, params_for_loss, smallest_params};
use super::optimum::optimum_for_loss;
use crate::error::NumError;
use crate::error::{PlanError, Result};
use crate::law::Surface;
use crate::num::{find_rising_root, find_root};
use crate::units::{Flops, Params, Tokens};

/// Cost of serving the whole demand at ln N, and its derivative in ln N.
pub(super) type ServeCost<'a> = &'a dyn Fn(f64) -> (f64, f64);

/// Largest size, tokens and compute a plan may have, as logarithms; infinite where unlimited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caps {
    pub(super) ln_n: f64,
    pub(super) ln_d: f64,
    pub(super) ln_c: f64,
}

impl Caps {
    pub(super) const NONE: Self =
        Self { ln_n: f64::INFINITY, ln_d: f64::INFINITY, ln_c: f64::INFINITY };
}

/// Prices in any one currency, and limits.
pub(super) struct Terms<'a> {
    pub(super) train_per_flop: f64,
    pub(super) serve: ServeCost<'a>,
    pub(super) caps: Caps,
    /// ln N near which the plan is expected, so that it is found in few steps: where one plan is solved
    /// under thousands of nearly equal laws.
    pub(super) near: Option<f64>,
}

/// The limit that stops a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cap {
    Size,
    Tokens,
    Compute,
}

/// The best size and token count of a search, as logarithms.
#[derive(Clone, Copy, Debug)]
pub(super) struct BestPoint {
    pub(super) ln_n: f64,
    pub(super) ln_d: f64,
    pub(super) at_cap: Option<Cap>,
}

impl BestPoint {
    /// The plan at this point.
    pub(super) fn plan(&self, surface: &Surface) -> Plan {
        Plan::at(surface, Params::new(self.ln_n.exp()), Tokens::new(self.ln_d.exp()))
    }
}

/// The root of a function that rises through it, from a guess where there is one.
pub(super) fn rising_root(
    what: &'static str,
    f: impl Fn(f64) -> f64,
    near: Option<f64>,
    lo: f64,
    hi: f64,
) -> std::result::Result<f64, NumError> {
    let found = near.and_then(|near| find_rising_root(what, &f, near, lo, hi).ok());
    found.map_or_else(|| find_root(what, f, lo, hi), Ok)
}

impl Terms<'_> {
    fn train_cost(&self, surface: &Surface, ln_n: f64, ln_d: f64) -> f64 {
        surface.flops_per_nd * self.train_per_flop * (ln_n + ln_d).exp()
    }

    /// Training plus serving.
    #[cfg(test)]
    fn cost(&self, surface: &Surface, ln_n: f64, ln_d: f64) -> f64 {
        self.train_cost(surface, ln_n, ln_d) + (self.serve)(ln_n).0
    }
}

/// Minimises 6 N D p + S(N) on the iso-loss curve within the caps.
///
/// Unlimited, the optimum has (dL/d ln N) / (dL/d ln D) = 1 + S'(ln N) / (6 N D p): Sardana et al.
/// 2024, arXiv:2401.00448, for S in proportion to N.
///
/// # Errors
/// Those of [`optimum_for_loss`]; [`PlanError::Infeasible`] when no point of the curve keeps all caps.
pub(super) fn least_cost(surface: &Surface, loss: f64, terms: &Terms) -> Result<BestPoint> {
    let dense = optimum_for_loss(surface, loss)?;
    let ln_dense = dense.n.ln();
    let wall = smallest_params(surface, loss)?.ln();
    let ln_d = |ln_n: f64| ln_d_for_loss(surface, ln_n, loss);
    let caps = &terms.caps;
    let infeasible = |limit| Err(infeasible(surface, Some(loss), limit).into());

    if caps.ln_n <= wall {
        return infeasible("size");
    }
    // Serving is not priced beyond the largest size, so the search stays below it.
    let free = unlimited(surface, loss, terms, wall, ln_dense)?;
    // Fewer tokens need a larger model; less compute needs one nearer the compute-optimal size.
    let mut least = (free, None);
    if ln_d(free) > caps.ln_d {
        let n = params_for_loss(surface, Tokens::new(caps.ln_d.exp()), loss);
        let Ok(n) = n else { return infeasible("tokens") };
        least = (n.ln(), Some(Cap::Tokens));
    }
    let ln_per_nd = surface.flops_per_nd.ln();
    let ln_c = |ln_n: f64| ln_per_nd + ln_n + ln_d(ln_n);
    if ln_c(least.0) > caps.ln_c + 1e-12 {
        if ln_per_nd + ln_dense + dense.d.ln() > caps.ln_c || least.0 > ln_dense {
            return infeasible("training compute");
        }
        let excess = |ln_n: f64| ln_c(ln_n).min(1e3) - caps.ln_c;
        least = (find_root("compute cap", excess, least.0, ln_dense)?, Some(Cap::Compute));
    }
    let (ln_n, at_cap) = if least.0 >= caps.ln_n { (caps.ln_n, Some(Cap::Size)) } else { least };
    if at_cap == Some(Cap::Size) && least.1.is_some() {
        return infeasible("size together with tokens or compute");
    }
    let ln_d = ln_d(ln_n);
    if !ln_d.is_finite() {
        return infeasible("size");
    }
    if ln_d > caps.ln_d + 1e-9 || ln_per_nd + ln_n + ln_d > caps.ln_c + 1e-9 {
        return infeasible("size together with tokens or compute");
    }
    Ok(BestPoint { ln_n, ln_d, at_cap })
}

fn infeasible(surface: &Surface, loss: Option<f64>, limit: &'static str) -> PlanError {
    PlanError::Infeasible { law: surface.label.clone(), loss, limit }
}

/// ln N of the optimum between the wall and the compute-optimal size, or the largest size allowed
/// where the cost still falls there.
fn unlimited(surface: &Surface, loss: f64, terms: &Terms, wall: f64, ln_dense: f64) -> Result<f64> {
    let upper = ln_dense.min(terms.caps.ln_n);
    if (terms.serve)(upper).1 <= 0.0 {
        return Ok(ln_dense);
    }
    // Derivative of the cost along the curve over 6 N D p: rises from minus infinity at the wall.
    let slope = |ln_n: f64| {
        let ln_d = ln_d_for_loss(surface, ln_n, loss);
        let (by_n, by_d) = surface.slopes_at(ln_n, ln_d);
        1.0 - by_n / by_d + (terms.serve)(ln_n).1 / terms.train_cost(surface, ln_n, ln_d)
    };
    if slope(upper) <= 0.0 {
        return Ok(upper);
    }
    // At the wall the tokens are without end, and the slope falls without end.
    if let Some(near) = terms.near
        && let Ok(ln_n) = find_rising_root("inference-aware optimum", slope, near, wall, upper)
    {
        return Ok(ln_n);
    }
    let mut gap = upper - wall;
    for _ in 0..60 {
        gap *= 0.5;
        let value = slope(wall + gap);
        if value.is_finite() && value < 0.0 {
            break;
        }
    }
    Ok(find_root("inference-aware optimum", slope, wall + gap, upper)?)
}

/// Minimises the loss while 6 N D p + S(N) stays within `budget`, and the caps are kept.
///
/// At the optimum dL/d ln N = dL/d ln D (1 + S'(ln N) / (budget - S(N))).
///
/// # Errors
/// [`PlanError::ServingTakesBudget`] when serving takes all of it at any size from one parameter on.
pub(super) fn lowest_loss(surface: &Surface, budget: f64, terms: &Terms) -> Result<BestPoint> {
    let caps = &terms.caps;
    let left = |ln_n: f64| {
        let (serve, slope) = (terms.serve)(ln_n);
        (budget - serve, slope)
    };
    let empty = || PlanError::ServingTakesBudget { law: surface.label.clone() };
    if left(0.0).0 <= 0.0 {
        return Err(empty().into());
    }
    // Beyond this size serving, or a single token of training, takes the whole budget.
    let ln_one_token = (budget / (surface.flops_per_nd * terms.train_per_flop)).ln();
    let after_one_token = |ln_n: f64| left(ln_n).0 - terms.train_cost(surface, ln_n, 0.0);
    if after_one_token(0.0) <= 0.0 {
        return Err(empty().into());
    }
    if caps.ln_n < 0.0 {
        return Err(infeasible(surface, None, "size").into());
    }
    // Serving is not priced beyond the largest size, so the search stays below it.
    let upper = ln_one_token.min(caps.ln_n);
    // Where nothing is served there, one token takes the whole budget to rounding.
    let most = if after_one_token(upper) > 0.0 || left(upper).0 == budget {
        upper
    } else {
        let excess = |ln_n: f64| -after_one_token(ln_n);
        let near = terms.near.map(|_| upper);
        rising_root("largest size within the budget", excess, near, 0.0, upper)?
    };
    let reach = Reach { surface, budget, terms };
    // Derivative of the loss along the edge of what is allowed.
    let slope = |ln_n: f64| reach.loss_slope(ln_n);
    let edge = most - 1e-9;
    let ln_n = if slope(edge) < 0.0 || edge <= 0.0 {
        most
    } else {
        rising_root("best size for the budget", slope, terms.near, 0.0, edge).map_err(|_| {
            PlanError::NoOptimum {
                law: surface.label.clone(),
                budget: Some(Flops::new(budget / terms.train_per_flop)),
                smallest: Params::new(1.0),
                largest: Params::new(most.exp()),
            }
        })?
    };
    let (ln_d, limited, _) = reach.tokens(ln_n);
    let at_size = ln_n >= caps.ln_n - 1e-9;
    Ok(BestPoint { ln_n, ln_d, at_cap: if at_size { Some(Cap::Size) } else { limited } })
}

/// The most tokens each size can be trained on within a budget and the caps.
pub(super) struct Reach<'a> {
    pub(super) surface: &'a Surface,
    pub(super) budget: f64,
    pub(super) terms: &'a Terms<'a>,
}

impl Reach<'_> {
    /// ln D at ln N, what limits it, and what the derivative of the budget adds.
    pub(super) fn tokens(&self, ln_n: f64) -> (f64, Option<Cap>, Option<f64>) {
        let caps = &self.terms.caps;
        let (serve, slope) = (self.terms.serve)(ln_n);
        let left = self.budget - serve;
        // An empty budget buys no tokens, not an undefined number of them.
        let price = self.surface.flops_per_nd * self.terms.train_per_flop;
        let bought = (left.max(0.0) / price).ln() - ln_n;
        let allowed = caps.ln_c - self.surface.flops_per_nd.ln() - ln_n;
        let useful = self.surface.ln_d_most_useful(ln_n);
        let ln_d = bought.min(allowed).min(caps.ln_d).min(useful);
        if ln_d == bought {
            (ln_d, None, Some(1.0 + slope / left))
        } else if ln_d == allowed {
            (ln_d, Some(Cap::Compute), Some(1.0))
        } else if ln_d == caps.ln_d {
            (ln_d, Some(Cap::Tokens), None)
        } else {
            (ln_d, None, None)
        }
    }

    /// dL / d ln N along the edge of what is allowed.
    pub(super) fn loss_slope(&self, ln_n: f64) -> f64 {
        let (ln_d, _, moves) = self.tokens(ln_n);
        let (by_n, by_d) = self.surface.slopes_at(ln_n, ln_d);
        by_n - moves.map_or(0.0, |m| by_d * m)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::optimum_of_size;
    use crate::units::Setting;

    fn surfaces() -> Vec<Surface> {
        let repeated = Surface::published("muennighoff-repeat").expect("shipped");
        let setting = Setting { unique: Some(Tokens::new(2e11)), ..Setting::PLAIN };
        vec![
            Surface::published("besiroglu").expect("shipped"),
            Surface::published("hoffmann-a3-devries").expect("shipped"),
            Surface::published("kaplan-nd").expect("shipped"),
            Surface::published("joint-moe").expect("shipped"),
            repeated.within(setting),
        ]
    }

    /// Serving that grows faster than N, as the cache does.
    fn serve(ln_n: f64) -> (f64, f64) {
        let (linear, bent) = (2e12 * ln_n.exp(), 2e9 * (1.3 * ln_n).exp());
        (linear + bent, linear + 1.3 * bent)
    }

    /// Every size of a fine grid is tried; none within the caps is better.
    #[test]
    fn no_size_of_a_fine_grid_beats_the_plan() {
        let caps = [
            Caps::NONE,
            Caps { ln_n: 12e9_f64.ln(), ..Caps::NONE },
            Caps { ln_d: 1.5e11_f64.ln(), ..Caps::NONE },
            Caps { ln_c: 3.5e22_f64.ln(), ..Caps::NONE },
        ];
        let mut found_any = 0;
        for surface in surfaces() {
            let target = optimum_of_size(&surface, Params::new(15e9)).expect("optimum").loss_nats;
            for caps in caps {
                let terms = Terms { train_per_flop: 1.0, serve: &serve, caps, near: None };
                let grid = (0..8000).map(|i| 7.0 * std::f64::consts::LN_10 + f64::from(i) * 1e-3);
                let allowed = |ln_n: f64, ln_d: f64| {
                    ln_n <= caps.ln_n + 1e-9
                        && ln_d <= caps.ln_d + 1e-9
                        && 6f64.ln() + ln_n + ln_d <= caps.ln_c + 1e-9
                };
                if let Ok(best) = least_cost(&surface, target, &terms) {
                    found_any += 1;
                    assert!(allowed(best.ln_n, best.ln_d), "{} {caps:?}", surface.label);
                    let cost = terms.cost(&surface, best.ln_n, best.ln_d);
                    for ln_n in grid.clone() {
                        let ln_d = ln_d_for_loss(&surface, ln_n, target);
                        if ln_d.is_finite() && allowed(ln_n, ln_d) {
                            let other = terms.cost(&surface, ln_n, ln_d);
                            assert!(other >= cost * (1.0 - 1e-9), "{} {caps:?}", surface.label);
                        }
                    }
                }
                let budget = 1e23;
                let best = lowest_loss(&surface, budget, &terms).expect("a plan");
                assert!(allowed(best.ln_n, best.ln_d), "{} {caps:?} {best:?}", surface.label);
                assert!(terms.cost(&surface, best.ln_n, best.ln_d) <= budget * (1.0 + 1e-9));
                let loss = surface.loss_at(best.ln_n, best.ln_d);
                for ln_n in grid.filter(|x| *x <= caps.ln_n) {
                    let left = budget - serve(ln_n).0;
                    if left <= 0.0 {
                        continue;
                    }
                    let ln_d =
                        ((left / 6.0).ln() - ln_n).min(caps.ln_d).min(caps.ln_c - 6f64.ln() - ln_n);
                    let other = surface.loss_at(ln_n, ln_d);
                    assert!(other >= loss - 1e-9, "{} {caps:?} {other} {loss}", surface.label);
                }
            }
        }
        assert!(found_any >= 12, "{found_any}");
    }

    #[test]
    fn limits_that_exclude_each_other_are_named() {
        let surface = Surface::published("besiroglu").expect("shipped");
        let loss = optimum_of_size(&surface, Params::new(15e9)).expect("optimum").loss_nats;
        let free = |_: f64| (0.0, 0.0);
        for (caps, word) in [
            (Caps { ln_n: 1e9_f64.ln(), ..Caps::NONE }, "size"),
            (Caps { ln_c: 1e20_f64.ln(), ..Caps::NONE }, "compute"),
            (Caps { ln_d: 1e9_f64.ln(), ..Caps::NONE }, "tokens"),
        ] {
            let terms = Terms { train_per_flop: 1.0, serve: &free, caps, near: None };
            let error = least_cost(&surface, loss, &terms).expect_err("out of reach").to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
