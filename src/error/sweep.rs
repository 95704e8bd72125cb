use thiserror::Error;

/// A sweep or run that cannot be laid out or trained.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SweepError {
    /// A field of a run or sweep file is out of range.
    #[error("`{field}` is {found}; expected {expected}")]
    Field {
        /// The field, with the table it is in.
        field: &'static str,
        /// Its value.
        found: String,
        /// The values it may have.
        expected: &'static str,
    },
    /// The file does not parse.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What the parser said, with its position.
        reason: String,
    },
    /// A line of a sweep's table is not a row.
    #[error(
        "{path}:{line}: not a row of a sweep ({reason}); remove the line to train that run again"
    )]
    Row {
        /// The table.
        path: String,
        /// The line, counted from 1.
        line: usize,
        /// What the parser said.
        reason: String,
    },
    /// Another process trains this sweep.
    #[error(
        "{path}: another process is training this sweep and holds its lock; wait for it or stop it"
    )]
    Locked {
        /// The lock file.
        path: String,
    },
    /// A finished run in the folder was trained from another specification.
    #[error(
        "{path}: run `{run}` was trained with another configuration than this file now asks for; give the sweep another `name` or `out`, or move that folder away"
    )]
    ForeignRun {
        /// The run's log.
        path: String,
        /// The run.
        run: String,
    },
    /// A finished run in the folder was trained on another corpus.
    #[error(
        "{path}: run `{run}` was trained on another corpus (SHA-256 {found}, expected {expected}); give the sweep another `name` or `out`, or move that folder away"
    )]
    ForeignCorpus {
        /// The table of rows.
        path: String,
        /// The run.
        run: String,
        /// SHA-256 of the corpus it was trained on.
        found: String,
        /// SHA-256 of the corpus the file asks for.
        expected: String,
    },
    /// The log of a run that continues from a checkpoint lacks steps.
    #[error(
        "{path}: holds {found} of the {expected} steps that the checkpoint of `{run}` was taken after; put the log back, or remove the checkpoint to train from the start"
    )]
    LogGap {
        /// The log.
        path: String,
        /// The run.
        run: String,
        /// Steps the log has.
        found: usize,
        /// Steps that were taken.
        expected: u64,
    },
    /// A trainer reported its events in another order than [`Trainer`](crate::sweep::Trainer) asks for.
    #[error("trainer `{trainer}`, run `{run}`: reported {found}; expected {expected}")]
    EventOrder {
        /// Name of the trainer.
        trainer: String,
        /// The run.
        run: String,
        /// What it reported.
        found: &'static str,
        /// What had to come.
        expected: &'static str,
    },
    /// No executor of this name in this build.
    #[error(
        "runs can only be executed on this machine, by `local`; there is no executor `{name}` yet"
    )]
    Executor {
        /// What was asked for.
        name: String,
    },
}
