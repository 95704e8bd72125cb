//! Training plus serving: the more tokens are served, the smaller the optimal model.

use super::axis::{Axis, Scale, Style, count_text, range_of};
use super::layer::{At, Hit, Key, Label, Layer, Legend, Mark, Sample, Side, Stroke, thinned};
use super::palette;
use super::picture::Chart;
use super::words::law_title;
use crate::plan::IsoLossCurve;
use crate::units::{Flops, Params, Tokens};

/// Highest total shown, over the highest minimum.
const CEILING: f64 = 5.0;

/// Total FLOPs, 6 N D + 2 N T, against N at one loss: a curve for each demand T, with the size of
/// least total compute marked.
///
/// - `served`: tokens served over the model's life; zero for training alone.
#[must_use]
pub fn trade_off_chart(curve: &IsoLossCurve, served: &[Tokens]) -> Chart {
    let colors = palette::steps(served.len());
    let curves: Vec<Vec<At>> = served
        .iter()
        .map(|t| {
            curve
                .points
                .iter()
                .map(|p| (p.n.get(), p.train_flops.get() + 2.0 * p.n.get() * t.get()))
                .collect()
        })
        .collect();
    let minima: Vec<Option<At>> = curves.iter().map(|points| minimum(points)).collect();
    let found = || minima.iter().flatten();
    let wall = curve.wall_params.get();
    let x = range_of(
        [wall / 1.12, 4.0 * curve.optimum.n.get()].into_iter().chain(found().map(|m| m.0)),
        Scale::Log,
        0.02,
    );
    let (lowest, highest) = range_of(found().map(|m| m.1), Scale::Log, 0.0);
    let y = (0.7 * lowest, CEILING * highest);

    let wall_line = Stroke::dashed(palette::GUIDE, 1.2);
    let mut layers = vec![
        Layer::line(vec![(wall, y.0), (wall, y.1)], wall_line),
        Layer::line(found().copied().collect(), Stroke::dashed(palette::TEXT, 1.0)),
    ];
    let (mut keys, mut hits) = (Vec::new(), Vec::new());
    for ((points, t), color) in curves.into_iter().zip(served).zip(&colors) {
        let stroke = Stroke::solid(*color, 1.8);
        let at_demand = |at: &At| {
            let (n, c) = (Params::new(at.0), Flops::new(at.1));
            let text = format!("{n} parameters, {t} tokens served: {c} FLOPs in all");
            Hit::new(*at, format!("{t} tokens served"), text)
        };
        hits.extend(thinned(&points, 40).map(at_demand));
        layers.push(Layer::line(points, stroke));
        let text = if t.get() > 0.0 { count_text(t.get()) } else { "none".to_owned() };
        keys.push(Key::new(Sample::Line(stroke), text));
    }
    let sides = [Side::Below, Side::BelowRight, Side::BelowLeft];
    let mut labels = Vec::new();
    for (minimum, color) in minima.iter().zip(&colors) {
        let Some(at) = minimum else { continue };
        layers.push(Layer::marks([*at], *color, Mark::Diamond, 5.5));
        let (n, c) = (Params::new(at.0), Flops::new(at.1));
        let text = format!("least compute: {n} parameters, {c} FLOPs in all");
        hits.push(Hit::new(*at, "least compute", text));
        labels.push(Label::new(*at, count_text(at.0), palette::TEXT, &sides).bold());
    }
    let heights = [0.2, 0.12, 0.28, 0.36, 0.06].map(|s: f64| (wall, y.0 * (y.1 / y.0).powf(s)));
    let wall_text = format!("wall: {}", count_text(wall));
    let beside = [Side::Right, Side::Left];
    labels.push(Label::along(heights.to_vec(), wall_text, palette::QUIET, &beside));
    let notes = vec![
        Key::new(Sample::Mark(Mark::Diamond, palette::QUIET), "least compute"),
        Key::new(Sample::Line(wall_line), "the wall"),
    ];
    Chart {
        name: "trade-off",
        title: format!(
            "Training plus serving at {:.3} {}",
            curve.loss_nats, curve.optimum.loss_unit
        ),
        subtitle: law_title(&curve.law),
        caption: format!(
            "Total compute against model size at one loss. Without serving, {} parameters need the least; the more tokens are served, the smaller the optimal model.",
            count_text(curve.optimum.n.get())
        ),
        x: Axis::log("Model size N (parameters)", Style::Count, x),
        y: Axis::log("Training + serving compute (FLOPs)", Style::Exponent, y),
        layers,
        labels,
        legend: Legend {
            groups: vec![("Tokens served T".to_owned(), keys), (String::new(), notes)],
            bar: None,
        },
        hits,
    }
}

/// The lowest point of a sampled curve, refined by the parabola through its neighbours in the
/// logarithms.
fn minimum(points: &[At]) -> Option<At> {
    let lowest = (0..points.len()).min_by(|a, b| points[*a].1.total_cmp(&points[*b].1))?;
    if lowest == 0 || lowest + 1 == points.len() {
        return Some(points[lowest]);
    }
    let [a, b, c] = [lowest - 1, lowest, lowest + 1].map(|i| (points[i].0.ln(), points[i].1.ln()));
    let left = (b.1 - a.1) / (b.0 - a.0);
    let right = (c.1 - b.1) / (c.0 - b.0);
    let bend = (right - left) / (c.0 - a.0);
    if bend <= 0.0 {
        return Some(points[lowest]);
    }
    let x = 0.5 * (a.0 + b.0) - left / (2.0 * bend);
    let y = b.1 + (x - b.0) * (left + bend * (x - a.0));
    Some((x.exp(), y.exp()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{CostModel, Workload};
    use crate::law::Surface;
    use crate::plan::{inference_aware, iso_loss_curve, optimum_of_size};
    use crate::units::Params;

    #[test]
    fn the_marked_size_is_the_inference_aware_one() {
        let surface = Surface::published("besiroglu").expect("shipped");
        let loss = optimum_of_size(&surface, Params::new(30e9)).expect("optimum").loss_nats;
        let curve = iso_loss_curve(&surface, loss, 200).expect("curve");
        let served = Tokens::new(2e12);
        let points: Vec<At> = curve
            .points
            .iter()
            .map(|p| (p.n.get(), p.train_flops.get() + 2.0 * p.n.get() * served.get()))
            .collect();
        let (n, _) = minimum(&points).expect("inside");
        let exact = inference_aware(&surface, loss, &Workload::output(served), &CostModel::FLOPS)
            .expect("plan");
        assert!((n / exact.n.get() - 1.0).abs() < 2e-3, "{n:e} {}", exact.n);
    }
}
