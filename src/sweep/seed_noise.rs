//! How much runs scatter that differ in their seed alone.

use std::collections::BTreeMap;

use serde::Serialize;

use super::digest::digest_of;
use super::row_file::RunRow;
use super::run::RunSpec;
use super::state::SweepState;

/// Scatter of log loss between seeds, pooled over all cells with at least two.
///
/// sd² = Σ (ln L − mean of its cell)² / Σ (runs of the cell − 1), the pooled variance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SeedNoise {
    /// Standard deviation of ln L: 0.01 is 1 % of the loss.
    pub log_loss_sd: f64,
    /// Cells with at least two seeds that have finished.
    pub cells: usize,
    /// Runs in them.
    pub runs: usize,
}

impl SeedNoise {
    /// Of the finished runs of a sweep; `None` where no cell has two seeds.
    #[must_use]
    pub fn of(state: &SweepState) -> Option<Self> {
        let mut cells: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for run in &state.wanted {
            let loss = state.row(run).and_then(RunRow::ended).and_then(|row| row.loss_nats);
            if let Some(loss) = loss.filter(|loss| *loss > 0.0) {
                let names = (String::new(), None, None);
                let (id, trunk, budget) = names;
                let cell = RunSpec { id, trunk, budget, seed: 0, ..run.spec.clone() };
                cells.entry(digest_of(&cell)).or_default().push(loss.ln());
            }
        }
        cells.retain(|_, logs| logs.len() > 1);
        let runs: usize = cells.values().map(Vec::len).sum();
        let spread = |logs: &Vec<f64>| {
            let mean = logs.iter().sum::<f64>() / logs.len() as f64;
            logs.iter().map(|l| (l - mean).powi(2)).sum::<f64>()
        };
        let sum: f64 = cells.values().map(spread).sum();
        let freedom = runs.checked_sub(cells.len()).filter(|left| *left > 0)?;
        let log_loss_sd = (sum / freedom as f64).sqrt();
        Some(Self { log_loss_sd, cells: cells.len(), runs })
    }
}
