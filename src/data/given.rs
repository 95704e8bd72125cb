//! Facts that a user adds because the logs do not hold them.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::cell_table::CellTable;
use super::facts::{count_with_unit, is_fact};
use super::log::{RunLog, Value};
use super::names::Names;
use super::spelling::collapsed;
use crate::error::DataError;

/// The facts that are given most.
const USUAL: &[&str] = &[
    "n_params",
    "n_params_non_embedding",
    "active_params",
    "seq_len",
    "batch_size",
    "tokens_per_step",
    "steps_per_epoch",
    "max_steps",
    "vocab_size",
    "bytes_per_token",
    "unique_tokens",
];

/// A fact about all runs, `seq_len=2048`, or about one, `tiny-a:seq_len=256`.
///
/// ```
/// use isoloss::data::{Given, ReadOptions};
///
/// let given: Given = "tiny-a:n_params=3.1M".parse()?;
/// let options = ReadOptions { given: vec![given], ..ReadOptions::default() };
/// assert_eq!(String::from(options.given[0].clone()), "tiny-a:n_params=3.1M");
/// assert!("tiny-a:colour=red".parse::<Given>().is_err());
/// # Ok::<(), isoloss::error::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Given {
    run: Option<String>,
    key: String,
    text: String,
}

impl FromStr for Given {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let bad = || DataError::BadFact { text: text.to_owned() };
        let (name, value) = text.split_once('=').ok_or_else(bad)?;
        let (run, key) = match name.rsplit_once(':') {
            Some((run, key)) => (Some(run.trim().to_owned()), key),
            None => (None, name),
        };
        if !is_fact(key) {
            let (text, key) = (text.to_owned(), key.trim().to_owned());
            return Err(DataError::UnknownFact { text, key, known: USUAL });
        }
        if value.trim().is_empty() {
            return Err(bad());
        }
        let given = Self { run, key: collapsed(key), text: value.trim().to_owned() };
        // `params_m=124` is a count in millions.
        Ok(match (count_with_unit(key), given.value()) {
            (Some((key, factor)), Value::Number(x)) => {
                Self { key, text: (x * factor).to_string(), ..given }
            }
            _ => given,
        })
    }
}

impl TryFrom<String> for Given {
    type Error = DataError;
    fn try_from(text: String) -> Result<Self, DataError> {
        text.parse()
    }
}

impl From<Given> for String {
    fn from(given: Given) -> Self {
        let run = given.run.map_or(Self::new(), |run| format!("{run}:"));
        format!("{run}{}={}", given.key, given.text)
    }
}

impl Given {
    /// Adds each fact to the logs it is about: all of them, or the one its run names.
    pub(super) fn add(given: &[Self], logs: &mut [RunLog]) {
        let wanted = given.iter().filter_map(|g| g.run.clone());
        let names = Names::new(wanted, logs.iter().map(|log| log.run.clone()));
        for log in logs {
            let is_for = |given: &&Self| {
                given.run.as_deref().is_none_or(|wanted| names.find(wanted) == Some(&log.run))
            };
            let about: Vec<&Self> = given.iter().filter(is_for).collect();
            about.into_iter().for_each(|g| {
                log.facts.insert(g.key().to_owned(), g.value());
            });
        }
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The value; counts may be written `7B`.
    pub(super) fn value(&self) -> Value {
        let value = Value::from_text(&self.text);
        value.count().map_or(value, Value::Number)
    }

    /// Adds it to a table of runs as a column, where there is none of that name.
    pub(super) fn fill(&self, table: &mut CellTable) {
        if self.run.is_some() || table.columns.iter().any(|c| collapsed(c) == self.key) {
            return;
        }
        table.columns.push(self.key.clone());
        let value = self.value();
        table.rows.iter_mut().for_each(|row| row.push(value.clone()));
    }
}
