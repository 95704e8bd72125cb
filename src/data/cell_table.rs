//! Tables with one row per run.

use std::collections::HashMap;

use super::cells::{CellView, Cells};
use super::columns::ColumnMap;
use super::facts::count_with_unit;
use super::label::Label;
use super::log::Value;
use super::quantity::Quantity;
use super::roles::{Metric, Role, role_of};
use super::spelling::{normalised, without_groups};
use super::vocabulary;
use crate::error::{DataError, RowProblem};
use crate::units::ParamRule;

/// Cells a table of runs may have; a file beyond that is a step log whose step column has no known
/// name, and would fill the memory.
const MOST_CELLS: usize = 20_000_000;

/// Bytes of all different texts in a table.
const MOST_TEXT: usize = 256 << 20;

/// Lines that are no rows, beyond which a file is no table.
const MOST_DAMAGED: usize = 100_000;

/// A file as columns of values.
#[derive(Debug)]
pub(super) struct CellTable {
    pub(super) path: String,
    pub(super) columns: Vec<String>,
    /// Values in the order of `columns`.
    pub(super) cells: Box<Cells>,
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

/// A table under way, or why it cannot be one.
pub(super) enum Failed {
    Reading(std::io::Error),
    Table(DataError),
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Reading(error)
    }
}

impl CellTable {
    pub(super) fn new(path: String, columns: Vec<String>) -> Self {
        Self {
            path,
            cells: Box::new(Cells::new(columns.len())),
            columns,
            lines: Vec::new(),
            damaged: Vec::new(),
            asked: true,
            unwanted: std::collections::BTreeSet::new(),
            renamed: Vec::new(),
        }
    }

    /// Rows in it.
    pub(super) fn len(&self) -> usize {
        self.cells.rows()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The values of a row.
    pub(super) fn row(&self, row: usize) -> Vec<Value> {
        (0..self.columns.len()).map(|at| self.cells.value(row, at)).collect()
    }

    /// All rows in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = Vec<Value>> {
        (0..self.len()).map(|row| self.row(row))
    }

    /// Puts a value into a cell.
    pub(super) fn set(&mut self, row: usize, at: usize, value: &Value) {
        self.cells.set(row, at, value);
    }

    /// One value.
    pub(super) fn value(&self, row: usize, at: usize) -> Value {
        self.cells.value(row, at)
    }

    /// A cell as a label; `None` for an empty one.
    pub(super) fn label(&self, row: usize, at: usize) -> Option<Label> {
        Some(match self.cells.view(row, at) {
            CellView::Missing => return None,
            CellView::Number(x) if x.is_finite() => Label::Number(x),
            CellView::Number(x) => Label::Text(x.to_string().into()),
            CellView::Text(text) => Label::Text(std::sync::Arc::clone(text)),
        })
    }

    /// Adds a column of one value.
    pub(super) fn push_column(&mut self, name: String, value: &Value) {
        self.columns.push(name);
        self.cells.push_column(value);
    }

    /// Adds a row.
    ///
    /// # Errors
    /// As [`check_size`](Self::check_size).
    #[cfg(feature = "parquet")]
    pub(super) fn push(&mut self, line: usize, row: &[Value]) -> Result<(), DataError> {
        self.push_cells(line, row.iter().enumerate())
    }

    fn push_cells<'a>(
        &mut self,
        line: usize,
        row: impl IntoIterator<Item = (usize, &'a Value)>,
    ) -> Result<(), DataError> {
        self.check_size()?;
        self.cells.push_row(row);
        self.lines.push(line);
        Ok(())
    }

    /// Whether one more row is allowed.
    ///
    /// # Errors
    /// [`DataError::TooManyCells`] and [`DataError::FileTooLarge`] when the table is too large to be
    /// one of runs.
    pub(super) fn check_size(&self) -> Result<(), DataError> {
        if self.len().saturating_mul(self.columns.len()) > MOST_CELLS {
            return Err(DataError::TooManyCells { path: self.path.clone(), limit: MOST_CELLS });
        }
        if self.cells.text_bytes() > MOST_TEXT {
            let (path, limit_mib) = (self.path.clone(), MOST_TEXT as u64 >> 20);
            return Err(DataError::FileTooLarge { path, limit_mib });
        }
        Ok(())
    }

