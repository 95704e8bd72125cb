//! The iso-loss compression curve: what a smaller model of the same loss costs to train.

use super::axis::{Axis, Scale, Style, count_text, range_of};
use super::layer::{At, Hit, Key, Label, Layer, Legend, Mark, Sample, Side, Stroke, thinned};
use super::palette;
use super::picture::Chart;
use super::words::{cost_words, law_title, percent_words};
use crate::num::Interval;
use crate::plan::{CurvePoint, IsoLossCurve};
use crate::units::{Flops, Params};

/// Sizes, as shares of the optimal one, whose overhead is written on the curve.
const SHARES: [f64; 3] = [0.75, 0.5, 0.3];
/// Highest compute shown, over the optimum's: higher, the wall would flatten the rest.
const CEILING: f64 = 10.0;
/// Largest size shown, over the optimum's.
const WIDEST: f64 = 5.0;

/// Training FLOPs against N at one loss: the optimum with its horizontal tangent, the overhead of
/// smaller models, and the wall below which no amount of tokens reaches the loss.
///
/// - `band`: interval of the training FLOPs by size; may be empty.
/// - `models`: name, size and training FLOPs of models to show beside the curve; may be empty.
#[must_use]
pub fn compression_chart(
    curve: &IsoLossCurve,
    band: &[(Params, Interval)],
    models: &[(String, Params, Flops)],
) -> Chart {
    let (n_best, c_best) = (curve.optimum.n.get(), curve.optimum.train_flops.get());
    let wall = curve.wall_params.get();
    let shown = models.iter().filter(|(_, _, c)| c.get() < 3.0 * CEILING * c_best);
    let shown: Vec<_> = shown.collect();
    let x = range_of(
        [wall / 1.12, WIDEST * n_best].into_iter().chain(shown.iter().map(|m| m.1.get())),
        Scale::Log,
        0.02,
    );
    let costs = shown.iter().map(|m| m.2.get());
    let y = range_of([0.72 * c_best, CEILING * c_best].into_iter().chain(costs), Scale::Log, 0.0);

    let line: Vec<At> = curve.points.iter().map(|p| (p.n.get(), p.train_flops.get())).collect();
    let marked: Vec<(f64, At)> = SHARES
        .iter()
        .filter(|share| **share * n_best > 1.03 * wall)
        .filter_map(|share| Some((*share, (share * n_best, c_at(&curve.points, share * n_best)?))))
        .filter(|(_, at)| at.1 < 0.95 * y.1)
        .collect();
    let solid = Stroke::solid(palette::BLUE, 2.2);
    let wall_line = Stroke::dashed(palette::VERMILION, 1.4);
    let rows = band.iter().map(|(n, i)| (n.get(), i.lo, i.hi)).collect();
    let layers = vec![
        Layer::Band { rows, color: palette::BLUE },
        Layer::line(vec![(x.0, c_best), (x.1, c_best)], Stroke::solid(palette::GUIDE, 0.9)),
        Layer::line(vec![(wall, y.0), (wall, y.1)], wall_line),
        Layer::line(line, solid),
        Layer::marks(marked.iter().map(|m| m.1), palette::BLUE, Mark::Dot, 3.6),
        Layer::marks([(n_best, c_best)], palette::TEXT, Mark::Diamond, 6.0),
        Layer::marks(
            shown.iter().map(|m| (m.1.get(), m.2.get())),
            palette::PURPLE,
            Mark::Diamond,
            5.0,
        ),
    ];

    let optimum = format!("optimum: {} parameters, {:.2e} FLOPs", count_text(n_best), c_best);
    let below = [Side::Below, Side::BelowRight, Side::BelowLeft];
    let mut labels = vec![Label::new((n_best, c_best), optimum, palette::TEXT, &below).bold()];
    // There is little room left of the wall, and right of it the curve rises: write low.
    let heights = [0.30, 0.45, 0.60, 0.15].map(|s: f64| (wall, y.0 * (y.1 / y.0).powf(s)));
    let wall_text = format!("wall: {}", count_text(wall));
    let beside = [Side::Right, Side::Left];
    labels.push(Label::along(heights.to_vec(), wall_text, palette::VERMILION, &beside));
    for (share, at) in &marked {
        let text = format!("{} at {share}x", percent_words(at.1 / c_best - 1.0));
        labels.push(Label::new(
            *at,
            text,
            palette::BLUE,
            &[Side::AboveRight, Side::Right, Side::Above],
        ));
    }
    let model_sides = [Side::Right, Side::AboveRight, Side::Above, Side::Left];
    labels.extend(shown.iter().map(|(name, n, c)| {
        Label::new((n.get(), c.get()), name.clone(), palette::PURPLE, &model_sides)
    }));

    let mut hits = curve_hits(curve, band);
    hits.push(wall_hit(curve));
    hits.extend(shown.iter().map(|(name, n, c)| model_hit(name, *n, *c, 1.0)));
    hits.push(optimum_hit(curve));
    let mut keys = vec![
        Key::new(Sample::Line(solid), "same loss"),
        Key::new(Sample::Mark(Mark::Diamond, palette::TEXT), "compute-optimal"),
        Key::new(Sample::Line(wall_line), "the wall"),
    ];
    if !band.is_empty() {
        keys.push(Key::new(Sample::Band(palette::BLUE), "interval"));
    }
    if !shown.is_empty() {
        keys.push(Key::new(Sample::Mark(Mark::Diamond, palette::PURPLE), "model"));
    }
    Chart {
        name: "compression",
        title: format!(
            "Training compute to reach {:.3} {}",
            curve.loss_nats, curve.optimum.loss_unit
        ),
        subtitle: law_title(&curve.law),
        caption: format!(
            "The compute-optimal model has {} parameters. Smaller models reach the same loss with more compute; below {} parameters none reaches it.",
            count_text(n_best),
            count_text(wall)
        ),
        x: Axis::log("Model size N (parameters)", Style::Count, x),
        y: Axis::log("Training compute C (FLOPs)", Style::Exponent, y),
        layers,
        labels,
        legend: Legend { groups: vec![(String::new(), keys)], bar: None },
        hits,
    }
}

