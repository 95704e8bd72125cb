//! Two recipes: the loss of each budget, and how far apart they are at equal loss.

use super::axis::{Axis, Scale, Style, range_of};
use super::layer::{Hit, Key, Label, Layer, Legend, Mark, Sample, Side, Stroke};
use super::palette;
use super::picture::Chart;
use crate::fit::{FrontierKind, FrontierLoss, Gain};
use crate::units::{LossUnit, times};

/// Most distances that are drawn.
const MOST: usize = 7;

/// Loss against compute for both recipes, with the horizontal distances of the way to believe.
///
/// `None` where no frontier was measured.
#[must_use]
pub fn gain_chart(gain: &Gain, unit: LossUnit) -> Option<Chart> {
    if gain.a_frontier.is_empty() || gain.b_frontier.is_empty() {
        return None;
    }
    let sides = [
        (&gain.a, &gain.a_frontier, palette::BLUE),
        (&gain.b, &gain.b_frontier, palette::VERMILION),
    ];
    let points = || sides.iter().flat_map(|(_, points, _)| points.iter());
    let x = range_of(points().map(|p| p.c.get()), Scale::Log, 0.06);
    let y = range_of(points().map(|p| p.loss_nats), Scale::Linear, 0.08);
    let at = |p: &FrontierLoss| (p.c.get(), p.loss_nats);
    let (mut layers, mut labels, mut hits, mut keys) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (name, points, color) in sides {
        let band = points.iter().filter_map(|p| p.interval.map(|i| (p.c.get(), i.lo, i.hi)));
        layers.push(Layer::Band { rows: band.collect(), color });
        let stroke = Stroke::solid(color, 1.8);
        layers.push(Layer::line(points.iter().map(at).collect(), stroke));
        layers.push(Layer::marks(points.iter().map(at), color, Mark::Dot, 3.4));
        keys.push(Key::new(Sample::Both(stroke, Mark::Dot), name.as_str()));
        hits.extend(points.iter().map(|p| {
            let interval =
                p.interval.map_or(String::new(), |i| format!(" ({:.4} to {:.4})", i.lo, i.hi));
            let text =
                format!("{name}: {:.4}{interval} at {} FLOPs, {} runs", p.loss_nats, p.c, p.runs);
            Hit::new(at(p), name.as_str(), text)
        }));
    }
    let distance = Stroke::dashed(palette::TEXT, 1.2);
    let rows: Vec<_> = gain
        .believed()
        .map_or(Vec::new(), |m| m.budgets.iter().filter_map(|b| Some((b, b.loss_nats?))).collect());
    let stride = rows.len().div_ceil(MOST).max(1);
    for (row, loss) in rows.iter().rev().step_by(stride) {
        let (from, to) = (row.flops.get(), row.a_flops.get());
        layers.push(Layer::line(vec![(from, *loss), (to, *loss)], distance));
        let share = |s: f64| (from * (to / from).powf(s), *loss);
        let text = format!("{}x", times(row.multiplier));
        let sides = [Side::Above, Side::Below];
        labels.push(
            Label::along(vec![share(0.5), share(0.35), share(0.65)], text, palette::TEXT, &sides)
                .bold(),
        );
        let interval = row
            .interval
            .map_or(String::new(), |i| format!(" ({} to {})", times(i.lo), times(i.hi)));
        let text = format!(
            "{} saves {}x{interval}: {} against {} FLOPs at {loss:.4}",
            gain.b,
            times(row.multiplier),
            row.flops,
            row.a_flops
        );
        hits.push(Hit::new(share(0.5), "saves", text));
    }
    if !rows.is_empty() {
        keys.push(Key::new(Sample::Line(distance), "compute at equal loss"));
    }
    let of = match gain.frontier {
        Some(FrontierKind::Ladder) => "Loss of the runs at each budget",
        _ => "Lowest loss of each budget",
    };
    let caption = match gain.at_most() {
        Some(most) => format!(
            "{of}. At equal loss {} needs {} FLOPs where {} needs {}: {} times less.",
            gain.b,
            most.flops,
            gain.a,
            most.a_flops,
            times(most.multiplier)
        ),
        None => format!("{of}. No way of comparing them held anywhere."),
    };
    Some(Chart {
        name: "gain",
        title: format!("Compute that {} saves over {}", gain.b, gain.a),
        subtitle: gain.chosen.clone().unwrap_or_default(),
        caption,
        x: Axis::log("Training compute C (FLOPs)", Style::Exponent, x),
        y: Axis::linear(&format!("Loss ({unit})"), y),
        layers,
        labels,
        legend: Legend { groups: vec![(String::new(), keys)], bar: None },
        hits,
    })
}
