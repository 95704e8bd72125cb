//! The one drawing function: page layout, grid, layers, labels, legend.

use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor, WHITE};

use super::axis::Tick;
use super::canvas::{Align, Canvas, Pen, Spot, text_width};
use super::frame::{Frame, Rect};
use super::layer::{ColorBar, Key, Layer, Legend, Mark, Sample, Stroke};
use super::palette::{self, ramp};
use super::picture::Chart;
use super::place::{obstacles, place};
use crate::error::Result;

const TITLE: Pen = Pen::bold(14.0, palette::TEXT);
const AXIS: Pen = Pen::new(12.0, palette::TEXT);
const TICK: Pen = Pen::new(11.0, palette::QUIET);
const KEY: Pen = Pen::new(11.0, palette::TEXT);
const HEADING: Pen = Pen::bold(11.0, palette::TEXT);
/// Empty edge of the page.
const EDGE: f64 = 14.0;
/// Width of a legend sample with its gap to the text.
const SAMPLE: f64 = 32.0;
/// Height of a legend row.
const ROW: f64 = 17.0;

/// Draws a chart on a page of `page` units.
pub(super) fn draw<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    chart: &Chart,
    page: (f64, f64),
) -> Result<()> {
    let (x_ticks, y_ticks) = (chart.x.ticks(), chart.y.ticks());
    let legend_width = legend_width(&chart.legend);
    let y_labels = y_ticks
        .iter()
        .filter_map(|t| t.label.as_ref())
        .map(|l| text_width(l, TICK))
        .fold(0.0, f64::max);
    let rect = Rect {
        left: EDGE + 1.6 * AXIS.em + y_labels + 8.0,
        top: EDGE + 2.1 * TITLE.em,
        right: page.0 - EDGE - if legend_width > 0.0 { legend_width + 14.0 } else { 6.0 },
        bottom: page.1 - EDGE - 1.6 * AXIS.em - TICK.em - 10.0,
    };
    let frame = Frame { rect, x: &chart.x, y: &chart.y };

    canvas.clear(WHITE)?;
    canvas.text(&chart.title, (rect.left, EDGE + 0.95 * TITLE.em), Align::Left, TITLE)?;
    grid(canvas, &frame, &x_ticks, &y_ticks)?;
    for layer in &chart.layers {
        draw_layer(canvas, &frame, layer)?;
    }
    border(canvas, &rect)?;
    labels(canvas, chart, &frame)?;
    legend(canvas, &chart.legend, (rect.right + 14.0, rect.top), rect.bottom)
}

fn grid<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    frame: &Frame<'_>,
    x_ticks: &[Tick],
    y_ticks: &[Tick],
) -> Result<()> {
    let r = frame.rect;
    let mut free_from = f64::NEG_INFINITY;
    for tick in x_ticks {
        let x = r.left + frame.x.share(tick.value) * (r.right - r.left);
        let width = if tick.label.is_some() { 0.8 } else { 0.4 };
        canvas.line(&[(x, r.top), (x, r.bottom)], palette::GRID, width)?;
        if let Some(label) = &tick.label {
            canvas.line(&[(x, r.bottom), (x, r.bottom + 4.0)], palette::GUIDE, 0.8)?;
            let half = 0.5 * text_width(label, TICK);
            if x - half > free_from {
                let at = (x, r.bottom + 7.0 + 0.8 * TICK.em);
                canvas.text(label, at, Align::Middle, TICK)?;
                free_from = x + half + 4.0;
            }
        }
    }
    let mut free_above = f64::INFINITY;
    for tick in y_ticks {
        let y = r.bottom - frame.y.share(tick.value) * (r.bottom - r.top);
        let width = if tick.label.is_some() { 0.8 } else { 0.4 };
        canvas.line(&[(r.left, y), (r.right, y)], palette::GRID, width)?;
        if let Some(label) = &tick.label {
            canvas.line(&[(r.left - 4.0, y), (r.left, y)], palette::GUIDE, 0.8)?;
            if y < free_above {
                let at = (r.left - 7.0, y + 0.36 * TICK.em);
                canvas.text(label, at, Align::Right, TICK)?;
                free_above = y - 1.3 * TICK.em;
            }
        }
    }
    let (centre_x, centre_y) = (0.5 * (r.left + r.right), 0.5 * (r.top + r.bottom));
    let below = r.bottom + 10.0 + TICK.em + 1.5 * AXIS.em;
    canvas.text(&frame.x.title, (centre_x, below), Align::Middle, AXIS)?;
    canvas.upward_text(&frame.y.title, (EDGE + AXIS.em, centre_y), AXIS)
}

fn border<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, rect: &Rect) -> Result<()> {
    let [a, b, c, d] = rect.corners();
    canvas.line(&[a, b, c, d, a], palette::GUIDE, 0.8)
}

fn draw_layer<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    frame: &Frame<'_>,
    layer: &Layer,
) -> Result<()> {
    match layer {
        Layer::Line { points, stroke } => {
            for part in frame.clip(points) {
                draw_stroke(canvas, &part, *stroke)?;
            }
            Ok(())
        }
        Layer::Band { rows, color } => canvas.fill(&frame.band(rows), color.mix(0.2)),
        Layer::Marks { points, mark, radius } => {
            for (at, color) in points {
                if let Some(spot) = frame.inside(*at) {
                    draw_mark(canvas, spot, *mark, *radius, *color)?;
                }
            }
            Ok(())
        }
    }
}

