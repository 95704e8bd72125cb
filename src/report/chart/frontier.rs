//! The compute-optimal frontier: the lowest loss each budget can buy.

use super::axis::{Axis, Scale, Style, count_text, range_of, spread};
use super::layer::{At, ColorBar, Hit, Key, Layer, Legend, Mark, Sample, Stroke, thinned};
use super::palette::{self, ramp};
use super::picture::Chart;
use super::plane::run_hit;
use super::words::laws_title;
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
    frontier_of_laws_chart(table, &[ensemble], until)
}

/// As [`frontier_chart`], with the frontier of several laws.
///
/// # Errors
/// As [`frontier_chart`].
pub fn frontier_of_laws_chart(
    table: &RunTable,
    laws: &[&Ensemble],
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

    let (smallest, largest) = range_of(table.runs.iter().map(|r| r.n.get()), Scale::Log, 0.0);
    let shade = |n: f64| ramp((n / smallest).ln() / (largest / smallest).ln());
    let runs = table.runs.iter().map(|r| ((r.c.get(), r.loss_nats), shade(r.n.get()))).collect();
    let unit = table.loss_unit();
    let mut hits: Vec<Hit> = table
        .runs
        .iter()
        .map(|run| Hit { at: (run.c.get(), run.loss_nats), ..run_hit(run, unit) })
        .collect();

    let (mut bands, mut lines) = (Vec::new(), Vec::new());
    let mut keys = vec![Key::new(Sample::Mark(Mark::Dot, ramp(0.5)), "run")];
    let mut lowest: Vec<f64> = table.runs.iter().map(|r| r.loss_nats).collect();
    for (law, color) in laws.iter().zip(palette::laws(laws.len())) {
        let one = Frontier::of(law, &inside, &beyond)?;
        let (line, extrapolated) = (Stroke::solid(color, 2.0), Stroke::dashed(color, 2.0));
        let name = if laws.len() == 1 { "fitted frontier" } else { law.best.label.as_str() };
        keys.push(Key::new(Sample::Line(line), name));
        if !beyond.is_empty() && laws.len() == 1 {
            keys.push(Key::new(Sample::Line(extrapolated), "beyond the runs"));
        }
        if !one.band.is_empty() {
            let text = format!("{:.0} % interval", 100.0 * law.level);
            keys.push(Key::new(Sample::Band(color), text));
        }
        lowest.extend(one.inside.iter().chain(&one.beyond).map(|p| p.1));
        lowest.extend(one.band.iter().map(|b| b.1));
        hits.extend(one.hits(name));
        bands.push(Layer::Band { rows: one.band, color });
        lines.push(Layer::line(one.inside, line));
        lines.push(Layer::line(one.beyond, extrapolated));
    }
    if !beyond.is_empty() && laws.len() > 1 {
        let dashed = Stroke::dashed(palette::QUIET, 2.0);
        keys.push(Key::new(Sample::Line(dashed), "beyond the runs"));
    }
    let mut layers = bands;
    layers.append(&mut lines);
    layers.push(Layer::Marks { points: runs, mark: Mark::Dot, radius: 3.4 });
    let middle = (smallest * largest).sqrt();
    Ok(Chart {
        name: "frontier",
        title: "Loss against training compute".to_owned(),
        subtitle: laws_title(laws.iter().map(|law| law.best.label.as_str())),
        caption: format!(
            "{} runs and the lowest loss the fitted law allows at each training budget; dashed beyond the largest budget of the runs, {:.2e} FLOPs.",
            table.runs.len(),
            largest_budget
        ),
        x: Axis::log("Training compute C (FLOPs)", Style::Exponent, (start, end)),
        y: Axis::linear(
            &format!("Loss ({})", table.loss_unit()),
            range_of(lowest, Scale::Linear, 0.05),
        ),
        layers,
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
        hits,
    })
}

/// The lowest loss of one law at each budget.
struct Frontier {
    /// Among the budgets of the runs.
    inside: Vec<At>,
    /// Beyond them.
    beyond: Vec<At>,
    /// The interval at each of both.
    band: Vec<(f64, f64, f64)>,
}

impl Frontier {
    fn of(law: &Ensemble, inside: &[f64], beyond: &[f64]) -> Result<Self> {
        let optimum = |c: &f64| -> Result<At> {
            Ok((*c, compute_optimal(&law.best, Flops::new(*c))?.loss_nats))
        };
        let budgets: Vec<f64> = inside.iter().chain(beyond.iter().skip(1)).copied().collect();
        let draws = law.map(|surface| {
            budgets
                .iter()
                .map(|c| Ok(compute_optimal(surface, Flops::new(*c))?.loss_nats))
                .collect::<Result<Vec<f64>>>()
        });
        let at =
            |(i, c): (usize, &f64)| draws.interval(|losses| losses[i]).map(|v| (*c, v.lo, v.hi));
        Ok(Self {
            inside: inside.iter().map(optimum).collect::<Result<_>>()?,
            beyond: beyond.iter().map(optimum).collect::<Result<_>>()?,
            band: budgets.iter().enumerate().filter_map(at).collect(),
        })
    }

    fn hits(&self, name: &str) -> Vec<Hit> {
        let points: Vec<&At> = self.inside.iter().chain(self.beyond.iter().skip(1)).collect();
        let hit = |at: &&At| {
            let between = self.band.iter().find(|row| row.0 == at.0);
            let between = between
                .map_or_else(String::new, |(_, lo, hi)| format!(", interval {lo:.4} to {hi:.4}"));
            let text = format!("{} FLOPs: lowest loss {:.4}{between}", Flops::new(at.0), at.1);
            Hit::new(**at, name, text)
        };
        thinned(&points, 45).map(hit).collect()
    }
}
