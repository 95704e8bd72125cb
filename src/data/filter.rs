//! Choosing rows: exclusion by number, holding out by a condition.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::table::{RunRecord, RunTable};
use crate::error::{DataError, Result};

/// 0-based rows written as `0-4,7`.
///
/// # Errors
/// [`DataError::BadRows`] when a part is not a number or not a rising range.
pub fn parse_rows(text: &str) -> Result<Vec<usize>, DataError> {
    let bad = || DataError::BadRows { text: text.to_owned() };
    // A table of runs has thousands of rows; a range beyond that is a typing error.
    const MOST: usize = 10_000_000;
    let mut rows = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let from: usize = from.trim().parse().map_err(|_| bad())?;
        let to: usize = to.trim().parse().map_err(|_| bad())?;
        if from > to || to > MOST {
            return Err(bad());
        }
        rows.extend(from..=to);
    }
    Ok(rows)
}

/// The quantity a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Key {
    N,
    D,
    C,
    Ratio,
    Loss,
}

/// A condition such as `C>=1e21`, `N>1B`, `D/N>100`: runs that meet it are kept from the fit and
/// used to test it.
///
/// ```
/// use isoloss::data::{HoldOut, RunRecord, RunTable};
/// use isoloss::units::{ParamRule, Params, Tokens};
///
/// let run = |name: &str, n: f64| {
///     RunRecord::new(name, Params::new(n), Tokens::new(20.0 * n), 3.0)
/// };
/// let table = RunTable::from_runs(vec![run("small", 1e8), run("large", 2e9)], ParamRule::All);
/// let (fit, test) = "N>1B".parse::<HoldOut>()?.split(&table)?;
/// assert_eq!((fit.runs[0].run.as_str(), test.runs[0].run.as_str()), ("small", "large"));
/// assert!("size>1B".parse::<HoldOut>().is_err());
/// # Ok::<(), isoloss::error::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HoldOut {
    key: Key,
    above: bool,
    inclusive: bool,
    bound: f64,
    text: String,
}

impl FromStr for HoldOut {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let bad = || DataError::BadCondition { text: text.to_owned() };
        let at = text.find(['<', '>']).ok_or_else(bad)?;
        let (name, rest) = text.split_at(at);
        let above = rest.starts_with('>');
        let inclusive = rest[1..].starts_with('=');
        let number = rest[1..].trim_start_matches('=');
        let key = match name.trim().to_lowercase().as_str() {
            "n" | "params" => Key::N,
            "d" | "tokens" => Key::D,
            "c" | "flops" => Key::C,
            "d/n" | "tokens_per_param" => Key::Ratio,
            "loss" | "l" => Key::Loss,
            _ => return Err(bad()),
        };
        let bound: crate::units::Flops = number.trim().parse().map_err(|_| bad())?;
        Ok(Self { key, above, inclusive, bound: bound.get(), text: text.trim().to_owned() })
    }
}

impl TryFrom<String> for HoldOut {
    type Error = DataError;
    fn try_from(text: String) -> Result<Self, DataError> {
        text.parse()
    }
}

impl From<HoldOut> for String {
    fn from(h: HoldOut) -> Self {
        h.text
    }
}

impl std::fmt::Display for HoldOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl HoldOut {
    /// Whether this run is held out. A run of an isoFLOP cell counts with the budget of its cell,
    /// which it meets only to a whole number of optimiser steps.
    #[must_use]
    pub fn takes(&self, run: &RunRecord) -> bool {
        let x = match self.key {
            Key::N => run.n.get(),
            Key::D => run.d.get(),
            Key::C => run.budget.unwrap_or(run.c).get(),
            Key::Ratio => run.d / run.n,
            Key::Loss => run.loss_nats,
        };
        if self.inclusive && (x - self.bound).abs() <= 1e-9 * self.bound.abs() {
            return true;
        }
        if self.above { x > self.bound } else { x < self.bound }
    }

    /// Splits a table into runs to fit and runs to test.
    ///
    /// # Errors
    /// [`DataError::NothingLeft`] when either side is empty.
    pub fn split(&self, table: &RunTable) -> Result<(RunTable, RunTable), DataError> {
        let (test, fit): (Vec<_>, Vec<_>) =
            table.runs.iter().cloned().partition(|run| self.takes(run));
        for (side, what) in [(&fit, "runs to fit"), (&test, "runs to test")] {
            if side.is_empty() {
                return Err(DataError::NothingLeft {
                    what: format!("holding out {self} ({what})"),
                    left: 0,
                    total: table.runs.len(),
                    wanted: 1,
                });
            }
        }
        Ok((table.with_runs(fit), table.with_runs(test)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_ranges_and_single_numbers() {
        assert_eq!(parse_rows("0-2,7"), Ok(vec![0, 1, 2, 7]));
        for text in ["", "a", "4-2", "1,,2", "-3", "0-99999999999"] {
            assert!(parse_rows(text).is_err(), "{text}");
        }
    }

    #[test]
    fn conditions_are_read_with_units() {
        let condition: HoldOut = "N >= 1B".parse().expect("a condition");
        assert_eq!((condition.bound, condition.above, condition.inclusive), (1e9, true, true));
        for text in ["", "C", "C=3", "X>1", "C>", "C>=nan"] {
            assert!(text.parse::<HoldOut>().is_err(), "{text}");
        }
    }
}
