//! Loss against compute with the compute-optimal frontier.

use super::{Axis, Chart, Entry, Mark, PALETTE, Picture, QUIET, Sample, Scale};
use crate::data::RunTable;
use crate::error::Result;
use crate::law::Ensemble;
use crate::plan::compute_optimal;
use crate::units::Flops;

/// How far beyond the dearest run the frontier is drawn, as a factor in C.
const BEYOND: f64 = 10.0;

/// Runs and frontier of a fit.
#[derive(Clone, Debug)]
pub struct Frontier<'a> {
    table: &'a RunTable,
    ensemble: &'a Ensemble,
}

impl<'a> Frontier<'a> {
    /// A chart of the runs of `table` under a fit.
    #[must_use]
    pub fn new(table: &'a RunTable, ensemble: &'a Ensemble) -> Self {
        Self { table, ensemble }
    }
}

impl Picture for Frontier<'_> {
    fn chart(&self) -> Result<Chart> {
        let runs = &self.table.runs;
        let dearest = runs.iter().map(|r| r.c.get()).fold(0.0, f64::max);
        let cheapest = runs.iter().map(|r| r.c.get()).fold(f64::INFINITY, f64::min);
        let steps = 40;
        let budget = |k: i32| {
            Flops::new(
                cheapest * (BEYOND * dearest / cheapest).powf(f64::from(k) / f64::from(steps)),
            )
        };
        let mut line = Vec::new();
        let mut between = Vec::new();
        for c in (0..=steps).map(budget) {
            let Ok(plan) = compute_optimal(&self.ensemble.best, c) else { continue };
            line.push((c.get(), plan.loss_nats));
            let draws = self.ensemble.map(|s| compute_optimal(s, c));
            if let Some(interval) = draws.interval(|p| p.loss_nats) {
                between.push((c.get(), interval.lo, interval.hi));
            }
        }
        let x = Axis::around(
            "training compute C (FLOPs)",
            Scale::Power,
            [cheapest, BEYOND * dearest],
            0.03,
        );
        let losses = runs.iter().map(|r| r.loss_nats).chain(line.iter().map(|p| p.1));
        let y = Axis::around("loss (nats per token)", Scale::Linear, losses, 0.08);
        let (inside, outside): (Vec<_>, Vec<_>) = line.iter().partition(|p| p.0 <= dearest);
        // The dashed part begins where the solid one ends.
        let outside = inside.last().copied().into_iter().chain(outside).collect();
        let colour = PALETTE[0];
        let at = runs.iter().map(|r| (r.c.get(), r.loss_nats)).collect();
        let marks = vec![
            Mark::Band { between, colour },
            Mark::Line { through: inside, colour, width: 2, dashed: false },
            Mark::Line { through: outside, colour, width: 2, dashed: true },
            Mark::Dots { at, colour: PALETTE[1] },
        ];
        let entry = |text: &str, colour, sample| Entry { text: text.to_owned(), colour, sample };
        let mut legend = vec![
            entry("runs", PALETTE[1], Sample::Dot),
            entry("fitted frontier", colour, Sample::Line),
            entry("extrapolated", colour, Sample::Dashes),
        ];
        if !self.ensemble.draws.is_empty() {
            let level = format!("{:.0} % interval", 100.0 * self.ensemble.level);
            legend.push(entry(&level, colour, Sample::Fill));
        }
        let floor = self.ensemble.best.floor();
        let mut marks = marks;
        if floor > y.lo {
            let through = vec![(x.lo, floor), (x.hi, floor)];
            marks.push(Mark::Line { through, colour: QUIET, width: 1, dashed: true });
            legend.push(entry("entropy E of the fit", QUIET, Sample::Dashes));
        }
        let title = "Loss against training compute".to_owned();
        Ok(Chart { title, x, y, marks, legend })
    }
}
