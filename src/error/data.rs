use thiserror::Error;

use super::data_text::{and_more, columns, floor_text, has, keys, more_rows, no_logs, nouns};
use super::lack::{Cause, Missing, TakenFor, causes_text};
use super::odd::Odd;
use super::row_problem::RowProblem;
use crate::units::ParamRule;

/// Logs that cannot become a run table.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum DataError {
    /// The file is missing or cannot be read.
    #[error("{path}: cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system or the parser said.
        reason: String,
    },
    /// A line that is not in the language of its file.
    #[error("{path}:{line}: not {language}: {reason}")]
    BadSyntax {
        /// The file.
        path: String,
        /// 1-based line.
        line: usize,
        /// The language, such as JSON.
        language: &'static str,
        /// What the parser said.
        reason: String,
    },
    /// A database of another program.
    #[error("{path}: {reason}; of SQLite databases only MLflow stores are read")]
    NotMlflow {
        /// The file.
        path: String,
        /// What the database said.
        reason: String,
    },
    /// A file too large to be held as a whole.
    #[error("{path}: larger than the {limit_mib} MiB such a file may have")]
    FileTooLarge {
        /// The file.
        path: String,
        /// The limit.
        limit_mib: u64,
    },
    /// A table too large to be one of runs.
    #[error(
        "{path}: a table of runs does not have more than {limit} cells; if it is a step log, choose the column for step"
    )]
    TooManyCells {
        /// The file.
        path: String,
        /// The limit.
        limit: usize,
    },
    /// A folder with more files than logs have.
    #[error("{path}: more than {limit} files; name the folder of the logs")]
    TooManyFiles {
        /// The folder.
        path: String,
        /// The limit.
        limit: usize,
    },
    /// A pattern that is not a regular expression.
    #[error("{path}: pattern `{pattern}`: `{expression}`: {reason}")]
    BadPattern {
        /// The pattern file.
        path: String,
        /// Name of the pattern.
        pattern: String,
        /// The expression.
        expression: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file most of whose rows hold no text.
    #[error(
        "{path}: {bad} of {rows} rows hold no text under `{field}` ({reason}); choose the key that holds the text"
    )]
    RowsWithoutText {
        /// The file.
        path: String,
        /// Rows without text.
        bad: usize,
        /// All rows.
        rows: usize,
        /// The key.
        field: String,
        /// The first 1-based lines of such rows, and what is wrong with the first.
        reason: String,
    },
    /// A file of tokens that is damaged or of an unknown kind.
    #[error("{path}: not a file of tokens that can be read: {reason}")]
    TokenFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A Parquet file without the column of text it was read for.
    #[error("{path}: column `{field}` holds no text ({reason}); choose the column that does")]
    NoTextColumn {
        /// The file.
        path: String,
        /// The column asked for.
        field: String,
        /// What polars said.
        reason: String,
    },
    /// Numbers that cannot be what their column is called.
    #[error("{quantity}{}: {found}; {odd}", .column.as_ref().map_or(String::new(), |c| format!(", column `{c}`")))]
    Implausible {
        /// What they were taken for.
        quantity: &'static str,
        /// Its key in a column map.
        key: &'static str,
        /// The column, where one was recognised.
        column: Option<String>,
        /// What was found.
        found: String,
        /// What is odd about it.
        odd: Odd,
    },
    /// A condition on rows that cannot be read.
    #[error(
        "`{text}` is no condition; expected COLUMN == VALUE, or !=, <, <=, >, >= with a number"
    )]
    BadWhere {
        /// The text.
        text: String,
    },
    /// A table of mixtures that cannot be used.
    #[error(transparent)]
    Mixture(#[from] Box<super::mixture::MixtureProblem>),
    /// A column that a table does not have.
    #[error("{path}: no column `{column}`; the columns are {}", .found.join(", "))]
    UnknownColumn {
        /// The file.
        path: String,
        /// The column asked for.
        column: String,
        /// Its columns.
        found: Vec<String>,
    },
    /// A word that is to be above or below something.
    #[error("{path}:{line}: `{column}` is `{found}`, which is neither above nor below anything")]
    NoOrder {
        /// The file.
        path: String,
        /// 1-based line.
        line: usize,
        /// The column.
        column: String,
        /// The word.
        found: String,
    },
    /// A value that no row has.
    #[error("{path}: no row has `{value}` in `{column}`{}", has(.known))]
    NoSuchLabel {
        /// The file.
        path: String,
        /// The column.
        column: String,
        /// The value asked for.
        value: String,
        /// The values there are.
        known: Vec<String>,
    },
    /// Nothing in it.
    #[error("{path}: holds no rows; expected a table with one row per run")]
    Empty {
        /// The file.
        path: String,
    },
    /// Not a format the readers know.
    #[error(
        "{path}: not a log of a kind that is read: {reason}. Supported are CSV, JSON Lines and Parquet tables, W&B exports and offline runs, TensorBoard events, trainer_state.json, Lightning's metrics.csv, MLflow stores, and text by patterns"
    )]
    UnknownFormat {
        /// The file.
        path: String,
        /// What it seems to be.
        reason: String,
    },
    /// A format whose reader was left out of this build.
    #[error(
        "{path}: this build does not read {format} files; build it with the feature `{feature}`, or with `full`, which has all of them"
    )]
    NotBuilt {
        /// The file.
        path: String,
        /// The format.
        format: &'static str,
        /// The Cargo feature that reads it.
        feature: &'static str,
    },
    /// A file with unreadable parts, where none may be left out.
    #[error("{path}: {first}{}. Strict reading refuses damaged files", and_more(*.others))]
    Damaged {
        /// The file.
        path: String,
        /// The first damage with its position.
        first: String,
        /// How many further parts are damaged.
        others: usize,
    },
    /// No file among those named holds a log.
    #[error("{path}: {}", no_logs(.files))]
    NoLogs {
        /// The paths named.
        path: String,
        /// Files looked at, with what each was taken for.
        files: Vec<TakenFor>,
    },
    /// Every run was left out.
    #[error("no run is left of {left_out}{}", causes_text(.causes))]
    NoRuns {
        /// Runs, rows and files left out.
        left_out: usize,
        /// Why, the reasons of runs before those of files, the most frequent first.
        causes: Vec<Cause>,
        /// All that would have to be given for those left out, by run.
        missing: Vec<Missing>,
        /// Keys of the column map for what tables of other columns lack.
        unmapped: Vec<&'static str>,
    },
    /// Needed columns were not recognised.
    #[error("{path}: no column for {}; found: {}. Choose the column{} for {}", nouns(.quantity, .also), columns(.found), if .also.is_empty() { "" } else { "s" }, keys(.key, .also))]
    MissingColumn {
        /// The file.
        path: String,
        /// Loss, parameters, tokens or FLOPs.
        quantity: &'static str,
        /// The key of the column map.
        key: &'static str,
        /// Further quantities without a column, with their keys.
        also: Vec<(&'static str, &'static str)>,
        /// The columns there are.
        found: Vec<String>,
    },
    /// Several columns could serve for one quantity.
    #[error("{path}: columns {} could all be {quantity}; choose the column for `{key}`", .candidates.join(" and "))]
    AmbiguousColumn {
        /// The file.
        path: String,
        /// The quantity.
        quantity: &'static str,
        /// The key of the column map.
        key: &'static str,
        /// The columns that compete.
        candidates: Vec<String>,
    },
    /// A mapped column does not exist.
    #[error("{path}: the column `{column}` mapped to `{key}` does not exist; found: {}", .found.join(", "))]
    NoSuchColumn {
        /// The file.
        path: String,
        /// The key of the column map.
        key: &'static str,
        /// The column asked for.
        column: String,
        /// The columns there are.
        found: Vec<String>,
    },
    /// Row numbers that do not parse.
    #[error("rows `{text}`: expected 0-based row numbers, for example 0-4,7")]
    BadRows {
        /// What was written.
        text: String,
    },
    /// A hold-out condition that does not parse.
    #[error(
        "condition `{text}`: expected a condition on N, D, C, D/N or loss, for example C>=1e21"
    )]
    BadCondition {
        /// What was written.
        text: String,
    },
    /// A column map that is not made of pairs.
    #[error("column map `{text}`: expected pairs KEY=COLUMN, for example n=params,loss=val_loss")]
    BadMap {
        /// What was written.
        text: String,
    },
    /// A column map with a key that does not exist.
    #[error("column map `{text}`: `{key}` is not a key; known keys are {}", .known.join(", "))]
    UnknownKey {
        /// What was written.
        text: String,
        /// The key.
        key: String,
        /// The keys there are.
        known: Vec<&'static str>,
    },
    /// A column map with two columns for one key.
    #[error("column map `{text}`: `{key}` is there twice; expected each key at most once")]
    RepeatedKey {
        /// What was written.
        text: String,
        /// The key.
        key: &'static str,
    },
    /// A fact that does not parse.
    #[error("fact `{text}`: expected KEY=VALUE, for example seq_len=2048, or RUN:KEY=VALUE")]
    BadFact {
        /// What was written.
        text: String,
    },
    /// A fact that no reader uses.
    #[error("fact `{text}`: `{key}` is not a fact; expected one of {}", .known.join(", "))]
    UnknownFact {
        /// What was written.
        text: String,
        /// The key.
        key: String,
        /// The usual ones.
        known: &'static [&'static str],
    },
    /// A share of the steps outside its range.
    #[error("tail {share}: expected a share of the steps above 0 and up to 1, for example 0.1")]
    BadTail {
        /// The share.
        share: f64,
    },
    /// A row that is not a run.
    #[error("{path}:{line}: {problem}{}. Fix the row, or leave bad rows out", more_rows(*.others))]
    BadRow {
        /// The file.
        path: String,
        /// 1-based line in the file (row for Parquet).
        line: usize,
        /// What is wrong with it.
        problem: RowProblem,
        /// How many further rows are bad.
        others: usize,
    },
    /// Rows whose N counts different parameters in one table.
    #[error(
        "N: mixing {one} with {other} ({path}) in one table makes a wrong law; choose the parameters that all files have, give the missing counts, or split the files"
    )]
    MixedParams {
        /// What the first file counts.
        one: ParamRule,
        /// What another file counts.
        other: ParamRule,
        /// That other file.
        path: String,
    },
    /// Losses per token and losses per byte in one table.
    #[error(
        "loss: mixing nats per token with bits or nats per byte in one table makes a wrong law; give bytes_per_token of the tokeniser, or split the files"
    )]
    MixedUnits,
    /// Runs on sources of different entropy.
    #[error(
        "the runs are of different data: {} have a source of {} and {} of {}; fit those of one source", .one.1, floor_text(.one.0), .other.1, floor_text(.other.0)
    )]
    MixedFloors {
        /// Entropy of one source, nats per token, where it is stated, and its runs.
        one: (Option<f64>, usize),
        /// Those of another.
        other: (Option<f64>, usize),
    },
    /// Batches in tokens and batches in something else.
    #[error(
        "{path}: its batches are not counted in what those of the other files are; give seq_len, so that all are tokens"
    )]
    MixedBatches {
        /// The file.
        path: String,
    },
    /// Evaluation losses and training losses in one table.
    #[error(
        "loss: mixing evaluation loss ({evaluated} runs, for example {with}) with training loss ({trained} runs without evaluations, for example {without} in {path}) in one table makes a wrong law; take the training loss of all runs, leave out the runs without evaluations, or split the files"
    )]
    MixedLosses {
        /// Runs with evaluations.
        evaluated: usize,
        /// One of them.
        with: String,
        /// Runs without.
        trained: usize,
        /// One of them.
        without: String,
        /// Its file.
        path: String,
    },
    /// Excluding or holding out left nothing.
    #[error("{what} leaves {left} of {total} rows; at least {wanted} are needed")]
    NothingLeft {
        /// What left rows out.
        what: String,
        /// Rows left.
        left: usize,
        /// Rows there were.
        total: usize,
        /// Rows needed.
        wanted: usize,
    },
}

impl DataError {
    /// The message without the file's name, for lists that name it.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Unreadable { reason, .. } => reason.clone(),
            Self::BadSyntax { line, language, reason, .. } => {
                format!("line {line}: not {language}: {reason}")
            }
            Self::Empty { .. } => "it is empty".to_owned(),
            Self::NotBuilt { format, feature, .. } => {
                format!(
                    "this build does not read {format} files; build it with the feature `{feature}`"
                )
            }
            Self::FileTooLarge { path, .. }
            | Self::TooManyCells { path, .. }
            | Self::NotMlflow { path, .. }
            | Self::MissingColumn { path, .. }
            | Self::AmbiguousColumn { path, .. }
            | Self::NoSuchColumn { path, .. }
            | Self::UnknownColumn { path, .. }
            | Self::NoSuchLabel { path, .. }
            | Self::UnknownFormat { path, .. } => {
                let text = self.to_string();
                text.strip_prefix(&format!("{path}: ")).map_or_else(|| text.clone(), str::to_owned)
            }
            other => other.to_string(),
        }
    }
}
