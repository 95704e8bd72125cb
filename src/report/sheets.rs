//! The tables of each result.

use super::sheet::Sheet;
use crate::fit::{Backtest, Fit, Valley};
use crate::num::Interval;
use crate::plan::{Comparison, IsoLossCurve, Row};
use crate::units::{Flops, short_count};

/// Four significant digits, or scientific where that is shorter.
pub(super) fn number(x: f64) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    let magnitude = x.abs().log10().floor();
    if (-4.0..6.0).contains(&magnitude) {
        let decimals = (3.0 - magnitude).clamp(0.0, 8.0) as usize;
        format!("{x:.decimals$}")
    } else {
        format!("{x:.3e}")
    }
}

pub(super) fn percent(fraction: f64) -> String {
    let x = 100.0 * fraction;
    if x.abs() < 1000.0 { format!("{x:+.1} %") } else { format!("{x:+.2e} %") }
}

fn between(interval: Option<&Interval>, show: impl Fn(f64) -> String) -> String {
    interval.map_or_else(|| "-".to_owned(), |i| format!("{} to {}", show(i.lo), show(i.hi)))
}

/// Coefficients, exponents and the ratio with intervals and standard deviations.
#[must_use]
pub fn fit_sheet(fit: &Fit) -> Sheet {
    let level = format!("{:.0} % interval", 100.0 * fit.level);
    let mut sheet = Sheet::new("", &["quantity", "estimate", &level, "bootstrap SD", "unit"]);
    let mut push = |name: &str, label: &str, value: f64, unit: &str| {
        let sd = fit.std_errors.get(name).map_or_else(|| "-".to_owned(), |s| number(*s));
        let interval = between(fit.intervals.get(name), number);
        sheet.push([label, &number(value), &interval, &sd, unit]);
    };
    for coef in fit.surface.law().coefs() {
        let value = fit.coefficients.get(coef.name).copied().unwrap_or(f64::NAN);
        push(coef.name, coef.name, value, coef.unit);
    }
    if let Some(a) = &fit.allocation {
        push("n_exponent", "N* exponent a", a.n_exponent, "N* ∝ C^a");
        push("d_exponent", "D* exponent b", a.d_exponent, "D* ∝ C^b");
        let unit = format!("at {} FLOPs", a.reference_flops);
        push("tokens_per_param", "D*/N*", a.tokens_per_param, &unit);
    }
    sheet
}

/// Plans side by side; a second line holds the intervals where the law has draws.
#[must_use]
pub fn proposal_sheet(rows: &[Row]) -> Sheet {
    let serves = rows.iter().any(|r| r.serve_flops.get() > 0.0);
    let several = rows.iter().any(|r| r.law != rows[0].law);
    let mut columns = vec!["strategy", "N", "D", "D/N", "loss (nats)", "train FLOPs"];
    if serves {
        columns.extend(["serve FLOPs", "total FLOPs"]);
    }
    let mut sheet = Sheet::new("", &columns);
    let mut law = "";
    for row in rows {
        if several && law != row.law {
            law = &row.law;
            let mut heading = vec![String::new(); columns.len()];
            heading[0] = format!("{law}:");
            sheet.rows.push(heading);
        }
        let p = &row.plan;
        let mut cells = vec![
            row.strategy.to_string(),
            p.n.to_string(),
            p.d.to_string(),
            number(p.tokens_per_param),
            format!("{:.4}", p.loss_nats),
            p.train_flops.to_string(),
        ];
        if serves {
            cells.extend([row.serve_flops.to_string(), row.total_flops.to_string()]);
        }
        sheet.rows.push(cells);
        if !row.intervals.is_empty() {
            let of = |name: &str, show: fn(f64) -> String| match row.intervals.get(name) {
                // A budget that is given has no interval worth printing.
                Some(i) if (i.hi / i.lo - 1.0).abs() > 1e-9 => {
                    format!("{}–{}", show(i.lo), show(i.hi))
                }
                _ => String::new(),
            };
            let flops = |x: f64| Flops::new(x).to_string();
            let mut cells = vec![
                "  interval".to_owned(),
                of("params", short_count),
                of("tokens", short_count),
                of("tokens_per_param", number),
                of("loss", |x| format!("{x:.4}")),
                of("train_flops", flops),
            ];
            if serves {
                cells.extend([of("serve_flops", flops), of("total_flops", flops)]);
            }
            sheet.rows.push(cells);
        }
    }
    sheet
}

/// Sizes along a curve, a readable few of them.
#[must_use]
pub fn curve_sheet(curve: &IsoLossCurve) -> Sheet {
    let columns = ["N", "N / N*", "D", "D/N", "train FLOPs", "overhead"];
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
        "{} at {:.4} nats per token; optimum {} on {} ({} FLOPs), wall {}",
        table.law,
        table.loss_nats,
        table.optimum.n,
        table.optimum.d,
        table.optimum.train_flops,
        table.wall_params
    );
    let columns = ["N", "D", "D/N", "train FLOPs", "overhead", "break-even served tokens"];
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

/// The measured valleys.
#[must_use]
pub fn valley_sheet(valleys: &[Valley]) -> Sheet {
    let columns = ["FLOPs", "runs", "N at the floor", "loss (nats)", "bracketed"];
    let mut sheet = Sheet::new("Measured isoFLOP valleys (parabola in ln N)", &columns);
    for v in valleys {
        sheet.push([
            &v.c.to_string(),
            &v.n_points.to_string(),
            &v.n.map_or_else(|| "-".to_owned(), |n| n.to_string()),
            &v.loss_nats.map_or_else(|| "-".to_owned(), |l| format!("{l:.4}")),
            if v.bracketed { "yes" } else { "no" },
        ]);
    }
    sheet
}

/// Predictions beside outcomes.
#[must_use]
pub fn backtest_sheet(test: &Backtest) -> Sheet {
    let level = format!("{:.0} % interval", 100.0 * test.level);
    let columns = ["run", "N", "D", "predicted", &level, "actual (nats)", "error"];
    let mut sheet = Sheet::new("", &columns);
    for r in &test.runs {
        let inside = r.interval.map_or("", |i| if i.contains(r.run.loss_nats) { "" } else { " !" });
        sheet.push([
            &r.run.run,
            &r.run.n.to_string(),
            &r.run.d.to_string(),
            &format!("{:.4}", r.predicted_nats),
            &between(r.interval.as_ref(), |x| format!("{x:.4}")),
            &format!("{:.4}{inside}", r.run.loss_nats),
            &format!("{:+.2} %", 100.0 * r.error),
        ]);
    }
    sheet
}
