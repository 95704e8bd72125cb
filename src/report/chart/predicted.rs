//! Predicted against actual loss of runs the fit never saw.

use super::{Axis, Chart, Entry, Mark, PALETTE, Picture, QUIET, Sample, Scale, Side};
use crate::error::Result;
use crate::fit::PredictedRun;

/// Held-out runs with their intervals.
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
        let actual = self.runs.iter().map(|r| r.run.loss_nats);
        let ends = self.runs.iter().filter_map(|r| r.interval).flat_map(|i| [i.lo, i.hi]);
        let predicted = self.runs.iter().map(|r| r.predicted_nats);
        // One range for both axes, so that agreement is the diagonal.
        let all: Vec<f64> = actual.chain(ends).chain(predicted).collect();
        let axis = |title: &str| Axis::around(title, Scale::Linear, all.iter().copied(), 0.08);
        let (x, y) =
            (axis("actual loss (nats per token)"), axis("predicted loss (nats per token)"));
        let diagonal = vec![(x.lo, x.lo), (x.hi, x.hi)];
        let mut marks =
            vec![Mark::Line { through: diagonal, colour: QUIET, width: 1, dashed: false }];
        let colour = PALETTE[0];
        for r in self.runs {
            if let Some(i) = r.interval {
                marks.push(Mark::Bar { at: (r.run.loss_nats, i.lo, i.hi), colour });
            }
        }
        let at = self.runs.iter().map(|r| (r.run.loss_nats, r.predicted_nats)).collect();
        marks.push(Mark::Dots { at, colour });
        for r in self.runs {
            let text = format!("N = {}", r.run.n);
            let at = (r.run.loss_nats, r.predicted_nats);
            marks.push(Mark::Label { at, text, side: Side::Right, colour });
        }
        let entry = |text: &str, colour, sample| Entry { text: text.to_owned(), colour, sample };
        let legend = vec![
            entry("held-out runs", colour, Sample::Dot),
            entry("prediction interval", colour, Sample::Line),
            entry("agreement", QUIET, Sample::Line),
        ];
        let title = "The dearest budget, predicted from the cheaper ones".to_owned();
        Ok(Chart { title, x, y, marks, legend })
    }
}
