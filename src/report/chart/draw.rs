//! Drawing a [`Chart`] with plotters, the same for SVG and PNG.

use std::sync::Once;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use super::ticks::ticks;
use super::{Axis, Chart, Colour, INK, Mark, QUIET, Sample, Side, Size};
use crate::error::{ReportError, Result};

const FONT: &str = "sans-serif";

/// The built-in font, for measuring text in SVG and for drawing it in PNG.
fn use_built_in_font() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for style in [FontStyle::Normal, FontStyle::Bold] {
            // Only a broken font file can fail, and then drawing says so.
            let _ = register_font(FONT, style, notosans::REGULAR_TTF);
        }
    });
}

pub(super) fn svg(chart: &Chart, size: Size) -> Result<String> {
    use_built_in_font();
    let mut text = String::new();
    {
        let area =
            SVGBackend::with_string(&mut text, (size.width, size.height)).into_drawing_area();
        draw(chart, &area, size).map_err(|e| failed(chart, &e))?;
        area.present().map_err(|e| failed(chart, &e))?;
    }
    Ok(text)
}

pub(super) fn png(chart: &Chart, size: Size) -> Result<Vec<u8>> {
    use_built_in_font();
    let mut pixels = vec![0_u8; size.width as usize * size.height as usize * 3];
    {
        let area =
            BitMapBackend::with_buffer(&mut pixels, (size.width, size.height)).into_drawing_area();
        draw(chart, &area, size).map_err(|e| failed(chart, &e))?;
        area.present().map_err(|e| failed(chart, &e))?;
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.width, size.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels))
        .map_err(|e| failed(chart, &e))?;
    Ok(bytes)
}

fn failed(chart: &Chart, cause: &impl std::fmt::Display) -> crate::error::Error {
    ReportError::Draw { chart: chart.title.clone(), reason: cause.to_string() }.into()
}

impl From<Colour> for RGBColor {
    fn from(c: Colour) -> Self {
        RGBColor(c.0, c.1, c.2)
    }
}

/// The frame of the data within the picture, and the factor from page size to this size.
struct Frame<'a> {
    chart: &'a Chart,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    scale: f64,
    /// Boxes of labels already placed: left, top, right, bottom.
    taken: Vec<(f64, f64, f64, f64)>,
}

type Area<DB> = DrawingArea<DB, Shift>;
type Drawn<DB> = std::result::Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

impl Frame<'_> {
    fn px(&self, x: f64) -> f64 {
        self.left + self.chart.x.share(x) * self.width
    }

    fn py(&self, y: f64) -> f64 {
        self.top + (1.0 - self.chart.y.share(y)) * self.height
    }

    fn pixel(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.px(x), self.py(y))
    }

    fn holds(&self, (x, y): (f64, f64)) -> bool {
        let inside = |axis: &Axis, v: f64| (-1e-9..=1.0 + 1e-9).contains(&axis.share(v));
        inside(&self.chart.x, x) && inside(&self.chart.y, y)
    }

    fn length(&self, pixels_at_page_size: f64) -> f64 {
        pixels_at_page_size * self.scale
    }

    fn stroke(&self, colour: Colour, width: f64) -> ShapeStyle {
        let width = self.length(width).round().max(1.0) as u32;
        ShapeStyle { color: RGBColor::from(colour).to_rgba(), filled: false, stroke_width: width }
    }

    fn font(&self, size: f64, colour: Colour, h: HPos, v: VPos) -> TextStyle<'static> {
        let rgb = RGBColor::from(colour);
        TextStyle::from((FONT, self.length(size)).into_font().color(&rgb)).pos(Pos::new(h, v))
    }
}

fn rounded((x, y): (f64, f64)) -> (i32, i32) {
    (x.round() as i32, y.round() as i32)
}

