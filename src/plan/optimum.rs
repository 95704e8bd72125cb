//! Compute-optimal points: by budget, by loss, by size.

use super::allocation::{Plan, check_budget, check_loss, check_params};
use crate::error::{PlanError, Result};
use crate::law::Surface;
use crate::num::find_root;
use crate::units::{Flops, Params, Tokens};

/// The model size and token count with the lowest loss for `c` training FLOPs.
///
/// Minimises L(N, D) on the isoFLOP line D = C / (6 N). For the Chinchilla family the closed form
/// of arXiv:2203.15556, eq. 4 is used; any other family is solved where the two slopes
/// dL/d ln N and dL/d ln D are equal.
///
/// - `c`: forward plus backward FLOPs of one run, not FLOP/s; 1e8 to 1e36.
/// - C = 6 N D leaves attention scores out; see [`Shape`](crate::flops::Shape) for the full count.
///
/// # Errors
/// [`PlanError::Budget`] for a budget outside that range, [`PlanError::NoOptimum`] when the surface
/// has no interior minimum on the line.
///
/// ```
/// use isoloss::{law::Surface, plan::compute_optimal, units::Flops};
///
/// let surface = Surface::published("besiroglu")?; // arXiv:2404.10102, eq. 3
/// let plan = compute_optimal(&surface, Flops::new(5.76e23))?;
/// assert!((plan.n.get() / 72.25e9 - 1.0).abs() < 1e-3);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn compute_optimal(surface: &Surface, c: Flops) -> Result<Plan> {
    check_budget(c)?;
    let ln_n = surface.ln_n_optimal(c).ok_or_else(|| PlanError::NoOptimum {
        law: surface.label.clone(),
        budget: Some(c),
        smallest: Params::new(1.0),
        largest: Params::new(c.get() / surface.flops_per_nd),
    })?;
    let n = Params::new(ln_n.exp());
    Ok(Plan::at(surface, n, Tokens::new(c.get() / (surface.flops_per_nd * n.get()))))
}

/// The smallest training budget that reaches `loss`: the point where the iso-loss curve has its horizontal tangent.
///
/// - `loss`: nats per token.
///
/// # Errors
/// [`PlanError::LossBelowFloor`] at or under E, [`PlanError::NoBudgetForLoss`] when no budget a plan
/// can have reaches it.
///
/// ```
/// use isoloss::{law::Surface, plan::optimum_for_loss};
///
/// let surface = Surface::published("besiroglu")?;
/// let plan = optimum_for_loss(&surface, 2.0)?;
/// assert!((plan.loss_nats - 2.0).abs() < 1e-9);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn optimum_for_loss(surface: &Surface, loss: f64) -> Result<Plan> {
    check_loss(surface, loss)?;
    if let Some((ln_n, ln_d)) = surface.ln_optimum_for_loss(loss) {
        let plan = Plan::at(surface, Params::new(ln_n.exp()), Tokens::new(ln_d.exp()));
        if (0.0..).contains(&ln_n)
            && (0.0..).contains(&ln_d)
            && check_budget(plan.train_flops).is_ok()
        {
            return Ok(plan);
        }
        return Err(PlanError::NoBudgetForLoss { loss }.into());
    }
    let excess = |ln_c: f64| match compute_optimal(surface, Flops::new(ln_c.exp())) {
        Ok(plan) => plan.loss_nats - loss,
        Err(_) => f64::NAN,
    };
    // A little inside the range of budgets, so that rounding in exp(ln) cannot leave it. At the ends a
    // law may have no optimum (less than one parameter or token), so the range shrinks to where it does.
    let (lo, hi) = (1.001e8_f64.ln(), 0.999e36_f64.ln());
    let has_optimum = |ln_c: &f64| excess(*ln_c).is_finite();
    let steps = (hi - lo) as i32;
    let (mut up, mut down) =
        ((0..=steps).map(|i| lo + f64::from(i)), (0..=steps).map(|i| hi - f64::from(i)));
    let lo = up.find(has_optimum).unwrap_or(lo);
    let hi = down.find(has_optimum).unwrap_or(hi);
    let ln_c = find_root("loss at the optimum", excess, lo, hi)
        .map_err(|_| PlanError::NoBudgetForLoss { loss })?;
    compute_optimal(surface, Flops::new(ln_c.exp()))
}

/// The compute-optimal plan whose model has `n` parameters ("the quality of a 70B").
///
/// Solves for D where dL/d ln N = dL/d ln D at this N.
///
/// # Errors
/// [`PlanError::NoOptimum`] when no budget has its optimum there.
///
/// ```
/// use isoloss::{law::Surface, plan::optimum_of_size, units::Params};
///
/// let surface = Surface::published("muennighoff-base")?; // equal exponents: one ratio for all sizes
/// let (small, big) =
///     (optimum_of_size(&surface, Params::new(1e9))?, optimum_of_size(&surface, Params::new(1e11))?);
/// assert!((small.tokens_per_param / big.tokens_per_param - 1.0).abs() < 1e-6);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn optimum_of_size(surface: &Surface, n: Params) -> Result<Plan> {
    check_params(n)?;
    let ln_n = n.ln();
    let imbalance = |ln_d: f64| {
        let (by_n, by_d) = surface.slopes_at(ln_n, ln_d);
        by_n - by_d
    };
    let ln_d = find_root("slope balance", imbalance, 0.0, 80.0).map_err(|_| {
        PlanError::NoOptimum { law: surface.label.clone(), budget: None, smallest: n, largest: n }
    })?;
    Ok(Plan::at(surface, n, Tokens::new(ln_d.exp())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_loss_and_size_name_the_same_point() {
        for name in ["besiroglu", "hoffmann-a3-devries", "kaplan-nd"] {
            let surface = Surface::published(name).expect("shipped");
            let plan = compute_optimal(&surface, Flops::new(1e22)).expect("optimum");
            let by_loss = optimum_for_loss(&surface, plan.loss_nats).expect("optimum");
            let by_size = optimum_of_size(&surface, plan.n).expect("optimum");
            for other in [by_loss, by_size] {
                assert!((other.n.get() / plan.n.get() - 1.0).abs() < 1e-8, "{name}");
                assert!((other.d.get() / plan.d.get() - 1.0).abs() < 1e-8, "{name}");
            }
        }
    }

    #[test]
    fn budgets_without_meaning_are_refused() {
        let surface = Surface::published("besiroglu").expect("shipped");
        for c in [f64::NAN, 0.0, -1.0, 1.0, 1e40] {
            assert!(compute_optimal(&surface, Flops::new(c)).is_err(), "{c:e}");
        }
    }
}
