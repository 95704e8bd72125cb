//! The runs of a sweep: which have ended, which are left.

use super::number::loss;
use super::table::Table;
use super::text::Text;
use crate::sweep::{NextRuns, SweepStatus};

/// Every run with its budget, size, tokens and what became of it.
#[must_use]
pub fn sweep_table(status: &SweepStatus) -> Table {
    let columns = ["run", "FLOPs", "N (params)", "D (tokens)", "state", "loss (nats)", "seconds"];
    let mut table = Table::new(format!("Sweep {}", status.sweep), &columns);
    for run in &status.planned {
        table.push([
            &run.run,
            &run.flops.to_string(),
            &run.n_params.to_string(),
            &run.tokens.to_string(),
            &run.status.map_or("to do".to_owned(), |status| status.to_string()),
            &run.loss_nats.map_or_else(String::new, loss),
            &run.elapsed_s.map_or_else(String::new, |s| format!("{s:.0}")),
        ]);
    }
    table
}

/// How many runs have ended, what branches of common trunks saved, and the table.
#[must_use]
pub fn sweep_text(status: &SweepStatus) -> Text {
    let mut text = Text::from(format!(
        "{} of {} runs ended; table: {}\n",
        status.ended,
        status.total,
        status.records.display()
    ));
    if status.saved_ratio() > 0.0 {
        text.push_str(&format!(
            "branches of common trunks: {} FLOPs spent in place of {}, {:.0} % saved\n",
            status.flops_spent(),
            status.flops,
            100.0 * status.saved_ratio()
        ));
    }
    text.apart(sweep_table(status));
    text
}

/// Which runs to add, a line each.
#[must_use]
pub fn next_runs_text(next: &NextRuns) -> String {
    if next.advice.is_empty() {
        return "every run has ended, and the minimum of every isoFLOP profile lies inside its sizes; \
                next, add a larger budget\n"
            .to_owned();
    }
    next.advice.join("\n") + "\n"
}
