//! Tables with one row per run: CSV, JSON Lines, Parquet.

use std::io::Read;

use super::columns::{ColumnMap, Quantity, normalised};
use super::log::Value;
use crate::error::DataError;
use crate::units::ParamRule;

/// Cells a table of runs may have; a file beyond that is a step log whose step column has no known
/// name, and would fill the memory.
const MOST_CELLS: usize = 50_000_000;

/// A file as columns of values.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) path: String,
    pub(super) columns: Vec<String>,
    /// Rows of values in the order of `columns`.
    pub(super) rows: Vec<Vec<Value>>,
    /// 1-based line of each row.
    pub(super) lines: Vec<usize>,
    /// Lines that are no rows, with what is wrong.
    pub(super) damaged: Vec<(usize, String)>,
}

impl Sheet {
    pub(super) fn new(path: String, columns: Vec<String>) -> Self {
        Self { path, columns, rows: Vec::new(), lines: Vec::new(), damaged: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`DataError::Unreadable`] when the table is too large to be one of runs.
    pub(super) fn push(&mut self, line: usize, row: Vec<Value>) -> Result<(), DataError> {
        if self.rows.len().saturating_mul(self.columns.len()) > MOST_CELLS {
            let reason = format!(
                "more than {MOST_CELLS} cells are no table of runs; if it is a step log, name its step column with --map step=COLUMN"
            );
            return Err(DataError::Unreadable { path: self.path.clone(), reason });
        }
        self.rows.push(row);
        self.lines.push(line);
        Ok(())
    }

    /// Delimited text with a header.
    pub(super) fn csv(path: String, from: impl Read, separator: u8) -> Result<Self, DataError> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .flexible(true)
            .from_reader(from);
        let unreadable =
            |e: csv::Error| DataError::Unreadable { path: path.clone(), reason: e.to_string() };
        let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
        let columns: Vec<String> =
            reader.byte_headers().map_err(unreadable)?.iter().map(text).collect();
        let width = columns.len();
        let mut sheet = Self::new(path.clone(), columns);
        let mut record = csv::ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(unreadable)? {
            let line = record.position().map_or(0, |p| p.line() as usize);
            let found = record.len();
            if found < width || record.iter().skip(width).any(|cell| !cell.is_empty()) {
                let problem = format!("the row has {found} cells, the header {width}");
                sheet.damaged.push((line, problem));
                continue;
            }
            let cell = |cell: &[u8]| cell_value(cell, separator);
            let row = record.iter().take(width).map(cell).collect();
            sheet.push(line, row)?;
        }
        Ok(sheet)
    }

    /// Objects with their lines; the columns are all their keys.
    pub(super) fn objects(
        path: String,
        objects: Vec<(usize, serde_json::Map<String, serde_json::Value>)>,
    ) -> Result<Self, DataError> {
        let mut at = std::collections::HashMap::new();
        let mut columns: Vec<String> = Vec::new();
        for key in objects.iter().flat_map(|(_, o)| o.keys()) {
            if !at.contains_key(key) {
                at.insert(key.clone(), columns.len());
                columns.push(key.clone());
            }
        }
        let mut sheet = Self::new(path, columns);
        for (line, object) in objects {
            let mut row = vec![Value::Missing; sheet.columns.len()];
            for (key, value) in &object {
                row[at[key]] = Value::from_json(value);
            }
            sheet.push(line, row)?;
        }
        Ok(sheet)
    }

    /// The first column with the first of these normalised names that any has.
    pub(super) fn first_named(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.columns.iter().position(|c| normalised(c) == *name))
    }

    /// Multiplies mapped columns by their factors.
    pub(super) fn scale(&mut self, map: &ColumnMap) {
        for quantity in Quantity::ALL {
            let factor = map.factor(quantity);
            let at = map.column(quantity).and_then(|c| self.columns.iter().position(|x| x == c));
            let Some(at) = at.filter(|_| factor != 1.0) else { continue };
            for row in &mut self.rows {
                if let Value::Number(x) = &mut row[at] {
                    *x *= factor;
                }
            }
        }
    }

    /// The column of a quantity: mapped, else the surest recognised name.
    pub(super) fn column(
        &self,
        quantity: Quantity,
        rule: ParamRule,
        map: &ColumnMap,
    ) -> Result<Option<usize>, DataError> {
        if let Some(wanted) = map.column(quantity) {
            let at = self.columns.iter().position(|c| c == wanted);
            return at.map(Some).ok_or_else(|| DataError::NoSuchColumn {
                path: self.path.clone(),
                key: quantity.key().to_owned(),
                column: wanted.to_owned(),
                found: self.columns.join(", "),
            });
        }
        for name in quantity.names(rule) {
            let at: Vec<usize> = (0..self.columns.len())
                .filter(|i| normalised(&self.columns[*i]) == *name)
                .collect();
            match at.as_slice() {
                [] => {}
                [one] => return Ok(Some(*one)),
                several => {
                    let names: Vec<&str> =
                        several.iter().map(|i| self.columns[*i].as_str()).collect();
                    return Err(DataError::AmbiguousColumn {
                        path: self.path.clone(),
                        quantity: quantity.noun(),
                        key: quantity.key(),
                        candidates: names.join(" and "),
                    });
                }
            }
        }
        Ok(None)
    }
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
        Value::Text(text) if separator == b';' => {
            text.replacen(',', ".", 1).parse().map_or(Value::Text(text), Value::Number)
        }
        value => value,
    }
}
