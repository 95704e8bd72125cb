//! isoFLOP valleys: loss against model size, one colour per budget.

use super::{Axis, Chart, Entry, INK, Mark, PALETTE, Picture, Sample, Scale};
use crate::data::RunTable;
use crate::error::Result;
use crate::fit::Valley;
use crate::law::Surface;
use crate::plan::compute_optimal;

/// Runs by budget, with the fitted law along each or, without one, the measured parabola.
#[derive(Clone, Debug)]
pub struct Valleys<'a> {
    table: &'a RunTable,
    valleys: &'a [Valley],
    surface: Option<&'a Surface>,
}

impl<'a> Valleys<'a> {
    /// A chart of the runs of `table`.
    #[must_use]
    pub fn new(table: &'a RunTable, valleys: &'a [Valley], surface: Option<&'a Surface>) -> Self {
        Self { table, valleys, surface }
    }
}

impl Picture for Valleys<'_> {
    fn chart(&self) -> Result<Chart> {
        let runs = &self.table.runs;
        let x = Axis::around(
            "model size N (parameters)",
            Scale::Count,
            runs.iter().map(|r| r.n.get()),
            0.06,
        );
        let mut marks = Vec::new();
        let mut legend = Vec::new();
        let mut optima = Vec::new();
        let mut dots = Vec::new();
        let mut losses: Vec<f64> = runs.iter().map(|r| r.loss_nats).collect();
        // Cheapest first in the table, dearest first in the legend would cross the eye: losses fall
        // with the budget, so top to bottom is cheapest to dearest in both.
        for (i, (c, group)) in self.table.by_budget().into_iter().enumerate() {
            let colour = PALETTE[i % PALETTE.len()];
            let lo = group.iter().map(|r| r.n.get()).fold(f64::INFINITY, f64::min);
            let hi = group.iter().map(|r| r.n.get()).fold(0.0, f64::max);
            let steps = 60;
            let size = |k: i32| lo * (hi / lo).powf(f64::from(k) / f64::from(steps));
            let through: Vec<(f64, f64)> = match self.surface {
                Some(surface) => (0..=steps)
                    .map(|k| {
                        (size(k), surface.loss_at(size(k).ln(), (c.get() / (6.0 * size(k))).ln()))
                    })
                    .collect(),
                None => self
                    .valleys
                    .iter()
                    .find(|v| (v.c.get() / c.get()).ln().abs() < 0.05)
                    .map(|v| (0..=steps).map(|k| (size(k), v.loss_at(size(k).ln()))).collect())
                    .unwrap_or_default(),
            };
            losses.extend(through.iter().map(|p| p.1));
            marks.push(Mark::Line { through, colour, width: 2, dashed: false });
            let at = group.iter().map(|r| (r.n.get(), r.loss_nats)).collect();
            dots.push(Mark::Dots { at, colour });
            if let Some(plan) = self.surface.and_then(|s| compute_optimal(s, c).ok()) {
                optima.push((plan.n.get(), plan.loss_nats));
            }
            let text = format!("C = {c} FLOPs");
            legend.push(Entry { text, colour, sample: Sample::Dot });
        }
        marks.extend(dots);
        if !optima.is_empty() {
            marks.push(Mark::Diamonds { at: optima, colour: INK });
            let text = "optimum of the fit".to_owned();
            legend.push(Entry { text, colour: INK, sample: Sample::Diamond });
        }
        let y = Axis::around("loss (nats per token)", Scale::Linear, losses, 0.06);
        let title = "isoFLOP valleys: loss against model size at fixed compute".to_owned();
        Ok(Chart { title, x, y, marks, legend })
    }
}
