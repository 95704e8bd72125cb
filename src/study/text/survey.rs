//! What was found in logs as people read it.

use crate::data::{RunRecord, Survey};
use crate::report::{
    Table, Text, design_table, design_text, files_table, left_out_list, runs_table, usable_text,
};

/// Level of the interval of seed noise.
const LEVEL: f64 = 0.95;

/// Rows of a list shown to people; scripts get all.
const SHOWN: usize = 60;

/// Whether the runs are usable, the files, the runs, what was left out, and the design.
#[must_use]
pub fn survey_text(survey: &Survey) -> Text {
    let mut text = Text::from(usable_text(survey));
    let table = &survey.table;
    if !table.files.is_empty() {
        text.apart(shortened(files_table(&table.files), "files"));
    }
    let shown = if survey.error.is_some() { &survey.refused } else { &table.runs };
    if !shown.is_empty() {
        let title = if survey.error.is_some() { "Runs, not usable as they are" } else { "Runs" };
        text.apart(shown_runs(shown, title));
        let assumed: Vec<String> = table.assumptions.iter().map(ToString::to_string).collect();
        text.apart(format!("read as: {}\n", assumed.join("; ")));
    }
    for note in table.notes.iter().take(SHOWN) {
        text.push_str(&format!("note: {}: {}\n", note.run, note.note));
    }
    text.push_str(&more(table.notes.len(), "notes"));
    let shown_files = &table.files[..table.files.len().min(SHOWN)];
    let (left_out, reasons) = left_out_list(&table.skipped, shown_files, SHOWN);
    if !left_out.is_empty() {
        text.apart(left_out + &more(reasons, "reasons"));
    }
    if !table.runs.is_empty() {
        text.apart(shortened(design_table(&table.runs), "sizes"));
        text.push_str(&design_text(table, LEVEL));
    }
    text
}

/// The line for what a list of `all` does not show.
fn more(all: usize, what: &str) -> String {
    match all.saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("and {more} more {what}; the JSON has all\n"),
    }
}

/// A table without the rows nobody reads.
fn shortened(table: Table, what: &str) -> Text {
    let all = table.rows.len();
    let (table, _) = table.first_rows(SHOWN);
    let mut text = Text::from(table);
    text.push_str(&more(all, what));
    text
}

/// The runs that are shown; a row is made for no other.
fn shown_runs(runs: &[RunRecord], title: &str) -> Text {
    let mut table = runs_table(&runs[..runs.len().min(SHOWN)]);
    title.clone_into(&mut table.title);
    let mut text = Text::from(table);
    text.push_str(&more(runs.len(), "runs"));
    text
}