fn draw_stroke<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    spots: &[Spot],
    stroke: Stroke,
) -> Result<()> {
    if stroke.dashed {
        canvas.dashes(spots, stroke.color, stroke.width)
    } else {
        canvas.line(spots, stroke.color, stroke.width)
    }
}

/// A mark with a white rim, so that neighbours stay apart.
fn draw_mark<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    (x, y): Spot,
    mark: Mark,
    radius: f64,
    color: RGBColor,
) -> Result<()> {
    let diamond = |r: f64| [(x, y - r), (x + r, y), (x, y + r), (x - r, y)];
    match mark {
        Mark::Dot => {
            canvas.disc((x, y), radius + 0.8, WHITE.to_rgba())?;
            canvas.disc((x, y), radius, color.to_rgba())
        }
        Mark::Ring => {
            canvas.disc((x, y), radius, color.to_rgba())?;
            canvas.disc((x, y), radius - 1.4, WHITE.to_rgba())
        }
        Mark::Diamond => {
            canvas.fill(&diamond(radius + 1.4), WHITE.to_rgba())?;
            canvas.fill(&diamond(radius), color.to_rgba())
        }
    }
}

/// Places and writes the labels, with a line back to the anchor of any that had to move away.
fn labels<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    chart: &Chart,
    frame: &Frame<'_>,
) -> Result<()> {
    let mut taken = obstacles(frame, &chart.layers);
    for label in &chart.labels {
        let pen = Pen { bold: label.bold, ..Pen::new(KEY.em, label.color) };
        let Some(placed) = place(label, pen, frame, &taken) else { continue };
        if placed.distance > 20.0 {
            let r = placed.rect;
            let end =
                (placed.anchor.0.clamp(r.left, r.right), placed.anchor.1.clamp(r.top, r.bottom));
            canvas.line(&[placed.anchor, end], palette::GUIDE, 0.6)?;
        }
        canvas.text(&label.text, placed.at, Align::Left, pen)?;
        taken.push(placed.rect);
    }
    Ok(())
}

fn legend_width(legend: &Legend) -> f64 {
    let rows = legend.groups.iter().flat_map(|(heading, keys)| {
        let keys = keys.iter().map(|k| SAMPLE + text_width(&k.text, KEY));
        keys.chain([text_width(heading, HEADING)])
    });
    let bar = legend.bar.iter().flat_map(|bar| {
        let ticks = bar.ticks.iter().map(|(_, text)| 24.0 + text_width(text, KEY));
        ticks.chain([text_width(&bar.heading, HEADING)])
    });
    rows.chain(bar).fold(0.0, f64::max)
}

fn legend<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    legend: &Legend,
    (left, top): Spot,
    bottom: f64,
) -> Result<()> {
    let mut y = top;
    for (heading, keys) in &legend.groups {
        if !heading.is_empty() {
            canvas.text(heading, (left, y + 0.85 * ROW), Align::Left, HEADING)?;
            y += 1.15 * ROW;
        }
        for key in keys {
            legend_row(canvas, key, (left, y + 0.5 * ROW))?;
            y += ROW;
        }
        y += 0.6 * ROW;
    }
    match &legend.bar {
        Some(bar) => color_bar(canvas, bar, (left, y), bottom),
        None => Ok(()),
    }
}

fn legend_row<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    key: &Key,
    (left, y): Spot,
) -> Result<()> {
    let right = left + SAMPLE - 8.0;
    let middle = (0.5 * (left + right), y);
    match &key.sample {
        Sample::Mark(mark, color) => draw_mark(canvas, middle, *mark, 4.5, *color)?,
        Sample::Line(stroke) => draw_stroke(canvas, &[(left, y), (right, y)], *stroke)?,
        Sample::Band(color) => {
            let rect = Rect { left, top: y - 5.0, right, bottom: y + 5.0 };
            canvas.fill(&rect.corners(), color.mix(0.2))?;
        }
        Sample::Both(stroke, mark) => {
            draw_stroke(canvas, &[(left, y), (right, y)], *stroke)?;
            draw_mark(canvas, middle, *mark, 4.0, stroke.color)?;
        }
    }
    canvas.text(&key.text, (left + SAMPLE, y + 0.36 * KEY.em), Align::Left, KEY)
}

/// A vertical colour scale, its high end on top.
fn color_bar<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    bar: &ColorBar,
    (left, top): Spot,
    bottom: f64,
) -> Result<()> {
    const STEPS: usize = 48;
    canvas.text(&bar.heading, (left, top + 0.85 * ROW), Align::Left, HEADING)?;
    let top = top + 1.4 * ROW;
    let height = (bottom - top - 6.0).clamp(40.0, 170.0);
    let right = left + 12.0;
    let y_at = |share: f64| top + height * (1.0 - share);
    for i in 0..STEPS {
        let (low, high) = (i as f64 / STEPS as f64, (i + 1) as f64 / STEPS as f64);
        let rect = Rect { left, top: y_at(high), right, bottom: y_at(low) };
        canvas.fill(&rect.corners(), ramp(0.5 * (low + high)).to_rgba())?;
    }
    for (share, text) in &bar.ticks {
        let y = y_at(*share);
        canvas.line(&[(right, y), (right + 4.0, y)], palette::GUIDE, 0.8)?;
        canvas.text(text, (right + 8.0, y + 0.36 * KEY.em), Align::Left, KEY)?;
    }
    Ok(())
}
