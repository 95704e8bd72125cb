//! Runs: from any tool's logs to a clean (N, D, L) table with its conventions stated.
//!
//! ```text
//! files -> readers -> RunLog, CellTable -> merge -> settle -> RunTable
//! ```

#[cfg(feature = "logs")]
mod axis;
#[cfg(feature = "logs")]
mod cell_table;
#[cfg(feature = "logs")]
mod cells;
mod columns;
#[cfg(feature = "logs")]
mod condition;
#[cfg(feature = "logs")]
mod copies;
#[cfg(feature = "logs")]
mod csv_table;
mod curve;
#[cfg(feature = "logs")]
mod curve_logs;
mod digest;
#[cfg(feature = "logs")]
mod facts;
#[cfg(feature = "logs")]
mod files;
mod filter;
mod floor;
mod format;
#[cfg(feature = "logs")]
mod frame;
#[cfg(feature = "logs")]
mod gather;
#[cfg(feature = "logs")]
mod given;
#[cfg(feature = "logs")]
mod holes;
mod label;
mod labels;
#[cfg(feature = "logs")]
mod layout;
#[cfg(feature = "logs")]
mod left_out;
#[cfg(feature = "logs")]
mod leftovers;
#[cfg(feature = "logs")]
mod log;
#[cfg(feature = "logs")]
mod loss_column;
mod mixture;
#[cfg(feature = "logs")]
mod mixture_read;
#[cfg(feature = "logs")]
mod names;
mod one_quantity;
#[cfg(feature = "logs")]
mod one_quantity_read;
#[cfg(feature = "logs")]
mod options;
#[cfg(feature = "logs")]
mod overrule;
#[cfg(feature = "logs")]
mod pipes;
#[cfg(feature = "logs")]
mod plain;
#[cfg(feature = "logs")]
mod plausible;
#[cfg(feature = "logs")]
mod points;
mod quantity;
#[cfg(feature = "logs")]
mod read;
#[cfg(feature = "logs")]
mod readers;
#[cfg(feature = "logs")]
mod roles;
#[cfg(feature = "logs")]
mod row_tokens;
#[cfg(any(feature = "logs", feature = "report"))]
mod save;
#[cfg(feature = "logs")]
mod series;
#[cfg(feature = "logs")]
mod setting_columns;
#[cfg(feature = "logs")]
mod settle;
#[cfg(feature = "logs")]
mod spelling;
mod table;
#[cfg(feature = "train")]
mod texts;
mod tuning;
#[cfg(feature = "logs")]
mod tuning_read;
#[cfg(feature = "logs")]
mod vocabulary;
#[cfg(feature = "logs")]
mod whole;
#[cfg(feature = "logs")]
mod windows;

pub use columns::ColumnMap;
#[cfg(feature = "logs")]
pub use condition::Where;
#[cfg(feature = "cli")]
pub(crate) use copies::CHECKPOINT;
#[cfg(feature = "logs")]
pub use curve::read_curve;
pub use curve::{LeadIn, LoggedPoint, TrainingCurve};
#[cfg(feature = "logs")]
pub use curve_logs::{CurveSet, read_curves};
pub use filter::{HoldOut, parse_rows};
pub use format::Format;
#[cfg(feature = "logs")]
pub use frame::{Frame, FrameColumn};
#[cfg(feature = "logs")]
pub use given::Given;
pub use label::Label;
pub use labels::Labels;
#[cfg(feature = "logs")]
pub use left_out::{causes, missing};
#[cfg(feature = "cli")]
#[cfg(feature = "cli")]
pub(crate) use leftovers::remove_temporary_files;
pub use mixture::{MixtureColumns, MixtureRun, MixtureTable};
#[cfg(feature = "logs")]
pub use mixture_read::read_mixtures;
pub use one_quantity::{OneQuantity, OneQuantityTable};
#[cfg(feature = "logs")]
pub use one_quantity_read::{read_one_quantity, read_values};
#[cfg(feature = "logs")]
pub use options::{BestPer, LossChoice, ReadOptions};
#[cfg(feature = "cli")]
pub(crate) use pipes::PipeKeeper;
#[cfg(feature = "logs")]
pub use points::{PointTable, TablePoint, read_points};
pub use quantity::Quantity;
#[cfg(feature = "logs")]
pub use read::{Survey, read, read_with_progress, survey};
#[cfg(feature = "logs")]
pub(crate) use readers::{event_frame, first_event_frame};
#[cfg(any(feature = "logs", feature = "report"))]
pub use save::{check_writable, write_atomically};
pub use table::{
    Assumption, FileNote, LossSource, RunCurve, RunNote, RunRecord, RunTable, Skipped,
};
#[cfg(feature = "train")]
pub use texts::SetAside;
#[cfg(feature = "train")]
pub(crate) use texts::{Documents, TokenFiles, TokenWidth, find_token_files, read_texts};
pub use tuning::{BatchUnit, TuningRun, TuningTable};
#[cfg(feature = "logs")]
pub use tuning_read::{TuningColumns, read_tuning};
#[cfg(feature = "logs")]
pub use whole::read_text;
