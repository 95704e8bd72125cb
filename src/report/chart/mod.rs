//! Charts as values, drawn by plotters to SVG or PNG.
//!
//! ```text
//! valleys(..) -> Chart -> render_svg -> String
//!                      -> render_png -> bytes
//! ```
//!
//! A chart says what is seen (axes, layers, labels, legend), `draw` says where: it maps data to the
//! page, chooses ticks, and puts each label where it hits neither data nor another label. Lengths
//! are in units of a page 500 high, so a larger picture is the same picture with more pixels.

mod axis;
mod canvas;
mod compression;
mod design;
mod draw;
mod family;
mod frame;
mod frontier;
mod layer;
mod output;
mod palette;
mod place;
mod plane;
mod serving;
mod trade_off;
mod validation;
mod valley;

pub use compression::compression;
pub use design::design;
pub use family::{CostAxis, FamilyMember, iso_loss_family};
pub use frontier::frontier;
pub use output::{render_png, render_svg};
pub use plane::plane;
pub use serving::{ServingLine, serving_by_batch};
pub use trade_off::trade_off;
pub use validation::predicted_against_actual;
pub use valley::valleys;

use axis::Axis;
use layer::{Label, Layer, Legend};

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
    /// What it shows, in one sentence, for captions and screen readers.
    pub caption: String,
    x: Axis,
    y: Axis,
    layers: Vec<Layer>,
    labels: Vec<Label>,
    legend: Legend,
}
