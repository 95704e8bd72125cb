//! What a plan has to do, and what counts as cost.

use serde::{Deserialize, Serialize};

use crate::units::Params;

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
    pub(super) fn counts_serving(self) -> bool {
        matches!(self, Self::LifetimeFlops | Self::LifetimeUsd)
    }

    pub(super) fn is_money(self) -> bool {
        matches!(self, Self::TrainUsd | Self::LifetimeUsd)
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aim {
    /// The lowest loss for a budget in the currency of the scenario.
    Budget(f64),
    /// The lowest loss for all the training the machines can do in their time.
    MachineTime,
    /// This loss, nats per token, at the least cost.
    Loss(f64),
    /// The loss of the compute-optimal dense model of this size, at the least cost.
    QualityOf(Params),
}
