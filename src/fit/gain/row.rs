//! A multiplier that was measured.

use super::read_off::Reading;
use crate::num::Interval;

/// A measured multiplier and its resamples.
pub(super) struct Row {
    pub(super) reading: Reading,
    pub(super) draws: Vec<f64>,
}

impl Row {
    /// Whether another value of ln m is the same as far as the measurement tells: inside its interval, or
    /// off by a tenth.
    pub(super) fn agrees(&self, ln_multiplier: f64, level: f64) -> bool {
        const A_TENTH: f64 = 1.1;
        let interval = Interval::percentile(&self.draws, level);
        let near = (ln_multiplier - self.reading.ln_multiplier()).abs() <= A_TENTH.ln();
        near || interval.is_some_and(|i| i.contains(ln_multiplier))
    }
}
