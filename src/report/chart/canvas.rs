//! Drawing in page units on any plotters back end.

use std::fmt::Display;
use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::element::{Circle, PathElement, Polygon};
use plotters::prelude::{DrawingArea, DrawingBackend, IntoFont};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontStyle, FontTransform, RGBAColor, RGBColor, ShapeStyle, TextStyle, register_font,
};

use crate::error::{Error, ReportError, Result};

/// A point on the page, in page units from the upper left corner.
pub(super) type Spot = (f64, f64);

const FAMILY: &str = "sans-serif";
/// Room kept for a text over its width in Noto Sans: other sans-serif fonts are up to this much wider.
const GENEROUS: f64 = 1.06;
/// Ascent plus descent of Noto Sans over its em, by which plotters' rasteriser measures size.
const NOTO_HEIGHT: f64 = 1.362;

/// How a back end turns a font size into letters: they differ, so pictures would too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Face {
    /// Font size for one em.
    size_per_em: f64,
    /// Baseline below a top anchor, in em.
    baseline: f64,
}

impl Face {
    /// `plotters-svg`: writes size / 1.24 and shifts by 0.76 em.
    pub(super) const SVG: Self = Self { size_per_em: 1.24, baseline: 0.76 };
    /// `plotters` with `ab_glyph`: size is the font's height, the baseline half of it down.
    pub(super) const BITMAP: Self = Self { size_per_em: NOTO_HEIGHT, baseline: 0.5 * NOTO_HEIGHT };
}

/// Horizontal alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Middle,
    Right,
}

/// Size, weight and colour of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen {
    pub(super) em: f64,
    pub(super) bold: bool,
    pub(super) color: RGBColor,
}

impl Pen {
    pub(super) const fn new(em: f64, color: RGBColor) -> Self {
        Self { em, bold: false, color }
    }

    pub(super) const fn bold(em: f64, color: RGBColor) -> Self {
        Self { em, bold: true, color }
    }

    fn style(self) -> FontStyle {
        if self.bold { FontStyle::Bold } else { FontStyle::Normal }
    }
}

/// Registers the embedded font once; plotters looks no further than this table.
pub(super) fn register() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        for (style, bytes) in
            [(FontStyle::Normal, notosans::REGULAR_TTF), (FontStyle::Bold, notosans::BOLD_TTF)]
        {
            assert!(register_font(FAMILY, style, bytes).is_ok(), "the embedded font is valid");
        }
    });
}

/// A text cut at `width`, with an ellipsis where something is missing.
pub(super) fn shortened(text: &str, pen: Pen, width: f64) -> String {
    // A width that was made of the text's own may be less by rounding.
    if text_width(text, pen) <= width + 0.01 {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let cut = |n: usize| letters[..n].iter().collect::<String>().trim_end().to_owned() + "…";
    // The longest beginning that fits: widths grow with the letters.
    let (mut fits, mut exceeds) = (0, letters.len());
    while exceeds - fits > 1 {
        let middle = usize::midpoint(fits, exceeds);
        if text_width(&cut(middle), pen) <= width { fits = middle } else { exceeds = middle }
    }
    cut(fits)
}

/// A text in lines of at most `width`, broken at spaces; a longer word is cut.
pub(super) fn wrapped(text: &str, pen: Pen, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match longer.filter(|line| text_width(line, pen) <= width) {
            Some(line) => *lines.last_mut().expect("it was made longer") = line,
            None => lines.push(shortened(word, pen, width)),
        }
    }
    lines
}

/// Width of a text in page units, a little generous since an SVG viewer may use another font.
pub(super) fn text_width(text: &str, pen: Pen) -> f64 {
    register();
    let measured = (FAMILY, 1000.0 * NOTO_HEIGHT, pen.style()).into_font().layout_box(text);
    let thousandths =
        measured.map_or(600.0 * text.chars().count() as f64, |(_, (w, _))| f64::from(w));
    GENEROUS * pen.em * thousandths / 1000.0
}

/// A drawing area with a scale.
pub(super) struct Canvas<'a, DB: DrawingBackend> {
    pub(super) area: &'a DrawingArea<DB, Shift>,
    pub(super) chart: &'static str,
    /// Pixels per page unit.
    pub(super) scale: f64,
    pub(super) face: Face,
}

