//! Settings of a fit.

use serde::{Deserialize, Serialize};

use crate::error::FitError;

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// Sum over runs of the Huber loss of ln(predicted) - ln(observed).
    HuberLog,
}

impl std::fmt::Display for Objective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::HuberLog => "huber-log",
        })
    }
}

/// Settings of [`fit`](super::fit).
///
/// | field | default | range | purpose |
/// |---|---|---|---|
/// | `objective` | huber-log | | what is minimised |
/// | `delta` | 1e-3 | 1e-9..10 | half-width of the quadratic band, in log loss |
/// | `bootstrap` | 4000 | 0 or >= 20 | resamples of the rows for the intervals |
/// | `seed` | 0 | | seed of the resamples |
/// | `level` | 0.95 | 0.5..0.999 | level of the intervals |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitConfig {
    /// What is minimised.
    pub objective: Objective,
    /// Half-width of the Huber band in log loss.
    pub delta: f64,
    /// Bootstrap resamples; 0 for none.
    pub bootstrap: usize,
    /// Seed of the resamples.
    pub seed: u64,
    /// Level of the percentile intervals.
    pub level: f64,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self { objective: Objective::HuberLog, delta: 1e-3, bootstrap: 4000, seed: 0, level: 0.95 }
    }
}

impl FitConfig {
    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`FitError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), FitError> {
        let bad = |field, found: String, wanted| Err(FitError::Config { field, found, wanted });
        if !(1e-9..=10.0).contains(&self.delta) {
            return bad("delta", self.delta.to_string(), "between 1e-9 and 10");
        }
        if self.bootstrap != 0 && !(20..=1_000_000).contains(&self.bootstrap) {
            return bad("bootstrap", self.bootstrap.to_string(), "0, or between 20 and 1000000");
        }
        if !(0.5..=0.999).contains(&self.level) {
            return bad("level", self.level.to_string(), "between 0.5 and 0.999");
        }
        Ok(())
    }
}
