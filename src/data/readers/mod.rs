//! Readers: one file each for what people's tools write.
//!
//! Each takes a [`Source`] and hands over what it found, deciding nothing: which loss stands for a
//! run, whether it finished and what its parameters count is settled later, alike for all.

mod delimited;
mod json;
mod json_line;
mod json_lines;
mod mlflow;
#[cfg(feature = "parquet")]
pub(super) mod parquet;
mod steps;
pub(super) mod tensorboard;
pub(super) mod text;
mod wandb;

use std::collections::BTreeMap;

use super::columns::ColumnMap;
use super::files::{Meter, Progress, Source};
use super::format::{Container, Format, container};
use super::log::{RunLog, Value};
use super::sheet::Sheet;
use crate::error::DataError;
use text::Patterns;

/// What is in a file.
#[derive(Debug)]
pub(super) enum Content {
    /// Runs step by step.
    Logs(Vec<RunLog>),
    /// Runs row by row.
    Table(Sheet),
    /// Facts about the runs beside it.
    Facts(BTreeMap<String, Value>),
    /// Nothing that is known; why.
    Unknown(String),
}

/// A file read.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) format: Option<Format>,
    /// What kind of that format, in words.
    pub(super) detail: Option<String>,
    pub(super) content: Content,
    /// Lines and records left out, each with its position.
    pub(super) damage: Vec<Damage>,
}

impl Found {
    fn logs(format: Format, logs: Vec<RunLog>) -> Self {
        Self {
            format: Some(format),
            detail: None,
            content: Content::Logs(logs),
            damage: Vec::new(),
        }
    }

    fn facts(facts: BTreeMap<String, Value>) -> Self {
        let content = Content::Facts(facts);
        Self { format: Some(Format::Config), detail: None, content, damage: Vec::new() }
    }

    fn table(sheet: Sheet) -> Self {
        let content = Content::Table(sheet);
        Self { format: Some(Format::RunTable), detail: None, content, damage: Vec::new() }
    }

    pub(super) fn unknown(reason: impl Into<String>) -> Self {
        Self {
            format: None,
            detail: None,
            content: Content::Unknown(reason.into()),
            damage: Vec::new(),
        }
    }

    fn with_damage(mut self, damage: Vec<Damage>) -> Self {
        self.damage = damage;
        self
    }
}

/// Part of a file that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Where: `line 12`, `byte 4096`.
    pub(super) at: String,
    pub(super) problem: String,
}

impl Damage {
    pub(super) fn line(line: usize, problem: impl Into<String>) -> Self {
        Self { at: format!("line {line}"), problem: problem.into() }
    }

    pub(super) fn byte(byte: u64, problem: impl Into<String>) -> Self {
        Self { at: format!("byte {byte}"), problem: problem.into() }
    }
}

/// Damage kept with its position; beyond that it is only counted.
const MOST_DAMAGE: usize = 100;

/// The runs of a file put together from its pieces.
#[derive(Default)]
struct Whole {
    logs: Vec<RunLog>,
    at: std::collections::HashMap<String, usize>,
    damage: Vec<Damage>,
    more: usize,
}

impl Whole {
    fn add(&mut self, logs: Vec<RunLog>, damage: Vec<Damage>) {
        for log in logs {
            match self.at.get(&log.run) {
                Some(at) => self.logs[*at].absorb(log),
                None => {
                    self.at.insert(log.run.clone(), self.logs.len());
                    self.logs.push(log);
                }
            }
        }
        for one in damage {
            if self.damage.len() < MOST_DAMAGE {
                self.damage.push(one);
            } else {
                self.more += 1;
            }
        }
    }

    fn into_parts(mut self) -> (Vec<RunLog>, Vec<Damage>) {
        if self.more > 0 {
            let problem = format!("{} more lines like these", self.more);
            self.damage.push(Damage { at: "further on".to_owned(), problem });
        }
        (self.logs, self.damage)
    }
}

/// What readers need beside the file.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) map: &'a ColumnMap,
    pub(super) patterns: &'a Patterns,
    pub(super) meter: &'a Meter,
    pub(super) progress: Progress<'a>,
}

