//! Cells of a table in eight bytes each, every text kept once.

use std::collections::HashMap;
use std::sync::Arc;

use super::log::Value;

/// A cell: a number as it is, anything else as one of the NaN that no arithmetic makes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cell(u64);

/// The bits of those NaN; the lower half holds which text it is.
const TAG: u64 = 0xfffc_0000_0000_0000;

impl Cell {
    const MISSING: Self = Self(TAG | 1 << 32);

    fn number(x: f64) -> Self {
        Self(if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() })
    }

    fn text(at: u32) -> Self {
        Self(TAG | u64::from(at))
    }

    fn read(self) -> Read {
        match self.0 {
            bits if bits == Self::MISSING.0 => Read::Missing,
            bits if bits & TAG == TAG => Read::Text(bits as u32 as usize),
            bits => Read::Number(f64::from_bits(bits)),
        }
    }
}

enum Read {
    Missing,
    Number(f64),
    Text(usize),
}

/// What a cell holds, without a copy of its text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum CellView<'a> {
    Missing,
    Number(f64),
    Text(&'a Arc<str>),
}

/// Columns of cells, all of one length.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells {
    columns: Vec<Vec<Cell>>,
    rows: usize,
    texts: Vec<Arc<str>>,
    known: HashMap<Arc<str>, u32>,
    /// Bytes of all texts.
    text_bytes: usize,
}

