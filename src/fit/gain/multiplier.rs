//! What is asked for.

use serde::{Deserialize, Serialize};

use crate::num::Interval;
use crate::units::Flops;

/// A compute multiplier at a budget: the compute that A needs for B's loss over B's compute.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Multiplier {
    /// Training FLOPs of B.
    pub flops: Flops,
    /// Training FLOPs of A for the same loss.
    pub a_flops: Flops,
    /// The loss, nats; absent where it was not measured.
    #[serde(rename = "loss", default, skip_serializing_if = "Option::is_none")]
    pub loss_nats: Option<f64>,
    /// Their ratio; above one B saves compute.
    pub multiplier: f64,
    /// Its interval; absent without draws.
    pub interval: Option<Interval>,
}

impl Multiplier {
    /// The same times a factor, as one of throughput or price.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        let interval = self.interval.map(|i| Interval { lo: i.lo * factor, hi: i.hi * factor });
        Self { multiplier: self.multiplier * factor, interval, ..self }
    }
}
