//! What a plan is, and what it may be asked for.

use serde::{Deserialize, Serialize};

use crate::error::{PlanError, Warning};
use crate::law::{Point, Surface};
use crate::units::{Flops, LossUnit, Params, Setting, Tokens};

/// What a row of a plan takes into account: each is the same question with fewer constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// N ∝ C^0.73 (Kaplan et al. 2020): mostly a bigger model.
    Kaplan,
    /// Training alone, without limits (Hoffmann et al. 2022).
    Chinchilla,
    /// Training and serving at the loss of the plan for training alone, without limits (Sardana et
    /// al. 2024).
    InferenceAware,
    /// Training alone, on the unique tokens there are.
    DataConstrained,
    /// Training alone, within the memory of a copy.
    MemoryConstrained,
    /// A given size: the tokens it needs, or those the budget leaves.
    GivenSize,
    /// Everything the scenario says.
    Recommended,
}

impl std::fmt::Display for Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Kaplan => "kaplan",
            Self::Chinchilla => "chinchilla",
            Self::InferenceAware => "inference-aware",
            Self::DataConstrained => "data-constrained",
            Self::MemoryConstrained => "memory-constrained",
            Self::GivenSize => "given-size",
            Self::Recommended => "recommended",
        })
    }
}

/// A model size and a token count, with their cost and their loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Parameters.
    #[serde(rename = "params")]
    pub n: Params,
    /// Training tokens.
    #[serde(rename = "tokens")]
    pub d: Tokens,
    /// D / N.
    pub tokens_per_param: f64,
    /// Predicted loss, nats per token.
    #[serde(rename = "loss")]
    pub loss_nats: f64,
    /// 6 N D, or as the runs behind the law count it.
    pub train_flops: Flops,
    /// What the loss is measured in.
    #[serde(default, skip_serializing_if = "LossUnit::is_per_token")]
    pub loss_unit: LossUnit,
}

impl Plan {
    /// The plan at N and D under `surface`, in its setting.
    ///
    /// ```
    /// use isoloss::{law::Surface, plan::Plan, units::{Params, Tokens}};
    ///
    /// let surface = Surface::published("besiroglu")?;
    /// let gopher = Plan::at(&surface, Params::new(280e9), Tokens::new(300e9));
    /// assert!((gopher.train_flops.get() / 5.04e23 - 1.0).abs() < 1e-12);
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    #[must_use]
    pub fn at(surface: &Surface, n: Params, d: Tokens) -> Self {
        Self {
            n,
            d,
            tokens_per_param: d / n,
            loss_nats: surface.loss_at(n.ln(), d.ln()),
            train_flops: Flops::new(surface.flops_per_nd * n.get() * d.get()),
            loss_unit: surface.loss_unit,
        }
    }

    /// FLOPs to serve `served` tokens, 2 N each (forward pass only).
    #[must_use]
    pub fn serve_flops(&self, served: Tokens) -> Flops {
        Flops::new(2.0 * self.n.get() * served.get())
    }
}

/// Smallest and largest budget a plan is made for. Below, models have no parameters; above, the counts
/// have no physical meaning.
const BUDGETS: (f64, f64) = (1e8, 1e36);

pub(super) fn check_budget(c: Flops) -> Result<(), PlanError> {
    let ok = c.is_usable() && (BUDGETS.0..=BUDGETS.1).contains(&c.get());
    if ok { Ok(()) } else { Err(PlanError::Budget { found: c }) }
}

pub(super) fn check_loss(surface: &Surface, loss: f64) -> Result<(), PlanError> {
    if !(loss.is_finite() && loss > 0.0) {
        return Err(PlanError::Loss { found: loss });
    }
    if loss <= surface.floor() {
        return Err(PlanError::LossBelowFloor {
            law: surface.label.clone(),
            loss,
            floor: surface.floor(),
        });
    }
    Ok(())
}

pub(super) fn check_params(n: Params) -> Result<(), PlanError> {
    let ok = n.is_usable() && (1.0..=1e20).contains(&n.get());
    if ok { Ok(()) } else { Err(PlanError::Size { found: n }) }
}

pub(super) fn check_tokens(d: Tokens) -> Result<(), PlanError> {
    let ok = d.is_usable() && (1.0..=1e25).contains(&d.get());
    if ok { Ok(()) } else { Err(PlanError::Tokens { found: d }) }
}

/// How far a plan lies beyond the runs of its law, by the quantity that is farthest out.
pub(super) fn extrapolation(surface: &Surface, plan: &Plan, setting: Setting) -> Option<Warning> {
    if surface.support.is_unknown() {
        return Some(Warning::NoRange { law: surface.label.clone() });
    }
    let outside = surface.support.outside(&Point::new(plan.n, plan.d).within(setting));
    let (quantity, factor) = outside.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let quantity = format!("{quantity} of the plan under {}", surface.label);
    Some(Warning::Extrapolation { quantity, factor })
}
