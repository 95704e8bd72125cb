//! Datasets to train on: files as documents, or one a row of JSON Lines and Parquet.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::files::{Meter, Source, sources};
#[cfg(feature = "parquet")]
use super::readers::texts;
use crate::error::DataError;

/// Largest text file held as one document.
const MOST_BYTES: u64 = 4 << 30;

/// One document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextDocument {
    /// Where it came from, relative to what was asked for: a file, or a file and its row.
    pub(crate) origin: String,
    /// UTF-8.
    pub(crate) text: Vec<u8>,
}

/// The documents of a path, in an order that all machines agree on; files that are not text, and empty
/// rows, are left out and counted.
///
/// Parquet is detected by its first bytes, JSON Lines by `.jsonl` or `.ndjson`; `field` is the column or
/// key that holds the text. `.gz` and `.zst` are opened.
///
/// # Errors
/// [`DataError`] naming the file, and the line where there is one.
pub(crate) fn read_texts(
    path: &Path,
    field: &str,
) -> Result<(Vec<TextDocument>, usize), DataError> {
    let mut found = sources(&[path.to_owned()])?;
    // `Path` compares part by part, whatever the separator.
    found.sort_by(|a, b| a.path.cmp(&b.path));
    let mut documents = Vec::new();
    let mut left_out = 0;
    for source in found.iter().filter(|s| !s.is_folder) {
        let origin = origin(&source.path, path);
        let name = source.file_name();
        let mut keep = |origin: String, text: Option<String>| match text {
            Some(text) if !text.is_empty() => {
                documents.push(TextDocument { origin, text: text.into_bytes() });
            }
            _ => left_out += 1,
        };
        if source.head()?.starts_with(b"PAR1") {
            #[cfg(not(feature = "parquet"))]
            return Err(source.needs("Parquet", "parquet"));
            #[cfg(feature = "parquet")]
            for (row, text) in texts(source, field)?.into_iter().enumerate() {
                keep(format!("{origin}:{}", row + 1), text);
            }
        } else if name.ends_with(".jsonl") || name.ends_with(".ndjson") {
            json_lines(source, field, &mut |line, text| keep(format!("{origin}:{line}"), text))?;
        } else {
            let bytes = source.all(MOST_BYTES, &Meter::default(), &|_, _| {})?;
            // A zero byte ends a document of byte tokens, and no text has one.
            let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
            keep(origin, text);
        }
    }
    Ok((documents, left_out))
}

fn origin(file: &Path, root: &Path) -> String {
    let below: PathBuf = file.strip_prefix(root).unwrap_or(file).to_owned();
    let below = if below.as_os_str().is_empty() { file.to_owned() } else { below };
    below.display().to_string()
}

fn json_lines(
    source: &Source,
    field: &str,
    keep: &mut dyn FnMut(usize, Option<String>),
) -> Result<(), DataError> {
    let meter = Meter::default();
    let lines = BufReader::new(source.open(&meter, &|_, _| {})?.take(u64::MAX));
    for (at, line) in lines.lines().enumerate() {
        let line = line.map_err(|e| source.unreadable(&e))?;
        if line.trim().is_empty() {
            continue;
        }
        let value: Json = serde_json::from_str(&line).map_err(|e| DataError::BadSyntax {
            path: source.shown(),
            line: at + 1,
            language: "JSON",
            reason: e.to_string(),
        })?;
        match value.get(field) {
            Some(Json::String(text)) => keep(at + 1, Some(text.clone())),
            Some(Json::Null) => keep(at + 1, None),
            _ => {
                let (path, field) = (source.shown(), field.to_owned());
                return Err(DataError::NoText { path, line: at + 1, field });
            }
        }
    }
    Ok(())
}
