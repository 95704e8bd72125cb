//! The design: how runs cover sizes and tokens.

use std::collections::BTreeMap;

use super::number::{factor, number};
use super::table::Table;
use crate::data::{RunRecord, RunTable};
use crate::units::{Flops, Tokens};

/// How the runs cover sizes, tokens and tokens per parameter: a row per size.
#[must_use]
pub fn design_table(runs: &[RunRecord]) -> Table {
    let columns = ["N", "runs", "D", "D/N", "C (FLOPs)", "loss (nats)"];
    let mut table = Table::new("Design", &columns);
    let mut sizes: BTreeMap<i64, Vec<&RunRecord>> = BTreeMap::new();
    for run in runs {
        sizes.entry((run.n.ln() * 1e4).round() as i64).or_default().push(run);
    }
    for runs in sizes.values() {
        let ends = |f: &dyn Fn(&RunRecord) -> f64| {
            let values = || runs.iter().map(|r| f(r));
            (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
        };
        let (d0, d1) = ends(&|r| r.d.get());
        let (m0, m1) = ends(&|r| r.d / r.n);
        let (c0, c1) = ends(&|r| r.c.get());
        let (l0, l1) = ends(&|r| r.loss_nats);
        let span = |low: String, high: String| match low == high {
            true => low,
            false => format!("{low} to {high}"),
        };
        table.push([
            &*runs[0].n.to_string(),
            &runs.len().to_string(),
            &span(Tokens::new(d0).to_string(), Tokens::new(d1).to_string()),
            &span(number(m0), number(m1)),
            &span(Flops::new(c0).to_string(), Flops::new(c1).to_string()),
            &span(format!("{l0:.3}"), format!("{l1:.3}")),
        ]);
    }
    table
}

/// What the design can and cannot show, in a few lines.
#[must_use]
pub fn design_text(table: &RunTable, level: f64) -> String {
    let mut text = String::new();
    if let Some(plane) = crate::fit::coverage(table) {
        text.push_str(&format!(
            "{} runs at {} sizes (N spans a factor of {}) and {} token counts (D {}, D/N {}); {} of 16 cells of the (N, D/N) rectangle hold runs\n",
            table.runs.len(),
            plane.sizes,
            factor(plane.n_span),
            plane.token_counts,
            factor(plane.d_span),
            factor(plane.ratio_span),
            plane.cells_filled,
        ));
    }
    match crate::fit::repeats(table, level) {
        Some(r) => text.push_str(&format!(
            "seed noise: {:.2} % ({:.0} % interval {:.2} to {:.2} %), from {} runs at {} repeated settings\n",
            100.0 * r.sd,
            100.0 * level,
            100.0 * r.interval.lo,
            100.0 * r.interval.hi,
            r.runs,
            r.cells,
        )),
        None => text.push_str(
            "seed noise: unknown, no two runs share N, D and setting; repeat one run with another seed\n",
        ),
    }
    text
}
