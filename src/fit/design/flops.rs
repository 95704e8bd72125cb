//! How the compute that runs logged relates to 6 N D.

use serde::{Deserialize, Serialize};

use crate::data::RunTable;
use crate::error::Warning;
use crate::num::median;

/// Runs count by the rule when they differ from it by less than rounding: tables print compute to three
/// digits or more.
const ROUNDING: f64 = 5e-3;
/// Largest over smallest ratio from which a drift is worth a warning.
const DRIFT: f64 = 1.25;

/// The compute of the runs over N D, where they logged another than 6 N D.
///
/// Attention, the vocabulary, another convention of N or a backward pass counted otherwise each move the
/// ratio, most at small sizes. Plans spend budgets in this currency, so that a plan for the budget of a
/// run is a run of that budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlopCount {
    /// FLOPs per parameter and token of the largest runs: the median over the quarter with most compute.
    pub per_nd: f64,
    /// Smallest over all runs.
    pub low: f64,
    /// Largest over all runs.
    pub high: f64,
}

impl FlopCount {
    /// That of a table; `None` where every run counts 6 N D.
    #[must_use]
    pub fn of(table: &RunTable) -> Option<Self> {
        // Two conventions in one table have no common ratio, and a warning of their own.
        if table.warnings.iter().any(|w| matches!(w, Warning::MixedFlops { .. })) {
            return None;
        }
        let mut runs: Vec<(f64, f64)> =
            table.runs.iter().map(|r| (r.c.get(), r.c.get() / (r.n.get() * r.d.get()))).collect();
        let by_rule = |per_nd: &f64| (per_nd / 6.0 - 1.0).abs() < ROUNDING;
        if runs.is_empty() || runs.iter().all(|(_, per_nd)| by_rule(per_nd)) {
            return None;
        }
        let low = runs.iter().map(|r| r.1).fold(f64::INFINITY, f64::min);
        let high = runs.iter().map(|r| r.1).fold(0.0, f64::max);
        runs.sort_by(|a, b| b.0.total_cmp(&a.0));
        runs.truncate(runs.len().div_ceil(4));
        let largest: Vec<f64> = runs.iter().map(|r| r.1).collect();
        Some(Self { per_nd: median(&largest), low, high })
    }

    /// A warning where the ratio drifts over the table.
    pub(super) fn warning(&self) -> Option<Warning> {
        (self.high / self.low > DRIFT).then_some(Warning::FlopsDrift {
            low: self.low / 6.0,
            high: self.high / 6.0,
            used: self.per_nd / 6.0,
        })
    }
}
