//! Parts of the messages about logs.

use super::lack::{TakenFor, taken_text};

pub(super) fn no_logs(files: &[TakenFor]) -> String {
    match files {
        [] => "no file is in it (hidden ones are not looked at); expected logs".to_owned(),
        [one] => format!("no log is in it; {}: {}", one.file, one.what),
        _ => format!("none of {} files holds a log; {}", files.len(), taken_text(files)),
    }
}

/// Some of the names, for a message.
pub(super) fn columns(found: &[String]) -> String {
    const SHOWN: usize = 30;
    let shown: Vec<&str> = found.iter().take(SHOWN).map(String::as_str).collect();
    let more = found.len().saturating_sub(SHOWN);
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    shown.join(", ") + &more
}

pub(super) fn nouns(first: &str, also: &[(&'static str, &'static str)]) -> String {
    listed(std::iter::once(first).chain(also.iter().map(|(noun, _)| *noun)), "or")
}

pub(super) fn keys(first: &str, also: &[(&'static str, &'static str)]) -> String {
    let quoted: Vec<String> = std::iter::once(first)
        .chain(also.iter().map(|(_, key)| *key))
        .map(|key| format!("`{key}`"))
        .collect();
    listed(quoted.iter().map(String::as_str), "and")
}

fn listed<'a>(items: impl Iterator<Item = &'a str>, joint: &str) -> String {
    let items: Vec<&str> = items.collect();
    match items.as_slice() {
        [most @ .., last] if !most.is_empty() => format!("{} {joint} {last}", most.join(", ")),
        _ => items.concat(),
    }
}

pub(super) fn and_more(others: usize) -> String {
    if others == 0 { String::new() } else { format!(" (and {others} more)") }
}

pub(super) fn more_rows(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => " (and 1 more bad row)".to_owned(),
        n => format!(" (and {n} more bad rows)"),
    }
}

/// The values a column has, for a message.
pub(super) fn has(known: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<&str> = known.iter().take(SHOWN).map(String::as_str).collect();
    let more = if known.len() > SHOWN { ", …" } else { "" };
    if known.is_empty() { String::new() } else { format!("; it has {}{more}", shown.join(", ")) }
}

/// The entropy of a source, or that it is not stated.
pub(super) fn floor_text(floor: Option<f64>) -> String {
    floor.map_or_else(
        || "no stated entropy".to_owned(),
        |x| format!("entropy {x:.4} nats per token"),
    )
}
