//! Laws of the best learning rate and batch, from a sweep of one's own.

mod cell;
mod law;

pub use cell::{CellProblem, RefusedCell, TunedCell};
pub use law::{TuningConfig, TuningFit, TuningLaw, fit_tuning};