fn draw<DB: DrawingBackend>(chart: &Chart, area: &Area<DB>, size: Size) -> Drawn<DB> {
    area.fill(&WHITE)?;
    let scale = f64::from(size.width) / f64::from(Size::PAGE.width);
    let longest = chart.legend.iter().map(|e| e.text.chars().count()).max().unwrap_or(0);
    let legend = if longest == 0 { 20.0 } else { 56.0 + 7.4 * longest as f64 };
    let mut frame = Frame {
        chart,
        left: 84.0 * scale,
        top: 52.0 * scale,
        width: f64::from(size.width) - (84.0 + legend) * scale,
        height: f64::from(size.height) - (52.0 + 66.0) * scale,
        scale,
        taken: Vec::new(),
    };
    axes(&frame, area)?;
    for mark in &chart.marks {
        if !matches!(mark, Mark::Label { .. }) {
            draw_mark(&frame, area, mark)?;
        }
    }
    for mark in &chart.marks {
        if let Mark::Label { at, text, side, colour } = mark {
            label(&mut frame, area, *at, text, *side, *colour)?;
        }
    }
    draw_legend(&frame, area)
}

fn axes<DB: DrawingBackend>(frame: &Frame, area: &Area<DB>) -> Drawn<DB> {
    let grid = ShapeStyle {
        color: RGBColor(228, 228, 228).to_rgba(),
        filled: false,
        stroke_width: frame.length(1.0).round().max(1.0) as u32,
    };
    let (left, top) = (frame.left, frame.top);
    let (right, bottom) = (left + frame.width, top + frame.height);
    let text = |size, h, v| frame.font(size, INK, h, v);
    for (x, name) in ticks(&frame.chart.x) {
        let px = frame.px(x);
        area.draw(&PathElement::new(vec![rounded((px, top)), rounded((px, bottom))], grid))?;
        let at = rounded((px, bottom + frame.length(7.0)));
        area.draw(&Text::new(name, at, text(14.0, HPos::Center, VPos::Top)))?;
    }
    for (y, name) in ticks(&frame.chart.y) {
        let py = frame.py(y);
        area.draw(&PathElement::new(vec![rounded((left, py)), rounded((right, py))], grid))?;
        let at = rounded((left - frame.length(8.0), py));
        area.draw(&Text::new(name, at, text(14.0, HPos::Right, VPos::Center)))?;
    }
    let corners = [rounded((left, top)), rounded((right, bottom))];
    area.draw(&Rectangle::new(corners, frame.stroke(QUIET, 1.0)))?;
    let title = rounded((left, frame.length(14.0)));
    area.draw(&Text::new(frame.chart.title.clone(), title, text(18.0, HPos::Left, VPos::Top)))?;
    let below = rounded((left + frame.width / 2.0, bottom + frame.length(34.0)));
    let x_title = frame.chart.x.title.clone();
    area.draw(&Text::new(x_title, below, text(15.0, HPos::Center, VPos::Top)))?;
    let beside = rounded((frame.length(14.0), top + frame.height / 2.0));
    let turned = text(15.0, HPos::Center, VPos::Top).transform(FontTransform::Rotate270);
    area.draw(&Text::new(frame.chart.y.title.clone(), beside, turned))
}

