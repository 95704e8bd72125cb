//! Plans side by side.

use super::number::{dollars, flops, loss, number, or_dash, percent};
use super::table::Table;
use crate::plan::{Currency, FrontierPoint, Row, Strategy, WhatIf};
use crate::units::{LossUnit, short_count};

/// Which rows of a plan are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// What was asked, and training alone beside it.
    #[default]
    Short,
    /// Every row.
    Full,
}

/// Plans side by side, a table per law and a column per row; under every number its interval, where
/// something is uncertain.
#[must_use]
pub fn plan_tables(rows: &[Row], detail: Detail) -> Vec<Table> {
    let per_law = rows.chunk_by(|a, b| a.law == b.law);
    per_law.map(|rows| plan_table(&shown(rows, detail))).collect()
}

/// The columns: equal plans are told once, by the name that says more.
fn shown(rows: &[Row], detail: Detail) -> Vec<(String, &Row)> {
    let usual = |s: Strategy| {
        matches!(s, Strategy::Chinchilla | Strategy::GivenSize | Strategy::Recommended)
    };
    let mut columns: Vec<(String, &Row)> = Vec::new();
    for row in rows.iter().filter(|r| detail == Detail::Full || usual(r.strategy)) {
        let same = |other: &Row| {
            (other.plan.n.get() / row.plan.n.get() - 1.0).abs() < 1e-9
                && (other.plan.d.get() / row.plan.d.get() - 1.0).abs() < 1e-9
        };
        match columns.iter_mut().find(|(_, other)| same(other)) {
            Some((name, _)) => *name = format!("{name} = {}", row.strategy),
            None => columns.push((row.strategy.to_string(), row)),
        }
    }
    columns
}

/// Every row of a plan, one a line.
#[must_use]
pub fn every_row_table(rows: &[Row]) -> Table {
    let law = rows.first().map_or(String::new(), |r| format!("every row under {}", r.law));
    let columns = ["", "N", "D", "D/N", "loss", "train", "serve", "total"];
    let mut table = Table::new(law, &columns);
    for r in rows {
        let (strategy, total) = (r.strategy.to_string(), or_dash(total_flops(r).map(flops)));
        let serve = or_dash(Some(r.serve_flops.get()).filter(|c| *c > 0.0).map(flops));
        table.push([
            &strategy,
            &r.plan.n.to_string(),
            &r.plan.d.to_string(),
            &number(r.plan.tokens_per_param),
            &loss(r.plan.loss_nats),
            &flops(r.plan.train_flops.get()),
            &serve,
            &total,
        ]);
    }
    table
}

/// Header, name of the interval, value, text.
type Quantity = (&'static str, &'static str, fn(&Row) -> Option<f64>, fn(f64) -> String);

fn plan_table(rows: &[(String, &Row)]) -> Table {
    let names = rows.iter().map(|(name, _)| name.as_str());
    let columns: Vec<&str> = std::iter::once("quantity").chain(names).collect();
    let law = rows.first().map_or(String::new(), |(_, r)| format!("under {}", r.law));
    let mut table = Table::new(law, &columns);
    let quantities: [Quantity; 11] = [
        ("N (parameters)", "params", |r| Some(r.plan.n.get()), short_count),
        ("D (tokens)", "tokens", |r| Some(r.plan.d.get()), short_count),
        ("D/N (tokens per param)", "tokens_per_param", |r| Some(r.plan.tokens_per_param), number),
        ("epochs", "epochs", |r| r.epochs.filter(|e| *e > 1.0), number),
        ("loss (nats per token)", "loss", |r| Some(r.plan.loss_nats), loss),
        ("train (FLOPs)", "train_flops", |r| Some(r.plan.train_flops.get()), flops),
        ("serve (FLOPs)", "serve_flops", |r| Some(r.serve_flops.get()).filter(|c| *c > 0.0), flops),
        ("total (FLOPs)", "total_flops", total_flops, flops),
        ("train (USD)", "train_usd", |r| r.costs.train_usd, dollars),
        ("serve (USD)", "serve_usd", |r| r.costs.serve_usd, dollars),
        ("total (USD)", "total_usd", total_usd, dollars),
    ];
    for (header, name, value, text) in quantities {
        if rows.iter().all(|(_, r)| value(r).is_none()) {
            continue;
        }
        let cells = rows.iter().map(|(_, r)| value(r).map_or_else(String::new, text));
        let unit = rows.first().map_or(LossUnit::default(), |(_, r)| r.plan.loss_unit);
        let header = header.replace(LossUnit::NatsPerToken.name(), unit.name());
        table.rows.push(std::iter::once(header).chain(cells).collect());
        let intervals: Vec<String> = rows
            .iter()
            .map(|(_, r)| match r.intervals.get(name) {
                // A budget that is given has no interval worth printing.
                Some(i) if text(i.lo) != text(i.hi) => format!("{} - {}", text(i.lo), text(i.hi)),
                _ => String::new(),
            })
            .collect();
        if intervals.iter().any(|cell| !cell.is_empty()) {
            table.rows.push(std::iter::once("  interval".to_owned()).chain(intervals).collect());
        }
    }
    table
}

