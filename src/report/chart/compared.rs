//! Overtraining: what a smaller model of the same loss costs over the optimum, and what pays it back.

use super::axis::{Axis, Scale, Style, count_text, range_of};
use super::layer::{At, Hit, Key, Label, Layer, Legend, Mark, Sample, Side, Stroke, thinned};
use super::palette;
use super::picture::Chart;
use super::words::{cost_words, laws_title, percent_words};
use crate::plan::{BandedCurve, Comparison, ComparisonRow};

/// Highest compute shown over the optimum's, unless a row lies higher.
const CEILING: f64 = 4.0;

/// Training compute over the optimum's against model size at one loss, a curve for each law, with the
/// models compared on it.
///
/// - `comparisons`: the models, one comparison for each law.
/// - `curves`: the iso-loss curve of each, in the same order, with its interval where it has draws.
#[must_use]
pub fn comparison_chart(comparisons: &[Comparison], curves: &[BandedCurve]) -> Chart {
    let rows = || comparisons.iter().flat_map(|c| &c.rows);
    let walls = comparisons.iter().map(|c| c.wall_params.get() / 1.1);
    let optima = comparisons.iter().map(|c| 2.2 * c.optimum.n.get());
    let sizes = rows().map(|r| r.plan.n.get());
    let x = range_of(walls.chain(optima).chain(sizes), Scale::Log, 0.03);
    let top = rows().map(|r| 1.0 + r.overhead).fold(CEILING, f64::max);
    let y = (0.9, 1.15 * top);

    let several = comparisons.len() > 1;
    let (mut bands, mut lines, mut marks) = (Vec::new(), Vec::new(), Vec::new());
    let (mut keys, mut labels, mut hits) = (Vec::new(), Vec::new(), Vec::new());
    let mut walls = Vec::new();
    for ((i, c), color) in comparisons.iter().enumerate().zip(palette::series(comparisons.len())) {
        let base = c.optimum.train_flops.get();
        let stroke = Stroke { dashed: i / palette::HUES % 2 == 1, ..Stroke::solid(color, 2.0) };
        keys.push(Key::new(Sample::Line(stroke), c.law.clone()));
        if let Some(curve) = curves.get(i) {
            let band = curve.band();
            let rows = band.iter().map(|(n, v)| (n.get(), v.lo / base, v.hi / base)).collect();
            bands.push(Layer::Band { rows, color });
            let points = &curve.curve.points;
            let line: Vec<At> = points.iter().map(|p| (p.n.get(), 1.0 + p.overhead)).collect();
            lines.push(Layer::line(line, stroke));
            hits.extend(thinned(points, 40).map(|p| {
                let words = cost_words(p.n, p.d, p.train_flops);
                let text = format!("{}: {words}, {}", c.law, percent_words(p.overhead));
                Hit::new((p.n.get(), 1.0 + p.overhead), &c.law, text)
            }));
        }
        let wall = c.wall_params.get();
        lines.push(Layer::line(vec![(wall, 1.0), (wall, y.1)], Stroke::dashed(color, 1.0)));
        let heights = [0.9, 0.8, 0.7, 0.6].map(|s: f64| (wall, y.1.powf(s)));
        let text = format!("wall {}", count_text(wall));
        let beside = [Side::Left, Side::Right];
        walls.push(Label::along(heights.to_vec(), text, color, &beside).optional());
        let best = (c.optimum.n.get(), 1.0);
        marks.push(Layer::marks([best], color, Mark::Diamond, 5.5));
        let below = [Side::Below, Side::BelowRight, Side::BelowLeft, Side::AboveRight];
        labels.push(Label::new(best, count_text(best.0), color, &below).bold());
        let words = cost_words(c.optimum.n, c.optimum.d, c.optimum.train_flops);
        hits.push(Hit::new(best, "compute-optimal", format!("{}, optimum: {words}", c.law)));
        let points = c.rows.iter().map(|r| (r.plan.n.get(), 1.0 + r.overhead));
        marks.push(Layer::marks(points, color, Mark::Dot, 4.4));
        for row in &c.rows {
            let at = (row.plan.n.get(), 1.0 + row.overhead);
            let sides = [Side::AboveRight, Side::Right, Side::Above, Side::AboveLeft];
            labels.push(Label::new(at, row_label(row), color, &sides));
            hits.push(Hit::new(at, &c.law, row_words(&c.law, row)));
        }
    }
    labels.append(&mut walls);
    let optimum = Stroke::solid(palette::GUIDE, 0.9);
    let mut layers = bands;
    layers.push(Layer::line(vec![(x.0, 1.0), (x.1, 1.0)], optimum));
    layers.append(&mut lines);
    layers.append(&mut marks);
    let mut notes = vec![
        Key::new(Sample::Mark(Mark::Diamond, palette::QUIET), "compute-optimal"),
        Key::new(Sample::Mark(Mark::Dot, palette::QUIET), "compared"),
        Key::new(Sample::Line(Stroke::dashed(palette::QUIET, 1.0)), "the wall"),
    ];
    if curves.iter().any(|c| !c.train_flops_intervals.is_empty()) {
        notes.push(Key::new(Sample::Band(palette::QUIET), "interval"));
    }
    let loss = match (several, comparisons.first()) {
        (false, Some(c)) => format!(" at {:.3} {}", c.loss_nats, c.optimum.loss_unit),
        _ => String::new(),
    };
    Chart {
        name: "overtraining",
        title: format!("What a smaller model of the same loss costs to train{loss}"),
        subtitle: laws_title(comparisons.iter().map(|c| c.law.as_str())),
        caption: "Training compute over that of the compute-optimal model against model size, along the curve of equal loss. A smaller model costs more to train and less to serve; beside each is how many served tokens pay it back.".to_owned(),
        x: Axis::log("Model size N (parameters)", Style::Count, x),
        y: Axis::log("Training compute over the optimum's", Style::Plain, y),
        layers,
        labels,
        legend: Legend { groups: vec![(String::new(), keys), (String::new(), notes)], bar: None },
        hits,
    }
}

/// `35B: +26 %, 5.31T served`.
fn row_label(row: &ComparisonRow) -> String {
    let pays = row.break_even_serve_tokens.map_or_else(String::new, |t| format!(", {t} served"));
    format!("{}: {}{pays}", count_text(row.plan.n.get()), percent_words(row.overhead))
}

fn row_words(law: &str, row: &ComparisonRow) -> String {
    let p = &row.plan;
    let pays = row.break_even_serve_tokens.map_or_else(
        || "never pays back".to_owned(),
        |t| format!("pays back after {t} served tokens"),
    );
    let over = percent_words(row.overhead);
    format!("{law}: {}, {over}; {pays}", cost_words(p.n, p.d, p.train_flops))
}
