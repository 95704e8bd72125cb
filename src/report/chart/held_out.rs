//! Errors of predictions against how far outside the fitted runs they were made.

use std::collections::BTreeMap;

use super::axis::{Axis, Scale, Style, range_of};
use super::layer::{At, Hit, Key, Layer, Legend, Mark, Sample, Stroke};
use super::palette;
use super::picture::Chart;
use super::words::law_title;
use crate::fit::{PredictedRun, Rollout};

/// One prediction of a run that was not fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldOutError {
    /// The run, or the step of the test.
    pub name: String,
    /// Factor by which it lies outside the fitted runs; 1 inside.
    pub distance: f64,
    /// predicted / actual - 1.
    pub error: f64,
    /// Half the width of its interval over the prediction, where there is one.
    pub half_width: Option<f64>,
    /// Whether the actual loss lies in the interval; absent without one.
    pub inside: Option<bool>,
}

impl HeldOutError {
    /// Predictions of held-out runs, at the largest factor by which each lies outside in N, D, C and
    /// D/N.
    #[must_use]
    pub fn of_runs(runs: &[PredictedRun]) -> Vec<Self> {
        let one = |r: &PredictedRun| Self {
            name: r.run.run.clone(),
            distance: r.distance(),
            error: r.error,
            half_width: r.interval.map(|i| 0.5 * (i.hi - i.lo) / r.predicted_nats),
            inside: r.interval.map(|i| i.contains(r.run.loss_nats)),
        };
        runs.iter().map(one).collect()
    }

    /// Predictions of the runs that each step of a rollout tests, at the middle of what the step tests
    /// over the farthest run it was fitted to.
    #[must_use]
    pub fn of_rollout(rollout: &Rollout) -> Vec<Self> {
        let step = |fold: &crate::fit::Fold| {
            let distance = (fold.tested.lo * fold.tested.hi).sqrt() / fold.fitted_to;
            let name = format!("{} fitted runs", fold.n_fitted);
            let one = |error: &f64| Self {
                name: name.clone(),
                distance,
                error: *error,
                half_width: None,
                inside: None,
            };
            fold.errors.iter().map(one).collect::<Vec<_>>()
        };
        rollout.folds.iter().flat_map(step).collect()
    }

    /// Whether they lie at more than one distance, so that a picture by distance has something to show.
    #[must_use]
    pub fn are_spread(errors: &[Self]) -> bool {
        mean_by_distance(errors).len() > 1
    }
}

/// Error in percent against distance, the mean |error| by distance, and zero as the line of a law that
/// predicts without error.
///
/// - `law`: its label, or its id where each step has a fit of its own.
/// - `along`: what the distance is measured in, for example `C`.
#[must_use]
pub fn held_out_errors_chart(errors: &[HeldOutError], law: &str, along: &str) -> Chart {
    let percent = |e: f64| 100.0 * e;
    let far = errors.iter().map(|e| e.distance.max(1.0));
    let x = range_of(far.chain([1.0]), Scale::Log, 0.06);
    let reach = errors
        .iter()
        .map(|e| percent(e.error.abs() + e.half_width.unwrap_or(0.0)))
        .fold(0.1, f64::max);
    let y = (-1.15 * reach, 1.15 * reach);
    let beside = side_by_side(errors, (x.1 / x.0).ln());
    let at = |i: usize| -> At { (beside[i], percent(errors[i].error)) };
    let bar = |i: usize| {
        let half = percent(errors[i].half_width?);
        let (x, y) = at(i);
        Some(Layer::line(vec![(x, y - half), (x, y + half)], Stroke::solid(palette::BLUE, 0.8)))
    };
    let zero = Stroke::solid(palette::GUIDE, 1.0);
    let mean = Stroke::dashed(palette::TEXT, 1.4);
    let means = mean_by_distance(errors);
    let mut layers = vec![Layer::line(vec![(x.0, 0.0), (x.1, 0.0)], zero)];
    layers.extend((0..errors.len()).filter_map(bar));
    let both = |sign: f64| means.iter().map(|(d, e)| (*d, sign * percent(*e))).collect();
    if means.len() > 1 {
        layers.push(Layer::line(both(1.0), mean));
        layers.push(Layer::line(both(-1.0), mean));
    }
    let (outside, inside): (Vec<usize>, Vec<usize>) =
        (0..errors.len()).partition(|i| errors[*i].inside == Some(false));
    layers.push(Layer::marks(inside.iter().map(|i| at(*i)), palette::BLUE, Mark::Dot, 3.4));
    let rings = outside.iter().map(|i| at(*i));
    layers.push(Layer::marks(rings, palette::VERMILION, Mark::Ring, 4.0));
    let has_intervals = errors.iter().any(|e| e.half_width.is_some());
    let dots = match has_intervals {
        true => format!("inside its interval ({})", inside.len()),
        false => format!("prediction ({})", inside.len()),
    };
    let mut keys = vec![Key::new(Sample::Mark(Mark::Dot, palette::BLUE), dots)];
    if !outside.is_empty() {
        let text = format!("outside it ({})", outside.len());
        keys.push(Key::new(Sample::Mark(Mark::Ring, palette::VERMILION), text));
    }
    if means.len() > 1 {
        keys.push(Key::new(Sample::Line(mean), "± mean |error|"));
    }
    keys.push(Key::new(Sample::Line(zero), "no error"));
    let hits = errors.iter().enumerate().map(|(i, e)| {
        let interval =
            e.half_width.map_or_else(String::new, |h| format!(", interval ±{:.2} %", percent(h)));
        let where_ = match e.distance {
            d if d <= 1.0 => "inside the fitted runs".to_owned(),
            d => format!("{d:.2} times beyond the fitted runs"),
        };
        let text = format!("{}: {:+.2} %{interval}, {where_}", e.name, percent(e.error));
        Hit::new(at(i), "prediction", text)
    });
    let average = errors.iter().map(|e| e.error.abs()).sum::<f64>() / errors.len().max(1) as f64;
    Chart {
        name: "held-out-errors",
        title: "Errors of predictions beyond the fitted runs".to_owned(),
        subtitle: law_title(law),
        caption: format!(
            "{} predictions of runs that were not fitted; the mean |error| is {:.2} %. Farther right, a run lies farther outside those that were fitted; runs that are equally far stand side by side.",
            errors.len(),
            percent(average)
        ),
        x: Axis::log(&format!("Factor beyond the fitted runs, in {along}"), Style::Plain, x),
        y: Axis::linear("predicted / actual - 1 (%)", y),
        hits: hits.collect(),
        layers,
        labels: Vec::new(),
        legend: Legend { groups: vec![(String::new(), keys)], bar: None },
    }
}

