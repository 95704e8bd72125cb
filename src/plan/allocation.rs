//! What a plan is and what may be asked for.

use serde::{Deserialize, Serialize};

use crate::error::PlanError;
use crate::flops::FlopRule;
use crate::law::Surface;
use crate::units::{Flops, Params, Tokens};

/// Who says how to split a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// N ∝ C^0.73 (Kaplan et al. 2020): mostly a bigger model.
    Kaplan,
    /// The lowest loss for the training compute (Hoffmann et al. 2022).
    Chinchilla,
    /// The lowest training plus serving cost at the same loss (Sardana et al. 2024).
    InferenceAware,
    /// The best under a limit on unique tokens, each seen once.
    DataConstrained,
    /// The best whose weights fit the memory.
    MemoryConstrained,
    /// A size given by the user: the tokens it needs, or what is left of the budget.
    GivenSize,
    /// The best under every limit and cost of a scenario.
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

/// What the plan has to reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// The lowest loss for this training compute.
    Budget(Flops),
    /// This loss in nats per token.
    Loss(f64),
    /// The loss of the compute-optimal model of this size.
    QualityOf(Params),
}

/// A model size and a token count, with what they cost and what they give.
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
    /// 6 N D.
    pub train_flops: Flops,
}

impl Plan {
    /// The plan at N, D under `surface` in its setting.
    #[must_use]
    pub fn at(surface: &Surface, n: Params, d: Tokens) -> Self {
        Self {
            n,
            d,
            tokens_per_param: d / n,
            loss_nats: surface.loss_at(n.ln(), d.ln()),
            train_flops: FlopRule::six_nd(n, d),
        }
    }

    /// The plan where a search ended.
    pub(super) fn found(surface: &Surface, found: &super::search::Found) -> Self {
        Self::at(surface, Params::new(found.ln_n.exp()), Tokens::new(found.ln_d.exp()))
    }

    /// FLOPs to serve `served` tokens, 2 N each (forward pass only).
    #[must_use]
    pub fn serve_flops(&self, served: Tokens) -> Flops {
        Flops::new(2.0 * self.n.get() * served.get())
    }
}

/// Smallest and largest budget a plan is made for: below, models have no parameters; above, the
/// counts leave any physical meaning.
const BUDGETS: (f64, f64) = (1e8, 1e36);

pub(super) fn check_budget(c: Flops) -> Result<(), PlanError> {
    if c.is_usable() && (BUDGETS.0..=BUDGETS.1).contains(&c.get()) {
        return Ok(());
    }
    Err(PlanError::Absurd {
        what: "a training budget of",
        found: format!("{c} FLOPs"),
        wanted: "between 1e8 and 1e36 FLOPs",
    })
}

pub(super) fn check_loss(surface: &Surface, loss: f64) -> Result<(), PlanError> {
    if !(loss.is_finite() && loss > 0.0) {
        return Err(PlanError::Absurd {
            what: "a loss of",
            found: format!("{loss} nats per token"),
            wanted: "a finite number above zero",
        });
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
    if n.is_usable() && (1.0..=1e20).contains(&n.get()) {
        return Ok(());
    }
    Err(PlanError::Absurd {
        what: "a model of",
        found: format!("{n} parameters"),
        wanted: "between 1 and 1e20 parameters",
    })
}

pub(super) fn check_tokens(d: Tokens) -> Result<(), PlanError> {
    if d.is_usable() && (1.0..=1e25).contains(&d.get()) {
        return Ok(());
    }
    Err(PlanError::Absurd {
        what: "an amount of",
        found: format!("{d} tokens"),
        wanted: "between 1 and 1e25 tokens",
    })
}
