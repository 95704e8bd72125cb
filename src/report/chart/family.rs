//! A family of iso-loss curves with the line of optima, the walls and released models.

use super::axis::{Axis, Scale, Style, count_text, range_of};
use super::compression::{curve_hits, model_hit, optimum_hit, wall_hit};
use super::layer::{At, Hit, Key, Label, Layer, Legend, Mark, Sample, Side, Stroke};
use super::palette::{self, ramp};
use super::picture::Chart;
use super::words::laws_title;
use crate::num::Interval;
use crate::plan::IsoLossCurve;
use crate::units::{Flops, Params};

/// What the vertical axis counts.
#[derive(Clone, Debug, PartialEq)]
pub struct CostAxis {
    /// Title with unit.
    pub title: String,
    /// Units of it per training FLOP.
    pub per_flop: f64,
    /// Whether tick labels are counts (device-hours, dollars) or powers of ten (FLOPs).
    pub counts: bool,
}

impl CostAxis {
    /// Training FLOPs.
    #[must_use]
    pub fn flops() -> Self {
        Self { title: "Training compute C (FLOPs)".to_owned(), per_flop: 1.0, counts: false }
    }
}

/// One curve with the interval of its training FLOPs at each point, where there is one.
#[derive(Clone, Debug)]
pub struct FamilyMember<'a> {
    /// The curve.
    pub curve: &'a IsoLossCurve,
    /// Interval of the training FLOPs by size; may be empty.
    pub band: Vec<(Params, Interval)>,
}

/// Highest compute of a curve shown, over its optimum's.
const CEILING: f64 = 30.0;

/// Cost of training against N for several losses. At the optima the tangents are horizontal; the
/// walls bound the sizes from below.
///
/// - `models`: name, size and training FLOPs of models to place.
#[must_use]
pub fn family_chart(
    members: &[FamilyMember],
    models: &[(String, Params, Flops)],
    axis: &CostAxis,
) -> Chart {
    let unit = axis.per_flop;
    let count = members.len().max(2) as f64 - 1.0;
    let optima: Vec<At> = members
        .iter()
        .map(|m| (m.curve.optimum.n.get(), unit * m.curve.optimum.train_flops.get()))
        .collect();
    let walls: Vec<f64> = members.iter().map(|m| m.curve.wall_params.get()).collect();
    let places: Vec<At> = models.iter().map(|m| (m.1.get(), unit * m.2.get())).collect();
    let x = range_of(
        walls
            .iter()
            .map(|w| w / 1.1)
            .chain(optima.iter().map(|o| 5.0 * o.0))
            .chain(places.iter().map(|p| p.0)),
        Scale::Log,
        0.02,
    );
    let y = range_of(
        optima.iter().flat_map(|o| [o.1 / 1.6, CEILING * o.1]).chain(places.iter().map(|p| p.1)),
        Scale::Log,
        0.02,
    );
    let mut layers = Vec::new();
    let mut labels = Vec::new();
    for (i, member) in members.iter().enumerate() {
        let color = ramp(i as f64 / count);
        let rows = member.band.iter().map(|(n, v)| (n.get(), unit * v.lo, unit * v.hi)).collect();
        layers.push(Layer::Band { rows, color });
        let (wall, best) = (walls[i], optima[i]);
        let short_wall = vec![(wall, best.1), (wall, CEILING * best.1)];
        layers.push(Layer::line(short_wall, Stroke::dashed(palette::VERMILION, 1.0)));
        let below = |c: f64| c <= CEILING * member.curve.optimum.train_flops.get();
        let points = member.curve.points.iter().filter(|p| below(p.train_flops.get()));
        let line: Vec<At> = points.map(|p| (p.n.get(), unit * p.train_flops.get())).collect();
        let inside = |p: &&At| (x.0..=0.97 * x.1).contains(&p.0);
        let end = line.iter().rev().find(inside).copied().unwrap_or(best);
        layers.push(Layer::line(line, Stroke::solid(color, 2.0)));
        let text = format!("{:.3} nats", member.curve.loss_nats);
        let above = [Side::AboveLeft, Side::Above, Side::Left];
        labels.push(Label::new(end, text, palette::TEXT, &above));
    }
    let ridge = Stroke::dashed(palette::TEXT, 1.4);
    layers.push(Layer::line(optima.clone(), ridge));
    layers.push(Layer::marks(optima.iter().copied(), palette::TEXT, Mark::Diamond, 5.0));
    layers.push(Layer::marks(places.iter().copied(), palette::PURPLE, Mark::Dot, 4.0));
    let in_unit = |hit: Hit| Hit { at: (hit.at.0, unit * hit.at.1), ..hit };
    let mut hits = Vec::new();
    for member in members {
        hits.extend(curve_hits(member.curve, &member.band).into_iter().map(in_unit));
        hits.push(in_unit(wall_hit(member.curve)));
        hits.push(in_unit(optimum_hit(member.curve)));
    }
    hits.extend(models.iter().map(|(name, n, c)| model_hit(name, *n, *c, unit)));
    let sides = [Side::Right, Side::Above, Side::Left, Side::Below];
    labels.extend(
        models
            .iter()
            .zip(&places)
            .map(|((name, ..), at)| Label::new(*at, name.clone(), palette::PURPLE, &sides)),
    );
    let mut keys = vec![
        Key::new(Sample::Line(Stroke::solid(ramp(0.4), 2.0)), "same loss"),
        Key::new(Sample::Both(ridge, Mark::Diamond), "optima"),
        Key::new(Sample::Line(Stroke::dashed(palette::VERMILION, 1.0)), "the walls"),
    ];
    if members.iter().any(|m| !m.band.is_empty()) {
        keys.push(Key::new(Sample::Band(ramp(0.4)), "interval"));
    }
    if !models.is_empty() {
        keys.push(Key::new(Sample::Mark(Mark::Dot, palette::PURPLE), "released model"));
    }
    let ends = optima.first().zip(optima.last());
    let caption = ends.map_or(String::new(), |(first, last)| {
        format!(
            "Each line joins models of equal loss. The dashed line joins their compute-optimal sizes, from {} to {} parameters, where the tangent is horizontal.",
            count_text(first.0.min(last.0)),
            count_text(first.0.max(last.0))
        )
    });
    let style = if axis.counts { Style::Count } else { Style::Exponent };
    Chart {
        name: "iso-loss",
        title: "What a smaller model of the same loss costs to train".to_owned(),
        subtitle: laws_title(members.iter().map(|m| m.curve.law.as_str())),
        caption,
        x: Axis::log("Model size N (parameters)", Style::Count, x),
        y: Axis::log(&axis.title, style, y),
        layers,
        labels,
        legend: Legend { groups: vec![(String::new(), keys)], bar: None },
        hits,
    }
}
