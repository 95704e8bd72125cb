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
    /// No shape has so few or so many parameters, or all that have are in use.
    #[error(
        "no model of about {params} parameters with a vocabulary of {vocab}{}; the smallest has {least}: give other sizes, a smaller vocabulary, or shapes of your own",
        if *taken > 0 { " besides those of the same budget" } else { "" }
    )]
    NoShape {
        /// Parameters that were asked for.
        params: String,
        /// Those of the smallest shape.
        least: String,
        /// Kinds of tokens.
        vocab: u32,
        /// Shapes that could not be used again.
        taken: usize,
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
        "{path}: another process is training this sweep and holds its lock: process {pid} on {host}; wait for it or stop it"
    )]
    Locked {
        /// The lock file.
        path: String,
        /// The process; 0 when it is not known.
        pid: u32,
        /// Its machine.
        host: String,
    },
    /// A run of the same name has ended with other settings.
    #[error("{path}: holds run `{run}`, which has {status} with another {}; give this run another `name`, or move that log away", .differs.join(", another "))]
    FinishedOtherwise {
        /// Its log.
        path: String,
        /// The run.
        run: String,
        /// How it ended.
        status: String,
        /// The settings that differ.
        differs: Vec<String>,
    },
    /// A run that diverged, on its own.
    #[error("run `{run}` diverged after {tokens} tokens: it has no final loss")]
    RunDiverged {
        /// The run.
        run: String,
        /// Tokens it saw.
        tokens: String,
    },
    /// Runs of a sweep that have no loss to fit.
    #[error("{count} of {total} runs have no loss to fit: {runs}")]
    RunsFailed {
        /// Runs without a loss.
        count: usize,
        /// All runs.
        total: usize,
        /// Which, what became of each, and why.
        runs: String,
    },
    /// The folder of a sweep was moved or removed while it was used.
    #[error(
        "{path}: the folder was moved or removed while its runs were trained; they are stopped, and go on from where they are when the sweep is started on the folder again"
    )]
    FolderGone {
        /// Where it was.
        path: String,
    },
    /// A program that trains had no memory left.
    #[error("the trainer ran out of memory: {said}")]
    TrainerMemory {
        /// How it ended and what it said last.
        said: String,
    },
    /// A program that trains could not be started or did not end well.
    #[error("the trainer {what}: {said}")]
    Trainer {
        /// What happened.
        what: String,
        /// What it said last.
        said: String,
    },
    /// A program trained something else than it was asked for.
    #[error(
        "the trainer trained {quantity} = {found}; expected {expected}, to 1 %; make it use what the sweep asks for"
    )]
    OtherRun {
        /// N or D.
        quantity: &'static str,
        /// As its result says.
        found: String,
        /// As the sweep asks.
        expected: String,
    },
    /// A name in braces that stands for nothing.
    #[error("`{field}`: {{{name}}} stands for nothing{}; expected one of {known}; for a brace, write it twice", meant(.nearest.as_deref()))]
    Placeholder {
        /// The field.
        field: &'static str,
        /// What is in the braces.
        name: String,
        /// The name that was probably meant.
        nearest: Option<String>,
        /// All names.
        known: String,
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
    /// One of Slurm's commands is not there or did not do what it was asked for.
    #[error("{program}: {reason}")]
    Slurm {
        /// The command.
        program: &'static str,
        /// What it said.
        reason: String,
    },
}

impl SweepError {
    /// Whether it lies in a file that the user wrote, rather than in what came of it.
    pub(super) fn is_bad_input(&self) -> bool {
        !matches!(
            self,
            Self::RunDiverged { .. }
                | Self::RunsFailed { .. }
                | Self::FolderGone { .. }
                | Self::Trainer { .. }
                | Self::TrainerMemory { .. }
                | Self::OtherRun { .. }
        )
    }
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
