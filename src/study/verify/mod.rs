//! A plan put to the test: the runs around its allocation, and what became of them.

mod cells;
mod file;
mod judge;
#[cfg(feature = "report")]
mod text;

pub use cells::{CellRole, PlanCell};
pub use file::PlanFile;
pub use judge::{OtherLaw, PlanCheck, TestedRun};
