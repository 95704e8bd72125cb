//! Runs the fit never saw beside what it said of them.

use super::{Axis, Chart, Entry, Mark, PALETTE, Picture, Sample, Scale};
use crate::error::Result;
use crate::fit::PredictedRun;

/// Held-out runs of one budget over their model sizes.
#[derive(Clone, Debug)]
pub struct Predicted<'a> {
    runs: &'a [PredictedRun],
}

impl<'a> Predicted<'a> {
    /// A chart of these runs.
    #[must_use]
    pub fn new(runs: &'a [PredictedRun]) -> Self {
        Self { runs }
    }
}

impl Picture for Predicted<'_> {
    fn chart(&self) -> Result<Chart> {
        let mut runs: Vec<&PredictedRun> = self.runs.iter().collect();
        runs.sort_by(|a, b| a.run.n.get().total_cmp(&b.run.n.get()));
        let sizes = runs.iter().map(|r| r.run.n.get());
        let x = Axis::around("model size N (parameters)", Scale::Count, sizes, 0.1);
        let ends = runs.iter().filter_map(|r| r.interval).flat_map(|i| [i.lo, i.hi]);
        let losses = runs.iter().flat_map(|r| [r.run.loss_nats, r.predicted_nats]).chain(ends);
        let y = Axis::around("loss (nats per token)", Scale::Linear, losses, 0.08);
        let (blue, orange) = (PALETTE[0], PALETTE[1]);
        let through: Vec<(f64, f64)> =
            runs.iter().map(|r| (r.run.n.get(), r.predicted_nats)).collect();
        let mut marks = Vec::new();
        for r in &runs {
            if let Some(i) = r.interval {
                marks.push(Mark::Bar { at: (r.run.n.get(), i.lo, i.hi), colour: blue });
            }
        }
        marks.push(Mark::Line { through: through.clone(), colour: blue, width: 1, dashed: true });
        marks.push(Mark::Diamonds { at: through, colour: blue });
        let at = runs.iter().map(|r| (r.run.n.get(), r.run.loss_nats)).collect();
        marks.push(Mark::Dots { at, colour: orange });
        let entry = |text: &str, colour, sample| Entry { text: text.to_owned(), colour, sample };
        let legend = vec![
            entry("predicted", blue, Sample::Diamond),
            entry("interval of a run", blue, Sample::Line),
            entry("actual", orange, Sample::Dot),
        ];
        let title = match runs.first() {
            Some(r) => format!(
                "{} FLOPs: predicted from cheaper runs, then trained",
                r.run.budget.unwrap_or(r.run.c)
            ),
            None => "No run was held out".to_owned(),
        };
        Ok(Chart { title, x, y, marks, legend })
    }
}
