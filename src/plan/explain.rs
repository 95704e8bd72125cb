//! Placing any (N, D) against the optimum of the same loss.

use serde::{Deserialize, Serialize};

use super::allocation::{Plan, check_params, check_tokens};
use super::inference::implied_serve_tokens;
use super::isoloss::smallest_params;
use super::optimum::{compute_optimal, optimum_for_loss, optimum_of_size};
use crate::error::Result;
use crate::law::Surface;
use crate::units::{Params, Tokens};

/// Where a model stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The model as it is.
    #[serde(flatten)]
    pub model: Plan,
    /// The compute-optimal point of the same loss.
    pub optimum: Plan,
    /// The compute-optimal point of the same training compute.
    pub optimum_of_budget: Plan,
    /// D/N over the optimal D/N at the same C.
    pub overtraining_ratio: f64,
    /// D over the tokens for which this size is compute-optimal.
    pub tokens_over_optimal: f64,
    /// N over the size of the optimum of the same loss.
    pub size_ratio: f64,
    /// C over the compute of the optimum of the same loss, minus one.
    pub overhead: f64,
    /// Served tokens for which this would be the inference-aware choice.
    pub implied_serve_tokens: Tokens,
    /// Infimum of the sizes that can reach this loss.
    pub wall_params: Params,
    /// Label of the law.
    pub law: String,
}

/// Explains N parameters trained on D tokens.
///
/// The overhead is against the optimum of the *same loss*. The optimum of the same budget has
/// another loss, so a calculator that compares with it overstates the overhead off the frontier:
/// for 8.03B on 15T tokens 8.2 instead of 1.5 (de Vries constants).
///
/// # Errors
/// As [`optimum_for_loss`].
///
/// ```
/// use isoloss::{law::Surface, plan::explain, units::{Params, Tokens}};
///
/// let surface = Surface::published("hoffmann-a3-devries")?;
/// let llama = explain(&surface, Params::new(6.74e9), Tokens::new(1e12))?;
/// assert!((llama.overhead - 0.12).abs() < 0.01); // de Vries 2023: 12 %
/// assert!((llama.size_ratio - 0.57).abs() < 0.01);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn explain(surface: &Surface, n: Params, d: Tokens) -> Result<Explanation> {
    check_params(n)?;
    check_tokens(d)?;
    let model = Plan::at(surface, n, d);
    let optimum = optimum_for_loss(surface, model.loss_nats)?;
    let optimum_of_budget = compute_optimal(surface, model.train_flops)?;
    Ok(Explanation {
        model,
        optimum,
        optimum_of_budget,
        overtraining_ratio: model.tokens_per_param / optimum_of_budget.tokens_per_param,
        tokens_over_optimal: d.get() / optimum_of_size(surface, n)?.d.get(),
        size_ratio: n.get() / optimum.n.get(),
        overhead: model.train_flops / optimum.train_flops - 1.0,
        implied_serve_tokens: implied_serve_tokens(surface, n, d),
        wall_params: smallest_params(surface, model.loss_nats)?,
        law: surface.label.clone(),
    })
}
