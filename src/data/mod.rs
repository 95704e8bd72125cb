//! Runs: from anyone's table to a clean (N, D, L) table with its conventions stated.

mod columns;
mod curve;
mod filter;
#[cfg(feature = "tables")]
mod reader;
mod table;

pub use columns::{ColumnMap, Quantity};
#[cfg(feature = "tables")]
pub use curve::read_curve;
pub use curve::{CurvePoint, TrainingCurve};
pub use filter::{HoldOut, parse_rows};
#[cfg(feature = "tables")]
pub use reader::{ReadOptions, read};
pub use table::{Assumption, RunRecord, RunTable, Skipped};
