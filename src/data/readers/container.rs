//! How a file is laid out, by its first bytes.

use super::tensorboard::starts_like_events;
use crate::data::files::HEAD;
use crate::data::holes::{is_text_with_holes, without_holes};

/// How the bytes of a file are laid out; what they mean is seen when they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Parquet,
    Sqlite,
    Wandb,
    TensorBoard,
    /// One JSON document.
    Json,
    JsonLines,
    /// Delimited text by this byte.
    Delimited(u8),
    Yaml,
    /// Lines of text.
    Lines,
    Empty,
    /// None of these; the reason.
    Unknown(&'static str),
}

impl Container {
    /// Whether it is text whose lines are read one by one.
    pub(super) fn is_lines(self) -> bool {
        matches!(self, Self::JsonLines | Self::Delimited(_) | Self::Lines)
    }
}

const BINARY: &str = "binary data of a kind that is not read";

/// What a file with this beginning is; `is_text_log` says whether text matches a log pattern, which
/// is asked before taking lines with commas in them for a table.
///
/// - `head`: the first [`HEAD`] bytes, decompressed; all of a shorter file.
/// - `name`: the file's name, which decides only between kinds of plain text.
pub(super) fn container(head: &[u8], name: &str, is_text_log: &dyn Fn(&str) -> bool) -> Container {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if head.iter().all(u8::is_ascii_whitespace) {
        return Container::Empty;
    }
    if head.starts_with(b"PAR1") {
        return Container::Parquet;
    }
    if head.starts_with(b"SQLite format 3\0") {
        return Container::Sqlite;
    }
    if head.starts_with(b":W&B") {
        return Container::Wandb;
    }
    if starts_like_events(head) || name.contains(".tfevents.") {
        return Container::TensorBoard;
    }
    let bare;
    let is_whole = head.len() < HEAD;
    let head = match memchr::memchr(0, head) {
        None => head,
        Some(_) if is_text_with_holes(head) => {
            bare = without_holes(head);
            bare.as_slice()
        }
        Some(_) => return Container::Unknown(BINARY),
    };
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The head may end in the middle of a character.
        Err(e) if e.error_len().is_none() => {
            std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or("")
        }
        // A bad byte in a log of text is damage to be named by its reader.
        Err(e) if e.valid_up_to() >= 64 => {
            std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or("")
        }
        Err(_) => return Container::Unknown(BINARY),
    };
    let bare = text.trim_start();
    // `[INFO] step 3` and `{'loss': 3}` begin like JSON too.
    let second = bare.chars().nth(1);
    let is_json = match bare.chars().next() {
        Some('{') => second.is_none_or(|c| c.is_whitespace() || c == '"' || c == '}'),
        Some('[') => {
            second.is_none_or(|c| c.is_whitespace() || c.is_ascii_digit() || "{[\"]".contains(c))
        }
        _ => false,
    };
    if is_json && !(bare.starts_with('[') && is_text_log(text)) {
        return json_kind(bare, is_whole);
    }
    if is_text_log(text) {
        return Container::Lines;
    }
    let lower = name.to_lowercase();
    if lower.ends_with(".yaml") || lower.ends_with(".yml") {
        return Container::Yaml;
    }
    delimiter(text, &lower).map_or(Container::Lines, Container::Delimited)
}

/// One document or a line each: a first line that is a value of its own begins JSON Lines.
fn json_kind(text: &str, whole: bool) -> Container {
    let mut lines = text.lines().filter(|l| !l.trim().is_empty());
    let first = lines.next().unwrap_or("").trim();
    let closed = first.ends_with('}') && first.starts_with('{');
    let single = whole && lines.next().is_none();
    if closed && single && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        // One line: a config, a state or a table of one run; the document reader decides.
        return Container::Json;
    }
    if closed { Container::JsonLines } else { Container::Json }
}

/// The delimiter of a table: the one that splits the header into names and the next lines into as
/// many cells.
fn delimiter(text: &str, name: &str) -> Option<u8> {
    let mut lines = text.lines().filter(|l| !l.trim().is_empty());
    let header = lines.next()?;
    let rows: Vec<&str> = lines.take(20).collect();
    let is_table = [".csv", ".tsv"].iter().any(|e| name.trim_end_matches(".gz").ends_with(e));
    [b',', b'\t', b';', b'|'].into_iter().find(|separator| {
        let cells = |line: &str| line.split(char::from(*separator)).count();
        let width = cells(header);
        let named = header
            .split(char::from(*separator))
            .all(|cell| cell.trim().trim_matches('"').parse::<f64>().is_err());
        let agree = rows.iter().filter(|row| cells(row) == width).count();
        width > 1 && named && (is_table || (!rows.is_empty() && 2 * agree >= rows.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(head: &[u8], name: &str) -> Container {
        container(head, name, &|_| false)
    }

    #[test]
    fn files_are_detected_by_content_whatever_their_name() {
        for (head, want) in [
            (&b"PAR1xx"[..], Container::Parquet),
            (b"SQLite format 3\0xx", Container::Sqlite),
            (b":W&B\xe1\xbe\0", Container::Wandb),
            (b"a,b\n1,2\n", Container::Delimited(b',')),
            (b"a;b\n1,5;2\n", Container::Delimited(b';')),
            (b"a\tb\n1\t2\n", Container::Delimited(b'\t')),
            (b"{\"a\":1}\n{\"a\":2}\n", Container::JsonLines),
            (b"{\n \"a\": 1}", Container::Json),
            (b"{\"a\": 1}", Container::Json),
            (b"[INFO] nothing\n", Container::Lines),
            (b" \n", Container::Empty),
        ] {
            assert_eq!(kind(head, "log"), want, "{head:?}");
        }
        assert!(matches!(kind(b"\x89PNG\r\n\x1a\n\0\0", "x.csv"), Container::Unknown(_)));
    }
}
