//! The iso-loss compression curve in the plane of model size and training compute.

use super::{Axis, Chart, Entry, INK, Mark, PALETTE, Picture, QUIET, Sample, Scale, Side};
use crate::error::Result;
use crate::num::Interval;
use crate::plan::IsoLossCurve;
use crate::units::{Params, Tokens};

/// Most compute shown, as a factor over the optimum: beyond, the wall would squash the curve.
const MOST: f64 = 30.0;

/// A released model to place on the curve.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedModel {
    name: String,
    n: Params,
    d: Tokens,
}

impl NamedModel {
    /// A model of N parameters trained on D tokens.
    #[must_use]
    pub fn new(name: &str, n: Params, d: Tokens) -> Self {
        Self { name: name.to_owned(), n, d }
    }
}

/// The curve with tangent, wall, band and models.
#[derive(Clone, Debug)]
pub struct Compression {
    /// The curve.
    pub curve: IsoLossCurve,
    /// Interval of the training FLOPs at each point of the curve, infinite above where some draws
    /// cannot reach the loss; may be empty.
    pub band: Vec<Option<Interval>>,
    /// Models of about this loss.
    pub models: Vec<NamedModel>,
}

impl Picture for Compression {
    fn chart(&self) -> Result<Chart> {
        let curve = &self.curve;
        let (best_n, best_c) = (curve.optimum.n.get(), curve.optimum.train_flops.get());
        let shown: Vec<(f64, f64)> = curve
            .points
            .iter()
            .map(|p| (p.n.get(), p.train_flops.get()))
            .filter(|p| p.1 <= MOST * best_c && p.0 <= 4.0 * best_n)
            .collect();
        let wall = curve.wall_params.get();
        let x = Axis::around(
            "model size N (parameters)",
            Scale::Count,
            shown.iter().map(|p| p.0).chain([wall]),
            0.05,
        );
        let y = Axis {
            title: "training compute C (FLOPs)".to_owned(),
            scale: Scale::Power,
            lo: best_c / 1.8,
            hi: MOST * best_c,
        };
        let colour = PALETTE[0];
        let mut marks = Vec::new();
        let between: Vec<(f64, f64, f64)> = curve
            .points
            .iter()
            .zip(&self.band)
            .filter_map(|(p, i)| i.map(|i| (p.n.get(), i.lo, i.hi.min(f64::MAX))))
            .collect();
        let has_band = between.len() > 1;
        if has_band {
            marks.push(Mark::Band { between, colour });
        }
        let line = |through, colour, width, dashed| Mark::Line { through, colour, width, dashed };
        marks.push(line(vec![(wall, y.lo), (wall, y.hi)], QUIET, 1, true));
        let reach = 2.2;
        let tangent = vec![(best_n / reach, best_c), (best_n * reach, best_c)];
        marks.push(line(tangent, PALETTE[1], 1, false));
        let through: Vec<(f64, f64)> =
            curve.points.iter().map(|p| (p.n.get(), p.train_flops.get())).collect();
        marks.push(line(through, colour, 3, false));
        marks.push(Mark::Diamonds { at: vec![(best_n, best_c)], colour: PALETTE[1] });
        let label = |at, text, side, colour| Mark::Label { at, text, side, colour };
        let text = format!("optimum: {} on {} tokens", curve.optimum.n, curve.optimum.d);
        marks.push(label((best_n, best_c), text, Side::Below, PALETTE[1]));
        // Beside the foot of the wall, where the curve never comes.
        let foot = (wall, y.lo * 1.25);
        marks.push(label(foot, format!("wall: {}", curve.wall_params), Side::Right, INK));
        for ratio in [0.75, 0.5, 0.3] {
            if let Some(c) = self.compute_at(best_n * ratio) {
                let at = (best_n * ratio, c);
                marks.push(Mark::Dots { at: vec![at], colour });
                let text = format!("{:+.0} % at {ratio} N*", 100.0 * (c / best_c - 1.0));
                marks.push(label(at, text, Side::Right, colour));
            }
        }
        let placed: Vec<(f64, f64)> =
            self.models.iter().map(|m| (m.n.get(), 6.0 * m.n.get() * m.d.get())).collect();
        for (model, at) in self.models.iter().zip(&placed) {
            marks.push(label(*at, model.name.clone(), Side::Right, INK));
        }
        let mut legend = vec![
            entry("same loss", colour, Sample::Line),
            entry("horizontal tangent", PALETTE[1], Sample::Line),
            entry("wall", QUIET, Sample::Dashes),
        ];
        if has_band {
            legend.push(entry("interval", colour, Sample::Fill));
        }
        if !placed.is_empty() {
            marks.push(Mark::Dots { at: placed, colour: PALETTE[2] });
            legend.push(entry("released models", PALETTE[2], Sample::Dot));
        }
        let title =
            format!("Compression curve at {:.4} nats per token ({})", curve.loss_nats, curve.law);
        Ok(Chart { title, x, y, marks, legend })
    }
}

fn entry(text: &str, colour: super::Colour, sample: Sample) -> Entry {
    Entry { text: text.to_owned(), colour, sample }
}

impl Compression {
    /// Training FLOPs of a size, between the points of the curve in logarithms.
    fn compute_at(&self, n: f64) -> Option<f64> {
        let pair = self.curve.points.windows(2).find(|w| w[0].n.get() <= n && n <= w[1].n.get())?;
        let share = (n / pair[0].n.get()).ln() / (pair[1].n.get() / pair[0].n.get()).ln();
        let (from, to) = (pair[0].train_flops.ln(), pair[1].train_flops.ln());
        Some((from + share * (to - from)).exp())
    }
}
