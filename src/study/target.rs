//! A loss to reach, given or implied.

use serde::{Deserialize, Serialize};

use crate::error::{Result, StudyError};
use crate::law::Surface;
use crate::plan::{Aim, optimum_of_size};
use crate::units::Params;

/// A loss, or the model size whose compute-optimal loss is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    /// The quality of the compute-optimal model of this size.
    pub quality_of: Option<Params>,
    /// A loss, nats per token.
    pub loss: Option<f64>,
}

impl Target {
    /// The target as the planner takes it; `None` where nothing is given.
    #[must_use]
    pub fn aim(&self) -> Option<Aim> {
        self.quality_of.map(Aim::QualityOf).or(self.loss.map(Aim::Loss))
    }

    /// The loss under one law, nats per token.
    ///
    /// # Errors
    /// [`StudyError::NoLoss`] where nothing is given; as
    /// [`optimum_of_size`](crate::plan::optimum_of_size) for a size.
    pub fn loss_under(&self, surface: &Surface) -> Result<f64> {
        match self.aim() {
            Some(Aim::QualityOf(n)) => Ok(optimum_of_size(surface, n)?.loss_nats),
            Some(Aim::Loss(loss)) => Ok(loss),
            _ => Err(StudyError::NoLoss.into()),
        }
    }
}
