//! Plans side by side.

use super::number::{loss, number};
use super::table::Table;
use crate::plan::Row;
use crate::units::{Flops, short_count};

/// Plans side by side, a table per law and a column per strategy; under every number its interval,
/// where the law has draws.
#[must_use]
pub fn proposal_tables(rows: &[Row]) -> Vec<Table> {
    rows.chunk_by(|a, b| a.law == b.law).map(proposal_table).collect()
}

/// Header, name of the interval, value, text.
type Quantity = (&'static str, &'static str, fn(&Row) -> f64, fn(f64) -> String);

fn proposal_table(rows: &[Row]) -> Table {
    let names: Vec<String> = rows.iter().map(|r| r.strategy.to_string()).collect();
    let columns: Vec<&str> =
        std::iter::once("quantity").chain(names.iter().map(String::as_str)).collect();
    let law = rows.first().map_or(String::new(), |r| format!("under {}", r.law));
    let mut table = Table::new(law, &columns);
    let flops = |c: f64| if c == 0.0 { "0".to_owned() } else { Flops::new(c).to_string() };
    let quantities: [Quantity; 7] = [
        ("N (parameters)", "params", |r| r.plan.n.get(), short_count),
        ("D (tokens)", "tokens", |r| r.plan.d.get(), short_count),
        ("D/N (tokens per param)", "tokens_per_param", |r| r.plan.tokens_per_param, number),
        ("loss (nats per token)", "loss", |r| r.plan.loss_nats, loss),
        ("train (FLOPs)", "train_flops", |r| r.plan.train_flops.get(), flops),
        ("serve (FLOPs)", "serve_flops", |r| r.serve_flops.get(), flops),
        ("total (FLOPs)", "total_flops", |r| r.total_flops.get(), flops),
    ];
    let drawn = rows.iter().any(|r| !r.intervals.is_empty());
    let serves = rows.iter().any(|r| r.serve_flops.get() > 0.0);
    for (header, name, value, text) in quantities {
        if !serves && ["serve_flops", "total_flops"].contains(&name) {
            continue;
        }
        let cells = rows.iter().map(|r| text(value(r)));
        table.rows.push(std::iter::once(header.to_owned()).chain(cells).collect());
        if drawn {
            let cells = rows.iter().map(|r| match r.intervals.get(name) {
                // A budget that is given has no interval worth printing.
                Some(i) if text(i.lo) != text(i.hi) => format!("{} - {}", text(i.lo), text(i.hi)),
                _ => String::new(),
            });
            table.rows.push(std::iter::once("  interval".to_owned()).chain(cells).collect());
        }
    }
    table
}
