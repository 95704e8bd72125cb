//! Which line of a file is wrong, where its sections take the fields of several structs.
//!
//! serde gathers such a section whole before it hands out its fields, so an error inside knows only
//! where the section begins. The field at fault is the one without which the error is gone.

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// A field of a section: `[fit] delta`, or `[[plan]] flops` in one of several.
struct Field {
    section: String,
    /// Which of several sections of one name.
    index: Option<usize>,
    key: String,
    /// Byte at which it begins.
    at: usize,
}

/// What is wrong with a text that is no `T`, with its line and, inside a section, its field.
pub(super) fn explain<T: DeserializeOwned>(text: &str, error: &toml::de::Error) -> String {
    let begins_a_section = error.span().is_some_and(|s| text[s].starts_with('['));
    let field = begins_a_section.then(|| at_fault::<T>(text, error.message())).flatten();
    match field {
        None => error.to_string().trim_end().to_owned(),
        Some(field) => {
            let line = 1 + text[..field.at].matches('\n').count();
            let (open, close) = if field.index.is_some() { ("[[", "]]") } else { ("[", "]") };
            let (section, key, message) = (&field.section, &field.key, error.message());
            format!("line {line}: `{key}` of {open}{section}{close}: {message}")
        }
    }
}

/// The field without which the text is a `T`; where several are wrong, one without which the error is
/// another. That a field is missing then says nothing: it was taken away.
fn at_fault<T: DeserializeOwned>(text: &str, message: &str) -> Option<Field> {
    let whole: Table = text.parse().ok()?;
    let mut second = None;
    for field in fields(text)? {
        match error_without::<T>(whole.clone(), &field) {
            None => return Some(field),
            Some(other) if other != message && !other.starts_with("missing field") => {
                second = second.or(Some(field));
            }
            Some(_) => {}
        }
    }
    second
}

/// The error that is left without this field.
fn error_without<T: DeserializeOwned>(mut file: Table, field: &Field) -> Option<String> {
    let section = match (file.get_mut(&field.section), field.index) {
        (Some(Value::Table(table)), None) => Some(table),
        (Some(Value::Array(tables)), Some(i)) => tables.get_mut(i).and_then(Value::as_table_mut),
        _ => None,
    };
    section?.remove(&field.key);
    file.try_into::<T>().err().map(|e| e.message().to_owned())
}

/// Every field of every section.
fn fields(text: &str) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    let mut take = |section: &str, index: Option<usize>, table: &DeTable<'_>| {
        for key in table.keys() {
            let (section, at) = (section.to_owned(), key.span().start);
            fields.push(Field { section, index, key: key.get_ref().to_string(), at });
        }
    };
    for (name, value) in DeTable::parse(text).ok()?.get_ref() {
        match value.get_ref() {
            DeValue::Table(table) => take(name.get_ref(), None, table),
            DeValue::Array(tables) => {
                for (i, one) in tables.iter().enumerate() {
                    if let DeValue::Table(table) = one.get_ref() {
                        take(name.get_ref(), Some(i), table);
                    }
                }
            }
            _ => {}
        }
    }
    Some(fields)
}
