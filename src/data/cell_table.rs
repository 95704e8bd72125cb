//! Tables with one row per run: CSV, JSON Lines, Parquet.

use std::io::Read;

use super::columns::ColumnMap;
use super::facts::count_with_unit;
use super::log::Value;
use super::quantity::Quantity;
use super::roles::{Metric, Role, role_of};
use super::spelling::normalised;
use super::vocabulary;
use super::windows::{Window, for_each};
use crate::error::{DataError, RowProblem};
use crate::units::ParamRule;

/// Cells a table of runs may have; a file beyond that is a step log whose step column has no known
/// name, and would fill the memory.
const MOST_CELLS: usize = 50_000_000;

/// A file as columns of values.
#[derive(Debug)]
pub(super) struct CellTable {
    pub(super) path: String,
    pub(super) columns: Vec<String>,
    /// Rows of values in the order of `columns`.
    pub(super) rows: Vec<Vec<Value>>,
    /// 1-based line of each row.
    pub(super) lines: Vec<usize>,
    /// Lines that are not rows, with what is wrong.
    pub(super) damaged: Vec<(usize, RowProblem)>,
    /// Whether the user named it, rather than a folder it is in.
    pub(super) asked: bool,
    /// Places of rows that do not meet the conditions asked for.
    pub(super) unwanted: std::collections::BTreeSet<usize>,
    /// Columns of counts whose unit was taken off their name.
    renamed: Vec<(usize, String)>,
}

impl CellTable {
    pub(super) fn new(path: String, columns: Vec<String>) -> Self {
        Self {
            path,
            columns,
            rows: Vec::new(),
            lines: Vec::new(),
            damaged: Vec::new(),
            asked: true,
            unwanted: std::collections::BTreeSet::new(),
            renamed: Vec::new(),
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`DataError::TooManyCells`] when the table is too large to be one of runs.
    pub(super) fn push(&mut self, line: usize, row: Vec<Value>) -> Result<(), DataError> {
        if self.rows.len().saturating_mul(self.columns.len()) > MOST_CELLS {
            return Err(DataError::TooManyCells { path: self.path.clone(), limit: MOST_CELLS });
        }
        self.rows.push(row);
        self.lines.push(line);
        Ok(())
    }

    /// Delimited text with a header, read in pieces on all cores.
    pub(super) fn csv(
        path: String,
        from: impl Read + Send,
        separator: u8,
    ) -> Result<Self, DataError> {
        type Rows = (Vec<String>, Vec<(usize, Vec<Value>)>, Vec<(usize, RowProblem)>);
        let unreadable = |reason: String| DataError::Unreadable { path: path.clone(), reason };
        let work = |window: &Window| -> Rows {
            let mut reader = csv::ReaderBuilder::new()
                .delimiter(separator)
                .flexible(true)
                .has_headers(false)
                .from_reader(window.bytes.as_slice());
            let (mut header, mut rows, mut damaged) = (Vec::new(), Vec::new(), Vec::new());
            let mut record = csv::ByteRecord::new();
            let mut is_header = window.first_line == 1;
            loop {
                match reader.read_byte_record(&mut record) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(e) => {
                        let reason = e.to_string();
                        damaged.push((window.first_line, RowProblem::Syntax { reason }));
                        break;
                    }
                }
                if std::mem::take(&mut is_header) {
                    let name = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
                    header = record.iter().map(name).collect();
                    continue;
                }
                let row = record.iter().map(|cell| cell_value(cell, separator)).collect();
                rows.push((window.line_of(&record), row));
            }
            (header, rows, damaged)
        };
        let mut table: Option<Self> = None;
        let mut failed = Ok(());
        let mut take = |(header, rows, damaged): Rows| {
            let table = table.get_or_insert_with(|| Self::new(path.clone(), header));
            table.damaged.extend(damaged);
            let width = table.columns.len();
            for (line, mut row) in rows {
                let found = row.len();
                if found < width || row[width..].iter().any(|cell| *cell != Value::Missing) {
                    let problem = RowProblem::Cells { found, columns: width };
                    table.damaged.push((line, problem));
                    continue;
                }
                row.truncate(width);
                if failed.is_ok() {
                    failed = table.push(line, row);
                }
            }
        };
        for_each(from, true, &work, &mut take).map_err(|e| unreadable(e.to_string()))?;
        failed?;
        table.ok_or(DataError::Empty { path })
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
        let mut table = Self::new(path, columns);
        for (line, object) in objects {
            let mut row = vec![Value::Missing; table.columns.len()];
            for (key, value) in &object {
                row[at[key]] = Value::from_json(value);
            }
            table.push(line, row)?;
        }
        Ok(table)
    }

