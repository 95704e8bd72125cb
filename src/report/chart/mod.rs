//! Charts as values, drawn by plotters to SVG or PNG.
//!
//! ```text
//! valleys_chart(..) -> Chart -> render_svg -> String
//!                            -> render_png -> bytes
//! ```
//!
//! A chart says what is seen (axes, layers, labels, legend, what is said of each point), `layout` says
//! where: it maps data to the page, chooses ticks, and puts each label where it touches no other. `draw`
//! draws that. Distances are in units of a page 500 high, or, where a picture is higher than wide, 390
//! wide; a larger picture is the same picture with more pixels.
//!
//! ```
//! use isoloss::law::Surface;
//! use isoloss::plan::{iso_loss_curve, optimum_of_size};
//! use isoloss::report::{Size, compression_chart, render_svg};
//! use isoloss::units::Params;
//!
//! let surface = Surface::published("besiroglu")?;
//! let loss = optimum_of_size(&surface, Params::new(70e9))?.loss_nats;
//! let curve = iso_loss_curve(&surface, loss, 60)?;
//! let chart = compression_chart(&curve, &[], &[]);
//! assert!(chart.title.starts_with("Training compute to reach"));
//! assert!(chart.subtitle.starts_with("besiroglu (2024)"));
//! assert!(render_svg(&chart, Size::PAGE)?.starts_with("<svg"));
//! # Ok::<(), isoloss::error::Error>(())
//! ```

mod axis;
mod canvas;
mod compared;
mod compression;
mod design;
mod draw;
mod family;
mod frame;
mod frontier;
mod gain;
mod held_out;
mod hits;
mod laws;
mod layer;
mod layout;
mod legend;
mod loss_curves;
mod output;
mod palette;
mod picture;
mod place;
mod plane;
mod rates;
mod served_costs;
mod serving;
mod serving_frontier;
mod talk;
#[cfg(test)]
mod tests;
mod theme;
mod trade_off;
mod validation;
mod valleys;
mod words;

pub use compared::comparison_chart;
pub use compression::compression_chart;
pub use design::design_chart;
pub use family::{CostAxis, FamilyMember, family_chart};
pub use frontier::{frontier_chart, frontier_of_laws_chart};
pub use gain::gain_chart;
pub use held_out::{HeldOutError, held_out_errors_chart};
pub use laws::compression_of_laws_chart;
pub use loss_curves::loss_curves_chart;
pub use output::{render_png, render_svg};
pub use picture::{Chart, Size};
pub use plane::{plane_chart, plane_of_laws_chart};
pub use rates::rates_chart;
pub use served_costs::{CostUnitOfServing, ServedCost, served_costs_chart};
pub use serving::serving_chart;
pub use serving_frontier::serving_frontier_chart;
pub use talk::talk_chart;
pub use trade_off::trade_off_chart;
pub use validation::validation_chart;
pub use valleys::valleys_chart;
