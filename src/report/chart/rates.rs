//! The learning rate over the steps of a run, for each kind of schedule.

use super::axis::Axis;
use super::layer::{Hit, Key, Layer, Legend, Sample, Stroke, thinned};
use super::palette;
use super::picture::Chart;
use crate::sweep::RateCurve;

/// Rate over its peak against the share of the steps, a line for each schedule.
#[must_use]
pub fn rates_chart(curves: &[RateCurve]) -> Chart {
    let colors = palette::series(curves.len());
    let (mut layers, mut keys, mut hits) = (Vec::new(), Vec::new(), Vec::new());
    for (curve, color) in curves.iter().zip(colors) {
        let stroke = Stroke::solid(color, 1.8);
        let name = format!("{:?}", curve.schedule).to_lowercase();
        hits.extend(thinned(&curve.points, 40).map(|at| {
            let (steps, rate) = (100.0 * at.0, 100.0 * at.1);
            Hit::new(
                *at,
                &name,
                format!("{name}: {rate:.1} % of the peak after {steps:.0} % of the steps"),
            )
        }));
        layers.push(Layer::line(curve.points.clone(), stroke));
        keys.push(Key::new(Sample::Line(stroke), name));
    }
    Chart {
        name: "learning-rate",
        title: "Learning rate over the steps of a run".to_owned(),
        subtitle: String::new(),
        caption: "Learning rate over its peak against the share of the steps taken, one line for each kind of schedule in the sweep, by its longest run."
            .to_owned(),
        x: Axis::linear("Share of the steps", (0.0, 1.0)),
        y: Axis::linear("Learning rate over its peak", (0.0, 1.05)),
        layers,
        labels: Vec::new(),
        legend: Legend { groups: vec![("Schedule".to_owned(), keys)], bar: None },
        hits,
    }
}
