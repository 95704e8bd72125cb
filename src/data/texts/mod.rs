//! Datasets to train on: files as documents, or one a row of JSON Lines and Parquet; or files of tokens.

mod rows;
mod token_files;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{Meter, sources};
#[cfg(feature = "parquet")]
use super::readers::texts;
use crate::error::DataError;

pub(crate) use token_files::{TokenFiles, TokenWidth, find_token_files};

/// Largest text file held as one document.
const MOST_BYTES: u64 = 4 << 30;

/// Places of what was set aside that are kept, for people.
const EXAMPLES: usize = 5;

/// The documents of a path.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    /// UTF-8 each, none of them empty.
    pub(crate) texts: Vec<TextDocument>,
    /// What is no document.
    pub(crate) set_aside: SetAside,
}

/// One document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextDocument {
    /// Where it came from, relative to what was asked for: a file, or a file and its row.
    pub(crate) origin: String,
    /// UTF-8.
    pub(crate) text: Vec<u8>,
}

/// Files and rows that hold no document, by why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// Files that are not text.
    pub not_text: usize,
    /// Files and rows without a character.
    pub empty: usize,
    /// Rows that do not parse.
    pub bad_syntax: usize,
    /// Rows without the key that holds the text.
    pub no_key: usize,
    /// Rows in which that key holds something else than text.
    pub wrong_type: usize,
    /// The first of them, each with its place.
    pub examples: Vec<String>,
}

impl SetAside {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> usize {
        self.not_text + self.empty + self.bad_syntax + self.no_key + self.wrong_type
    }

    fn add(&mut self, place: &str, why: Why, detail: &str) {
        let (count, said) = match why {
            Why::NotText => (&mut self.not_text, "not text"),
            Why::Empty => (&mut self.empty, "empty"),
            Why::Syntax => (&mut self.bad_syntax, "does not parse"),
            Why::NoKey => (&mut self.no_key, "no such key"),
            Why::Type => (&mut self.wrong_type, "not text"),
        };
        *count += 1;
        if self.examples.len() < EXAMPLES {
            let detail = if detail.is_empty() { said } else { detail };
            self.examples.push(format!("{place}: {detail}"));
        }
    }
}

/// Why something is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    NotText,
    Empty,
    Syntax,
    NoKey,
    Type,
}

/// The documents of a path, in an order that all machines agree on; files that are not text, and rows
/// that hold none, are set aside and counted.
///
/// Parquet is detected by its first bytes, JSON Lines by `.jsonl` or `.ndjson`; `field` is the column or
/// key that holds the text: a name, names joined by dots, or a JSON pointer. `.gz` and `.zst` are opened.
///
/// # Errors
/// [`DataError::RowsWithoutText`] for a file most of whose rows hold no text, [`DataError::NoTextColumn`], and
/// what reading files may fail with.
pub(crate) fn read_texts(path: &Path, field: &str) -> Result<Documents, DataError> {
    let mut found = sources(&[path.to_owned()])?;
    // `Path` compares part by part, whatever the separator.
    found.sort_by(|a, b| a.path.cmp(&b.path));
    let mut documents = Documents::default();
    for source in found.iter().filter(|s| !s.is_folder) {
        let origin = origin(&source.path, path);
        let name = source.file_name();
        if source.head()?.starts_with(b"PAR1") {
            #[cfg(not(feature = "parquet"))]
            return Err(source.needs("Parquet", "parquet"));
            #[cfg(feature = "parquet")]
            for (row, text) in texts(source, field)?.into_iter().enumerate() {
                documents.keep(format!("{origin}:{}", row + 1), text.unwrap_or_default());
            }
        } else if name.ends_with(".jsonl") || name.ends_with(".ndjson") {
            rows::read(source, field, &origin, &mut documents)?;
        } else {
            let bytes = source.all(MOST_BYTES, &Meter::default(), &|_, _| {})?;
            match String::from_utf8(bytes) {
                Ok(text) => documents.keep(origin, text),
                Err(_) => documents.set_aside.add(&origin, Why::NotText, ""),
            }
        }
    }
    Ok(documents)
}

impl Documents {
    /// Keeps a text, unless it is empty or holds a zero byte: that ends a document of byte tokens, and no
    /// text has one.
    fn keep(&mut self, origin: String, text: String) {
        if text.is_empty() {
            self.set_aside.add(&origin, Why::Empty, "");
        } else if text.contains('\0') {
            self.set_aside.add(&origin, Why::NotText, "holds a zero byte");
        } else {
            self.texts.push(TextDocument { origin, text: text.into_bytes() });
        }
    }
}

fn origin(file: &Path, root: &Path) -> String {
    let below: PathBuf = file.strip_prefix(root).unwrap_or(file).to_owned();
    let below = if below.as_os_str().is_empty() { file.to_owned() } else { below };
    below.display().to_string()
}
