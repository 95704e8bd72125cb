//! Settings of a forecast.

use serde::{Deserialize, Serialize};

use crate::error::FitError;
use crate::fit::limits;

/// Settings of [`forecast`](super::forecast()).
///
/// | field | default | range | purpose |
/// |---|---|---|---|
/// | `rows` | 200 | 20..5000 | windows of a curve that become rows of the fit |
/// | `burn_in` | 0 | | steps left out after the warm-up |
/// | `delta` | 1e-3 | 1e-9..10 | half-width of the Huber band in log loss |
/// | `bootstrap` | 400 | 0 or >= 20 | resamples of blocks of residuals |
/// | `seed` | 0 | | seed of the resamples |
/// | `level` | 0.95 | 0.5..0.999 | level of the intervals |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CurveConfig {
    /// Windows of each curve; the mean log loss of a window is a row.
    pub rows: usize,
    /// Steps left out after the warm-up.
    pub burn_in: usize,
    /// Half-width of the Huber band in log loss.
    pub delta: f64,
    /// Resamples; 0 for none.
    pub bootstrap: usize,
    /// Seed of the resamples.
    pub seed: u64,
    /// Level of the intervals.
    pub level: f64,
}

impl Default for CurveConfig {
    fn default() -> Self {
        Self { rows: 200, burn_in: 0, delta: 1e-3, bootstrap: 400, seed: 0, level: 0.95 }
    }
}

impl CurveConfig {
    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`FitError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), FitError> {
        limits::inside(
            "rows",
            (20..=5000).contains(&self.rows),
            &self.rows,
            "between 20 and 5000",
        )?;
        limits::delta(self.delta)?;
        limits::bootstrap(self.bootstrap)?;
        limits::level(self.level)
    }
}
