//! The one drawing function: a layout, its grid, layers, labels and legend on a canvas.

use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

use super::canvas::{Align, Canvas, Spot};
use super::frame::{Frame, Rect};
use super::layer::{ColorBar, Key, Layer, Mark, Sample, Stroke};
use super::layout::{AXIS, Layout, SUBTITLE, TICK, TITLE, pen_of};
use super::legend::{KEY, Piece, SAMPLE};
use super::palette::{self, GROUND, ramp};
use crate::error::Result;

/// Draws the layers of a chart in the places of its layout.
pub(super) fn draw<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    layers: &[Layer],
    layout: &Layout<'_>,
) -> Result<()> {
    canvas.clear(GROUND)?;
    for (text, at) in &layout.title {
        canvas.text(text, *at, Align::Left, TITLE)?;
    }
    for (text, at) in &layout.subtitle {
        canvas.text(text, *at, Align::Left, SUBTITLE)?;
    }
    grid(canvas, layout)?;
    for layer in layers {
        draw_layer(canvas, &layout.frame, layer)?;
    }
    let [a, b, c, d] = layout.frame.rect.corners();
    canvas.line(&[a, b, c, d, a], palette::GUIDE, 0.8)?;
    for (label, placed) in &layout.labels {
        if let Some((from, to)) = placed.leader {
            canvas.line(&[from, to], palette::GUIDE, 0.6)?;
        }
        canvas.text(&label.text, placed.at, Align::Left, pen_of(label))?;
    }
    layout.legend.iter().try_for_each(|piece| draw_piece(canvas, piece))
}

fn grid<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, layout: &Layout<'_>) -> Result<()> {
    let (frame, r) = (&layout.frame, layout.frame.rect);
    // Texts may be missing, ticks not: a value with a text is the stronger line.
    let width = |has_text: bool| if has_text { 0.8 } else { 0.4 };
    for tick in &layout.x_ticks {
        let x = r.left + frame.x.share(tick.value) * (r.right - r.left);
        canvas.line(&[(x, r.top), (x, r.bottom)], palette::GRID, width(tick.label.is_some()))?;
        if let Some(label) = &tick.label {
            canvas.line(&[(x, r.bottom), (x, r.bottom + 4.0)], palette::GUIDE, 0.8)?;
            let at = (x, r.bottom + 7.0 + 0.8 * TICK.em);
            canvas.text(label, at, Align::Middle, TICK)?;
        }
    }
    for tick in &layout.y_ticks {
        let y = r.bottom - frame.y.share(tick.value) * (r.bottom - r.top);
        canvas.line(&[(r.left, y), (r.right, y)], palette::GRID, width(tick.label.is_some()))?;
        if let Some(label) = &tick.label {
            canvas.line(&[(r.left - 4.0, y), (r.left, y)], palette::GUIDE, 0.8)?;
            let at = (r.left - 7.0, y + 0.36 * TICK.em);
            canvas.text(label, at, Align::Right, TICK)?;
        }
    }
    for (text, at) in &layout.x_title {
        canvas.text(text, *at, Align::Middle, AXIS)?;
    }
    layout.y_title.iter().try_for_each(|(text, at)| canvas.upward_text(text, *at, AXIS))
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

/// A mark with a rim in the colour of the ground, so that neighbours stay apart.
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
            canvas.disc((x, y), radius + 0.8, GROUND.to_rgba())?;
            canvas.disc((x, y), radius, color.to_rgba())
        }
        Mark::Ring => {
            canvas.disc((x, y), radius, color.to_rgba())?;
            canvas.disc((x, y), radius - 1.4, GROUND.to_rgba())
        }
        Mark::Diamond => {
            canvas.fill(&diamond(radius + 1.4), GROUND.to_rgba())?;
            canvas.fill(&diamond(radius), color.to_rgba())
        }
    }
}

fn draw_piece<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, piece: &Piece<'_>) -> Result<()> {
    match piece {
        Piece::Text(text, at, pen) => canvas.text(text, *at, Align::Left, *pen),
        Piece::Row(key, text, at) => legend_row(canvas, key, text, *at),
        Piece::Bar(bar, rect, upright) => color_bar(canvas, bar, rect, *upright),
    }
}

fn legend_row<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    key: &Key,
    text: &str,
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
    canvas.text(text, (left + SAMPLE, y + 0.36 * KEY.em), Align::Left, KEY)
}

/// A colour scale: its high end on top, or on the right.
fn color_bar<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    bar: &ColorBar,
    r: &Rect,
    upright: bool,
) -> Result<()> {
    const STEPS: usize = 24;
    let (x_at, y_at) = (
        |share: f64| r.left + (r.right - r.left) * share,
        |share: f64| r.bottom - (r.bottom - r.top) * share,
    );
    for i in 0..STEPS {
        let (low, high) = (i as f64 / STEPS as f64, (i + 1) as f64 / STEPS as f64);
        let part = match upright {
            true => Rect { top: y_at(high), bottom: y_at(low), ..*r },
            false => Rect { left: x_at(low), right: x_at(high), ..*r },
        };
        canvas.fill(&part.corners(), ramp(0.5 * (low + high)).to_rgba())?;
    }
    for (share, text) in &bar.ticks {
        if upright {
            let y = y_at(*share);
            canvas.line(&[(r.right, y), (r.right + 4.0, y)], palette::GUIDE, 0.8)?;
            canvas.text(text, (r.right + 8.0, y + 0.36 * KEY.em), Align::Left, KEY)?;
        } else {
            let x = x_at(*share);
            canvas.line(&[(x, r.bottom), (x, r.bottom + 4.0)], palette::GUIDE, 0.8)?;
            canvas.text(text, (x, r.bottom + 5.0 + KEY.em), Align::Middle, KEY)?;
        }
    }
    Ok(())
}