fn draw_mark<DB: DrawingBackend>(frame: &Frame, area: &Area<DB>, mark: &Mark) -> Drawn<DB> {
    match mark {
        Mark::Dots { at, colour } => {
            let style = RGBColor::from(*colour).filled();
            let rim = ShapeStyle { color: WHITE.to_rgba(), filled: false, stroke_width: 1 };
            let radius = frame.length(4.5).round() as i32;
            for point in at.iter().filter(|p| frame.holds(**p)) {
                let centre = rounded(frame.pixel(*point));
                area.draw(&Circle::new(centre, radius, style))?;
                area.draw(&Circle::new(centre, radius, rim))?;
            }
            Ok(())
        }
        Mark::Diamonds { at, colour } => {
            let r = frame.length(6.5);
            for point in at.iter().filter(|p| frame.holds(**p)) {
                let (x, y) = frame.pixel(*point);
                let corners = [(x, y - r), (x + r, y), (x, y + r), (x - r, y), (x, y - r)];
                let corners: Vec<_> = corners.into_iter().map(rounded).collect();
                area.draw(&Polygon::new(corners.clone(), WHITE.filled()))?;
                area.draw(&PathElement::new(corners, frame.stroke(*colour, 2.0)))?;
            }
            Ok(())
        }
        Mark::Line { through, colour, width, dashed } => {
            let style = frame.stroke(*colour, f64::from(*width));
            for piece in clipped(frame, through) {
                let pieces = if *dashed { dashes(&piece, frame.length(7.0)) } else { vec![piece] };
                for piece in pieces {
                    let path: Vec<_> = piece.into_iter().map(rounded).collect();
                    area.draw(&PathElement::new(path, style))?;
                }
            }
            Ok(())
        }
        Mark::Band { between, colour } => {
            let clamp = |y: f64| y.clamp(frame.chart.y.lo, frame.chart.y.hi);
            let inside: Vec<_> =
                between.iter().filter(|b| frame.holds((b.0, clamp(b.1)))).collect();
            let upper = inside.iter().map(|b| (b.0, clamp(b.2)));
            let lower = inside.iter().rev().map(|b| (b.0, clamp(b.1)));
            let ring: Vec<_> = upper.chain(lower).map(|p| rounded(frame.pixel(p))).collect();
            area.draw(&Polygon::new(ring, RGBColor::from(*colour).mix(0.18).filled()))
        }
        Mark::Bar { at: (x, lo, hi), colour } => {
            let clamp = |y: f64| y.clamp(frame.chart.y.lo, frame.chart.y.hi);
            let (px, cap) = (frame.px(*x), frame.length(4.0));
            let (bottom, top) = (frame.py(clamp(*lo)), frame.py(clamp(*hi)));
            let style = frame.stroke(*colour, 1.5);
            let strokes = [
                [(px, bottom), (px, top)],
                [(px - cap, bottom), (px + cap, bottom)],
                [(px - cap, top), (px + cap, top)],
            ];
            for stroke in strokes {
                let path: Vec<_> = stroke.into_iter().map(rounded).collect();
                area.draw(&PathElement::new(path, style))?;
            }
            Ok(())
        }
        Mark::Label { .. } => Ok(()),
    }
}

/// A line as the pieces of it within the frame, cut at the border.
fn clipped(frame: &Frame, through: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut open = false;
    for pair in through.windows(2) {
        let ends = [frame.pixel(pair[0]), frame.pixel(pair[1])];
        let Some((from, to)) = cut(frame, ends[0], ends[1]) else {
            open = false;
            continue;
        };
        match pieces.last_mut().filter(|_| open) {
            Some(piece) => piece.push(to),
            None => pieces.push(vec![from, to]),
        }
        open = to == ends[1];
    }
    pieces
}

/// The part of a segment within the frame (Liang and Barsky 1984).
fn cut(frame: &Frame, a: (f64, f64), b: (f64, f64)) -> Option<((f64, f64), (f64, f64))> {
    if ![a.0, a.1, b.0, b.1].iter().all(|x| x.is_finite()) {
        return None;
    }
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    let (right, bottom) = (frame.left + frame.width, frame.top + frame.height);
    let sides =
        [(-dx, a.0 - frame.left), (dx, right - a.0), (-dy, a.1 - frame.top), (dy, bottom - a.1)];
    for (slope, room) in sides {
        if slope == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if slope < 0.0 {
            enter = enter.max(room / slope);
        } else {
            leave = leave.min(room / slope);
        }
    }
    let at = |t: f64| (a.0 + t * dx, a.1 + t * dy);
    let to = if leave == 1.0 { b } else { at(leave) };
    (enter < leave).then(|| (at(enter), to))
}

/// A path as dashes as long as the gaps between them.
fn dashes(path: &[(f64, f64)], length: f64) -> Vec<Vec<(f64, f64)>> {
    let mut dashes: Vec<Vec<(f64, f64)>> = Vec::new();
    let (mut travelled, mut drawing) = (0.0, true);
    let mut dash = path.first().copied().into_iter().collect::<Vec<_>>();
    for pair in path.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let left = (to.0 - from.0).hypot(to.1 - from.1);
            let room = length - travelled;
            if left < room {
                travelled += left;
                dash.push(to);
                break;
            }
            let share = room / left;
            from = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            dash.push(from);
            if drawing {
                dashes.push(std::mem::take(&mut dash));
            }
            dash = vec![from];
            drawing = !drawing;
            travelled = 0.0;
        }
    }
    if drawing && dash.len() > 1 {
        dashes.push(dash);
    }
    dashes
}

