//! Documents of JSON Lines, odd rows set aside.

use std::io::{BufRead, BufReader, Read};

use serde_json::Value as Json;

use super::{Documents, MOST_BYTES, Why};
use crate::data::files::{Meter, Source};
use crate::error::DataError;

/// Lines of bad rows that a refusal names.
const NAMED: usize = 5;

/// Reads the rows of a file into `documents`.
///
/// # Errors
/// [`DataError::RowsWithoutText`] when more than half of the rows hold no text, which is the wrong key or file
/// rather than a few odd rows.
pub(super) fn read(
    source: &Source,
    field: &str,
    origin: &str,
    documents: &mut Documents,
) -> Result<(), DataError> {
    let meter = Meter::default();
    let mut lines = BufReader::new(source.open(&meter, &|_, _| {})?);
    let mut line = Vec::new();
    let (mut at, mut rows, mut bad) = (0, 0, 0);
    let mut named: Vec<(usize, String)> = Vec::new();
    loop {
        line.clear();
        let read = (&mut lines).take(MOST_BYTES).read_until(b'\n', &mut line);
        if read.map_err(|e| source.unreadable(&e))? == 0 {
            break;
        }
        at += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        rows += 1;
        let place = format!("{origin}:{at}");
        match text_of(&line, field) {
            Ok(text) => documents.keep(place, text),
            Err((why, detail)) => {
                bad += 1;
                documents.set_aside.add(&place, why, &detail);
                if named.len() < NAMED {
                    named.push((at, detail));
                }
            }
        }
    }
    if 2 * bad > rows {
        let lines: Vec<String> = named.iter().map(|(line, _)| line.to_string()).collect();
        let first = named.first().map_or("", |(_, why)| why.as_str());
        let more = if bad > named.len() { ", …" } else { "" };
        return Err(DataError::RowsWithoutText {
            path: source.shown(),
            bad,
            rows,
            field: field.to_owned(),
            reason: format!("lines {}{more}; the first: {first}", lines.join(", ")),
        });
    }
    Ok(())
}

/// The text of a row, empty where it is null; else why there is none.
fn text_of(line: &[u8], field: &str) -> Result<String, (Why, String)> {
    // A file may begin with a byte-order mark.
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    let row: Json =
        serde_json::from_slice(line).map_err(|e| (Why::Syntax, format!("not JSON: {e}")))?;
    let kind = |value: &Json| match value {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    };
    match under(&row, field) {
        Some(Json::String(text)) => Ok(text.clone()),
        Some(Json::Null) => Ok(String::new()),
        Some(other) => Err((Why::Type, format!("`{field}` holds {}", kind(other)))),
        None if row.is_object() => Err((Why::NoKey, format!("no key `{field}`"))),
        None => Err((Why::NoKey, format!("the row is {}, not an object", kind(&row)))),
    }
}

/// The value under a key of that very name, a JSON pointer, or keys joined by dots.
fn under<'a>(row: &'a Json, field: &str) -> Option<&'a Json> {
    if let Some(value) = row.get(field) {
        return Some(value);
    }
    if field.starts_with('/') {
        return row.pointer(field);
    }
    let escaped = field.replace('~', "~0").replace('/', "~1").replace('.', "/");
    row.pointer(&format!("/{escaped}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_name_a_path_or_a_pointer() {
        for (row, field, text) in [
            (r#"{"text": "a"}"#, "text", "a"),
            (r#"{"data": {"text": "b"}}"#, "data.text", "b"),
            (r#"{"data": {"text": "c"}}"#, "/data/text", "c"),
            (r#"{"data.text": "d", "data": {"text": "no"}}"#, "data.text", "d"),
            (r#"{"turns": [{"body": "e"}]}"#, "turns.0.body", "e"),
            (r#"{"a/b": {"c": "f"}}"#, "/a~1b/c", "f"),
            (r#"{"a/b": {"c": "g"}}"#, "a/b.c", "g"),
            (r#"{"text": null}"#, "text", ""),
            ("\u{feff}{\"text\": \"h\"}", "text", "h"),
        ] {
            assert_eq!(text_of(row.as_bytes(), field).as_deref(), Ok(text), "{row} {field}");
        }
    }

    #[test]
    fn what_holds_no_text_says_why() {
        for (row, why, said) in [
            (r#"{"text": 5}"#, Why::Type, "a number"),
            (r#"{"text": {"a": "b"}}"#, Why::Type, "an object"),
            (r#"{"body": "x"}"#, Why::NoKey, "no key `text`"),
            (r#"["text"]"#, Why::NoKey, "a list"),
            (r#"{"text": "cut"#, Why::Syntax, "not JSON"),
            ("{\"text\": \"\u{1}\"}", Why::Syntax, "not JSON"),
        ] {
            let (found, detail) = text_of(row.as_bytes(), "text").expect_err(row);
            assert!(found == why && detail.contains(said), "{row}: {found:?} {detail}");
        }
        let (why, _) = text_of(b"{\"text\": \"\xff\"}", "text").expect_err("not UTF-8");
        assert_eq!(why, Why::Syntax);
    }
}