/// Points along a curve with what they cost, and their interval where there is one.
pub(super) fn curve_hits(curve: &IsoLossCurve, band: &[(Params, Interval)]) -> Vec<Hit> {
    let hit = |p: &CurvePoint| {
        let between = band.iter().find(|(n, _)| *n == p.n).map(|(_, i)| i);
        let between = between.map_or_else(String::new, |i| {
            format!(", interval {} to {}", Flops::new(i.lo), Flops::new(i.hi))
        });
        let words = cost_words(p.n, p.d, p.train_flops);
        let over = percent_words(p.overhead);
        let text = format!("{words}{between}: {over} over the optimum");
        Hit::new((p.n.get(), p.train_flops.get()), &curve.law, text)
    };
    thinned(&curve.points, 48).map(hit).collect()
}

pub(super) fn optimum_hit(curve: &IsoLossCurve) -> Hit {
    let best = &curve.optimum;
    let words = cost_words(best.n, best.d, best.train_flops);
    let text = format!("compute-optimal under {}: {words}", curve.law);
    Hit::new((best.n.get(), best.train_flops.get()), "compute-optimal", text)
}

/// The wall where it crosses the compute of the optimum.
pub(super) fn wall_hit(curve: &IsoLossCurve) -> Hit {
    let text = format!("wall under {}: no model below {} parameters", curve.law, curve.wall_params);
    let at = (curve.wall_params.get(), curve.optimum.train_flops.get());
    Hit::new(at, "wall", format!("{text} reaches the loss"))
}

/// A model beside curves; `unit` is that of the cost axis per training FLOP.
pub(super) fn model_hit(name: &str, n: Params, c: Flops, unit: f64) -> Hit {
    Hit::new(
        (n.get(), unit * c.get()),
        "model",
        format!("{name}: {n} parameters, {c} training FLOPs"),
    )
}

/// Training FLOPs on the curve at `n`: a parabola in the logarithms through the nearest points.
pub(super) fn c_at(points: &[CurvePoint], n: f64) -> Option<f64> {
    let after = points.iter().position(|p| p.n.get() >= n)?;
    let first = after.saturating_sub(1).min(points.len().checked_sub(3)?);
    if points[first].n.get() > n {
        return None;
    }
    let p: Vec<(f64, f64)> =
        points[first..first + 3].iter().map(|p| (p.n.ln(), p.train_flops.ln())).collect();
    let x = n.ln();
    let term = |i: usize, j: usize, k: usize| {
        p[i].1 * (x - p[j].0) * (x - p[k].0) / ((p[i].0 - p[j].0) * (p[i].0 - p[k].0))
    };
    Some((term(0, 1, 2) + term(1, 0, 2) + term(2, 0, 1)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::Surface;
    use crate::plan::{iso_loss_curve, optimum_of_size, tokens_for_loss};

    #[test]
    fn overheads_read_off_the_curve_are_those_of_the_law() {
        let surface = Surface::published("besiroglu").expect("shipped");
        let loss = optimum_of_size(&surface, Params::new(70e9)).expect("optimum").loss_nats;
        let curve = iso_loss_curve(&surface, loss, 80).expect("curve");
        for share in SHARES {
            let n = curve.optimum.n * share;
            let d = tokens_for_loss(&surface, n, loss).expect("reachable");
            let exact = 6.0 * n.get() * d.get();
            let read = c_at(&curve.points, n.get()).expect("on the curve");
            assert!((read / exact - 1.0).abs() < 1e-3, "{share}: {read:e} {exact:e}");
        }
    }
}