/// Reads a file, whatever it is.
///
/// # Errors
/// [`DataError`] with the position when nothing of it can be used.
pub(super) fn read_source(source: &Source, context: &Context<'_>) -> Result<Found, DataError> {
    if source.is_folder {
        return mlflow::folder(source, context.map);
    }
    let head = source.head()?;
    let is_text_log = |text: &str| context.patterns.of_text(text).is_some();
    let found = match container(&head, &source.file_name(), &is_text_log) {
        #[cfg(feature = "parquet")]
        Container::Parquet => parquet::read(source, context),
        #[cfg(not(feature = "parquet"))]
        Container::Parquet => Err(source.needs("Parquet", "parquet")),
        #[cfg(feature = "mlflow")]
        Container::Sqlite => mlflow::sqlite(source, context),
        #[cfg(not(feature = "mlflow"))]
        Container::Sqlite => Err(source.needs("SQLite", "mlflow")),
        Container::Wandb => wandb::read(source, context),
        Container::TensorBoard => tensorboard::read(source, context),
        Container::Json => json::document(source, context),
        Container::JsonLines => json_lines::read(source, &head, context),
        Container::Delimited(separator) => delimited::read(source, &head, separator, context),
        Container::Yaml => json::yaml(source, context),
        Container::Lines => text::read(source, &head, context),
        Container::Empty => Err(DataError::Empty { path: source.shown() }),
        Container::Unknown(reason) => Ok(Found::unknown(reason)),
    }?;
    match &found.content {
        Content::Table(sheet) if sheet.rows.is_empty() && sheet.damaged.is_empty() => {
            Err(DataError::Empty { path: source.shown() })
        }
        _ => Ok(found),
    }
}

/// Words that name a kind of file, not a run.
const GENERIC: &[&str] = &[
    "metrics",
    "trainer_state",
    "log",
    "logs",
    "train",
    "training",
    "train_log",
    "output",
    "out",
    "stdout",
    "stderr",
    "history",
    "wandb",
    "events",
    "tb",
    "tensorboard",
    "runs",
    "results",
    "lightning_logs",
    "csv_logs",
    "checkpoints",
    "files",
    "scalars",
    "main",
    "latest-run",
];

fn is_generic(name: &str) -> bool {
    let lower = name.to_lowercase();
    let numbered = |prefix: &str| {
        lower.strip_prefix(prefix).is_some_and(|n| n.chars().all(|c| c.is_ascii_digit()))
    };
    GENERIC.contains(&lower.as_str())
        || numbered("checkpoint-")
        || numbered("version_")
        || lower.is_empty()
}

/// The name of a run by its file, or by the nearest folder that names more than a kind of file.
fn name_of(source: &Source) -> String {
    let file = source.file_name();
    let stem = file.split_once('.').map_or(file.as_str(), |(stem, _)| stem);
    // A run may have dots in its name, an extension has letters.
    let stem = match file.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 7 => stem,
        _ => stem,
    };
    let is_events = file.contains(".tfevents.");
    if !is_generic(stem) && !source.is_folder && !is_events {
        return stem.to_owned();
    }
    let skip = usize::from(!source.is_folder);
    let folders = source.path.ancestors().skip(skip).filter_map(|p| p.file_name());
    let names: Vec<String> = folders.map(|n| n.to_string_lossy().into_owned()).collect();
    match names.iter().take(3).find(|n| !is_generic(n)) {
        Some(name) => name.clone(),
        None => names.first().cloned().unwrap_or_else(|| stem.to_owned()),
    }
}

/// Folders of facts apply to the runs in them; those of checkpoints and versions to the run above.
pub(super) fn is_part_of_run(folder: &str) -> bool {
    is_generic(folder)
}

/// A file as a table, whatever its rows are.
///
/// # Errors
/// [`DataError`] for anything but a table.
pub(super) fn sheet(path: &std::path::Path) -> Result<Sheet, DataError> {
    let source = Source { path: path.to_owned(), asked: true, is_folder: false };
    let meter = Meter::default();
    let head = source.head()?;
    let sheet = match container(&head, &source.file_name(), &|_| false) {
        Container::Delimited(separator) => {
            Sheet::csv(source.shown(), source.open(&meter, &|_, _| {})?, separator)?
        }
        Container::JsonLines | Container::Json => json_lines::rows(&source, &meter)?,
        #[cfg(feature = "parquet")]
        Container::Parquet => parquet::rows(&source)?,
        #[cfg(not(feature = "parquet"))]
        Container::Parquet => return Err(source.needs("Parquet", "parquet")),
        Container::Empty => return Err(DataError::Empty { path: source.shown() }),
        _ => {
            let reason = "no CSV, JSON Lines or Parquet table".to_owned();
            return Err(DataError::UnknownFormat { path: source.shown(), reason });
        }
    };
    if let Some((line, problem)) = sheet.damaged.first() {
        let (path, others) = (source.shown(), sheet.damaged.len() - 1);
        return Err(DataError::BadRow { path, line: *line, problem: problem.clone(), others });
    }
    if sheet.rows.is_empty() {
        return Err(DataError::Empty { path: source.shown() });
    }
    Ok(sheet)
}
