//! Iso-loss curves: a few sizes along one, a family of several, every point as CSV.

use super::chart::CostAxis;
use super::number::{loss, number, percent};
use super::sparkline::sparkline;
use super::table::Table;
use crate::plan::IsoLossCurve;
use crate::units::{Flops, short_count};

/// The optimum, the wall and the shape of a curve.
#[must_use]
pub fn curve_text(curve: &IsoLossCurve) -> String {
    let mut text = format!(
        "{} at {:.4} {}\n  optimum {} parameters on {} tokens, {} FLOPs (horizontal tangent)\n  wall    {} parameters: no smaller model reaches this loss on any number of tokens\n",
        curve.law,
        curve.loss_nats,
        curve.optimum.loss_unit,
        curve.optimum.n,
        curve.optimum.d,
        curve.optimum.train_flops,
        curve.wall_params,
    );
    if let [first, .., last] = curve.points.as_slice() {
        let compute: Vec<f64> = curve.points.iter().map(|p| p.train_flops.get().ln()).collect();
        text.push_str(&format!(
            "  shape   {}\n          log of training FLOPs, from {} to {} parameters\n",
            sparkline(&compute, 60),
            first.n,
            last.n
        ));
    }
    text
}

/// Sizes along a curve, a readable few of them.
#[must_use]
pub fn curve_table(curve: &IsoLossCurve) -> Table {
    let columns = ["N (params)", "N / N*", "D (tokens)", "D/N", "train FLOPs", "overhead"];
    let mut table = Table::new("", &columns);
    let every = curve.points.len().div_ceil(16);
    let optimum = curve.points.iter().position(|p| p.overhead == 0.0).unwrap_or(0);
    for (i, p) in curve.points.iter().enumerate() {
        if i % every == optimum % every {
            let ratio = format!("{:.3}", p.n.get() / curve.optimum.n.get());
            let (d, c) = (p.d.to_string(), p.train_flops.to_string());
            let cells =
                [&p.n.to_string(), &ratio, &d, &number(p.d / p.n), &c, &percent(p.overhead)];
            table.push(cells.map(String::as_str));
        }
    }
    table
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

/// Every point of several curves as CSV, the loss of its curve first.
#[must_use]
pub fn family_csv<'a>(curves: impl Iterator<Item = &'a IsoLossCurve>) -> String {
    let mut text = String::new();
    for curve in curves {
        let csv = curve_csv(curve);
        let mut lines = csv.lines();
        let header = lines.next().unwrap_or_default();
        if text.is_empty() {
            text.push_str(&format!("loss,{header}\n"));
        }
        lines.for_each(|line| text.push_str(&format!("{},{line}\n", curve.loss_nats)));
    }
    text
}

/// A family of iso-loss curves: optimum, wall, and the overhead of half and a third of the size.
///
/// - `overhead`: C / C_optimum - 1 at a share of the optimal size on a curve; absent below the wall.
#[must_use]
pub fn family_table<'a>(
    title: &str,
    curves: impl Iterator<Item = &'a IsoLossCurve>,
    axis: &CostAxis,
    overhead: impl Fn(&IsoLossCurve, f64) -> Option<f64>,
) -> Table {
    let columns = ["loss", "N*", "D*", "D*/N*", "cost", "wall", "at N*/2", "at N*/3"];
    let mut table = Table::new(title, &columns);
    for curve in curves {
        let best = &curve.optimum;
        let smaller =
            |share| overhead(curve, share).map_or_else(|| "below the wall".to_owned(), percent);
        let cost = axis.per_flop * best.train_flops.get();
        table.push([
            &loss(curve.loss_nats),
            &best.n.to_string(),
            &best.d.to_string(),
            &number(best.tokens_per_param),
            &if axis.counts { short_count(cost) } else { Flops::new(cost).to_string() },
            &curve.wall_params.to_string(),
            &smaller(0.5),
            &smaller(1.0 / 3.0),
        ]);
    }
    table
}
