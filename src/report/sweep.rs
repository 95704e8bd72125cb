//! The runs of a sweep: which have ended, which are left.

use super::number::loss;
use super::table::Table;
use crate::flops::FlopRule;
use crate::sweep::{RunSpec, SweepState};

/// Every run with its budget, size, tokens and what became of it.
#[must_use]
pub fn sweep_table(name: &str, runs: &[RunSpec], state: &SweepState) -> Table {
    let columns = ["run", "FLOPs", "N (params)", "D (tokens)", "state", "loss (nats)", "seconds"];
    let mut table = Table::new(format!("Sweep {name}"), &columns);
    for run in runs {
        let c = run.budget.unwrap_or(FlopRule::six_nd(run.shape.params().active, run.tokens));
        let (status, nats, seconds) = match state.ended.get(&run.id) {
            None => ("to do".to_owned(), String::new(), String::new()),
            Some(row) => (
                row.status.to_string(),
                row.loss_nats.map_or_else(String::new, loss),
                format!("{:.0}", row.elapsed_s),
            ),
        };
        table.push([
            &run.id,
            &c.to_string(),
            &run.shape.params().all.to_string(),
            &run.tokens.to_string(),
            &status,
            &nats,
            &seconds,
        ]);
    }
    table
}
