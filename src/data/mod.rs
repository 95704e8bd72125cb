//! Runs: from any tool's logs to a clean (N, D, L) table with its conventions stated.
//!
//! ```text
//! files -> readers -> RunLog, Sheet -> merge -> settle -> RunTable
//! ```

mod columns;
mod curve;
#[cfg(feature = "logs")]
mod facts;
#[cfg(feature = "logs")]
mod files;
mod filter;
mod format;
#[cfg(feature = "logs")]
mod gather;
#[cfg(feature = "logs")]
mod given;
#[cfg(feature = "logs")]
mod layout;
#[cfg(feature = "logs")]
mod log;
#[cfg(feature = "logs")]
mod names;
#[cfg(feature = "logs")]
mod read;
#[cfg(feature = "logs")]
mod readers;
#[cfg(any(feature = "logs", feature = "report"))]
mod save;
#[cfg(feature = "logs")]
mod series;
#[cfg(feature = "logs")]
mod settle;
#[cfg(feature = "logs")]
mod sheet;
mod table;
#[cfg(feature = "train")]
mod texts;
#[cfg(feature = "logs")]
mod windows;

pub use columns::{ColumnMap, Quantity};
#[cfg(feature = "logs")]
pub use curve::read_curve;
pub use curve::{CurvePoint, TrainingCurve};
pub use filter::{HoldOut, parse_rows};
pub use format::Format;
#[cfg(feature = "logs")]
pub use given::Given;
#[cfg(feature = "logs")]
pub use read::{ReadOptions, read, read_with_progress};
#[cfg(feature = "logs")]
pub(crate) use readers::tensorboard::{event_frame, first_event_frame};
#[cfg(any(feature = "logs", feature = "report"))]
pub use save::write_atomically;
#[cfg(feature = "logs")]
pub use settle::LossChoice;
pub use table::{
    Assumption, FileNote, LossSource, RunCurve, RunNote, RunRecord, RunTable, Skipped,
};
#[cfg(feature = "train")]
pub(crate) use texts::{TextDocument, read_texts};
