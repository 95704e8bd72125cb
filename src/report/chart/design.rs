//! The design: which sizes and token counts the runs cover, before anything is fitted.

use super::axis::{Axis, Scale, Style, exponent_text, range_of, spread};
use super::layer::{At, Key, Label, Layer, Legend, Mark, Sample, Side, Stroke};
use super::palette;
use super::picture::Chart;
use super::plane::{budgets, on_line, run_hit};
use crate::data::RunTable;

/// Tokens per parameter whose lines are drawn where they cross the plot.
const RATIOS: [f64; 8] = [0.02, 0.2, 2.0, 20.0, 200.0, 2000.0, 2e4, 2e5];

/// Tokens against parameters: runs, repeats marked, lines of equal compute and of equal tokens per
/// parameter.
#[must_use]
pub fn design_chart(table: &RunTable) -> Chart {
    let runs: Vec<At> = table.runs.iter().map(|r| (r.n.get(), r.d.get())).collect();
    let mut places: std::collections::BTreeMap<(i64, i64), usize> =
        std::collections::BTreeMap::new();
    let place = |at: &At| ((at.0.ln() * 1e4).round() as i64, (at.1.ln() * 1e4).round() as i64);
    runs.iter().for_each(|at| *places.entry(place(at)).or_default() += 1);
    let (repeated, single): (Vec<At>, Vec<At>) =
        runs.iter().copied().partition(|at| places[&place(at)] > 1);
    let x = range_of(runs.iter().map(|p| p.0), Scale::Log, 0.15);
    let y = range_of(runs.iter().map(|p| p.1), Scale::Log, 0.15);
    let iso = Stroke::solid(palette::GUIDE, 0.7);
    let equal = Stroke::dashed(palette::PURPLE, 1.0);
    let (mut layers, mut labels) = (Vec::new(), Vec::new());
    for c in budgets(x, y, 6.0) {
        let points = spread(x.0, x.1, 24).into_iter().map(|n| (n, c / (6.0 * n))).collect();
        layers.push(Layer::line(points, iso));
        let anchors = [0.93, 0.88, 0.82, 0.06, 0.11, 0.17, 0.76, 0.70, 0.24]
            .map(|share| on_line(c / 6.0, x, y, share));
        let above = [Side::AboveRight];
        labels.push(
            Label::along(anchors.to_vec(), exponent_text(c), palette::QUIET, &above).optional(),
        );
    }
    let mut has_ratio = false;
    for ratio in RATIOS {
        let (left, right) = (x.0.max(y.0 / ratio), x.1.min(y.1 / ratio));
        if left >= right {
            continue;
        }
        has_ratio = true;
        let along = |share: f64| {
            let n = left * (right / left).powf(share);
            (n, ratio * n)
        };
        layers.push(Layer::line(vec![along(0.0), along(1.0)], equal));
        let anchors = [0.95, 0.9, 0.05, 0.1, 0.85, 0.15, 0.5].map(along);
        let (text, sides) = (format!("D/N = {ratio}"), [Side::BelowRight, Side::AboveLeft]);
        labels.push(Label::along(anchors.to_vec(), text, palette::PURPLE, &sides).optional());
    }
    let mut keys = Vec::new();
    if !single.is_empty() {
        keys.push(Key::new(Sample::Mark(Mark::Dot, palette::BLUE), "run"));
        layers.push(Layer::marks(single, palette::BLUE, Mark::Dot, 3.5));
    }
    if !repeated.is_empty() {
        keys.push(Key::new(Sample::Mark(Mark::Diamond, palette::VERMILION), "repeated run"));
        layers.push(Layer::marks(repeated, palette::VERMILION, Mark::Diamond, 4.5));
    }
    keys.push(Key::new(Sample::Line(iso), "equal C (FLOPs)"));
    if has_ratio {
        keys.push(Key::new(Sample::Line(equal), "equal D/N"));
    }
    let unit = table.loss_unit();
    Chart {
        name: "design",
        title: "The design: model size and training tokens".to_owned(),
        subtitle: format!("{} runs", table.runs.len()),
        caption: "Sizes and token counts of the runs; a fitted law is reliable only near them. Along a thin line the training compute is the same.".to_owned(),
        x: Axis::log(&format!("Model size N ({})", table.params), Style::Count, x),
        y: Axis::log("Training tokens D", Style::Count, y),
        layers,
        labels,
        legend: Legend { groups: vec![(String::new(), keys)], bar: None },
        hits: table.runs.iter().map(|run| run_hit(run, unit)).collect(),
    }
}