impl Cells {
    pub(super) fn new(columns: usize) -> Self {
        Self { columns: vec![Vec::new(); columns], ..Self::default() }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of all texts, each counted once.
    pub(super) fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    fn cell(&mut self, value: &Value) -> Cell {
        match value {
            Value::Missing => Cell::MISSING,
            Value::Number(x) => Cell::number(*x),
            Value::Text(text) => match self.known.get(text.as_str()) {
                Some(at) => Cell::text(*at),
                None => Cell::text(self.place(&Arc::from(text.as_str()))),
            },
        }
    }

    /// Where a text is among the texts.
    fn place(&mut self, text: &Arc<str>) -> u32 {
        if let Some(at) = self.known.get(text) {
            return *at;
        }
        let at = self.texts.len() as u32;
        self.text_bytes += text.len();
        self.known.insert(Arc::clone(text), at);
        self.texts.push(Arc::clone(text));
        at
    }

    /// Adds a row; cells that it does not have are empty.
    pub(super) fn push_row<'a>(&mut self, row: impl IntoIterator<Item = (usize, &'a Value)>) {
        self.rows += 1;
        for (at, value) in row {
            let cell = self.cell(value);
            let column = &mut self.columns[at];
            column.resize(self.rows - 1, Cell::MISSING);
            column.push(cell);
        }
    }

    /// Adds a row of as many cells as it has; cells beyond the columns make columns.
    pub(super) fn push_wide_row(&mut self, row: impl Iterator<Item = Value>) {
        self.rows += 1;
        for (at, value) in row.enumerate() {
            let cell = self.cell(&value);
            if at == self.columns.len() {
                self.columns.push(Vec::new());
            }
            let column = &mut self.columns[at];
            column.resize(self.rows - 1, Cell::MISSING);
            column.push(cell);
        }
    }

    /// Adds the first cells of a row of another table.
    ///
    /// - `places`: where texts of the other are in this one, as far as it is known.
    pub(super) fn push_row_of(
        &mut self,
        other: &Self,
        row: usize,
        places: &mut HashMap<usize, u32>,
    ) {
        self.rows += 1;
        for (at, theirs) in other.columns.iter().take(self.columns.len()).enumerate() {
            let cell = theirs.get(row).copied().unwrap_or(Cell::MISSING);
            let cell = match cell.read() {
                Read::Text(text) => Cell::text(
                    *places.entry(text).or_insert_with(|| self.place(&other.texts[text])),
                ),
                _ => cell,
            };
            let column = &mut self.columns[at];
            column.resize(self.rows - 1, Cell::MISSING);
            column.push(cell);
        }
    }

    /// Forgets what is only needed to add texts.
    pub(super) fn finish(&mut self) {
        self.known = HashMap::new();
    }

    /// Adds a column of one value.
    pub(super) fn push_column(&mut self, value: &Value) {
        let cell = self.cell(value);
        self.columns.push(vec![cell; if cell == Cell::MISSING { 0 } else { self.rows }]);
    }

    pub(super) fn view(&self, row: usize, column: usize) -> CellView<'_> {
        // The end of a column that is not there is empty.
        match self.columns[column].get(row).copied().unwrap_or(Cell::MISSING).read() {
            Read::Missing => CellView::Missing,
            Read::Number(x) => CellView::Number(x),
            Read::Text(at) => CellView::Text(&self.texts[at]),
        }
    }

    pub(super) fn value(&self, row: usize, column: usize) -> Value {
        match self.view(row, column) {
            CellView::Missing => Value::Missing,
            CellView::Number(x) => Value::Number(x),
            CellView::Text(text) => Value::Text(text.to_string()),
        }
    }

    pub(super) fn set(&mut self, row: usize, column: usize, value: &Value) {
        let cell = self.cell(value);
        let length = self.columns[column].len().max(row + 1);
        self.columns[column].resize(length, Cell::MISSING);
        self.columns[column][row] = cell;
    }

    /// Multiplies the numbers of a column.
    pub(super) fn scale(&mut self, column: usize, factor: f64) {
        for cell in &mut self.columns[column] {
            if let Read::Number(x) = cell.read() {
                *cell = Cell::number(x * factor);
            }
        }
    }

    /// Leaves out rows by their place.
    pub(super) fn remove_rows(&mut self, gone: impl Fn(usize) -> bool) {
        for column in &mut self.columns {
            let mut place = 0..;
            column.retain(|_| place.next().is_none_or(|row: usize| !gone(row)));
        }
        self.rows -= (0..self.rows).filter(|row| gone(*row)).count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_as_they_went_in() {
        let values = [
            Value::Missing,
            Value::Number(f64::NAN),
            Value::Number(-f64::NAN),
            Value::Number(f64::NEG_INFINITY),
            Value::Number(-0.0),
            Value::Text("bpe".to_owned()),
            Value::Text(String::new()),
        ];
        let mut cells = Cells::new(values.len());
        for _ in 0..2 {
            cells.push_row(values.iter().enumerate());
        }
        for (at, value) in values.iter().enumerate() {
            let read = cells.value(1, at);
            // NaN equals nothing.
            assert_eq!(format!("{read:?}").replace('-', ""), format!("{value:?}").replace('-', ""));
        }
        assert_eq!((cells.texts.len(), cells.text_bytes()), (2, 3));
    }

    #[test]
    fn rows_may_be_short_and_columns_may_come_late() {
        let mut cells = Cells::new(1);
        cells.push_row([(0, &Value::Number(1.0))]);
        cells.push_column(&Value::Missing);
        cells.push_row([(1, &Value::Number(2.0))]);
        cells.push_row([]);
        let column = |cells: &Cells, at| -> Vec<Value> {
            (0..cells.rows()).map(|row| cells.value(row, at)).collect()
        };
        assert_eq!(column(&cells, 0), [Value::Number(1.0), Value::Missing, Value::Missing]);
        assert_eq!(column(&cells, 1), [Value::Missing, Value::Number(2.0), Value::Missing]);
        let mut others = Cells::new(2);
        let text = |text: &str| Value::Text(text.to_owned());
        others.push_wide_row([text("a"), text("b"), text("c")].into_iter());
        others.push_wide_row([text("b")].into_iter());
        let mut joined = Cells::new(2);
        joined.push_row([(0, &text("b"))]);
        let mut places = HashMap::new();
        (0..2).for_each(|row| joined.push_row_of(&others, row, &mut places));
        assert_eq!(column(&joined, 0), [text("b"), text("a"), text("b")]);
        assert_eq!(column(&joined, 1), [Value::Missing, text("b"), Value::Missing]);
        assert_eq!((joined.texts.len(), others.view(0, 2)), (2, CellView::Text(&"c".into())));
        cells.set(2, 0, &Value::Number(3.0));
        cells.scale(0, 2.0);
        cells.remove_rows(|row| row == 1);
        assert_eq!(column(&cells, 0), [Value::Number(2.0), Value::Number(6.0)]);
        assert_eq!(column(&cells, 1), [Value::Missing, Value::Missing]);
    }
}
