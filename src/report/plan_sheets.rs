//! The tables of plans, curves and comparisons.

use super::sheet::Sheet;
use super::sheets::{number, percent};
use crate::plan::{Comparison, IsoLossCurve, Row};
use crate::units::{Flops, short_count};

/// Plans side by side, a table per law and a column per strategy; under every number its interval,
/// where the law has draws.
#[must_use]
pub fn proposal_sheets(rows: &[Row]) -> Vec<Sheet> {
    rows.chunk_by(|a, b| a.law == b.law).map(proposal_sheet).collect()
}

/// Header, name of the interval, value, text.
type Quantity = (&'static str, &'static str, fn(&Row) -> f64, fn(f64) -> String);

fn proposal_sheet(rows: &[Row]) -> Sheet {
    let names: Vec<String> = rows.iter().map(|r| r.strategy.to_string()).collect();
    let columns: Vec<&str> =
        std::iter::once("quantity").chain(names.iter().map(String::as_str)).collect();
    let law = rows.first().map_or(String::new(), |r| format!("under {}", r.law));
    let mut sheet = Sheet::new(law, &columns);
    let flops = |c: f64| if c == 0.0 { "0".to_owned() } else { Flops::new(c).to_string() };
    let quantities: [Quantity; 7] = [
        ("N (parameters)", "params", |r| r.plan.n.get(), short_count),
        ("D (tokens)", "tokens", |r| r.plan.d.get(), short_count),
        ("D/N (tokens per param)", "tokens_per_param", |r| r.plan.tokens_per_param, number),
        ("loss (nats per token)", "loss", |r| r.plan.loss_nats, |x| format!("{x:.4}")),
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
        sheet.rows.push(std::iter::once(header.to_owned()).chain(cells).collect());
        if drawn {
            let cells = rows.iter().map(|r| match r.intervals.get(name) {
                // A budget that is given has no interval worth printing.
                Some(i) if text(i.lo) != text(i.hi) => format!("{} - {}", text(i.lo), text(i.hi)),
                _ => String::new(),
            });
            sheet.rows.push(std::iter::once("  interval".to_owned()).chain(cells).collect());
        }
    }
    sheet
}

/// Sizes along a curve, a readable few of them.
#[must_use]
pub fn curve_sheet(curve: &IsoLossCurve) -> Sheet {
    let columns = ["N (params)", "N / N*", "D (tokens)", "D/N", "train FLOPs", "overhead"];
    let mut sheet = Sheet::new("", &columns);
    let every = curve.points.len().div_ceil(16);
    let optimum = curve.points.iter().position(|p| p.overhead == 0.0).unwrap_or(0);
    for (i, p) in curve.points.iter().enumerate() {
        if i % every == optimum % every {
            let ratio = format!("{:.3}", p.n.get() / curve.optimum.n.get());
            let (d, c) = (p.d.to_string(), p.train_flops.to_string());
            let cells =
                [&p.n.to_string(), &ratio, &d, &number(p.d / p.n), &c, &percent(p.overhead)];
            sheet.push(cells.map(String::as_str));
        }
    }
    sheet
}

/// Every point of a curve as CSV, in full precision.
#[must_use]
pub fn curve_csv(curve: &IsoLossCurve) -> String {
    let mut text = "params,tokens,train_flops,overhead\n".to_owned();
    for p in &curve.points {
        let row = format!("{},{},{},{}\n", p.n.get(), p.d.get(), p.train_flops.get(), p.overhead);
        text.push_str(&row);
    }
    text
}

/// Ways to one loss beside the optimum.
#[must_use]
pub fn comparison_sheet(table: &Comparison) -> Sheet {
    let title = format!(
        "{} at {:.4} nats per token; optimum {} parameters on {} tokens ({} FLOPs), wall {} parameters",
        table.law,
        table.loss_nats,
        table.optimum.n,
        table.optimum.d,
        table.optimum.train_flops,
        table.wall_params
    );
    let columns =
        ["N (params)", "D (tokens)", "D/N", "train FLOPs", "overhead", "pays back after (tokens)"];
    let mut sheet = Sheet::new(title, &columns);
    for row in &table.rows {
        let p = &row.plan;
        let pays = row.break_even_serve_tokens.map_or_else(|| "-".to_owned(), |t| t.to_string());
        sheet.push([
            &p.n.to_string(),
            &p.d.to_string(),
            &number(p.tokens_per_param),
            &p.train_flops.to_string(),
            &percent(row.overhead),
            &pays,
        ]);
    }
    sheet
}

/// The points of several curves, each after its loss.
#[must_use]
pub fn family_csv<'a>(curves: impl Iterator<Item = &'a IsoLossCurve>) -> String {
    let mut text = String::new();
    for (i, curve) in curves.enumerate() {
        let csv = curve_csv(curve);
        let mut lines = csv.lines();
        if let Some(header) = lines.next().filter(|_| i == 0) {
            text.push_str(&format!("loss,{header}\n"));
        }
        lines.for_each(|line| text.push_str(&format!("{},{line}\n", curve.loss_nats)));
    }
    text
}
