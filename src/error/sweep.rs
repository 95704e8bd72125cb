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
    /// No executor of this name in this build.
    #[error("executor `{name}` is not available yet; use `local`")]
    Executor {
        /// What was asked for.
        name: String,
    },
    /// A run left in the state folder belongs to another layout.
    #[error(
        "{path}: run `{run}` was made by another sweep file ({what} differs); give this sweep its own `out` folder"
    )]
    Foreign {
        /// The record file.
        path: String,
        /// The run.
        run: String,
        /// What differs.
        what: &'static str,
    },
}
