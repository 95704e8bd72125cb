//! The one public error, one variant per room, and the warnings that ride along with values.
//!
//! Kinds live in `src/error/<room>.rs` and hold plain values only, so this room stays a leaf.

mod cost;
mod data;
mod data_text;
mod fit;
mod flops;
mod gain;
mod lack;
mod law;
mod mixture;
mod nearest;
mod num;
mod odd;
mod plan;
mod report;
mod row_problem;
mod serve;
mod severity;
mod study;
mod sweep;
mod train;
mod warning;
mod warning_text;

pub use cost::CostError;
pub use data::DataError;
pub use fit::{DesignGap, FitError, Quantity, Shown};
pub use flops::FlopsError;
pub use gain::GainProblem;
pub use lack::{Cause, Lack, Missing, TakenFor};
pub use law::LawError;
pub use mixture::MixtureProblem;
pub(crate) use nearest::nearest_name;
pub use num::NumError;
pub use odd::Odd;
pub use plan::PlanError;
pub use report::ReportError;
pub use row_problem::RowProblem;
pub use serve::ServeError;
pub use severity::Severity;
pub use study::{ScheduleProblem, StudyError};
pub use sweep::SweepError;
pub use train::TrainError;
pub use warning::{Warning, with_messages};

pub use crate::units::UnitsError;

use thiserror::Error;

/// Everything that can go wrong, by the room it went wrong in.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Text that is no quantity.
    #[error(transparent)]
    Units(#[from] UnitsError),
    /// A shape that cannot be built.
    #[error(transparent)]
    Flops(#[from] FlopsError),
    /// A numerical routine without an answer.
    #[error(transparent)]
    Num(#[from] NumError),
    /// An unknown law or coefficients outside its domain.
    #[error(transparent)]
    Law(#[from] LawError),
    /// Logs that cannot become a run table.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A table that cannot be fitted.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// Unknown hardware or an impossible cost model.
    #[error(transparent)]
    Cost(#[from] CostError),
    /// A plan that does not exist.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A sweep that cannot be laid out or run.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// A training run that cannot begin.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A question that cannot be asked as it stands.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// A chart or page that cannot be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// An explorer that cannot be opened, or a file that it cannot take.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The file system said no.
    #[error("{path}: {action} failed: {reason}")]
    Io {
        /// The file or folder.
        path: String,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        reason: String,
    },
}

/// Result with the public [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An I/O failure with its path.
    pub fn io(path: &std::path::Path, action: &'static str, cause: &std::io::Error) -> Self {
        Self::Io { path: path.display().to_string(), action, reason: cause.to_string() }
    }

    /// Whether the user can fix it by changing the input (exit code 2) rather than the machine.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Num(_)
            | Self::Fit(FitError::Stopped)
            | Self::Serve(ServeError::NoListener { .. } | ServeError::NoStart { .. }) => false,
            Self::Report(kind) => matches!(
                kind,
                ReportError::UnknownFormat { .. }
                    | ReportError::OverwritesInput { .. }
                    | ReportError::TwoInOnePlace { .. }
                    | ReportError::NoManual { .. }
                    | ReportError::NoRoom { .. }
            ),
            Self::Sweep(kind) => kind.is_bad_input(),
            Self::Io { action, .. } => !matches!(*action, "write" | "create"),
            _ => true,
        }
    }
}
