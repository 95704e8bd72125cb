//! Serving against batch size: the time to read and to write a token, sparse beside dense models.

use super::axis::{Axis, Scale, Style, range_of};
use super::layer::{At, Hit, Key, Layer, Legend, Sample, Stroke};
use super::palette;
use super::picture::Chart;

use crate::cost::ServingLine;

/// Time per token against batch size: solid for writing, dashed for reading.
///
/// A mixture of experts reads prompts like a dense model of its active size; while it writes, a batch
/// reaches more and more experts, until the step reads all of them.
#[must_use]
pub fn serving_chart(lines: &[ServingLine], on: &str) -> Chart {
    let colors = palette::series(lines.len());
    let ms = |s: f64| 1e3 * s;
    let x = range_of(lines.iter().flat_map(|l| l.decode.iter().map(|d| d.0)), Scale::Log, 0.0);
    let values = lines
        .iter()
        .flat_map(|l| l.decode.iter().map(|d| ms(d.1)).chain([ms(l.prefill_s_per_token)]));
    let y = range_of(values, Scale::Log, 0.06);
    let mut layers = Vec::new();
    let (mut keys, mut hits) = (Vec::new(), Vec::new());
    for (line, color) in lines.iter().zip(&colors) {
        let solid = Stroke::solid(*color, 2.0);
        let points: Vec<At> = line.decode.iter().map(|(b, s)| (*b, ms(*s))).collect();
        let read = ms(line.prefill_s_per_token);
        hits.extend(points.iter().map(|at| {
            let text = format!(
                "{}: {} sequences, {:.3} ms to write a token, {read:.3} ms to read one",
                line.name,
                at.0.round(),
                at.1
            );
            Hit::new(*at, &line.name, text)
        }));
        layers.push(Layer::line(vec![(x.0, read), (x.1, read)], Stroke::dashed(*color, 1.4)));
        layers.push(Layer::line(points, solid));
        keys.push(Key::new(Sample::Line(solid), line.name.clone()));
    }
    let notes = vec![
        Key::new(Sample::Line(Stroke::solid(palette::QUIET, 2.0)), "writing a token"),
        Key::new(Sample::Line(Stroke::dashed(palette::QUIET, 1.4)), "reading a token"),
    ];
    Chart {
        name: "serving",
        title: format!("Time per token on {on}"),
        subtitle: "By the model of serving fitted to published measurements".to_owned(),
        caption: "A sparse model reads prompts as fast as a dense model of its active size. In a large batch it writes as fast as a dense model of its stored size, because every step loads all experts.".to_owned(),
        x: Axis::log("Sequences decoded together", Style::PowersOfTwo, x),
        y: Axis::log("Time of the group per token (ms)", Style::Count, y),
        layers,
        labels: Vec::new(),
        legend: Legend { groups: vec![(String::new(), keys), (String::new(), notes)], bar: None },
        hits,
    }
}