impl<DB: DrawingBackend> Canvas<'_, DB> {
    fn failed(&self, cause: &impl Display) -> Error {
        ReportError::Draw { chart: self.chart.to_owned(), reason: cause.to_string() }.into()
    }

    fn pixel(&self, (x, y): Spot) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    fn pixels(&self, spots: &[Spot]) -> Vec<(i32, i32)> {
        spots.iter().map(|s| self.pixel(*s)).collect()
    }

    /// Fills the whole page.
    pub(super) fn clear(&self, color: RGBColor) -> Result<()> {
        self.area.fill(&color).map_err(|e| self.failed(&e))
    }

    /// A line through spots.
    pub(super) fn line(&self, spots: &[Spot], color: RGBColor, width: f64) -> Result<()> {
        if spots.len() < 2 {
            return Ok(());
        }
        let stroke_width = ((width * self.scale).round() as u32).max(1);
        let style = ShapeStyle { color: color.to_rgba(), filled: false, stroke_width };
        self.area.draw(&PathElement::new(self.pixels(spots), style)).map_err(|e| self.failed(&e))
    }

    /// A dashed line through spots: the pattern runs on over corners.
    pub(super) fn dashes(&self, spots: &[Spot], color: RGBColor, width: f64) -> Result<()> {
        for dash in dashes(spots, 6.0, 4.0) {
            self.line(&dash, color, width)?;
        }
        Ok(())
    }

    /// A filled polygon without outline.
    pub(super) fn fill(&self, spots: &[Spot], color: RGBAColor) -> Result<()> {
        if spots.len() < 3 {
            return Ok(());
        }
        self.area
            .draw(&Polygon::new(self.pixels(spots), color.filled()))
            .map_err(|e| self.failed(&e))
    }

    /// A filled disc.
    pub(super) fn disc(&self, at: Spot, radius: f64, color: RGBAColor) -> Result<()> {
        let radius = ((radius * self.scale).round() as i32).max(1);
        self.area
            .draw(&Circle::new(self.pixel(at), radius, color.filled()))
            .map_err(|e| self.failed(&e))
    }

    /// A text whose baseline passes through `at`.
    pub(super) fn text(&self, text: &str, at: Spot, align: Align, pen: Pen) -> Result<()> {
        let top = (at.0, at.1 - self.face.baseline * pen.em);
        self.place(text, top, align, pen, FontTransform::None)
    }

    /// A text read from bottom to top, its baseline on the vertical through `at`.
    pub(super) fn upward_text(&self, text: &str, at: Spot, pen: Pen) -> Result<()> {
        let top = (at.0 - self.face.baseline * pen.em, at.1);
        self.place(text, top, Align::Middle, pen, FontTransform::Rotate270)
    }

    fn place(
        &self,
        text: &str,
        top: Spot,
        align: Align,
        pen: Pen,
        turn: FontTransform,
    ) -> Result<()> {
        let h_pos = match align {
            Align::Left => HPos::Left,
            Align::Middle => HPos::Center,
            Align::Right => HPos::Right,
        };
        let size = pen.em * self.scale * self.face.size_per_em;
        let font = (FAMILY, size, pen.style()).into_font().transform(turn);
        let style = TextStyle::from(font).color(&pen.color).pos(Pos::new(h_pos, VPos::Top));
        self.area.draw_text(text, &style, self.pixel(top)).map_err(|e| self.failed(&e))
    }
}

/// Cuts a polyline into dashes `on` long with gaps `off` long.
fn dashes(spots: &[Spot], on: f64, off: f64) -> Vec<Vec<Spot>> {
    let mut out: Vec<Vec<Spot>> = Vec::new();
    let mut current: Vec<Spot> = spots.first().map(|s| vec![*s]).unwrap_or_default();
    let mut drawing = true;
    let mut left = on;
    for pair in spots.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length < left {
                left -= length;
                if drawing && length > 0.0 {
                    current.push(to);
                }
                break;
            }
            let share = left / length;
            let cut = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            if drawing {
                current.push(cut);
                out.push(std::mem::take(&mut current));
                left = off;
            } else {
                current = vec![cut];
                left = on;
            }
            drawing = !drawing;
            from = cut;
        }
    }
    if current.len() > 1 {
        out.push(current);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::palette;

    #[test]
    fn dashes_cover_the_share_of_the_line_they_should() {
        let dashes = dashes(&[(0.0, 0.0), (50.0, 0.0), (50.0, 50.0)], 6.0, 4.0);
        let length: f64 = dashes
            .iter()
            .flat_map(|d| d.windows(2).map(|w| (w[1].0 - w[0].0).hypot(w[1].1 - w[0].1)))
            .sum();
        assert_eq!(dashes.len(), 10);
        assert!((length - 60.0).abs() < 1e-9, "{length}");
    }

    #[test]
    fn texts_are_broken_at_spaces_and_long_words_are_cut() {
        let pen = Pen::new(12.0, palette::TEXT);
        let width = text_width("one two", pen);
        assert_eq!(wrapped("one two three", pen, width), ["one two", "three"]);
        let cut = shortened("incomprehensibilities", pen, width);
        assert!(cut.ends_with('…') && text_width(&cut, pen) <= width, "{cut}");
        assert_eq!(shortened("one", pen, width), "one");
        assert!(wrapped("", pen, width).is_empty());
    }

    #[test]
    fn wide_texts_measure_wider() {
        let pen = Pen::new(12.0, palette::TEXT);
        let (narrow, wide) = (text_width("iii", pen), text_width("MMM", pen));
        assert!(0.0 < narrow && narrow < wide && wide < 60.0, "{narrow} {wide}");
    }
}
