//! Plans that count serving: what overtraining costs now and saves later.

use super::allocation::{Plan, check_budget};
use super::search::{Caps, Terms, least_cost, lowest_loss};
use crate::cost::{CostModel, Workload};
use crate::error::Result;
use crate::law::Surface;
use crate::units::{Flops, Params, Tokens};

/// The plan that reaches `loss` at the lowest cost of training and serving together.
///
/// Minimises 6 N D c_train + 2 N (T_in c_prefill + T_out c_decode) on the iso-loss curve. With all
/// prices one this is Sardana et al. 2024, arXiv:2401.00448, eq. 3; with prices per FLOP its eq. 6.
/// At the optimum (dL/d ln N) / (dL/d ln D) = 1 + T / (3 D), with T the served tokens priced like training.
///
/// # Errors
/// As [`optimum_for_loss`](super::optimum_for_loss).
///
/// ```
/// use isoloss::cost::{CostModel, Workload};
/// use isoloss::law::Surface;
/// use isoloss::plan::{inference_aware, optimum_of_size};
/// use isoloss::units::{Params, Tokens};
///
/// let surface = Surface::published("hoffmann-a3-devries")?;
/// let best = optimum_of_size(&surface, Params::new(70e9))?;
/// let served = Workload::output(Tokens::new(10e12));
/// let plan = inference_aware(&surface, best.loss_nats, &served, &CostModel::FLOPS)?;
/// assert!(plan.n < best.n && plan.d > best.d); // smaller and trained longer, at the same loss
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn inference_aware(
    surface: &Surface,
    loss: f64,
    workload: &Workload,
    cost: &CostModel,
) -> Result<Plan> {
    let demand = cost.training_equivalent(workload).get();
    let serve = per_param(demand);
    let terms = Terms { train_per_flop: 1.0, serve: &serve, caps: Caps::NONE, near: None };
    Ok(least_cost(surface, loss, &terms)?.plan(surface))
}

/// Serving at 2 FLOPs per parameter and token, in the price of training FLOPs.
fn per_param(demand: f64) -> impl Fn(f64) -> (f64, f64) {
    move |ln_n: f64| {
        let cost = 2.0 * demand * ln_n.exp();
        (cost, cost)
    }
}

/// The lowest loss when training and serving share `total` FLOPs; a FLOP of serving counts at its price
/// over that of training.
///
/// # Errors
/// As [`compute_optimal`](super::compute_optimal); [`PlanError::ServingTakesBudget`](crate::error::PlanError::ServingTakesBudget)
/// when serving takes the whole budget at any size.
///
/// ```
/// use isoloss::cost::{CostModel, Workload};
/// use isoloss::law::Surface;
/// use isoloss::plan::lifetime_optimal;
/// use isoloss::units::{Flops, Tokens};
///
/// let surface = Surface::published("besiroglu")?;
/// let (budget, served) = (Flops::new(1e24), Tokens::new(2e12));
/// let plan = lifetime_optimal(&surface, budget, &Workload::output(served), &CostModel::FLOPS)?;
/// let spent = plan.train_flops.get() + plan.serve_flops(served).get();
/// assert!((spent / budget.get() - 1.0).abs() < 1e-9);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn lifetime_optimal(
    surface: &Surface,
    total: Flops,
    workload: &Workload,
    cost: &CostModel,
) -> Result<Plan> {
    check_budget(total)?;
    let demand = cost.training_equivalent(workload).get();
    let serve = per_param(demand);
    let terms = Terms { train_per_flop: 1.0, serve: &serve, caps: Caps::NONE, near: None };
    Ok(lowest_loss(surface, total.get(), &terms)?.plan(surface))
}

/// Served tokens from which a smaller model, trained longer, has paid back its extra training.
///
/// (C_small - C_big) / (2 (N_big - N_small)): each served token saves 2 FLOPs for each parameter
/// fewer.
/// `None` unless `small` is the smaller model and trains on more compute.
///
/// ```
/// use isoloss::law::Surface;
/// use isoloss::plan::{Plan, break_even_tokens, optimum_of_size, tokens_for_loss};
/// use isoloss::units::Params;
///
/// let surface = Surface::published("besiroglu")?;
/// let big = optimum_of_size(&surface, Params::new(70e9))?;
/// let n = Params::new(35e9);
/// let small = Plan::at(&surface, n, tokens_for_loss(&surface, n, big.loss_nats)?);
/// let pays_back = break_even_tokens(&small, &big).expect("smaller, on more compute");
/// let total = |plan: &Plan| plan.train_flops.get() + plan.serve_flops(pays_back).get();
/// assert!((total(&small) / total(&big) - 1.0).abs() < 1e-9);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
#[must_use]
pub fn break_even_tokens(small: &Plan, big: &Plan) -> Option<Tokens> {
    let extra = small.train_flops.get() - big.train_flops.get();
    let saved = 2.0 * (big.n.get() - small.n.get());
    (extra > 0.0 && saved > 0.0).then(|| Tokens::new(extra / saved))
}

/// The served tokens for which (N, D) would be the inference-aware plan; zero when it is trained no
/// longer than the compute-optimal plan.
///
/// T = 3 D ((dL/d ln N) / (dL/d ln D) - 1), the first-order condition of [`inference_aware`] solved
/// for T.
///
/// ```
/// use isoloss::law::Surface;
/// use isoloss::plan::{implied_serve_tokens, optimum_of_size};
/// use isoloss::units::{Params, Tokens};
///
/// let surface = Surface::published("hoffmann-a3-devries")?;
/// let llama3 = implied_serve_tokens(&surface, Params::new(8.03e9), Tokens::new(15e12));
/// assert!(llama3.get() > 1e13); // trained for far more served than trained tokens
/// let best = optimum_of_size(&surface, Params::new(70e9))?;
/// assert!(implied_serve_tokens(&surface, best.n, best.d).get() < 1e-3 * best.d.get());
/// # Ok::<(), isoloss::error::Error>(())
/// ```
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
    fn no_neighbour_on_the_curve_costs_less() {
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
    fn a_lifetime_budget_is_spent_completely() {
        let surface = Surface::published("besiroglu").expect("shipped");
        let workload = Workload::output(Tokens::new(2e12));
        let budget = 1e24;
        let plan = lifetime_optimal(&surface, Flops::new(budget), &workload, &CostModel::FLOPS)
            .expect("plan");
        assert!((total(&plan, 2e12) / budget - 1.0).abs() < 1e-9);
    }
}
