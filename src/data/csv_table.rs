//! Delimited text as a table.

use std::collections::HashMap;

use super::cell_table::{CellTable, Failed};
use super::cells::{CellView, Cells};
use super::log::Value;
use super::plain::Stream;
use super::windows::{Window, try_for_each};
use crate::error::{DataError, RowProblem};

/// What a piece of delimited text holds.
#[derive(Default)]
struct Part {
    header: Vec<String>,
    cells: Cells,
    /// Line and number of cells of each row.
    rows: Vec<(usize, usize)>,
    damaged: Vec<(usize, RowProblem)>,
}

impl CellTable {
    /// Delimited text with a header, read in pieces on all cores.
    pub(super) fn csv(path: String, from: impl Stream, separator: u8) -> Result<Self, DataError> {
        let work = |window: &Window| part(window, separator);
        let mut table: Option<Self> = None;
        let mut take = |part: Part| -> Result<(), Failed> {
            let table = table.get_or_insert_with(|| Self::new(path.clone(), part.header));
            let width = table.columns.len();
            for (line, problem) in part.damaged {
                table.push_damaged(line, problem).map_err(Failed::Table)?;
            }
            let mut places = HashMap::new();
            for (row, (line, found)) in part.rows.into_iter().enumerate() {
                let is_full = |at| part.cells.view(row, at) != CellView::Missing;
                if found < width || (width..found).any(is_full) {
                    let problem = RowProblem::Cells { found, columns: width };
                    table.push_damaged(line, problem).map_err(Failed::Table)?;
                    continue;
                }
                table.check_size().map_err(Failed::Table)?;
                table.cells.push_row_of(&part.cells, row, &mut places);
                table.lines.push(line);
            }
            Ok(())
        };
        match try_for_each(from, true, &work, &mut take) {
            Ok(()) => {
                let mut table = table.ok_or(DataError::Empty { path })?;
                table.cells.finish();
                Ok(table)
            }
            Err(Failed::Table(error)) => Err(error),
            Err(Failed::Reading(e)) => Err(DataError::Unreadable { path, reason: e.to_string() }),
        }
    }
}

/// The rows of a piece of delimited text; of its first one, the header too.
fn part(window: &Window, separator: u8) -> Part {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .has_headers(false)
        .from_reader(window.bytes.as_slice());
    let mut part = Part::default();
    for lost in &window.lost {
        part.damaged.push((lost.line, RowProblem::Syntax { reason: lost.problem() }));
    }
    let mut record = csv::ByteRecord::new();
    let mut is_header = window.first_line == 1;
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(e) => {
                let reason = e.to_string();
                part.damaged.push((window.first_line, RowProblem::Syntax { reason }));
                break;
            }
        }
        if std::mem::take(&mut is_header) {
            let name = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
            part.header = record.iter().map(name).collect();
            continue;
        }
        part.cells.push_wide_row(record.iter().map(|cell| cell_value(cell, separator)));
        part.rows.push((window.line_of(&record), record.len()));
    }
    part
}

/// Words for a cell without a value.
const NOTHING: [&str; 6] = ["null", "None", "none", "NA", "N/A", "<NA>"];

/// A cell of delimited text; where `;` separates, a comma is a decimal point.
pub(super) fn cell_value(cell: &[u8], separator: u8) -> Value {
    let Ok(text) = std::str::from_utf8(cell) else {
        return Value::Text(String::from_utf8_lossy(cell).into_owned());
    };
    let bare = text.trim();
    if NOTHING.contains(&bare) {
        return Value::Missing;
    }
    match Value::from_text(bare) {
        // An apostrophe keeps a spreadsheet from running the text as a formula.
        Value::Text(text) if is_kept_from_running(&text) => Value::Text(text[1..].to_owned()),
        Value::Text(text) if separator == b';' => {
            text.replacen(',', ".", 1).parse().map_or(Value::Text(text), Value::Number)
        }
        value => value,
    }
}

fn is_kept_from_running(text: &str) -> bool {
    text.strip_prefix('\'').is_some_and(|rest| rest.starts_with(['=', '+', '-', '@', '\t', '\r']))
}
