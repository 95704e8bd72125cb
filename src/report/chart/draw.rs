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

/// plotters places everything on whole pixels. Drawing larger than asked for and scaling down gives
/// smooth lines: through the view box in SVG, by averaging in PNG.
const FINER: u32 = 4;

pub(super) fn svg(chart: &Chart, size: Size) -> Result<String> {
    use_built_in_font();
    let large = Size { width: FINER * size.width, height: FINER * size.height };
    let mut text = String::new();
    {
        let area =
            SVGBackend::with_string(&mut text, (large.width, large.height)).into_drawing_area();
        draw(chart, &area, large).map_err(|e| failed(chart, &e))?;
        area.present().map_err(|e| failed(chart, &e))?;
    }
    let drawn = format!("width=\"{}\" height=\"{}\"", large.width, large.height);
    let shown = format!("width=\"{}\" height=\"{}\"", size.width, size.height);
    Ok(text.replacen(&drawn, &shown, 1))
}

pub(super) fn png(chart: &Chart, size: Size) -> Result<Vec<u8>> {
    use_built_in_font();
    let finer = if size.width > Size::PAGE.width { 2 } else { FINER };
    let large = Size { width: finer * size.width, height: finer * size.height };
    let mut fine = vec![0_u8; large.width as usize * large.height as usize * 3];
    {
        let area =
            BitMapBackend::with_buffer(&mut fine, (large.width, large.height)).into_drawing_area();
        draw(chart, &area, large).map_err(|e| failed(chart, &e))?;
        area.present().map_err(|e| failed(chart, &e))?;
    }
    let pixels = averaged(&fine, size, finer as usize);
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

/// Each pixel of `size` as the mean of the `finer` by `finer` pixels drawn for it.
fn averaged(fine: &[u8], size: Size, finer: usize) -> Vec<u8> {
    let (width, height) = (size.width as usize, size.height as usize);
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let mut sum = 0_usize;
                for row in 0..finer {
                    let start = ((y * finer + row) * width * finer + x * finer) * 3 + channel;
                    sum += (0..finer).map(|i| usize::from(fine[start + 3 * i])).sum::<usize>();
                }
                pixels.push((sum / (finer * finer)) as u8);
            }
        }
    }
    pixels
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
    let legend = if longest == 0 { 20.0 } else { 52.0 + 8.6 * longest as f64 };
    let frame = Frame {
        chart,
        left: 84.0 * scale,
        top: 52.0 * scale,
        width: f64::from(size.width) - (84.0 + legend) * scale,
        height: f64::from(size.height) - (52.0 + 66.0) * scale,
        scale,
    };
    axes(&frame, area)?;
    for mark in &chart.marks {
        if !matches!(mark, Mark::Label { .. }) {
            draw_mark(&frame, area, mark)?;
        }
    }
    let mut taken = obstacles(&frame);
    for mark in &chart.marks {
        if let Mark::Label { at, text, side, colour } = mark {
            label(&frame, area, &mut taken, (*at, text, *side, *colour))?;
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
        area.draw(&Text::new(name, at, text(17.0, HPos::Center, VPos::Top)))?;
    }
    for (y, name) in ticks(&frame.chart.y) {
        let py = frame.py(y);
        area.draw(&PathElement::new(vec![rounded((left, py)), rounded((right, py))], grid))?;
        let at = rounded((left - frame.length(8.0), py));
        area.draw(&Text::new(name, at, text(17.0, HPos::Right, VPos::Center)))?;
    }
    let corners = [rounded((left, top)), rounded((right, bottom))];
    area.draw(&Rectangle::new(corners, frame.stroke(QUIET, 1.0)))?;
    let title = rounded((left, frame.length(14.0)));
    area.draw(&Text::new(frame.chart.title.clone(), title, text(21.0, HPos::Left, VPos::Top)))?;
    let below = rounded((left + frame.width / 2.0, bottom + frame.length(36.0)));
    let x_title = frame.chart.x.title.clone();
    area.draw(&Text::new(x_title, below, text(18.0, HPos::Center, VPos::Top)))?;
    let beside = rounded((frame.length(14.0), top + frame.height / 2.0));
    let turned = text(18.0, HPos::Center, VPos::Top).transform(FontTransform::Rotate270);
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

/// Something a label should not cover, with how much that matters.
#[derive(Clone, Copy)]
struct Obstacle {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    weight: f64,
}

impl Obstacle {
    fn around((x, y): (f64, f64), reach: f64, weight: f64) -> Self {
        Self { left: x - reach, top: y - reach, right: x + reach, bottom: y + reach, weight }
    }

    fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

const ANOTHER_LABEL: f64 = 1000.0;
const A_DOT: f64 = 50.0;
const A_PIECE_OF_LINE: f64 = 1.0;

/// Dots and lines as obstacles.
fn obstacles(frame: &Frame) -> Vec<Obstacle> {
    let mut found = Vec::new();
    for mark in &frame.chart.marks {
        match mark {
            Mark::Dots { at, .. } | Mark::Diamonds { at, .. } => {
                let reach = frame.length(7.0);
                found.extend(at.iter().map(|p| Obstacle::around(frame.pixel(*p), reach, A_DOT)));
            }
            Mark::Line { through, .. } => {
                let (reach, step) = (frame.length(2.0), frame.length(6.0));
                for piece in clipped(frame, through) {
                    for dash in dashes(&piece, step) {
                        let ends = dash.first().into_iter().chain(dash.last());
                        found.extend(ends.map(|p| Obstacle::around(*p, reach, A_PIECE_OF_LINE)));
                    }
                }
            }
            Mark::Band { .. } | Mark::Bar { .. } | Mark::Label { .. } => {}
        }
    }
    found
}

/// Text beside a point, where it covers least: on the asked side, else another, else farther off.
fn label<DB: DrawingBackend>(
    frame: &Frame,
    area: &Area<DB>,
    taken: &mut Vec<Obstacle>,
    (at, text, side, colour): ((f64, f64), &str, Side, Colour),
) -> Drawn<DB> {
    if !frame.holds(at) {
        return Ok(());
    }
    let style = frame.font(17.0, colour, HPos::Left, VPos::Top);
    let (width, height) = area.estimate_text_size(text, &style)?;
    let (width, height) = (f64::from(width), f64::from(height));
    let (x, y) = frame.pixel(at);
    let right_most = frame.left + frame.width - width - frame.length(4.0);
    let lowest = frame.top + frame.height - height - frame.length(4.0);
    let place = |side: Side, gap: f64| {
        let (left, top) = match side {
            Side::Above => (x - width / 2.0, y - gap - height),
            Side::Below => (x - width / 2.0, y + gap),
            Side::Right => (x + gap, y - height / 2.0),
            Side::Left => (x - gap - width, y - height / 2.0),
        };
        let left = left.min(right_most).max(frame.left + frame.length(4.0));
        let top = top.min(lowest).max(frame.top + frame.length(4.0));
        Obstacle { left, top, right: left + width, bottom: top + height, weight: ANOTHER_LABEL }
    };
    let sides = [side, Side::Right, Side::Above, Side::Below, Side::Left];
    let gaps = [10.0, 16.0, 26.0, 40.0, 56.0];
    let candidates = gaps.iter().flat_map(|gap| sides.map(|s| place(s, frame.length(*gap))));
    let cost = |(order, place): (usize, &Obstacle)| {
        let covered: f64 = taken.iter().filter(|o| o.meets(place)).map(|o| o.weight).sum();
        // Among equals the earlier one: nearer, and on the side asked for.
        covered + 0.01 * order as f64
    };
    let candidates: Vec<Obstacle> = candidates.collect();
    let best = candidates
        .iter()
        .enumerate()
        .min_by(|a, b| cost((a.0, a.1)).total_cmp(&cost((b.0, b.1))))
        .map(|(_, place)| *place);
    let Some(best) = best else { return Ok(()) };
    taken.push(best);
    area.draw(&Text::new(text.to_owned(), rounded((best.left, best.top)), style))
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
        let style = frame.font(17.0, INK, HPos::Left, VPos::Center);
        let at = rounded((to + frame.length(8.0), y));
        area.draw(&Text::new(entry.text.clone(), at, style))?;
    }
    Ok(())
}
