//! Runs: from any tool's logs to a clean (N, D, L) table with its conventions stated.
//!
//! ```text
//! files -> readers -> RunLog, Sheet -> merge -> settle -> RunTable
//! ```

mod columns;
mod curve;
#[cfg(feature = "tables")]
mod facts;
#[cfg(feature = "tables")]
mod files;
mod filter;
mod format;
#[cfg(feature = "tables")]
mod gather;
#[cfg(feature = "tables")]
mod given;
#[cfg(feature = "tables")]
mod layout;
#[cfg(feature = "tables")]
mod log;
#[cfg(feature = "tables")]
mod names;
#[cfg(feature = "tables")]
mod read;
#[cfg(feature = "tables")]
mod readers;
#[cfg(feature = "tables")]
mod series;
#[cfg(feature = "tables")]
mod settle;
#[cfg(feature = "tables")]
mod sheet;
mod table;
#[cfg(feature = "train")]
mod texts;
#[cfg(feature = "tables")]
mod windows;

pub use columns::{ColumnMap, Quantity};
#[cfg(feature = "tables")]
pub use curve::read_curve;
pub use curve::{CurvePoint, TrainingCurve};
pub use filter::{HoldOut, parse_rows};
pub use format::Format;
#[cfg(feature = "tables")]
pub use given::Given;
#[cfg(feature = "tables")]
pub use read::{ReadOptions, read, read_with_progress};
#[cfg(feature = "tables")]
pub(crate) use readers::tensorboard::{event_frame, first_event_frame};
#[cfg(feature = "tables")]
pub use settle::LossChoice;
pub use table::{
    Assumption, FileNote, LossSource, RunCurve, RunNote, RunRecord, RunTable, Skipped,
};
#[cfg(feature = "train")]
pub(crate) use texts::{TextDocument, read_texts};
