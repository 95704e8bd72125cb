//! The plane of sizes and tokens: the runs, the compute-optimal line and the plans.

use super::axis::{Axis, Scale, Style, exponent_text, range_of, spread};
use super::layer::{At, Key, Label, Layer, Legend, Mark, Sample, Side, Stroke};
use super::palette;
use super::picture::Chart;
use crate::data::RunTable;
use crate::error::Result;
use crate::law::{Ensemble, kaplan_allocation};
use crate::num::Interval;
use crate::plan::{Row, Strategy, compute_optimal};
use crate::units::Flops;

/// Budgets at which the optimal line is computed.
const SAMPLES: usize = 40;

/// Tokens against parameters: runs, lines of equal compute, the compute-optimal line with its
/// interval, and the plans.
///
/// - `table`: the runs, if there are any.
/// - `plans`: rows of a proposal; Kaplan's line is drawn when one of them is Kaplan's.
///
/// # Errors
/// As [`compute_optimal`] for the best surface; [`LawError`](crate::error::LawError) when the
/// shipped Kaplan constants cannot be read.
pub fn plane_chart(table: Option<&RunTable>, ensemble: &Ensemble, plans: &[Row]) -> Result<Chart> {
    let runs: Vec<At> =
        table.map(|t| t.runs.iter().map(|r| (r.n.get(), r.d.get())).collect()).unwrap_or_default();
    let planned: Vec<At> = plans.iter().map(|r| (r.plan.n.get(), r.plan.d.get())).collect();
    let seen = || runs.iter().chain(&planned);
    let x = range_of(seen().map(|p| p.0), Scale::Log, 0.15);
    let y = range_of(seen().map(|p| p.1), Scale::Log, 0.15);
    let per_nd = ensemble.best.flops_per_nd;
    let budgets = budgets(x, y, per_nd);

    let ends = (per_nd * x.0 * y.0, per_nd * x.1 * y.1);
    let along = spread(ends.0.max(1e8), ends.1.min(1e36), SAMPLES);
    let best = along
        .iter()
        .map(|c| compute_optimal(&ensemble.best, Flops::new(*c)).map(|p| (p.n.get(), p.d.get())))
        .collect::<Result<Vec<At>>>()?;
    let band = optimal_band(ensemble, &best);

    let iso = Stroke::solid(palette::GUIDE, 0.7);
    let optimal = Stroke::solid(palette::VERMILION, 2.0);
    let kaplan = Stroke::dashed(palette::PURPLE, 1.6);
    let mut layers = vec![Layer::Band { rows: band, color: palette::VERMILION }];
    let mut labels = Vec::new();
    for c in budgets {
        let points = spread(x.0, x.1, 24).into_iter().map(|n| (n, c / (per_nd * n))).collect();
        layers.push(Layer::line(points, iso));
        // Near the ends of the line first, where the plot is emptiest.
        let anchors = [0.93, 0.88, 0.82, 0.06, 0.11, 0.17, 0.76, 0.70, 0.24]
            .map(|share| on_line(c / per_nd, x, y, share));
        labels.push(Label {
            anchors: anchors.to_vec(),
            ..Label::new(anchors[0], exponent_text(c), palette::QUIET, &[Side::AboveRight])
        });
    }
    let mut keys = Vec::new();
    if !runs.is_empty() {
        keys.push(Key::new(Sample::Mark(Mark::Dot, palette::BLUE), "run"));
    }
    keys.push(Key::new(Sample::Line(optimal), "compute-optimal"));
    if !ensemble.draws.is_empty() {
        let text = format!("{:.0} % interval", 100.0 * ensemble.level);
        keys.push(Key::new(Sample::Band(palette::VERMILION), text));
    }
    if plans.iter().any(|r| r.strategy == Strategy::Kaplan) {
        let allocation = kaplan_allocation()?;
        let points = along
            .iter()
            .map(|c| {
                let n = allocation.params_for(Flops::new(*c)).get();
                (n, c / (per_nd * n))
            })
            .collect();
        layers.push(Layer::line(points, kaplan));
        keys.push(Key::new(Sample::Line(kaplan), "Kaplan et al."));
    }
    keys.push(Key::new(Sample::Line(iso), "equal C (FLOPs)"));
    layers.push(Layer::line(best, optimal));
    layers.push(Layer::marks(runs, palette::BLUE, Mark::Dot, 3.0));
    if !planned.is_empty() {
        keys.push(Key::new(Sample::Mark(Mark::Diamond, palette::TEXT), "plan"));
        layers.push(Layer::marks(planned.iter().copied(), palette::TEXT, Mark::Diamond, 5.5));
    }
    let sides = [Side::Right, Side::Left, Side::AboveRight, Side::BelowLeft];
    let names = plans
        .iter()
        .zip(&planned)
        .map(|(row, at)| Label::new(*at, row.strategy.to_string(), palette::TEXT, &sides).bold());
    // Plans first: they matter more than the names of the lines.
    let labels = names.chain(labels).collect();
    let params = ensemble.best.params;
    Ok(Chart {
        name: "plane",
        title: "Model size and training tokens".to_owned(),
        caption: "Sizes and token counts of the runs, the compute-optimal line and the plans. Along a thin line the training compute is the same.".to_owned(),
        x: Axis::log(&format!("Model size N ({params})"), Style::Count, x),
        y: Axis::log("Training tokens D", Style::Count, y),
        layers,
        labels,
        legend: Legend { groups: vec![(String::new(), keys)], bar: None },
    })
}

/// Powers of ten, or of a thousand on a wide plot, whose lines C = `per_nd` N D cross it.
pub(super) fn budgets(x: (f64, f64), y: (f64, f64), per_nd: f64) -> Vec<f64> {
    let first = (per_nd * x.0 * y.0).log10().ceil() as i32;
    let last = (per_nd * x.1 * y.1).log10().floor() as i32;
    let stride = ((last - first) / 8 + 1).unsigned_abs() as usize;
    (first..=last).step_by(stride).map(|e| 10_f64.powi(e)).collect()
}

/// A point on the visible part of N D = `nd`, `share` of the way from its left end.
pub(super) fn on_line(nd: f64, x: (f64, f64), y: (f64, f64), share: f64) -> At {
    let left = x.0.max(nd / y.1);
    let right = x.1.min(nd / y.0);
    let n = left * (right / left).powf(share);
    (n, nd / n)
}

/// Interval of D* at the sizes of the best line: each draw's D* there, between its own optima.
fn optimal_band(ensemble: &Ensemble, best: &[At]) -> Vec<(f64, f64, f64)> {
    let draws = ensemble.map(|surface| {
        best.iter()
            .map(|(n, _)| {
                crate::plan::optimum_of_size(surface, crate::units::Params::new(*n))
                    .map(|p| p.d.get())
            })
            .collect::<Result<Vec<f64>>>()
    });
    best.iter()
        .enumerate()
        .filter_map(|(i, (n, _))| {
            let Interval { lo, hi } = draws.interval(|d| d[i])?;
            Some((*n, lo, hi))
        })
        .collect()
}
