//! Predicted beside actual losses.

use super::axis::{Axis, Scale, range_of};
use super::layer::{At, Hit, Key, Label, Layer, Legend, Mark, Sample, Side, Stroke};
use super::palette;
use super::picture::Chart;
use crate::fit::PredictedRun;
use crate::units::LossUnit;

/// Most misses that are named.
const NAMED: usize = 6;

/// Predicted loss with its interval against the actual one; on the line both are equal.
///
/// Runs outside their interval are rings, the first few with their names.
#[must_use]
pub fn validation_chart(runs: &[PredictedRun], unit: LossUnit) -> Chart {
    let at = |r: &PredictedRun| (r.run.loss_nats, r.predicted_nats);
    let misses = |r: &&PredictedRun| r.interval.is_some_and(|i| !i.contains(r.run.loss_nats));
    let outside: Vec<&PredictedRun> = runs.iter().filter(misses).collect();
    let inside: Vec<&PredictedRun> = runs.iter().filter(|r| !misses(r)).collect();
    let bars = |runs: &[&PredictedRun], color| -> Vec<Layer> {
        let bar = |r: &&PredictedRun| {
            let (x, i) = (r.run.loss_nats, r.interval?);
            Some(Layer::line(vec![(x, i.lo), (x, i.hi)], Stroke::solid(color, 1.6)))
        };
        runs.iter().filter_map(bar).collect()
    };
    let ends = runs.iter().filter_map(|r| r.interval).flat_map(|i| [i.lo, i.hi]);
    let values = runs.iter().flat_map(|r| [r.run.loss_nats, r.predicted_nats]).chain(ends);
    let range = range_of(values, Scale::Linear, 0.07);

    let identity: Vec<At> = vec![(range.0, range.0), (range.1, range.1)];
    let line = Stroke::solid(palette::GUIDE, 1.0);
    let mut layers = vec![Layer::line(identity, line)];
    layers.extend(bars(&inside, palette::BLUE));
    layers.extend(bars(&outside, palette::VERMILION));
    layers.push(Layer::marks(inside.iter().map(|r| at(r)), palette::BLUE, Mark::Dot, 2.4));
    let missed = outside.iter().map(|r| at(r));
    layers.push(Layer::marks(missed, palette::VERMILION, Mark::Ring, 3.4));

    let with_interval = runs.iter().any(|r| r.interval.is_some());
    let hit = if with_interval {
        format!("inside its interval ({})", inside.len())
    } else {
        format!("run ({})", inside.len())
    };
    let mut keys = vec![Key::new(Sample::Mark(Mark::Dot, palette::BLUE), hit)];
    if !outside.is_empty() {
        let text = format!("outside it ({})", outside.len());
        keys.push(Key::new(Sample::Mark(Mark::Ring, palette::VERMILION), text));
    }
    keys.push(Key::new(Sample::Line(line), "predicted = actual"));
    let sides = [Side::Right, Side::BelowRight, Side::Left, Side::AboveLeft];
    let labels = outside
        .iter()
        .take(NAMED)
        .map(|r| Label::new(at(r), r.run.run.clone(), palette::VERMILION, &sides))
        .collect();
    let hits = runs.iter().map(|r| {
        let between = r
            .interval
            .map_or_else(String::new, |i| format!(", interval {:.4} to {:.4}", i.lo, i.hi));
        let text = format!(
            "{}: {} parameters, {} tokens, actual {:.4}, predicted {:.4}{between}, error {:+.2} %",
            r.run.run,
            r.run.n,
            r.run.d,
            r.run.loss_nats,
            r.predicted_nats,
            100.0 * r.error
        );
        Hit::new(at(r), if misses(&r) { "outside" } else { "inside" }, text)
    });
    let hits = hits.collect();
    let worst = runs.iter().map(|r| r.error.abs()).fold(0.0, f64::max);
    Chart {
        name: "validation",
        title: "Predicted against actual loss".to_owned(),
        subtitle: format!("{} held-out runs", runs.len()),
        caption: format!(
            "{} held-out runs; the largest error is {:.2} %, and {} of {} lie outside their interval.",
            runs.len(),
            100.0 * worst,
            outside.len(),
            runs.len()
        ),
        x: Axis::linear(&format!("Actual loss ({unit})"), range),
        y: Axis::linear(&format!("Predicted loss ({unit})"), range),
        layers,
        labels,
        legend: Legend { groups: vec![(String::new(), keys)], bar: None },
        hits,
    }
}
