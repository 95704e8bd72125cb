//! Text logs by the patterns of `data/log-patterns.toml`, and anyone's own.

use super::booking::{Booking, Find};
use super::content::{Damage, FileContent};
use super::context::Context;
use super::patterns::{Counts, Pattern, Patterns, lines};
use super::run_name::name_of;
use crate::data::files::{Meter, Source};
use crate::data::format::Format;
use crate::data::windows::{Window, for_each};
use crate::error::DataError;

/// Lines of the beginning that settle which pattern reads a file, without a look at the rest.
const SURE: usize = 32;

pub(super) fn read(
    source: &Source,
    head: &[u8],
    context: &Context<'_>,
) -> Result<FileContent, DataError> {
    let Some(pattern) = pattern(source, head, context.patterns)? else {
        return Ok(FileContent::unknown("text that no pattern knows; add patterns of your own"));
    };
    let from = source.open(context.meter, context.progress)?;
    // A position holds for the lines below it, also into the next piece, so pieces only find and
    // what they find is booked in order.
    let work = |window: &Window| (finds(window, pattern), Damage::lost(window));
    let name = name_of(source);
    let mut booking = Booking::new(&name, &source.path, pattern, context.map);
    let mut take = |(found, lost): (Vec<Find>, Vec<Damage>)| {
        booking.lose(lost);
        found.into_iter().for_each(|find| booking.take(find));
    };
    for_each(from, false, &work, &mut take).map_err(|e| source.unreadable(&e))?;
    let (logs, damage) = booking.finish();
    let mut found = FileContent::logs(Format::Text, logs).with_damage(damage);
    found.detail = Some(format!("{} text", pattern.name));
    Ok(found)
}

/// The pattern that reads a file, by its beginning or, where that says little, by all of it: code
/// and settings may stand before the first step.
fn pattern<'a>(
    source: &Source,
    head: &[u8],
    patterns: &'a Patterns,
) -> Result<Option<&'a Pattern>, DataError> {
    let counts = patterns.count(head);
    if counts.most() >= SURE {
        return Ok(patterns.most(&counts));
    }
    Ok(patterns.most(&count_all(source, patterns)?))
}

/// Whether a file whose beginning looks like something else is a text log all the same.
pub(super) fn is_text_log(source: &Source, patterns: &Patterns) -> Result<bool, DataError> {
    Ok(count_all(source, patterns)?.most() > 0)
}

fn count_all(source: &Source, patterns: &Patterns) -> Result<Counts, DataError> {
    let mut counts = Counts::default();
    let work = |window: &Window| patterns.count(&window.bytes);
    let mut take = |part: Counts| counts.add(&part);
    // A look beforehand is no progress.
    let meter = Meter::default();
    let from = source.open(&meter, &|_, _| {})?;
    for_each(from, false, &work, &mut take).map_err(|e| source.unreadable(&e))?;
    Ok(counts)
}

fn finds(window: &Window, pattern: &Pattern) -> Vec<Find> {
    let mut found = Vec::new();
    for (i, bytes) in window.bytes.split(|b| *b == b'\n').enumerate() {
        for text in lines(bytes) {
            let text = text.trim_end();
            let mut groups = Vec::new();
            for expression in pattern.lines() {
                let names: Vec<&str> = expression.capture_names().flatten().collect();
                // A line may hold several settings, but one value of each quantity.
                let most = if names.contains(&"key") { usize::MAX } else { 1 };
                for captures in expression.captures_iter(text).take(most) {
                    for name in &names {
                        if let Some(group) = captures.name(name) {
                            groups.push(((*name).to_owned(), group.as_str().to_owned()));
                        }
                    }
                }
            }
            if !groups.is_empty() {
                found.push(Find { line: window.first_line + i, groups });
            }
        }
    }
    found
}
