//! What each size costs at one loss, counted as a scenario counts.

use serde::Serialize;

use super::allocation::Plan;
use super::candidate::Candidate;
use super::scenario::{Aim, Design, Scenario};
use crate::error::Result;
use crate::law::Surface;
use crate::units::{Params, Tokens};

/// One size that reaches the loss, and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SizedCost {
    /// Size, tokens, loss and training FLOPs.
    #[serde(flatten)]
    pub plan: Plan,
    /// Cost of training, in the currency of the scenario.
    pub train: f64,
    /// Cost of serving the whole demand, in the same; zero where it is not counted, infinite where the
    /// model does not fit the deployment.
    pub serve: f64,
}

/// What each of some sizes costs to train to `loss` and to serve, in typical circumstances.
///
/// Machines, data and devices limit as in [`recommend`](super::recommend()), memory and the largest
/// size do not: the curve shows what they exclude.
///
/// - `loss`: the loss to reach, in the unit of the law.
/// - Returns one entry per size; `None` for a size that cannot reach the loss, or not within the limits.
///
/// # Errors
/// Those of the scenario.
///
/// ```
/// use isoloss::law::Surface;
/// use isoloss::plan::{Aim, Currency, Scenario, costs_by_size};
/// use isoloss::units::{Flops, Params};
///
/// let law = Surface::published("besiroglu")?;
/// let scenario = Scenario::new(Aim::TrainFlops(Flops::new(1e24)));
/// let sizes = [5e9, 50e9, 200e9].map(Params::new);
/// let costs = costs_by_size(&law, &scenario, &scenario.designs[0], 2.0, &sizes)?;
/// assert!(costs[0].is_none()); // 5B cannot reach it
/// let [mid, large] = [1, 2].map(|i| costs[i].expect("reachable"));
/// assert!(mid.train < large.train && mid.serve == 0.0);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn costs_by_size(
    law: &Surface,
    scenario: &Scenario,
    design: &Design,
    loss: f64,
    sizes: &[Params],
) -> Result<Vec<Option<SizedCost>>> {
    let at_loss = Scenario { aim: Aim::Loss(loss), nat_value: None, ..scenario.clone() };
    let now = at_loss.typical();
    let candidate = Candidate::exact(&at_loss, design);
    let asked = at_loss.ask(law, design, &now)?;
    let surface: &Surface = &asked;
    let of = |n: &Params| {
        let ln_n = n.ln();
        let ln_d = candidate.ln_d_at_size(law, surface, &now, ln_n).filter(|d| d.is_finite())?;
        let plan = Plan::at(surface, *n, Tokens::new(ln_d.exp()));
        let train = plan.train_flops.get() * at_loss.train_per_flop(&now);
        let serve = candidate.cost(surface, &now, ln_n, ln_d) - train;
        Some(SizedCost { plan, train, serve: serve.max(0.0) })
    };
    Ok(sizes.iter().map(of).collect())
}
