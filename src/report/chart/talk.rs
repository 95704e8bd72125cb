//! The plane of the talk: training FLOPs against model size, with the iso-loss line through Chinchilla.

use super::axis::{Axis, Scale, Style, count_text, range_of};
use super::compression::{c_at, curve_hits, model_hit, optimum_hit, wall_hit};
use super::family::FamilyMember;
use super::layer::{At, Key, Label, Layer, Legend, Mark, Sample, Side, Stroke};
use super::palette;
use super::picture::Chart;
use super::words::{law_title, percent_words};
use crate::units::{Flops, Params};

/// Highest compute of the curve shown, over the optimum's.
const CEILING: f64 = 40.0;

/// Training FLOPs against N: the line of equal loss, its horizontal tangent at the compute-optimal
/// point, the wall that no smaller model passes, and the models a talk names.
///
/// - `member`: the curve, with its interval where there is one.
/// - `optimal`: what the compute-optimal point is called, for example `Chinchilla`.
/// - `models`: name, size and training FLOPs.
#[must_use]
pub fn talk_chart(
    member: &FamilyMember<'_>,
    optimal: &str,
    models: &[(String, Params, Flops)],
) -> Chart {
    let curve = member.curve;
    let (n_best, c_best) = (curve.optimum.n.get(), curve.optimum.train_flops.get());
    let wall = curve.wall_params.get();
    let sizes = models.iter().map(|m| m.1.get());
    let x = range_of([wall / 2.0, 6.0 * n_best].into_iter().chain(sizes), Scale::Log, 0.06);
    let costs = models.iter().map(|m| m.2.get());
    let y = range_of([0.4 * c_best, CEILING * c_best].into_iter().chain(costs), Scale::Log, 0.05);
    let line: Vec<At> = curve.points.iter().map(|p| (p.n.get(), p.train_flops.get())).collect();
    let (iso, tangent) = (Stroke::solid(palette::BLUE, 2.4), Stroke::solid(palette::TEXT, 1.2));
    let wall_line = Stroke::dashed(palette::VERMILION, 1.6);
    let rows = member.band.iter().map(|(n, i)| (n.get(), i.lo, i.hi)).collect();
    let best = (n_best, c_best);
    let half = c_at(&curve.points, 0.5 * n_best).map(|c| (0.5 * n_best, c));
    let places: Vec<At> = models.iter().map(|m| (m.1.get(), m.2.get())).collect();
    let layers = vec![
        Layer::Band { rows, color: palette::BLUE },
        Layer::line(vec![(n_best / 2.6, c_best), (2.6 * n_best, c_best)], tangent),
        Layer::line(vec![(wall, y.0), (wall, y.1)], wall_line),
        Layer::line(line.clone(), iso),
        Layer::marks(places.iter().copied(), palette::PURPLE, Mark::Dot, 4.0),
        Layer::marks(half, palette::BLUE, Mark::Dot, 4.0),
        Layer::marks([best], palette::TEXT, Mark::Diamond, 6.5),
    ];

    let below = [Side::Below, Side::BelowRight, Side::BelowLeft];
    let name = format!("{optimal} {}", count_text(n_best));
    let mut labels = vec![Label::new(best, name, palette::TEXT, &below).bold()];
    let heights = [0.93, 0.85, 0.77, 0.1].map(|s: f64| (wall, y.0 * (y.1 / y.0).powf(s)));
    let text = format!("capacity wall {}", count_text(wall));
    let beside = [Side::Right, Side::Left];
    labels.push(Label::along(heights.to_vec(), text, palette::VERMILION, &beside));
    if let Some(at) = half {
        let over = percent_words(at.1 / c_best - 1.0);
        let text = format!("half the size: {over} compute");
        let above = [Side::AboveRight, Side::Right, Side::AboveLeft];
        labels.push(Label::new(at, text, palette::BLUE, &above));
    }
    let ends = [2.4, 2.0, 1.7].map(|factor: f64| (factor * n_best, c_best));
    let sides = [Side::Below, Side::BelowRight, Side::Above];
    labels.push(Label::along(ends.to_vec(), "horizontal tangent", palette::TEXT, &sides));
    let sides = [Side::Right, Side::Left, Side::Above, Side::Below];
    labels.extend(
        models.iter().zip(&places).map(|(m, at)| Label::new(*at, &*m.0, palette::PURPLE, &sides)),
    );
    let high = line.iter().rev().find(|at| at.0 < 0.9 * x.1 && at.1 < 0.8 * y.1).copied();
    labels.extend(high.map(|at| {
        let text = format!("same loss, {:.3} {}", curve.loss_nats, curve.optimum.loss_unit);
        Label::new(at, text, palette::BLUE, &[Side::AboveLeft, Side::BelowRight]).optional()
    }));

    let mut hits = curve_hits(curve, &member.band);
    hits.push(wall_hit(curve));
    hits.extend(models.iter().map(|(name, n, c)| model_hit(name, *n, *c, 1.0)));
    hits.push(optimum_hit(curve));
    let mut keys = vec![
        Key::new(Sample::Line(iso), "same loss"),
        Key::new(Sample::Line(tangent), "tangent"),
        Key::new(Sample::Mark(Mark::Diamond, palette::TEXT), "compute-optimal"),
        Key::new(Sample::Line(wall_line), "capacity wall"),
    ];
    if !member.band.is_empty() {
        keys.push(Key::new(Sample::Band(palette::BLUE), "interval"));
    }
    if !models.is_empty() {
        keys.push(Key::new(Sample::Mark(Mark::Dot, palette::PURPLE), "model of the talk"));
    }
    Chart {
        name: "talk",
        title: "The same loss from a smaller model takes more training compute".to_owned(),
        subtitle: law_title(&curve.law),
        caption: format!(
            "The line joins models of equal loss. At {} parameters its tangent is horizontal: least compute. Below {} parameters no model reaches the loss. Models are at 6 N D as published.",
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