/// Text beside a point, moved up or down until it meets no other label, kept within the frame.
fn label<DB: DrawingBackend>(
    frame: &mut Frame,
    area: &Area<DB>,
    at: (f64, f64),
    text: &str,
    side: Side,
    colour: Colour,
) -> Drawn<DB> {
    if !frame.holds(at) {
        return Ok(());
    }
    let style = frame.font(14.0, colour, HPos::Left, VPos::Top);
    let (width, height) = area.estimate_text_size(text, &style)?;
    let (width, height) = (f64::from(width), f64::from(height));
    let (x, y) = frame.pixel(at);
    let gap = frame.length(9.0);
    let (left, top) = match side {
        Side::Above => (x - width / 2.0, y - gap - height),
        Side::Below => (x - width / 2.0, y + gap),
        Side::Right => (x + gap, y - height / 2.0),
        Side::Left => (x - gap - width, y - height / 2.0),
    };
    let left =
        left.clamp(frame.left + 3.0, (frame.left + frame.width - width - 3.0).max(frame.left));
    let lowest = frame.top + frame.height - height - 3.0;
    let step = height * 0.5;
    // Nearest free place, first on the asked side: 0, -1, +1, -2, …
    let offsets = (0..40).map(|i| {
        let steps = f64::from((i + 1) / 2);
        if i % 2 == 1 { -steps * step } else { steps * step }
    });
    let free = offsets.map(|offset| (top + offset).clamp(frame.top + 3.0, lowest)).find(|top| {
        frame
            .taken
            .iter()
            .all(|t| left > t.2 || left + width < t.0 || *top > t.3 || top + height < t.1)
    });
    let top = free.unwrap_or(top);
    frame.taken.push((left, top, left + width, top + height));
    let back = [
        rounded((left - frame.length(2.0), top)),
        rounded((left + width + frame.length(2.0), top + height)),
    ];
    area.draw(&Rectangle::new(back, WHITE.mix(0.8).filled()))?;
    area.draw(&Text::new(text.to_owned(), rounded((left, top)), style))
}

fn draw_legend<DB: DrawingBackend>(frame: &Frame, area: &Area<DB>) -> Drawn<DB> {
    let left = frame.left + frame.width + frame.length(16.0);
    for (i, entry) in frame.chart.legend.iter().enumerate() {
        let y = frame.top + frame.length(12.0 + 24.0 * i as f64);
        let (from, to) = (left, left + frame.length(22.0));
        let middle = (from + to) / 2.0;
        let rgb = RGBColor::from(entry.colour);
        match entry.sample {
            Sample::Dot => {
                let radius = frame.length(4.5).round() as i32;
                area.draw(&Circle::new(rounded((middle, y)), radius, rgb.filled()))?;
            }
            Sample::Line | Sample::Dashes => {
                let path = [(from, y), (to, y)];
                let pieces = if entry.sample == Sample::Dashes {
                    dashes(&path, frame.length(5.0))
                } else {
                    vec![path.to_vec()]
                };
                for piece in pieces {
                    let path: Vec<_> = piece.into_iter().map(rounded).collect();
                    area.draw(&PathElement::new(path, frame.stroke(entry.colour, 2.0)))?;
                }
            }
            Sample::Fill => {
                let half = frame.length(6.0);
                let corners = [rounded((from, y - half)), rounded((to, y + half))];
                area.draw(&Rectangle::new(corners, rgb.mix(0.18).filled()))?;
            }
            Sample::Diamond => {
                let r = frame.length(6.0);
                let corners = [
                    (middle, y - r),
                    (middle + r, y),
                    (middle, y + r),
                    (middle - r, y),
                    (middle, y - r),
                ];
                let path: Vec<_> = corners.into_iter().map(rounded).collect();
                area.draw(&PathElement::new(path, frame.stroke(entry.colour, 2.0)))?;
            }
        }
        let style = frame.font(14.0, INK, HPos::Left, VPos::Center);
        let at = rounded((to + frame.length(8.0), y));
        area.draw(&Text::new(entry.text.clone(), at, style))?;
    }
    Ok(())
}
