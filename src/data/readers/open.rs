//! From a file to its reader.

use super::container::{Container, container};
use super::content::{Content, Damage, FileContent};
use super::context::Context;
#[cfg(feature = "parquet")]
use super::parquet;
use super::{delimited, json, json_lines, mlflow, tensorboard, text, wandb};
use crate::data::cell_table::CellTable;
use crate::data::files::{Meter, Source};
use crate::data::holes::without_holes;
use crate::error::DataError;

/// Reads a file, whatever it is; of one whose compressed bytes end too early what is before.
///
/// # Errors
/// [`DataError`] with the position when nothing of it can be used.
pub(in crate::data) fn read_source(
    source: &Source,
    context: &Context<'_>,
) -> Result<FileContent, DataError> {
    let content = read_bytes(source, context);
    let mut content = match source.tear() {
        None => content?,
        Some(tear) => {
            let mut content =
                content.map_err(|e| source.unreadable(&format!("{tear}; {}", e.reason())))?;
            let damage = Damage::at("within it", tear.to_string()).at_end();
            content.damage.insert(0, damage);
            content
        }
    };
    if let (true, Content::Logs(logs)) = (content.is_cut_off(), &mut content.content) {
        logs.iter_mut().for_each(|log| log.is_cut_off = true);
    }
    Ok(content)
}

fn read_bytes(source: &Source, context: &Context<'_>) -> Result<FileContent, DataError> {
    if source.is_folder {
        return mlflow::folder(source, context.map);
    }
    let head = source.head()?;
    let is_text_log = |text: &str| context.patterns.knows(text);
    let container = match container(&head, &source.file_name(), &is_text_log) {
        // Commas in code and settings before the first step look like a table.
        Container::Delimited(_) | Container::Json | Container::Yaml
            if is_named_as_log(source) && text::is_text_log(source, context.patterns)? =>
        {
            Container::Lines
        }
        container => container,
    };
    // What a hole is in does not decide what a text is.
    let head = if container.is_lines() { without_holes(&head) } else { head };
    let content = match container {
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
        Container::Unknown(reason) => Ok(FileContent::unknown(reason)),
    }?;
    match &content.content {
        Content::Table(table) if table.is_empty() && table.damaged.is_empty() => {
            Err(DataError::Empty { path: source.shown() })
        }
        _ => Ok(content),
    }
}

/// Whether the name of a file is one that console output is kept under.
fn is_named_as_log(source: &Source) -> bool {
    let name = source.file_name().to_lowercase();
    [".log", ".out", ".err", ".txt"].iter().any(|ending| name.ends_with(ending))
}

/// A file as a table, whatever its rows are.
///
/// # Errors
/// [`DataError`] for anything but a table.
pub(in crate::data) fn table_of(source: &Source) -> Result<CellTable, DataError> {
    let meter = Meter::default();
    let head = source.head()?;
    let table = match container(&head, &source.file_name(), &|_| false) {
        Container::Delimited(separator) => {
            CellTable::csv(source.shown(), source.open(&meter, &|_, _| {})?, separator)?
        }
        Container::JsonLines | Container::Json => json_lines::rows(source, &meter)?,
        #[cfg(feature = "parquet")]
        Container::Parquet => parquet::rows(source)?,
        #[cfg(not(feature = "parquet"))]
        Container::Parquet => return Err(source.needs("Parquet", "parquet")),
        Container::Empty => return Err(DataError::Empty { path: source.shown() }),
        _ => {
            let reason = "not a CSV, JSON Lines or Parquet table".to_owned();
            return Err(DataError::UnknownFormat { path: source.shown(), reason });
        }
    };
    if let Some(tear) = source.tear() {
        return Err(source.unreadable(tear));
    }
    if let Some((line, problem)) = table.damaged.first() {
        let (path, others) = (source.shown(), table.damaged.len() - 1);
        return Err(DataError::BadRow { path, line: *line, problem: problem.clone(), others });
    }
    if table.is_empty() {
        return Err(DataError::Empty { path: source.shown() });
    }
    Ok(table)
}
