//! Ways to one loss beside the optimum.

use super::number::{number, or_dash, percent};
use super::table::Table;
use crate::plan::Comparison;

/// Smaller and larger models of one loss beside the optimum.
#[must_use]
pub fn comparison_table(comparison: &Comparison) -> Table {
    let title = format!(
        "{} at {:.4} {}; optimum {} parameters on {} tokens ({} FLOPs), wall {} parameters",
        comparison.law,
        comparison.loss_nats,
        comparison.optimum.loss_unit,
        comparison.optimum.n,
        comparison.optimum.d,
        comparison.optimum.train_flops,
        comparison.wall_params
    );
    let columns =
        ["N (params)", "D (tokens)", "D/N", "train FLOPs", "overhead", "pays back after (tokens)"];
    let mut table = Table::new(title, &columns);
    for row in &comparison.rows {
        let p = &row.plan;
        let pays = or_dash(row.break_even_serve_tokens.map(|t| t.to_string()));
        table.push([
            &p.n.to_string(),
            &p.d.to_string(),
            &number(p.tokens_per_param),
            &p.train_flops.to_string(),
            &percent(row.overhead),
            &pays,
        ]);
    }
    table
}
