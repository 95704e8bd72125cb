//! The compute-optimal frontier: the lowest loss each budget can buy.

use super::axis::{Axis, Scale, Style, count_text, range_of, spread};
use super::layer::{At, ColorBar, Key, Layer, Legend, Mark, Sample, Stroke};
use super::palette::{self, ramp};
use super::picture::Chart;
use crate::data::RunTable;
use crate::error::Result;
use crate::law::Ensemble;
use crate::plan::compute_optimal;
use crate::units::Flops;

/// Budgets at which the frontier is computed.
const SAMPLES: usize = 60;

/// Loss against C: every run, coloured by size, and the fitted frontier with its interval.
///
/// - `until`: how far right the frontier is drawn; by default to ten times the largest budget of the runs.
///   Beyond that budget it is dashed.
///
/// # Errors
/// As [`compute_optimal`] for the best surface.
pub fn frontier_chart(
    table: &RunTable,
    ensemble: &Ensemble,
    until: Option<Flops>,
) -> Result<Chart> {
    let (smallest_budget, largest_budget) =
        range_of(table.runs.iter().map(|r| r.c.get()), Scale::Log, 0.0);
    let end = until.map_or(10.0 * largest_budget, Flops::get).max(largest_budget);
    let (start, _) = range_of([smallest_budget, end], Scale::Log, 0.03);

    // The largest budget is a sample itself, so that both parts of the line meet there.
    let inside = spread(start, largest_budget, SAMPLES);
    let beyond =
        if end > largest_budget { spread(largest_budget, end, SAMPLES / 2) } else { Vec::new() };
    let optimum = |c: &f64| -> Result<At> {
        Ok((*c, compute_optimal(&ensemble.best, Flops::new(*c))?.loss_nats))
    };
    let solid = inside.iter().map(optimum).collect::<Result<Vec<At>>>()?;
    let dashed = beyond.iter().map(optimum).collect::<Result<Vec<At>>>()?;

    let budgets: Vec<f64> = inside.iter().chain(beyond.iter().skip(1)).copied().collect();
    let draws = ensemble.map(|surface| {
        budgets
            .iter()
            .map(|c| Ok(compute_optimal(surface, Flops::new(*c))?.loss_nats))
            .collect::<Result<Vec<f64>>>()
    });
    let band: Vec<(f64, f64, f64)> = budgets
        .iter()
        .enumerate()
        .filter_map(|(i, c)| draws.interval(|losses| losses[i]).map(|v| (*c, v.lo, v.hi)))
        .collect();

    let (smallest, largest) = range_of(table.runs.iter().map(|r| r.n.get()), Scale::Log, 0.0);
    let shade = |n: f64| ramp((n / smallest).ln() / (largest / smallest).ln());
    let runs = table.runs.iter().map(|r| ((r.c.get(), r.loss_nats), shade(r.n.get()))).collect();

    let losses = table.runs.iter().map(|r| r.loss_nats);
    let lowest = solid.iter().chain(&dashed).map(|p| p.1).chain(band.iter().map(|b| b.1));
    let y = range_of(losses.chain(lowest), Scale::Linear, 0.05);
    let line = Stroke::solid(palette::VERMILION, 2.0);
    let extrapolated = Stroke::dashed(palette::VERMILION, 2.0);
    let mut keys = vec![
        Key::new(Sample::Mark(Mark::Dot, ramp(0.5)), "run"),
        Key::new(Sample::Line(line), "fitted frontier"),
    ];
    if !dashed.is_empty() {
        keys.push(Key::new(Sample::Line(extrapolated), "beyond the runs"));
    }
    if !band.is_empty() {
        let text = format!("{:.0} % interval", 100.0 * ensemble.level);
        keys.push(Key::new(Sample::Band(palette::VERMILION), text));
    }
    let middle = (smallest * largest).sqrt();
    Ok(Chart {
        name: "frontier",
        title: "Loss against training compute".to_owned(),
        caption: format!(
            "{} runs and the lowest loss the fitted law allows at each training budget; dashed beyond the largest budget of the runs, {:.2e} FLOPs.",
            table.runs.len(),
            largest_budget
        ),
        x: Axis::log("Training compute C (FLOPs)", Style::Exponent, (start, end)),
        y: Axis::linear(&format!("Loss ({})", table.loss_unit()), y),
        layers: vec![
            Layer::Band { rows: band, color: palette::VERMILION },
            Layer::line(solid, line),
            Layer::line(dashed, extrapolated),
            Layer::Marks { points: runs, mark: Mark::Dot, radius: 3.4 },
        ],
        labels: Vec::new(),
        legend: Legend {
            groups: vec![(String::new(), keys)],
            bar: Some(ColorBar {
                heading: "Size N (parameters)".to_owned(),
                ticks: [(0.0, smallest), (0.5, middle), (1.0, largest)]
                    .map(|(share, n)| (share, count_text(n)))
                    .to_vec(),
            }),
        },
    })
}
