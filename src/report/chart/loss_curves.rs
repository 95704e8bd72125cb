//! Training curves: loss against tokens, a line for each run.

use super::axis::{Axis, Scale, Style, count_text, range_of};
use super::layer::{
    At, ColorBar, Hit, Key, Label, Layer, Legend, Mark, Sample, Side, Stroke, thinned,
};
use super::palette::{self, ramp};
use super::picture::Chart;
use crate::data::RunTable;

/// Points of a line that are drawn: more than a page has pixels for show nothing.
const MOST_POINTS: usize = 600;
/// A loss is averaged over the steps whose tokens are within this factor: batches differ by more than
/// the loss falls.
const WINDOW: f64 = 1.15;
/// The least of it, at the ends of a curve, where the window is cut on both sides alike.
const LEAST_WINDOW: f64 = 1.03;
/// Points of a line that say their values.
const MOST_HITS: usize = 24;
/// Share of a curve's tokens whose losses are left out of the axis: the first fall from ln(vocabulary)
/// would flatten everything after it.
const BEGINNING: f64 = 0.01;
/// Most runs that are named.
const NAMED: usize = 12;

/// Loss against tokens seen, by run, coloured by size, with the final loss of each run.
///
/// - `table`: the runs, with the curves of those that came from step logs. Without any, the picture
///   shows the final losses alone.
#[must_use]
pub fn loss_curves_chart(table: &RunTable) -> Chart {
    let unit = table.loss_unit();
    let (smallest, largest) = range_of(table.runs.iter().map(|r| r.n.get()), Scale::Log, 0.0);
    let sizes_differ = largest > 1.5 * smallest;
    let shade = |n: f64| match sizes_differ {
        true => ramp((n / smallest).ln() / (largest / smallest).ln()),
        false => palette::BLUE,
    };
    let lines: Vec<(&str, f64, Vec<At>)> = table
        .curves
        .iter()
        .map(|curve| {
            let points: Vec<At> = curve.points.iter().map(|(d, loss)| (d.get(), *loss)).collect();
            let kept = thinned(&averaged(&points), MOST_POINTS).copied().collect();
            (curve.run.as_str(), curve.n.get(), kept)
        })
        .collect();
    let settled = lines.iter().flat_map(|(_, _, points)| {
        let from = BEGINNING * points.last().map_or(0.0, |p| p.0);
        points.iter().filter(move |p| p.0 >= from)
    });
    let settled: Vec<At> = settled.copied().collect();
    let ends: Vec<At> = table.runs.iter().map(|r| (r.d.get(), r.loss_nats)).collect();
    let seen = || settled.iter().chain(&ends);
    let x = range_of(seen().map(|p| p.0), Scale::Log, 0.03);
    let y = range_of(seen().map(|p| p.1), Scale::Linear, 0.05);

    let mut hits = Vec::new();
    let mut layers = Vec::new();
    for (run, n, points) in lines {
        hits.extend(thinned(&points, MOST_HITS).map(|at| {
            let (n, d) = (count_text(n), count_text(at.0));
            Hit::new(*at, run, format!("{run}: {n} parameters, {d} tokens, {:.4} {unit}", at.1))
        }));
        layers.push(Layer::line(points, Stroke::solid(shade(n), 1.3)));
    }
    hits.extend(table.runs.iter().map(|run| {
        let (n, d) = (run.n, run.d);
        let text =
            format!("{}: {n} parameters, {d} tokens, final {:.4} {unit}", run.run, run.loss_nats);
        Hit::new((d.get(), run.loss_nats), "final loss", text)
    }));
    let marks = table.runs.iter().zip(&ends).map(|(run, at)| (*at, shade(run.n.get())));
    layers.push(Layer::Marks { points: marks.collect(), mark: Mark::Dot, radius: 3.4 });
    let sides = [Side::Right, Side::Below, Side::Left, Side::Above];
    let names = table
        .runs
        .iter()
        .zip(&ends)
        .map(|(run, at)| Label::new(*at, run.run.clone(), palette::TEXT, &sides));
    let labels = if table.runs.len() <= NAMED { names.collect() } else { Vec::new() };
    let mut keys = Vec::new();
    if !table.curves.is_empty() {
        let line = Stroke::solid(shade((smallest * largest).sqrt()), 1.3);
        keys.push(Key::new(Sample::Line(line), "training loss"));
    }
    let middle = (smallest * largest).sqrt();
    keys.push(Key::new(Sample::Mark(Mark::Dot, shade(middle)), "final loss"));
    let bar = sizes_differ.then(|| ColorBar {
        heading: "Size N (parameters)".to_owned(),
        ticks: [(0.0, smallest), (0.5, middle), (1.0, largest)]
            .map(|(share, n)| (share, count_text(n)))
            .to_vec(),
    });
    Chart {
        name: "loss-curves",
        title: "Loss against training tokens".to_owned(),
        subtitle: format!(
            "{} runs, training curves of {}",
            table.runs.len(),
            table.curves.len()
        ),
        caption: "Training loss of each run against the tokens it has seen, smoothed, with its final loss as a dot. Losses are means over the steps whose tokens are within 15 %.".to_owned(),
        x: Axis::log("Training tokens D", Style::Count, x),
        y: Axis::linear(&format!("Loss ({unit})"), y),
        layers,
        labels,
        legend: Legend { groups: vec![(String::new(), keys)], bar },
        hits,
    }
}

/// Each loss averaged over those near it, by the ratio of their tokens.
fn averaged(points: &[At]) -> Vec<At> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let mut sums = vec![0.0];
    points.iter().for_each(|p| sums.push(sums[sums.len() - 1] + p.1));
    let mean = |p: &At| {
        let room = (p.0 / first.0).min(last.0 / p.0);
        let reach = WINDOW.min(room).max(LEAST_WINDOW);
        let from = points.partition_point(|q| q.0 < p.0 / reach);
        let to = points.partition_point(|q| q.0 <= p.0 * reach);
        (p.0, (sums[to] - sums[from]) / (to - from) as f64)
    };
    points.iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_remove_noise_and_keep_the_curve() {
        let exact = |d: f64| 2.0 + 3.0 * d.powf(-0.3);
        let noise = |i: u32| if i.is_multiple_of(2) { 0.1 } else { -0.1 };
        let points: Vec<At> =
            (10..2000).map(|i| (f64::from(i), exact(f64::from(i)) + noise(i))).collect();
        let found = averaged(&points);
        assert_eq!(found.len(), points.len());
        for at in &found[500..] {
            assert!((at.1 - exact(at.0)).abs() < 0.01, "{at:?} {}", exact(at.0));
        }
        assert!(averaged(&[]).is_empty());
    }
}
