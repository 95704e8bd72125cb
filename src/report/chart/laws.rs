//! Iso-loss curves of several laws: what they agree on, and where they part.

use super::axis::{Axis, Scale, Style, count_text, range_of};
use super::compression::{curve_hits, model_hit, optimum_hit, wall_hit};
use super::family::FamilyMember;
use super::layer::{At, Key, Label, Layer, Legend, Mark, Sample, Side, Stroke};
use super::palette;
use super::picture::Chart;
use super::words::laws_title;
use crate::units::{Flops, Params};

/// Highest compute of a curve shown, over the largest optimum's.
const CEILING: f64 = 12.0;
/// Laws whose optima and walls have their values in the plot; those of more are said by pointing.
const MOST_NAMED: usize = 6;
/// Largest size shown, over the largest optimum's.
const WIDEST: f64 = 4.0;

/// Training FLOPs against N, one curve for each law, each at its own loss: its optimum, its wall, and
/// its interval where it has draws.
///
/// Losses of different laws are not on one scale, sizes and FLOPs are: so each law is asked for the
/// loss that it gives the model in question.
///
/// - `members`: one curve for each law.
/// - `models`: name, size and training FLOPs of models to show beside; may be empty.
#[must_use]
pub fn compression_of_laws_chart(
    members: &[FamilyMember],
    models: &[(String, Params, Flops)],
) -> Chart {
    let optima: Vec<At> = members.iter().map(|m| optimum(m)).collect();
    let highest = optima.iter().map(|o| o.1).fold(0.0, f64::max);
    let shown = models.iter().filter(|(_, _, c)| c.get() < 3.0 * CEILING * highest);
    let shown: Vec<_> = shown.collect();
    let walls = members.iter().map(|m| m.curve.wall_params.get() / 1.15);
    let sizes = shown.iter().map(|m| m.1.get());
    let right = optima.iter().map(|o| WIDEST * o.0);
    let x = range_of(walls.chain(right).chain(sizes), Scale::Log, 0.02);
    let costs = shown.iter().map(|m| m.2.get());
    let bottom = optima.iter().map(|o| 0.7 * o.1);
    let y = range_of(bottom.chain([CEILING * highest]).chain(costs), Scale::Log, 0.02);

    let (mut bands, mut lines, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    let (mut labels, mut walls, mut hits) = (Vec::new(), Vec::new(), Vec::new());
    for (i, (member, color)) in members.iter().zip(palette::series(members.len())).enumerate() {
        let curve = member.curve;
        // Hues are used twice at most before they can no longer be told apart.
        let stroke = Stroke { dashed: i / palette::HUES % 2 == 1, ..Stroke::solid(color, 2.0) };
        let rows: Vec<(f64, f64, f64)> =
            member.band.iter().map(|(n, v)| (n.get(), v.lo, v.hi)).collect();
        keys.push(Key::new(Sample::Line(stroke), curve.law.clone()));
        bands.push(Layer::Band { rows, color });
        let (wall, best) = (curve.wall_params.get(), optima[i]);
        let wall_line = Stroke::dashed(color, 1.0);
        lines.push(Layer::line(vec![(wall, best.1), (wall, y.1)], wall_line));
        let line: Vec<At> = curve.points.iter().map(|p| (p.n.get(), p.train_flops.get())).collect();
        lines.push(Layer::line(line, stroke));
        lines.push(Layer::marks([best], color, Mark::Diamond, 5.5));
        // Sizes are often alike, since all laws are asked for the quality of one; FLOPs are not.
        if members.len() <= MOST_NAMED {
            let below = [Side::Below, Side::BelowRight, Side::BelowLeft, Side::Above];
            let text = format!("{} FLOPs", curve.optimum.train_flops);
            labels.push(Label::new(best, text, color, &below).bold());
            let heights = [0.85, 0.7, 0.55, 0.95];
            let heights = heights.map(|s: f64| (wall, best.1 * (y.1 / best.1).powf(s)));
            let beside = [Side::Left, Side::Right];
            let text = format!("wall {}", count_text(wall));
            walls.push(Label::along(heights.to_vec(), text, color, &beside).optional());
        }
        hits.extend(curve_hits(curve, &member.band));
        hits.push(wall_hit(curve));
        hits.push(optimum_hit(curve));
    }
    let sides = [Side::Right, Side::AboveRight, Side::Above, Side::Left];
    labels.extend(
        shown.iter().map(|(name, n, c)| {
            Label::new((n.get(), c.get()), name.clone(), palette::TEXT, &sides)
        }),
    );
    labels.append(&mut walls);
    hits.extend(shown.iter().map(|(name, n, c)| model_hit(name, *n, *c, 1.0)));
    let mut layers = bands;
    layers.append(&mut lines);
    let places = shown.iter().map(|m| (m.1.get(), m.2.get()));
    layers.push(Layer::marks(places, palette::TEXT, Mark::Dot, 4.0));

    let level = "interval of a law with draws";
    let mut notes = vec![
        Key::new(Sample::Mark(Mark::Diamond, palette::QUIET), "compute-optimal"),
        Key::new(Sample::Line(Stroke::dashed(palette::QUIET, 1.0)), "the wall"),
    ];
    if members.iter().any(|m| !m.band.is_empty()) {
        notes.push(Key::new(Sample::Band(palette::QUIET), level));
    }
    if !shown.is_empty() {
        notes.push(Key::new(Sample::Mark(Mark::Dot, palette::TEXT), "model"));
    }
    let ends = range_of(optima.iter().map(|o| o.0), Scale::Linear, 0.0);
    Chart {
        name: "laws",
        title: "Training compute to reach one quality, under each law".to_owned(),
        subtitle: laws_title(members.iter().map(|m| m.curve.law.as_str())),
        caption: format!(
            "One iso-loss curve for each of {} laws. Their compute-optimal models have {} to {} parameters.",
            members.len(),
            count_text(ends.0),
            count_text(ends.1)
        ),
        x: Axis::log("Model size N (parameters)", Style::Count, x),
        y: Axis::log("Training compute C (FLOPs)", Style::Exponent, y),
        layers,
        labels,
        legend: Legend {
            groups: vec![("Law".to_owned(), keys), (String::new(), notes)],
            bar: None,
        },
        hits,
    }
}

fn optimum(member: &FamilyMember<'_>) -> At {
    let best = &member.curve.optimum;
    (best.n.get(), best.train_flops.get())
}
