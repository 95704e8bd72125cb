//! How far a way may be believed: as far as it agrees with what was measured.

use super::answer::Parting;
use super::held_out::HeldOutGain;
use super::row::Row;
use super::way::{Asked, Taken};
use crate::units::Flops;

/// How far multipliers may be said.
pub(super) struct Limit<'a> {
    pub(super) rows: &'a [Row],
    /// Smallest and largest compute of A and of B.
    pub(super) ranges: [Option<(f64, f64)>; 2],
}

impl Limit<'_> {
    /// The largest compute of B up to which a way agrees with what was measured, and where it parts.
    pub(super) fn of(
        &self,
        taken: &Taken,
        tests: &[HeldOutGain],
        level: f64,
    ) -> (Option<f64>, Option<Parting>) {
        let mut holds = None;
        for row in self.rows {
            let c = row.reading.ln_c_b;
            let here = |test: &&HeldOutGain| (test.flops.ln() - c).abs() < 1e-9;
            // From the most budgets that were not yet those of the row.
            let nearest = tests
                .iter()
                .filter(here)
                .max_by(|x, y| x.fitted_to_flops.get().total_cmp(&y.fitted_to_flops.get()));
            let measured = matches!(taken, Taken::Measured { .. });
            let says = taken.ln_multiplier(&Asked::from(&row.reading));
            let agrees = measured
                || says.is_some_and(|says| row.agrees(says, level))
                    && nearest.is_none_or(|test| test.agrees);
            if !agrees {
                // What it says without the budget is what it was wrong about.
                let says = match nearest.filter(|test| !test.agrees) {
                    Some(test) => test.predicted,
                    None => says.map(f64::exp).filter(|m| m.is_finite()),
                };
                let measured = row.reading.ln_multiplier().exp();
                return (holds, Some(Parting { flops: Flops::new(c.exp()), measured, says }));
            }
            holds = Some(c);
        }
        (holds, None)
    }

    /// Whether both recipes' runs reach so far.
    pub(super) fn within_ranges(&self, ln_c_b: f64, ln_multiplier: f64) -> bool {
        let inside = |range: Option<(f64, f64)>, ln_c: f64| {
            range.is_some_and(|(lo, hi)| ln_c >= lo.ln() - 0.05 && ln_c <= hi.ln() + 0.05)
        };
        inside(self.ranges[1], ln_c_b) && inside(self.ranges[0], ln_c_b + ln_multiplier)
    }
}
