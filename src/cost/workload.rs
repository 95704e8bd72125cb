//! Served demand and what a FLOP costs in each phase.

use serde::{Deserialize, Serialize};

use crate::error::CostError;
use crate::units::Tokens;

/// Tokens a model will serve over its life.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Tokens read (prompts, prefill).
    pub input: Tokens,
    /// Tokens written (answers, decode).
    pub output: Tokens,
}

impl Workload {
    /// Nothing is served.
    pub const NONE: Self = Self { input: Tokens::new(0.0), output: Tokens::new(0.0) };

    /// Demand as written tokens, where reading and writing are not counted apart.
    #[must_use]
    pub const fn output(tokens: Tokens) -> Self {
        Self { input: Tokens::new(0.0), output: tokens }
    }

    /// Input plus output tokens.
    #[must_use]
    pub fn total(&self) -> Tokens {
        Tokens::new(self.input.get() + self.output.get())
    }
}

/// The price of one useful FLOP in each phase, in any one currency: all one counts FLOPs, USD per
/// FLOP counts money.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostModel {
    /// Training.
    pub train_per_flop: f64,
    /// Reading prompts.
    pub prefill_per_flop: f64,
    /// Writing answers.
    pub decode_per_flop: f64,
}

impl CostModel {
    /// Every FLOP counts one.
    pub const FLOPS: Self =
        Self { train_per_flop: 1.0, prefill_per_flop: 1.0, decode_per_flop: 1.0 };

    /// USD per useful FLOP: usd_per_hour / (3600 · peak · utilisation).
    ///
    /// - `usd_per_hour`: price of one device-hour.
    /// - `peak_flop_per_s`: dense peak of the precision used.
    /// - `utilisation`: share of the peak that does useful work, 0 to 1.
    ///
    /// # Errors
    /// [`CostError::Field`] when one is not above zero or the share is above one.
    pub fn usd_per_flop(
        usd_per_hour: f64,
        peak_flop_per_s: f64,
        utilisation: f64,
    ) -> Result<f64, CostError> {
        let positive = |field, found: f64| {
            let ok = found.is_finite() && found > 0.0;
            if ok {
                Ok(())
            } else {
                Err(CostError::Field { field, found, expected: "a number above zero" })
            }
        };
        positive("usd_per_hour", usd_per_hour)?;
        positive("peak_flop_per_s", peak_flop_per_s)?;
        positive("mfu", utilisation)?;
        if utilisation > 1.0 {
            let expected = "a share of the peak, at most 1";
            return Err(CostError::Field { field: "mfu", found: utilisation, expected });
        }
        Ok(usd_per_hour / (3600.0 * peak_flop_per_s * utilisation))
    }

    /// Served tokens that, priced like training FLOPs, cost as much as the workload.
    #[must_use]
    pub fn training_equivalent(&self, workload: &Workload) -> Tokens {
        let served = workload.input.get() * self.prefill_per_flop
            + workload.output.get() * self.decode_per_flop;
        Tokens::new(served / self.train_per_flop)
    }
}
