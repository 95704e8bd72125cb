use thiserror::Error;

/// A sweep that cannot be laid out or run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SweepError {
    /// A field of the sweep file is out of range.
    #[error("sweep: `{field}` is {found}, but {wanted} is wanted")]
    Field {
        /// The field.
        field: &'static str,
        /// Its value.
        found: String,
        /// What would do.
        wanted: &'static str,
    },
    /// The file does not parse.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What the parser said, with its position.
        reason: String,
    },
    /// Another launcher holds the sweep.
    #[error("{path}: another launcher works on this sweep (lock held); wait for it or stop it")]
    Locked {
        /// The lock file.
        path: String,
    },
    /// A finished run in the folder was trained from another specification or text.
    #[error(
        "{path}: run `{run}` was trained with other settings or on other text than it would be now; give the sweep another `name` or `out`, or move that folder away"
    )]
    Foreign {
        /// The run's log, or the table of rows.
        path: String,
        /// The run.
        run: String,
    },
    /// The log of a run that is taken up from a checkpoint lacks steps.
    #[error(
        "{path}: holds {found} of the {wanted} steps that the checkpoint of `{run}` stands on; put the log back, or remove the checkpoint to train from the start"
    )]
    LogGap {
        /// The log.
        path: String,
        /// The run.
        run: String,
        /// Steps the log has.
        found: usize,
        /// Steps that were taken.
        wanted: u64,
    },
    /// No executor of this name in this build.
    #[error("executor `{name}` is not available yet; use `local`")]
    Executor {
        /// What was asked for.
        name: String,
    },
}
