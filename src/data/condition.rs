//! Choosing rows by any of their columns.

use std::cmp::Ordering;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::cell_table::CellTable;
use super::label::Label;
use super::log::{RunLog, Value};
use super::spelling::{collapsed, normalised};
use crate::error::DataError;
use crate::units::Flops;

/// How a cell is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Other,
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// In the order in which they are looked for: two signs before one.
const SIGNS: [(&str, Comparison); 7] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::Other),
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("<", Comparison::Below),
    (">", Comparison::Above),
    ("=", Comparison::Equal),
];

/// A condition on a column, `outlier == false` or `lr <= 1e-3`: rows that do not meet it are not read.
///
/// The value may stand in quotes, and has none for an empty cell; counts may be written as `7B`. An
/// empty cell is neither above nor below anything.
///
/// ```
/// use isoloss::data::Where;
///
/// assert!("outlier == false".parse::<Where>().is_ok());
/// assert!("dataset != 'c4 en'".parse::<Where>().is_ok());
/// assert!("outlier".parse::<Where>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Where {
    column: String,
    comparison: Comparison,
    value: Option<Label>,
    text: String,
}

impl FromStr for Where {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let bad = || DataError::BadWhere { text: text.to_owned() };
        // The first place of a sign, and the longest sign there.
        let (at, sign, comparison) = SIGNS
            .iter()
            .filter_map(|(sign, comparison)| Some((text.find(sign)?, *sign, *comparison)))
            .min_by_key(|(at, sign, _)| (*at, usize::MAX - sign.len()))
            .ok_or_else(bad)?;
        let unquoted = |part: &str| {
            let part = part.trim();
            let inside = |q: char| part.strip_prefix(q)?.strip_suffix(q).map(str::to_owned);
            inside('\'').or_else(|| inside('"')).unwrap_or_else(|| part.to_owned())
        };
        let (column, value) = (unquoted(&text[..at]), unquoted(&text[at + sign.len()..]));
        let ordered = !matches!(comparison, Comparison::Equal | Comparison::Other);
        let value = match value.as_str() {
            "" => None,
            // A count with its unit is a number where only a number can be compared.
            word => Some(match (Label::of(word), word.parse::<Flops>()) {
                (Label::Text(_), Ok(count)) if ordered => Label::Number(count.get()),
                (label, _) => label,
            }),
        };
        let compares = !matches!(value, Some(Label::Text(_)) | None);
        if column.is_empty() || ordered && !compares {
            return Err(bad());
        }
        Ok(Self { column, comparison, value, text: text.trim().to_owned() })
    }
}

impl TryFrom<String> for Where {
    type Error = DataError;
    fn try_from(text: String) -> Result<Self, DataError> {
        text.parse()
    }
}

impl From<Where> for String {
    fn from(condition: Where) -> Self {
        condition.text
    }
}

impl std::fmt::Display for Where {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Where {
    /// Which rows of a table meet the condition.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`]; [`DataError::NoOrder`] for a word that is to be above or below
    /// something; [`DataError::NoSuchLabel`] when no row has the value that is asked for.
    fn of_table(&self, table: &CellTable) -> Result<Vec<bool>, DataError> {
        let exact = table.columns.iter().position(|c| *c == self.column);
        let at = exact.or_else(|| {
            table.columns.iter().position(|c| normalised(c) == normalised(&self.column))
        });
        let Some(at) = at else {
            let (path, column) = (table.path.clone(), self.column.clone());
            return Err(DataError::UnknownColumn { path, column, found: table.columns.clone() });
        };
        let cells: Vec<Option<Label>> = (0..table.len()).map(|row| table.label(row, at)).collect();
        let rows = cells.iter().zip(&table.lines);
        let met = rows
            .map(|(cell, line)| {
                self.meets(cell.as_ref()).ok_or_else(|| DataError::NoOrder {
                    path: table.path.clone(),
                    line: *line,
                    column: self.column.clone(),
                    found: cell.as_ref().map(ToString::to_string).unwrap_or_default(),
                })
            })
            .collect::<Result<Vec<bool>, DataError>>()?;
        if self.comparison == Comparison::Equal && !met.contains(&true) {
            let mut known: Vec<String> = cells.iter().flatten().map(ToString::to_string).collect();
            known.sort();
            known.dedup();
            let value = self.value.as_ref().map(ToString::to_string).unwrap_or_default();
            let (path, column) = (table.path.clone(), self.column.clone());
            return Err(DataError::NoSuchLabel { path, column, value, known });
        }
        Ok(met)
    }

    /// Whether a log meets the condition; `None` when it says nothing of the column.
    pub(super) fn of_log(&self, log: &RunLog) -> Option<bool> {
        let fact = log.facts.get(&collapsed(&self.column))?;
        self.meets(label(fact).as_ref())
    }

    /// Whether a cell meets the condition; `None` for a word that is to be above or below something.
    fn meets(&self, cell: Option<&Label>) -> Option<bool> {
        let order = match (cell, &self.value) {
            (None, None) => Some(Ordering::Equal),
            (Some(cell), Some(value)) => cell.compare(value),
            _ => None,
        };
        Some(match self.comparison {
            Comparison::Equal => order == Some(Ordering::Equal),
            Comparison::Other => order != Some(Ordering::Equal),
            // Nothing is above or below an empty cell.
            _ if cell.is_none() => false,
            Comparison::Below => order? == Ordering::Less,
            Comparison::AtMost => order? != Ordering::Greater,
            Comparison::Above => order? == Ordering::Greater,
            Comparison::AtLeast => order? != Ordering::Less,
        })
    }
}

/// Marks the rows of a table that do not meet all of these conditions.
///
/// # Errors
/// As [`Where::of_table`].
pub(super) fn select(table: &mut CellTable, conditions: &[Where]) -> Result<(), DataError> {
    for condition in conditions {
        let met = condition.of_table(table)?;
        table.unwanted.extend((0..met.len()).filter(|row| !met[*row]));
    }
    Ok(())
}

/// A cell as a label; `None` for an empty one.
pub(super) fn label(value: &Value) -> Option<Label> {
    match value {
        Value::Number(x) if x.is_finite() => Some(Label::Number(*x)),
        Value::Number(x) => Some(Label::Text(x.to_string().into())),
        Value::Text(text) => Some(Label::Text(text.as_str().into())),
        Value::Missing => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(condition: &str, cell: &str) -> Option<bool> {
        let condition: Where = condition.parse().expect("a condition");
        let cell = (!cell.is_empty()).then(|| Label::of(cell));
        condition.meets(cell.as_ref())
    }

    #[test]
    fn cells_are_compared_as_numbers_or_words() {
        for (condition, cell, expected) in [
            ("outlier == false", "False", Some(true)),
            ("outlier=false", "true", Some(false)),
            ("n <= 7B", "7e9", Some(true)),
            ("n > 7B", "7e9", Some(false)),
            ("data != 'c4 en'", "c4 en", Some(false)),
            ("data != c4", "", Some(true)),
            ("note == ''", "", Some(true)),
            ("lr < 1", "", Some(false)),
            ("lr < 1", "low", None),
            ("seed == 1", "1.0", Some(true)),
        ] {
            assert_eq!(meets(condition, cell), expected, "{condition} on `{cell}`");
        }
        for text in ["", "x", "== 3", "lr < low", "lr <"] {
            assert!(text.parse::<Where>().is_err(), "{text}");
        }
    }
}
