//! IsoFLOP profiles: loss against size, one colour per budget.

use super::axis::{Axis, Scale, Style, exponent_text, range_of, spread};
use super::layer::{At, Hit, Key, Layer, Legend, Mark, Sample, Stroke};
use super::palette;
use super::picture::Chart;
use super::plane::run_hit;
use super::words::law_title;
use crate::data::RunTable;
use crate::error::Result;
use crate::fit::Valley;
use crate::law::{Point, Surface};
use crate::plan::compute_optimal;
use crate::units::Params;

/// Loss against N at each budget: runs as dots, the law along the budget as a curve, its optimum as
/// a diamond; without a law, the parabola of each profile and its minimum.
///
/// Runs of budgets without a profile (fewer than three sizes) are grey rings.
///
/// # Errors
/// As [`compute_optimal`].
pub fn valleys_chart(
    table: &RunTable,
    valleys: &[Valley],
    surface: Option<&Surface>,
) -> Result<Chart> {
    let colors = palette::steps(valleys.len());
    let mut layers = Vec::new();
    let mut marks = Vec::new();
    let mut optima: Vec<At> = Vec::new();
    let mut best: Vec<Hit> = Vec::new();
    let mut keys = Vec::new();
    let mut context: Vec<At> = Vec::new();
    for (c, runs) in table.by_budget() {
        let points: Vec<At> = runs.iter().map(|r| (r.n.get(), r.loss_nats)).collect();
        let valley = valleys.iter().position(|v| (v.c / c - 1.0).abs() < 1e-9);
        let Some(i) = valley else {
            context.extend(points);
            continue;
        };
        let (valley, color) = (&valleys[i], colors[i]);
        let (lo, hi) = range_of(points.iter().map(|p| p.0), Scale::Log, 0.06);
        let loss = |n: f64| match surface {
            Some(s) => {
                let n = Params::new(n);
                s.loss(&Point::new(n, s.tokens_for(c, n)))
            }
            None => valley.loss_at(n.ln()),
        };
        let curve: Vec<At> = spread(lo, hi, 120).into_iter().map(|n| (n, loss(n))).collect();
        let stroke = Stroke::solid(color, 1.4);
        layers.push(Layer::line(curve, stroke));
        marks.push(Layer::marks(points, color, Mark::Dot, 3.4));
        let optimum = match surface {
            Some(s) => compute_optimal(s, c).map(|p| Some((p.n.get(), p.loss_nats)))?,
            None => valley.n.zip(valley.loss_nats).map(|(n, loss)| (n.get(), loss)),
        };
        if let Some(at) = optimum {
            optima.push(at);
            let (n, c) = (Params::new(at.0), valley.c);
            let text = format!(
                "lowest loss at {c} FLOPs: {n} parameters, {:.4} {}",
                at.1,
                table.loss_unit()
            );
            best.push(Hit::new(at, "optimum", text));
        }
        keys.push(Key::new(Sample::Both(stroke, Mark::Dot), exponent_text(round_to_two(c.get()))));
    }
    let rings = !context.is_empty();
    let seen = table.runs.iter().map(|r| (r.n.get(), r.loss_nats)).chain(optima.iter().copied());
    let seen: Vec<At> = seen.collect();
    let mut all = vec![Layer::marks(context, palette::GUIDE, Mark::Ring, 3.4)];
    all.append(&mut layers);
    if optima.len() > 1 {
        all.push(Layer::line(optima.clone(), Stroke::dashed(palette::TEXT, 1.0)));
    }
    all.append(&mut marks);
    all.push(Layer::marks(optima, palette::TEXT, Mark::Diamond, 5.0));

    let (curve, optimum) = match surface {
        Some(_) => ("fitted law", "lowest loss (law)"),
        None => ("parabola", "lowest loss (parabola)"),
    };
    let mut notes = vec![
        Key::new(Sample::Mark(Mark::Dot, palette::QUIET), "run"),
        Key::new(Sample::Line(Stroke::solid(palette::QUIET, 1.4)), curve),
        Key::new(Sample::Mark(Mark::Diamond, palette::TEXT), optimum),
    ];
    if rings {
        notes.push(Key::new(Sample::Mark(Mark::Ring, palette::GUIDE), "run without profile"));
    }
    let unit = table.loss_unit();
    let mut hits: Vec<Hit> = table
        .runs
        .iter()
        .map(|run| Hit { at: (run.n.get(), run.loss_nats), ..run_hit(run, unit) })
        .collect();
    hits.append(&mut best);
    Ok(Chart {
        name: "valleys",
        title: "Loss against model size at fixed training compute".to_owned(),
        subtitle: match surface {
            Some(law) => law_title(&law.label),
            None => format!("{} runs, a parabola through each budget", table.runs.len()),
        },
        caption: format!(
            "{} runs; at each of {} training budgets the loss is lowest at one model size, which grows with the budget.",
            table.runs.len(),
            valleys.len()
        ),
        x: Axis::log(
            &format!("Model size N ({})", table.params),
            Style::Count,
            range_of(seen.iter().map(|p| p.0), Scale::Log, 0.06),
        ),
        y: Axis::linear(
            &format!("Loss ({})", table.loss_unit()),
            range_of(seen.iter().map(|p| p.1), Scale::Linear, 0.06),
        ),
        layers: all,
        labels: Vec::new(),
        legend: Legend {
            groups: vec![("Training FLOPs C".to_owned(), keys), (String::new(), notes)],
            bar: None,
        },
        hits,
    })
}

/// Three digits are enough to tell budgets apart; logged ones carry many more.
fn round_to_two(c: f64) -> f64 {
    format!("{c:.2e}").parse().unwrap_or(c)
}
