//! What is wrong with one row of a table.

use thiserror::Error;

/// What is wrong with one row of a table, by column.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum RowProblem {
    /// More or fewer cells than columns.
    #[error("the row has {found} cells, the header {columns}")]
    Cells {
        /// Cells of the row.
        found: usize,
        /// Columns of the table.
        columns: usize,
    },
    /// Text that is not a row in the language of the file.
    #[error("{reason}")]
    Syntax {
        /// What the parser said.
        reason: String,
    },
    /// A cell that should hold a number.
    #[error("`{column}` is empty")]
    EmptyCell {
        /// The column.
        column: String,
    },
    /// Text where a number should be.
    #[error("`{column}` is {found}, which is not a number")]
    NotANumber {
        /// The column.
        column: String,
        /// What is there.
        found: String,
    },
    /// A number outside its range.
    #[error("`{column}` is {found}; expected {expected}")]
    OutOfRange {
        /// The column.
        column: String,
        /// What is there.
        found: String,
        /// The range.
        expected: &'static str,
    },
    /// NaN or infinity.
    #[error("`{column}` is {value}")]
    NotFinite {
        /// The column.
        column: String,
        /// The value.
        value: f64,
    },
    /// A setting of the run outside its range.
    #[error("`{column}`: {field} is {value}; expected {expected}")]
    Setting {
        /// The column.
        column: String,
        /// The field of the setting.
        field: &'static str,
        /// Its value.
        value: f64,
        /// The range.
        expected: &'static str,
    },
    /// Too few quantities for N and D.
    #[error("expected two of N, D and C")]
    TooFewQuantities,
    /// A run that stopped before the end of its plan.
    #[error("stops at step {step} of the {planned} planned")]
    Stopped {
        /// Steps taken.
        step: f64,
        /// Steps planned.
        planned: f64,
    },
    /// A step without a loss before one with a loss.
    #[error("step {step} has no loss, but a later one has")]
    Gap {
        /// The step.
        step: usize,
    },
    /// A step beyond any training run.
    #[error("step {step} is beyond {limit:e}")]
    StepTooLarge {
        /// The step.
        step: f64,
        /// The limit.
        limit: f64,
    },
}
