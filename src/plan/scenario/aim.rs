//! What a plan has to do, and what counts as cost.

use serde::{Deserialize, Serialize};

use crate::units::{Flops, Params};

/// What counts as cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Currency {
    /// Training FLOPs, 6 N D.
    TrainFlops,
    /// Training FLOPs plus 2 N per served token.
    LifetimeFlops,
    /// Money for training.
    TrainUsd,
    /// Money for training and serving.
    LifetimeUsd,
}

impl Currency {
    /// Whether serving is part of the cost.
    #[must_use]
    pub fn counts_serving(self) -> bool {
        matches!(self, Self::LifetimeFlops | Self::LifetimeUsd)
    }

    /// Whether cost is counted in dollars.
    #[must_use]
    pub fn is_money(self) -> bool {
        matches!(self, Self::TrainUsd | Self::LifetimeUsd)
    }

    /// The same unit without serving.
    pub(in crate::plan) fn of_training(self) -> Self {
        if self.is_money() { Self::TrainUsd } else { Self::TrainFlops }
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::TrainFlops => "training FLOPs",
            Self::LifetimeFlops => "training plus serving FLOPs",
            Self::TrainUsd => "USD for training",
            Self::LifetimeUsd => "USD for training and serving",
        })
    }
}

/// What the plan has to do.
///
/// Under a budget of training, serving is paid from another purse. Where the [`Currency`] counts it, the
/// plan stops where one more nat saved by size would cost as much in serving as the same nat costs in
/// training at the optimum; see [`Scenario::nat_value`](super::Scenario).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aim {
    /// The lowest loss for this much training.
    TrainFlops(Flops),
    /// The lowest loss for this much money spent on training, USD.
    TrainUsd(f64),
    /// The lowest loss for all the training the machines can do in their time.
    MachineTime,
    /// The lowest loss when training and serving share this much, in the currency of the scenario.
    Lifetime(f64),
    /// This loss, nats per token, at the least cost.
    Loss(f64),
    /// The loss of the compute-optimal dense model of this size, at the least cost.
    QualityOf(Params),
    /// A model of this size, on the tokens at which no other size reaches its loss at less cost.
    OfSize(Params),
}

impl Aim {
    /// Whether a loss is given and cost is minimised, rather than the other way round.
    #[must_use]
    pub fn is_loss(self) -> bool {
        matches!(self, Self::Loss(_) | Self::QualityOf(_))
    }

    /// Whether training has a budget of its own.
    #[must_use]
    pub fn is_training_budget(self) -> bool {
        matches!(self, Self::TrainFlops(_) | Self::TrainUsd(_) | Self::MachineTime)
    }
}