fn total_flops(r: &Row) -> Option<f64> {
    (r.serve_flops.get() > 0.0).then_some(r.total_flops.get())
}

fn total_usd(r: &Row) -> Option<f64> {
    r.costs.total_usd.filter(|_| r.costs.serve_usd.is_some())
}

/// Sizes on the training budget: what each loses, and what it costs to serve.
#[must_use]
pub fn serving_frontier_table(points: &[FrontierPoint], currency: Currency) -> Table {
    let money = currency == Currency::LifetimeUsd;
    let show = |x: f64| if money { dollars(x) } else { flops(x) };
    let unit = if money { "USD" } else { "FLOPs" };
    let (serve, worth) = (format!("serving ({unit})"), format!("loss given up ({unit})"));
    let columns = ["", "N", "D", "loss", &serve, &worth];
    let mut table = Table::new("the same training, smaller to serve", &columns);
    for p in points {
        table.push([
            if p.recommended { "->" } else { "" },
            &p.plan.n.to_string(),
            &p.plan.d.to_string(),
            &loss(p.plan.loss_nats),
            &show(p.serve_cost),
            &show(p.loss_cost.max(0.0)),
        ]);
    }
    table
}

/// The plan with one input moved at a time.
#[must_use]
pub fn what_if_table(rows: &[WhatIf]) -> Table {
    let currency = rows.first().map_or(Currency::TrainFlops, |r| r.currency);
    let show = |x: f64| if currency.is_money() { dollars(x) } else { flops(x) };
    let signed = |x: f64| match x {
        x if x < 0.0 => format!("-{}", show(-x)),
        x => show(x),
    };
    let unit = if currency.is_money() { "USD" } else { "FLOPs" };
    let priced = rows.iter().any(|r| r.loss_cost.is_some());
    let mut columns = vec!["if", "N", "D", "loss", "cost"];
    columns.extend(priced.then_some("loss worth"));
    columns.push("N kept");
    let title =
        format!("what would change the plan, in {unit}; the last column is what keeping N loses");
    let mut table = Table::new(title, &columns);
    for r in rows {
        let of = |f: &dyn Fn(&crate::plan::Plan) -> String| or_dash(r.plan.as_ref().map(f));
        let mut cells = vec![
            r.change.clone(),
            of(&|p| p.n.to_string()),
            of(&|p| p.d.to_string()),
            of(&|p| loss(p.loss_nats)),
            or_dash(r.cost.map(show)),
        ];
        cells.extend(priced.then(|| or_dash(r.loss_cost.map(signed))));
        let lost = r.keeping_size.map(|x| percent(x).trim_start_matches('+').to_owned());
        cells.push(lost.unwrap_or_else(|| "no plan".to_owned()));
        table.rows.push(cells);
    }
    table
}
