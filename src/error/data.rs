use thiserror::Error;

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
    /// Nothing in it.
    #[error("{path}: holds no rows; a table with one row per run is wanted")]
    Empty {
        /// The file.
        path: String,
    },
    /// Not a format the readers know.
    #[error(
        "{path}: no log of a kind that is read: {reason}. Read are CSV, JSON Lines and Parquet tables, W&B exports and offline runs, TensorBoard events, trainer_state.json, Lightning's metrics.csv, MLflow stores, and text by patterns (--patterns)"
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
    /// A file with unreadable parts, where none are to be left out.
    #[error("{path}: {reason}. Without --strict the rest of the file is used")]
    Damaged {
        /// The file.
        path: String,
        /// The first damage with its position.
        reason: String,
    },
    /// No file among those named holds a log.
    #[error("{path}: none of {files} files holds a log that can be read{}", because(.first))]
    NoLogs {
        /// The paths named.
        path: String,
        /// Files looked at.
        files: usize,
        /// The first one set aside, with the reason.
        first: Option<String>,
    },
    /// Every run was left out.
    #[error("no run is left of {left_out}; the first was left out: {first}")]
    NoRuns {
        /// Runs, rows and files left out.
        left_out: usize,
        /// The first of them, with the reason.
        first: String,
    },
    /// A needed column was not recognised.
    #[error("{path}: no column for {quantity}; found: {found}. Name it with --map {key}=COLUMN")]
    MissingColumn {
        /// The file.
        path: String,
        /// Loss, parameters, tokens or FLOPs.
        quantity: &'static str,
        /// The key of `--map`.
        key: &'static str,
        /// The columns there are.
        found: String,
    },
    /// Several columns could serve for one quantity.
    #[error("{path}: columns {candidates} could all be {quantity}; choose with --map {key}=COLUMN")]
    AmbiguousColumn {
        /// The file.
        path: String,
        /// The quantity.
        quantity: &'static str,
        /// The key of `--map`.
        key: &'static str,
        /// The columns that compete.
        candidates: String,
    },
    /// A mapped column does not exist.
    #[error("{path}: column `{column}` of --map {key}={column} is not there; found: {found}")]
    NoSuchColumn {
        /// The file.
        path: String,
        /// The key of `--map`.
        key: String,
        /// The column asked for.
        column: String,
        /// The columns there are.
        found: String,
    },
    /// `--map` or `--exclude` or `--hold-out` text that does not parse.
    #[error("{flag} `{text}`: {wanted}")]
    BadOption {
        /// The flag.
        flag: &'static str,
        /// What was written.
        text: String,
        /// What is wanted.
        wanted: String,
    },
    /// A row that is no run.
    #[error(
        "{path}:{line}: {problem}{}. Mend the row, or pass --skip-bad to leave bad rows out", more(*.others)
    )]
    BadRow {
        /// The file.
        path: String,
        /// 1-based line in the file (row for Parquet).
        line: usize,
        /// What is wrong with it.
        problem: String,
        /// How many further rows are bad.
        others: usize,
    },
    /// Rows with different conventions in one table.
    #[error(
        "{what}: mixing {one} with {other} in one table makes a wrong law; {mend}, or split the files"
    )]
    MixedConventions {
        /// N, D, C or loss.
        what: &'static str,
        /// One convention.
        one: String,
        /// The other.
        other: String,
        /// How to have one for all.
        mend: String,
    },
    /// Excluding or holding out left nothing.
    #[error("{what} leaves {left} of {total} rows; at least {wanted} are wanted")]
    NothingLeft {
        /// The option at fault.
        what: String,
        /// Rows left.
        left: usize,
        /// Rows there were.
        total: usize,
        /// Rows wanted.
        wanted: usize,
    },
}

impl DataError {
    /// The message without the file's name, for lists that name it.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Unreadable { path, reason } => match path.rsplit_once(':') {
                Some((_, line)) if line.parse::<usize>().is_ok() => {
                    format!("line {line}: {reason}")
                }
                _ => reason.clone(),
            },
            Self::Empty { .. } => "it is empty".to_owned(),
            Self::NotBuilt { format, feature, .. } => {
                format!(
                    "this build does not read {format} files; build it with the feature `{feature}`"
                )
            }
            other => other.to_string(),
        }
    }
}

fn because(first: &Option<String>) -> String {
    first.as_ref().map_or(String::new(), |first| format!("; {first}"))
}

fn more(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => " (and 1 more bad row)".to_owned(),
        n => format!(" (and {n} more bad rows)"),
    }
}
