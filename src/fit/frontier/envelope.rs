//! The envelope of training curves (Hoffmann et al. 2022, approach 1).

use std::collections::{BTreeMap, BTreeSet};

use super::approach::{Approach, Frontier, FrontierPoint, Line, Refused, drawn};
use crate::data::{RunRecord, RunTable};
use crate::fit::config::FitConfig;
use crate::num::mean;
use crate::units::{Flops, Params, Tokens};

/// Compute grid of the envelope, points per factor e.
const GRID_PER_E: f64 = 20.0;

/// A training curve: ln C against loss of one run, in order of compute.
struct Curve {
    ln_n: f64,
    points: Vec<(f64, f64)>,
}

impl Curve {
    /// Loss at ln C, linear between logged points; `None` outside them.
    fn loss_at(&self, ln_c: f64) -> Option<f64> {
        let after = self.points.partition_point(|p| p.0 < ln_c);
        let (x1, y1) = *self.points.get(after)?;
        if x1 == ln_c {
            return Some(y1);
        }
        let (x0, y0) = *self.points.get(after.checked_sub(1)?)?;
        Some(y0 + (y1 - y0) * (ln_c - x0) / (x1 - x0))
    }
}

/// The curves of step logs whose learning rate never came down; in a table without step logs, rows
/// that share a run's name and size, where there are at least five of them. C is `per_nd` N D: a point
/// within a run has no compute of its own on record.
fn curves(table: &RunTable, per_nd: f64) -> Vec<Curve> {
    if !table.curves.is_empty() {
        let point = |n: Params, d: Tokens, loss: f64| ((per_nd * n.get() * d.get()).ln(), loss);
        return table
            .curves
            .iter()
            .filter(|curve| !curve.decays)
            .map(|curve| Curve {
                ln_n: curve.n.ln(),
                points: curve.points.iter().map(|(d, loss)| point(curve.n, *d, *loss)).collect(),
            })
            .collect();
    }
    let mut groups: BTreeMap<(&str, u64), Vec<&RunRecord>> = BTreeMap::new();
    for run in &table.runs {
        groups.entry((&run.run, run.n.get().to_bits())).or_default().push(run);
    }
    groups
        .into_values()
        .filter(|rows| rows.len() >= 5)
        .map(|rows| {
            let ln_c = |r: &RunRecord| (per_nd * r.n.get() * r.d.get()).ln();
            let mut points: Vec<(f64, f64)> = rows.iter().map(|r| (ln_c(r), r.loss_nats)).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            points.dedup_by(|a, b| a.0 == b.0);
            Curve { ln_n: rows[0].n.ln(), points }
        })
        .collect()
}

/// Corners of the lower envelope: at each compute of a grid the size with the lowest loss, where a
/// smaller and a larger one are there to lose against it.
fn envelope(curves: &[&Curve]) -> Vec<(f64, f64)> {
    let ends = |f: fn(f64, f64) -> f64, start: f64, which: fn(&Curve) -> Option<f64>| {
        curves.iter().filter_map(|c| which(c)).fold(start, f)
    };
    let lo = ends(f64::min, f64::INFINITY, |c| c.points.first().map(|p| p.0));
    let hi = ends(f64::max, f64::NEG_INFINITY, |c| c.points.last().map(|p| p.0));
    if !(lo < hi && (hi - lo).is_finite()) {
        return Vec::new();
    }
    let steps = ((hi - lo) * GRID_PER_E).ceil() as usize;
    (0..=steps)
        .filter_map(|k| {
            let ln_c = lo + (hi - lo) * k as f64 / steps as f64;
            let there: Vec<(f64, f64)> =
                curves.iter().filter_map(|c| Some((c.ln_n, c.loss_at(ln_c)?))).collect();
            let best = there.iter().min_by(|a, b| a.1.total_cmp(&b.1))?.0;
            let smaller = there.iter().any(|p| p.0 < best - 1e-6);
            let larger = there.iter().any(|p| p.0 > best + 1e-6);
            (smaller && larger).then_some((ln_c, best))
        })
        .collect()
}

/// Approach 1: at each compute the size whose training curve is lowest.
pub(super) fn by_envelope(
    table: &RunTable,
    per_nd: f64,
    targets: &[Flops],
    config: &FitConfig,
) -> Approach {
    const NAME: &str = "1 envelope of training curves";
    let curves = curves(table, per_nd);
    let refuse = |reason: String| {
        let refused = vec![Refused { what: "all runs".to_owned(), reason }];
        Frontier::default().approach(NAME, targets, config.level, Vec::new(), refused)
    };
    let rounded = |ln_n: f64| (ln_n * 1e4).round() as i64;
    let sizes: BTreeSet<i64> = curves.iter().map(|c| rounded(c.ln_n)).collect();
    let decaying = table.curves.iter().filter(|c| c.decays).count();
    if sizes.len() < 3 && decaying > 0 {
        return refuse(format!(
            "the learning rate of {decaying} curves decays: before its end such a curve lies above runs that end there, which bends the envelope; it takes curves at a constant rate"
        ));
    }
    if sizes.len() < 3 {
        return refuse(format!(
            "it takes training curves, several rows per run name, of at least 3 sizes; {} were found",
            sizes.len()
        ));
    }
    let all: Vec<&Curve> = curves.iter().collect();
    let corners = envelope(&all);
    let distinct: BTreeSet<i64> = corners.iter().map(|p| rounded(p.1)).collect();
    if distinct.len() < 2 {
        return refuse(
            "the curves cross too seldom: at every compute the lowest is the smallest or the largest size there".to_owned(),
        );
    }
    let frontier =
        Frontier::of(&corners, config, |rng| Line::through(&envelope(&drawn(&all, rng))));
    // One point per size: where it is on the envelope, in the middle of its stretch.
    let measured = distinct
        .iter()
        .map(|size| {
            let on = corners.iter().filter(|p| rounded(p.1) == *size);
            let stretch: Vec<f64> = on.map(|p| p.0).collect();
            let c = Flops::new(mean(&stretch).exp());
            FrontierPoint { c, n: Params::new((*size as f64 / 1e4).exp()), interval: None }
        })
        .collect();
    frontier.approach(NAME, targets, config.level, measured, Vec::new())
}