    /// Notes a line that is not a row.
    ///
    /// # Errors
    /// [`DataError::BadRow`] when there are too many of them.
    pub(super) fn push_damaged(
        &mut self,
        line: usize,
        problem: RowProblem,
    ) -> Result<(), DataError> {
        self.damaged.push((line, problem));
        if self.damaged.len() <= MOST_DAMAGED {
            return Ok(());
        }
        let (line, problem) = self.damaged.swap_remove(0);
        let (path, others) = (self.path.clone(), self.damaged.len());
        Err(DataError::BadRow { path, line, problem, others })
    }

    /// Adds an object; its keys are columns, new ones among them.
    ///
    /// # Errors
    /// As [`check_size`](Self::check_size).
    pub(super) fn push_object(
        &mut self,
        line: usize,
        object: &serde_json::Map<String, serde_json::Value>,
        places: &mut HashMap<String, usize>,
    ) -> Result<(), DataError> {
        let mut row = Vec::with_capacity(object.len());
        for (key, value) in object {
            let at = match places.get(key) {
                Some(at) => *at,
                None => {
                    let at = self.columns.len();
                    places.insert(key.clone(), at);
                    self.push_column(key.clone(), &Value::Missing);
                    at
                }
            };
            row.push((at, Value::from_json(value)));
        }
        self.push_cells(line, row.iter().map(|(at, value)| (*at, value)))
    }

    /// Objects with their lines; the columns are all their keys.
    pub(super) fn objects(
        path: String,
        objects: Vec<(usize, serde_json::Map<String, serde_json::Value>)>,
    ) -> Result<Self, DataError> {
        let mut table = Self::new(path, Vec::new());
        let mut places = HashMap::new();
        for (line, object) in objects {
            table.push_object(line, &object, &mut places)?;
        }
        Ok(table)
    }

    /// Fills the empty cells of a row, and columns that are not there, from a row of facts.
    pub(super) fn fill_row(&mut self, at: usize, columns: &[String], row: &[Value]) {
        for (column, value) in columns.iter().zip(row) {
            let known = self.columns.iter().position(|c| normalised(c) == normalised(column));
            let place = known.unwrap_or_else(|| {
                self.push_column(column.clone(), &Value::Missing);
                self.columns.len() - 1
            });
            if self.cells.view(at, place) == CellView::Missing {
                self.cells.set(at, place, value);
            }
        }
    }

    /// Leaves out rows by their place.
    pub(super) fn remove_rows(&mut self, gone: &std::collections::BTreeSet<usize>) {
        if gone.is_empty() {
            return;
        }
        self.cells.remove_rows(|row| gone.contains(&row));
        let mut place = 0..;
        self.lines.retain(|_| place.next().is_none_or(|i: usize| !gone.contains(&i)));
    }

    /// The first column with the first of these normalised names that any has.
    pub(super) fn first_named(&self, names: &[impl AsRef<str>]) -> Option<usize> {
        let is = |column: &String, name: &str| normalised(column) == name;
        names.iter().find_map(|name| self.columns.iter().position(|c| is(c, name.as_ref())))
    }

    /// Turns counts in units of their name, `params_m`, into plain ones, where no plain column is.
    fn scale_units(&mut self, map: &ColumnMap) {
        for at in 0..self.columns.len() {
            let Some((base, factor)) = count_with_unit(&self.columns[at]) else { continue };
            let mapped = Quantity::ALL.iter().any(|q| map.column(*q) == Some(&self.columns[at]));
            if mapped || self.columns.iter().any(|c| normalised(c) == base) {
                continue;
            }
            self.cells.scale(at, factor);
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
            self.cells.scale(at, factor);
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
        match quantity {
            Quantity::Loss => self.evaluation_loss(),
            // A config's own groups, `model.n_params`, say no other thing.
            Quantity::Params => Ok(quantity.names(rule).find_map(|name| {
                let has = |i: &usize| without_groups(&self.known_name(*i)).contains(&name);
                (0..self.columns.len()).find(has)
            })),
            _ => Ok(None),
        }
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
            let place = self.columns.len();
            self.push_column(sum, &Value::Missing);
            for row in 0..self.len() {
                let counts = parts.iter().map(|at| self.cells.value(row, *at).count());
                if let Some(counts) = counts.collect::<Option<Vec<f64>>>() {
                    self.cells.set(row, place, &Value::Number(counts.iter().sum()));
                }
            }
        }
    }
}
