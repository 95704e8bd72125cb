//! Flags that say which loss to reach, shared by several verbs.

use clap::Args;

use crate::study::Target;
use crate::units::Params;

/// A loss, given or implied.
#[derive(Clone, Debug, Args)]
pub(super) struct TargetArgs {
    /// The quality of the compute-optimal model of this size, e.g. 70B.
    #[arg(long, value_name = "PARAMS", conflicts_with = "loss")]
    pub(super) quality_of: Option<Params>,
    /// A loss in nats per token.
    #[arg(long, value_name = "NATS")]
    pub(super) loss: Option<f64>,
}

impl TargetArgs {
    pub(super) fn target(&self) -> Target {
        Target { quality_of: self.quality_of, loss: self.loss }
    }
}
