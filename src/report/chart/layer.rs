//! What lies on a chart: lines, bands, marks, labels and the legend.

use plotters::style::RGBColor;

/// A point in data coordinates.
pub(super) type At = (f64, f64);

/// A mark at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A run.
    Dot,
    /// A run that is only context, or misses.
    Ring,
    /// An optimum or a plan.
    Diamond,
}

/// Stroke of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stroke {
    pub(super) color: RGBColor,
    pub(super) width: f64,
    pub(super) dashed: bool,
}

impl Stroke {
    pub(super) const fn solid(color: RGBColor, width: f64) -> Self {
        Self { color, width, dashed: false }
    }

    pub(super) const fn dashed(color: RGBColor, width: f64) -> Self {
        Self { color, width, dashed: true }
    }
}

/// One layer, drawn in order.
#[derive(Clone, Debug)]
pub(super) enum Layer {
    /// A line through points; parts outside the axes are cut off.
    Line { points: Vec<At>, stroke: Stroke },
    /// The area between a lower and an upper value at each x.
    Band { rows: Vec<(f64, f64, f64)>, color: RGBColor },
    /// Marks of one kind and size, each with its colour.
    Marks { points: Vec<(At, RGBColor)>, mark: Mark, radius: f64 },
}

impl Layer {
    pub(super) fn line(points: Vec<At>, stroke: Stroke) -> Self {
        Self::Line { points, stroke }
    }

    /// Marks of one colour.
    pub(super) fn marks(
        points: impl IntoIterator<Item = At>,
        color: RGBColor,
        mark: Mark,
        radius: f64,
    ) -> Self {
        Self::Marks { points: points.into_iter().map(|p| (p, color)).collect(), mark, radius }
    }
}

/// Preferred side of a label, seen from its anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Above,
    Below,
    Left,
    Right,
    AboveRight,
    AboveLeft,
    BelowRight,
    BelowLeft,
}

/// A text that may be put at one of several points, wherever it covers nothing.
#[derive(Clone, Debug)]
pub(super) struct Label {
    /// Data points it may belong to, best first.
    pub(super) anchors: Vec<At>,
    pub(super) text: String,
    pub(super) color: RGBColor,
    /// Preferred sides, best first; the others are tried last.
    pub(super) sides: Vec<Side>,
    pub(super) bold: bool,
    /// Whether it names something that is told nowhere else, so that a reader is to know when it has
    /// no room; the value of a grid line is not.
    pub(super) counted: bool,
}

impl Label {
    pub(super) fn new(at: At, text: impl Into<String>, color: RGBColor, sides: &[Side]) -> Self {
        Self {
            anchors: vec![at],
            text: text.into(),
            color,
            sides: sides.to_vec(),
            bold: false,
            counted: true,
        }
    }

    /// A label at the first of several points that has room.
    pub(super) fn along(
        anchors: Vec<At>,
        text: impl Into<String>,
        color: RGBColor,
        sides: &[Side],
    ) -> Self {
        let text = text.into();
        Self { anchors, text, color, sides: sides.to_vec(), bold: false, counted: true }
    }

    /// One that may be missing without a word.
    pub(super) fn optional(mut self) -> Self {
        self.counted = false;
        self
    }

    pub(super) fn bold(mut self) -> Self {
        self.bold = true;
        self
    }
}

/// What is said of a point: shown where a pointer rests on it.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub(super) at: At,
    /// The line or the kind of mark it belongs to.
    pub(super) series: String,
    /// Its values in words.
    pub(super) text: String,
}

impl Hit {
    pub(super) fn new(at: At, series: impl Into<String>, text: impl Into<String>) -> Self {
        Self { at, series: series.into(), text: text.into() }
    }
}

/// About `most` of the items, evenly spread, the first and the last among them.
pub(super) fn thinned<T>(items: &[T], most: usize) -> impl Iterator<Item = &T> {
    let last = items.len().saturating_sub(1);
    let stride = items.len().div_ceil(most.max(1)).max(1);
    items.iter().enumerate().filter(move |(i, _)| i % stride == 0 || *i == last).map(|(_, x)| x)
}

/// What a legend row shows before its text.
#[derive(Clone, Debug)]
pub(super) enum Sample {
    Mark(Mark, RGBColor),
    Line(Stroke),
    Band(RGBColor),
    /// A line with a mark on it.
    Both(Stroke, Mark),
}

/// One row of the legend.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) sample: Sample,
    pub(super) text: String,
}

impl Key {
    pub(super) fn new(sample: Sample, text: impl Into<String>) -> Self {
        Self { sample, text: text.into() }
    }
}

/// A colour scale: a heading and texts from the low end to the high one.
#[derive(Clone, Debug)]
pub(super) struct ColorBar {
    pub(super) heading: String,
    /// Share along the ramp and its text.
    pub(super) ticks: Vec<(f64, String)>,
}

/// The column beside the plot.
#[derive(Clone, Debug, Default)]
pub(super) struct Legend {
    /// Groups of rows, each under its heading (empty for none).
    pub(super) groups: Vec<(String, Vec<Key>)>,
    pub(super) bar: Option<ColorBar>,
}