    /// Fills the empty cells of a row, and columns that are not there, from a row of facts.
    pub(super) fn fill_row(&mut self, at: usize, columns: &[String], row: &[Value]) {
        for (column, value) in columns.iter().zip(row) {
            let known = self.columns.iter().position(|c| normalised(c) == normalised(column));
            let place = known.unwrap_or_else(|| {
                self.columns.push(column.clone());
                self.rows.iter_mut().for_each(|row| row.push(Value::Missing));
                self.columns.len() - 1
            });
            if self.rows[at][place] == Value::Missing {
                self.rows[at][place] = value.clone();
            }
        }
    }

    /// Leaves out rows by their place.
    pub(super) fn remove_rows(&mut self, gone: &std::collections::BTreeSet<usize>) {
        let mut place = 0..;
        self.rows.retain(|_| place.next().is_none_or(|i: usize| !gone.contains(&i)));
        let mut place = 0..;
        self.lines.retain(|_| place.next().is_none_or(|i: usize| !gone.contains(&i)));
    }

    /// The first column with the first of these normalised names that any has.
    pub(super) fn first_named(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.columns.iter().position(|c| normalised(c) == *name))
    }

    /// Turns counts in units of their name, `params_m`, into plain ones, where no plain column is.
    fn scale_units(&mut self, map: &ColumnMap) {
        for at in 0..self.columns.len() {
            let Some((base, factor)) = count_with_unit(&self.columns[at]) else { continue };
            let mapped = Quantity::ALL.iter().any(|q| map.column(*q) == Some(&self.columns[at]));
            if mapped || self.columns.iter().any(|c| normalised(c) == base) {
                continue;
            }
            for row in &mut self.rows {
                if let Value::Number(x) = &mut row[at] {
                    *x *= factor;
                }
            }
            self.renamed.push((at, base));
        }
    }

    /// The name a column is known by.
    fn known_name(&self, at: usize) -> String {
        let renamed = self.renamed.iter().find(|(i, _)| *i == at);
        renamed.map_or_else(|| normalised(&self.columns[at]), |(_, name)| name.clone())
    }

    /// Multiplies mapped columns, and those named with a unit, by their factors.
    pub(super) fn scale(&mut self, map: &ColumnMap) {
        self.scale_units(map);
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
                key: quantity.key(),
                column: wanted.to_owned(),
                found: self.columns.clone(),
            });
        }
        for name in quantity.names(rule) {
            if name.contains('+') {
                let sum = self.columns.iter().position(|c| c.as_str() == name);
                if sum.is_some() {
                    return Ok(sum);
                }
            }
            let at: Vec<usize> =
                (0..self.columns.len()).filter(|i| self.known_name(*i) == name).collect();
            match at.as_slice() {
                [] => {}
                [one] => return Ok(Some(*one)),
                several => {
                    return Err(DataError::AmbiguousColumn {
                        path: self.path.clone(),
                        quantity: quantity.noun(),
                        key: quantity.key(),
                        candidates: several.iter().map(|i| self.columns[*i].clone()).collect(),
                    });
                }
            }
        }
        if quantity == Quantity::Loss { self.evaluation_loss() } else { Ok(None) }
    }

    /// The only column that a log would call an evaluation loss, `eval/c4/loss`.
    fn evaluation_loss(&self) -> Result<Option<usize>, DataError> {
        let is_loss =
            |c: &String| matches!(role_of(c), Role::Metric { metric: Metric::EvalLoss, .. });
        let at: Vec<usize> =
            (0..self.columns.len()).filter(|i| is_loss(&self.columns[*i])).collect();
        match at.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            several => Err(DataError::AmbiguousColumn {
                path: self.path.clone(),
                quantity: Quantity::Loss.noun(),
                key: Quantity::Loss.key(),
                candidates: several.iter().map(|i| self.columns[*i].clone()).collect(),
            }),
        }
    }

    /// Adds the columns that are sums of others: those of the map, `n=body+head`, and those whose
    /// parts tools log.
    pub(super) fn add_sums(&mut self, map: &ColumnMap) {
        let mapped = Quantity::ALL.iter().filter_map(|q| map.column(*q)).map(str::to_owned);
        let known = vocabulary::sums().map(str::to_owned);
        for sum in mapped.chain(known).collect::<Vec<String>>() {
            if !sum.contains('+') || self.columns.contains(&sum) {
                continue;
            }
            let place = |part: &str| self.columns.iter().position(|c| c == part.trim());
            let Some(parts) = sum.split('+').map(place).collect::<Option<Vec<usize>>>() else {
                continue;
            };
            for row in &mut self.rows {
                let counts: Option<Vec<f64>> = parts.iter().map(|at| row[*at].count()).collect();
                row.push(counts.map_or(Value::Missing, |c| Value::Number(c.iter().sum())));
            }
            self.columns.push(sum);
        }
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
