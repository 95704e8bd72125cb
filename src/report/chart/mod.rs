//! Charts: each is first a description in data units, then drawn once for every format.

mod compression;
mod draw;
mod frontier;
mod predicted;
mod ticks;
mod valleys;

pub use compression::{Compression, NamedModel};
pub use frontier::Frontier;
pub use predicted::Predicted;
pub use valleys::Valleys;

use crate::error::Result;

/// Okabe and Ito's palette without yellow: told apart by colour-blind readers, dark enough on white.
pub(super) const PALETTE: [Colour; 6] = [
    Colour(0, 114, 178),
    Colour(213, 94, 0),
    Colour(0, 158, 115),
    Colour(204, 121, 167),
    Colour(86, 180, 233),
    Colour(230, 159, 0),
];
/// Text and frames.
pub(super) const INK: Colour = Colour(40, 40, 40);
/// Lines that help the eye.
pub(super) const QUIET: Colour = Colour(140, 140, 140);

/// Red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

/// Pixels of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Size {
    /// For a page.
    pub const PAGE: Self = Self { width: 960, height: 600 };
    /// For a slide: the page's picture, twice as large.
    pub const LARGE: Self = Self { width: 1920, height: 1200 };
}

/// How an axis maps numbers to lengths and writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Linear, plain numbers.
    Linear,
    /// Logarithmic, `7B`.
    Count,
    /// Logarithmic, `1e12`.
    Power,
}

/// One axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Title with unit.
    pub title: String,
    /// How numbers become lengths.
    pub scale: Scale,
    /// Smallest number shown.
    pub lo: f64,
    /// Largest number shown.
    pub hi: f64,
}

impl Axis {
    /// An axis that shows all of `values` with a margin of `margin` of its length on both sides.
    #[must_use]
    pub fn around(
        title: &str,
        scale: Scale,
        values: impl IntoIterator<Item = f64>,
        margin: f64,
    ) -> Self {
        let map = |x: f64| if scale == Scale::Linear { x } else { x.ln() };
        let (lo, hi) = values
            .into_iter()
            .filter(|x| x.is_finite() && (scale == Scale::Linear || *x > 0.0))
            .map(map)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), x| (lo.min(x), hi.max(x)));
        // Nothing to show, or one value: an axis of some length around it.
        let (lo, hi) = if lo.is_finite() { (lo, hi) } else { (0.0, 1.0) };
        let pad = margin * (hi - lo).max(1e-3 * lo.abs().max(1e-3));
        let back = |x: f64| if scale == Scale::Linear { x } else { x.exp() };
        Self { title: title.to_owned(), scale, lo: back(lo - pad), hi: back(hi + pad) }
    }

    /// Where `x` lies, 0 at the low end and 1 at the high end.
    pub(super) fn share(&self, x: f64) -> f64 {
        match self.scale {
            Scale::Linear => (x - self.lo) / (self.hi - self.lo),
            Scale::Count | Scale::Power => (x / self.lo).ln() / (self.hi / self.lo).ln(),
        }
    }
}

/// Which side of its point a label stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Above, centred.
    Above,
    /// Below, centred.
    Below,
    /// To the right.
    Right,
    /// To the left.
    Left,
}

/// Something drawn, in data units.
#[derive(Clone, Debug)]
pub enum Mark {
    /// Dots.
    Dots {
        /// Where.
        at: Vec<(f64, f64)>,
        /// Colour.
        colour: Colour,
    },
    /// Diamonds, hollow.
    Diamonds {
        /// Where.
        at: Vec<(f64, f64)>,
        /// Colour.
        colour: Colour,
    },
    /// A line through points.
    Line {
        /// Where.
        through: Vec<(f64, f64)>,
        /// Colour.
        colour: Colour,
        /// Width at page size, pixels.
        width: u32,
        /// Dashed.
        dashed: bool,
    },
    /// A filled band: x, low, high.
    Band {
        /// Where.
        between: Vec<(f64, f64, f64)>,
        /// Colour.
        colour: Colour,
    },
    /// A vertical bar with caps: x, low, high.
    Bar {
        /// Where.
        at: (f64, f64, f64),
        /// Colour.
        colour: Colour,
    },
    /// Text beside a point.
    Label {
        /// The point.
        at: (f64, f64),
        /// The text.
        text: String,
        /// Which side of it.
        side: Side,
        /// Colour.
        colour: Colour,
    },
}

/// A line of the legend.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Text.
    pub text: String,
    /// Colour.
    pub colour: Colour,
    /// What stands before it.
    pub sample: Sample,
}

/// What stands before a legend text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// A dot.
    Dot,
    /// A line.
    Line,
    /// A dashed line.
    Dashes,
    /// A filled square.
    Fill,
    /// A hollow diamond.
    Diamond,
}

/// A chart in data units.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Title above.
    pub title: String,
    /// Across.
    pub x: Axis,
    /// Up.
    pub y: Axis,
    /// What is drawn, back to front.
    pub marks: Vec<Mark>,
    /// Legend on the right, top to bottom.
    pub legend: Vec<Entry>,
}

/// Something that can be drawn.
pub trait Picture {
    /// Its description.
    ///
    /// # Errors
    /// When the values to draw cannot be computed.
    fn chart(&self) -> Result<Chart>;

    /// The picture as SVG text; fonts are the reader's own sans-serif.
    ///
    /// # Errors
    /// [`ReportError::Draw`](crate::error::ReportError::Draw).
    fn svg(&self, size: Size) -> Result<String> {
        draw::svg(&self.chart()?, size)
    }

    /// The picture as PNG bytes; the font is built in.
    ///
    /// # Errors
    /// [`ReportError::Draw`](crate::error::ReportError::Draw).
    fn png(&self, size: Size) -> Result<Vec<u8>> {
        draw::png(&self.chart()?, size)
    }
}
