//! Flags that say which loss to reach, shared by several verbs.

use clap::Args;

use crate::error::{PlanError, Result};
use crate::law::Surface;
use crate::plan::{Goal, optimum_of_size};
use crate::units::Params;

/// A loss, given or implied.
#[derive(Clone, Debug, Args)]
pub(super) struct Target {
    /// The quality of the compute-optimal model of this size, e.g. 70B.
    #[arg(long, value_name = "PARAMS", conflicts_with = "loss")]
    pub(super) quality_of: Option<Params>,
    /// A loss in nats per token.
    #[arg(long, value_name = "NATS")]
    pub(super) loss: Option<f64>,
}

impl Target {
    pub(super) fn goal(&self) -> Option<Goal> {
        self.quality_of.map(Goal::QualityOf).or(self.loss.map(Goal::Loss))
    }

    /// The loss under one law.
    pub(super) fn loss_under(&self, surface: &Surface) -> Result<f64> {
        match self.goal() {
            Some(Goal::QualityOf(n)) => Ok(optimum_of_size(surface, n)?.loss_nats),
            Some(Goal::Loss(loss)) => Ok(loss),
            _ => Err(PlanError::Inputs {
                problem: "no loss to reach".to_owned(),
                mend: "give --quality-of 70B or --loss 2.0",
            }
            .into()),
        }
    }
}
