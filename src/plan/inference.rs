//! Plans that count serving: what overtraining costs now and saves later.

use super::allocation::{Plan, check_budget};
use super::isoloss::{ln_d_for_loss, smallest_params};
use super::optimum::{compute_optimal, optimum_for_loss};
use crate::cost::{CostModel, Workload};
use crate::error::Result;
use crate::law::Surface;
use crate::num::find_root;
use crate::units::{Flops, Params, Tokens};

/// The cheapest plan over training and serving that reaches `loss`.
///
/// Minimises 6 N D c_train + 2 N (T_in c_prefill + T_out c_decode) on the iso-loss curve. With all
/// prices one this is Sardana et al. 2024, arXiv:2401.00448, eq. 3; with prices per FLOP its eq. 6.
/// At the optimum (dL/d ln N) / (dL/d ln D) = 1 + T / (3 D), T the demand in training-priced tokens.
///
/// # Errors
/// As [`optimum_for_loss`].
pub fn inference_aware(
    surface: &Surface,
    loss: f64,
    workload: &Workload,
    cost: &CostModel,
) -> Result<Plan> {
    let dense = optimum_for_loss(surface, loss)?;
    let demand = cost.training_equivalent(workload).get();
    if demand <= 0.0 {
        return Ok(dense);
    }
    // Derivative of the cost along the curve, over 6 N D: rises from minus infinity at the wall.
    let slope = |ln_n: f64| {
        let ln_d = ln_d_for_loss(surface, ln_n, loss);
        let (by_n, by_d) = surface.slopes_at(ln_n, ln_d);
        1.0 - by_n / by_d + demand / (3.0 * ln_d.exp())
    };
    let wall = smallest_params(surface, loss)?.ln();
    let above_wall = first_below_zero(&slope, wall, dense.n.ln());
    let ln_n = find_root("inference-aware optimum", slope, above_wall, dense.n.ln())?;
    let d = Tokens::new(ln_d_for_loss(surface, ln_n, loss).exp());
    Ok(Plan::at(surface, Params::new(ln_n.exp()), d))
}

/// A point between the wall and the optimum where `slope` is finite and below zero.
fn first_below_zero(slope: &impl Fn(f64) -> f64, wall: f64, optimum: f64) -> f64 {
    let mut gap = optimum - wall;
    for _ in 0..60 {
        gap *= 0.5;
        let value = slope(wall + gap);
        if value.is_finite() && value < 0.0 {
            break;
        }
    }
    wall + gap
}

/// The lowest loss when training and serving share `total` FLOPs.
///
/// # Errors
/// As [`compute_optimal`]; also when serving alone takes the whole budget at any size.
pub fn lifetime_optimal(
    surface: &Surface,
    total: Flops,
    workload: &Workload,
    cost: &CostModel,
) -> Result<Plan> {
    check_budget(total)?;
    let spent = |plan: &Plan| {
        plan.train_flops.get() + 2.0 * plan.n.get() * cost.training_equivalent(workload).get()
    };
    let best = compute_optimal(surface, total)?;
    if workload.total().get() <= 0.0 {
        return Ok(best);
    }
    let excess = |train: f64| {
        compute_optimal(surface, Flops::new(train.exp()))
            .and_then(|p| inference_aware(surface, p.loss_nats, workload, cost))
            .map_or(f64::NAN, |p| (spent(&p) / total.get()).ln())
    };
    let hi = total.get().ln();
    let ln_train = crate::num::find_root("lifetime budget", excess, hi - 12.0, hi)?;
    let target = compute_optimal(surface, Flops::new(ln_train.exp()))?.loss_nats;
    inference_aware(surface, target, workload, cost)
}

/// Served tokens from which a smaller, longer-trained model has paid back its extra training.
///
/// (C_small - C_big) / (2 (N_big - N_small)): each served token saves 2 FLOPs per parameter less.
/// `None` unless `small` is the smaller model and trains on more compute.
#[must_use]
pub fn break_even_tokens(small: &Plan, big: &Plan) -> Option<Tokens> {
    let extra = small.train_flops.get() - big.train_flops.get();
    let saved = 2.0 * (big.n.get() - small.n.get());
    (extra > 0.0 && saved > 0.0).then(|| Tokens::new(extra / saved))
}

/// The served tokens for which (N, D) would be the inference-aware plan; zero when it is trained
/// no longer than the compute-optimal one.
///
/// T = 3 D ((dL/d ln N) / (dL/d ln D) - 1), the first-order condition of [`inference_aware`] read
/// backwards.
#[must_use]
pub fn implied_serve_tokens(surface: &Surface, n: Params, d: Tokens) -> Tokens {
    let (by_n, by_d) = surface.slopes_at(n.ln(), d.ln());
    Tokens::new((3.0 * d.get() * (by_n / by_d - 1.0)).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{optimum_of_size, tokens_for_loss};

    fn total(plan: &Plan, served: f64) -> f64 {
        plan.train_flops.get() + 2.0 * plan.n.get() * served
    }

    #[test]
    fn no_neighbour_on_the_curve_is_cheaper() {
        for name in ["besiroglu", "hoffmann-a3-devries", "kaplan-nd"] {
            let surface = Surface::published(name).expect("shipped");
            let loss = optimum_of_size(&surface, Params::new(30e9)).expect("optimum").loss_nats;
            for served in [1e9, 1e12, 1e15] {
                let workload = Workload::output(Tokens::new(served));
                let plan =
                    inference_aware(&surface, loss, &workload, &CostModel::FLOPS).expect("plan");
                for factor in [0.9, 0.999, 1.001, 1.1] {
                    let n = plan.n * factor;
                    let Ok(d) = tokens_for_loss(&surface, n, loss) else { continue };
                    let neighbour = Plan::at(&surface, n, d);
                    assert!(total(&neighbour, served) > total(&plan, served), "{name} {served:e}");
                }
                let implied = implied_serve_tokens(&surface, plan.n, plan.d).get();
                assert!((implied / served - 1.0).abs() < 1e-6, "{name} {served:e} {implied:e}");
            }
        }
    }

    #[test]
    fn a_lifetime_budget_is_spent_whole() {
        let surface = Surface::published("besiroglu").expect("shipped");
        let workload = Workload::output(Tokens::new(2e12));
        let budget = 1e24;
        let plan = lifetime_optimal(&surface, Flops::new(budget), &workload, &CostModel::FLOPS)
            .expect("plan");
        assert!((total(&plan, 2e12) / budget - 1.0).abs() < 1e-9);
    }
}
