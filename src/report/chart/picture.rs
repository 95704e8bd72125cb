//! A chart as a value: what is seen, not where.

use super::axis::Axis;
use super::layer::{Hit, Label, Layer, Legend};

/// Width and height of a picture in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Size {
    /// For a page: 800 x 500.
    pub const PAGE: Self = Self { width: 800, height: 500 };
    /// For a phone: 600 x 780. Shown 390 wide, its smallest text is 11 high; the legend is below the
    /// plot, as on every picture that is higher than wide.
    pub const PHONE: Self = Self { width: 600, height: 780 };
    /// For slides and papers: 1600 x 1000.
    pub const LARGE: Self = Self { width: 1600, height: 1000 };
}

/// A chart ready to be drawn.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Short name for files and messages, e.g. `valleys`.
    pub name: &'static str,
    /// Headline above the plot.
    pub title: String,
    /// The law it rests on, or the runs, below the headline; empty where neither is in it.
    pub subtitle: String,
    /// What it shows, in one sentence, for captions and screen readers.
    pub caption: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) layers: Vec<Layer>,
    pub(super) labels: Vec<Label>,
    pub(super) legend: Legend,
    /// What is said of its points, the most important last.
    pub(super) hits: Vec<Hit>,
}