/// The distance at which each is drawn: those equally far, within a percent, side by side around it, so
/// that none hides another.
///
/// - `width`: of the axis, in logarithms.
fn side_by_side(errors: &[HeldOutError], width: f64) -> Vec<f64> {
    let ln = |e: &HeldOutError| e.distance.max(1.0).ln();
    let place = |e: &HeldOutError| (100.0 * ln(e)).round() as i64;
    let mut sizes: BTreeMap<i64, usize> = BTreeMap::new();
    errors.iter().for_each(|e| *sizes.entry(place(e)).or_default() += 1);
    let mut seen: BTreeMap<i64, usize> = BTreeMap::new();
    let at = |e: &HeldOutError| {
        let size = sizes[&place(e)] as f64;
        let rank = seen.entry(place(e)).or_default();
        let step = (0.05 * width / size).min(0.012 * width);
        let beside = step * (*rank as f64 - 0.5 * (size - 1.0));
        *rank += 1;
        (ln(e) + beside).exp()
    };
    errors.iter().map(at).collect()
}

/// Mean |error| of the predictions at each distance; of distances within 15 % together.
fn mean_by_distance(errors: &[HeldOutError]) -> Vec<(f64, f64)> {
    let mut sorted: Vec<(f64, f64)> =
        errors.iter().map(|e| (e.distance.max(1.0), e.error.abs())).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut groups: Vec<Vec<(f64, f64)>> = Vec::new();
    for one in sorted {
        match groups.last_mut() {
            Some(group) if one.0 / group[0].0 < 1.15 => group.push(one),
            _ => groups.push(vec![one]),
        }
    }
    let mean = |group: &Vec<(f64, f64)>| {
        let count = group.len() as f64;
        let ln = group.iter().map(|g| g.0.ln()).sum::<f64>() / count;
        (ln.exp(), group.iter().map(|g| g.1).sum::<f64>() / count)
    };
    groups.iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_taken_of_what_lies_equally_far() {
        let one = |distance: f64, error: f64| HeldOutError {
            name: "run".to_owned(),
            distance,
            error,
            half_width: None,
            inside: None,
        };
        let means = mean_by_distance(&[one(4.0, -0.03), one(1.0, 0.01), one(4.0, 0.01)]);
        assert_eq!(means.len(), 2);
        assert!((means[0].0 - 1.0).abs() < 1e-12 && (means[1].0 - 4.0).abs() < 1e-12);
        assert!((means[0].1 - 0.01).abs() < 1e-12 && (means[1].1 - 0.02).abs() < 1e-12);
    }
}
