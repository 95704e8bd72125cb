//! Reports: tables, charts and a self-contained page.

pub mod captions;
mod chart;
mod page;
mod save;
mod sheet;
mod sheets;
mod words;

pub use chart::{
    Axis, Chart, Compression, Frontier, Mark, NamedModel, Picture, Predicted, Scale, Size, Valleys,
};
pub use page::{Figure, StudyReport};
pub use save::write_atomically;
pub use sheet::Sheet;
pub use sheets::{
    backtest_sheet, comparison_sheet, curve_csv, curve_sheet, fit_sheet, proposal_sheet,
    valley_sheet,
};
pub use words::{backtest_text, explanation_text};
