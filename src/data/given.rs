//! Facts that a user adds because the logs do not hold them.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::facts::{count_with_unit, is_fact};
use super::log::Value;
use super::names::Names;
use super::spelling::{collapsed, without_groups};
use super::vocabulary::{Term, fact_named};
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
    "status",
    "tokens",
    "vocab_size",
    "bytes_per_token",
    "unique_tokens",
];

/// Numbers further apart than this contradict each other.
const APART: f64 = 1e-3;

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
        // A run may be called `lr=0.1`; no value holds the sign.
        let (name, value) = text.rsplit_once('=').ok_or_else(bad)?;
        let (run, key) = match name.rsplit_once(':') {
            Some((run, key)) => (Some(run.trim().to_owned()), key),
            None => (None, name),
        };
        if !is_fact(key) {
            let (text, key) = (text.to_owned(), key.trim().to_owned());
            return Err(DataError::UnknownFact { text, key, known: USUAL });
        }
        if value.trim().is_empty() || run.as_deref() == Some("") {
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
        given.to_string()
    }
}

impl std::fmt::Display for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let run = self.run.as_ref().map_or(String::new(), |run| format!("{run}:"));
        write!(f, "{run}{}={}", self.key, self.text)
    }
}

impl Given {
    /// The run it is about, if it is about one.
    pub(super) fn run(&self) -> Option<&str> {
        self.run.as_deref()
    }

    /// The facts with their runs by the names that the logs have for them, however the user writes
    /// accents and separators.
    pub(super) fn resolved(given: &[Self], runs: &BTreeSet<String>) -> Vec<Self> {
        let wanted = given.iter().filter_map(|g| g.run.clone());
        let names = Names::new(wanted, runs.iter().cloned());
        let known = |g: &Self| {
            let run = g.run.as_ref().map(|run| names.find(run).unwrap_or(run).to_owned());
            Self { run, ..g.clone() }
        };
        given.iter().map(known).collect()
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Whether it is about a run of this name; a row without a name is about no run in particular.
    pub(super) fn is_for(&self, run: Option<&str>) -> bool {
        self.run.is_none() || self.run.as_deref() == run
    }

    /// The value; counts may be written `7B`.
    pub(super) fn value(&self) -> Value {
        let value = Value::from_text(&self.text);
        value.count().map_or(value, Value::Number)
    }

    /// What to say where a file says something else.
    pub(super) fn contradicts(&self, key: &str, said: &Value, what: &str) -> Option<String> {
        let differs = match (self.value().count(), said.count()) {
            (Some(given), Some(said)) => (given / said - 1.0).abs() > APART,
            _ => match (self.value().name(), said.name()) {
                (Some(given), Some(said)) => !given.eq_ignore_ascii_case(said.trim()),
                _ => false,
            },
        };
        let said = said.name()?;
        differs.then(|| match key == self.key {
            true => format!("given {}={}, its {what} says {said}", self.key, self.text),
            false => format!("given {}={}, its {what} says {key}={said}", self.key, self.text),
        })
    }
}

/// Those about a run, what is said of it alone after what is said of all.
pub(super) fn about<'a>(given: &'a [Given], run: Option<&str>) -> Vec<&'a Given> {
    let (mut all, one): (Vec<&Given>, Vec<&Given>) =
        given.iter().filter(|g| g.is_for(run)).partition(|g| g.run.is_none());
    all.extend(one);
    // Of one key the last counts.
    let last = |i: usize| all[i + 1..].iter().all(|later| !is_same(&later.key, &all[i].key));
    (0..all.len()).filter(|i| last(*i)).map(|i| all[i]).collect()
}

/// The fact that a key names.
pub(super) fn kind_of(key: &str) -> Option<Term> {
    let name = count_with_unit(key).map_or_else(|| collapsed(key), |(base, _)| base);
    without_groups(&name).into_iter().find_map(fact_named)
}

/// Whether two keys name one fact.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    collapsed(one) == collapsed(other)
        || kind_of(one).is_some_and(|kind| kind_of(other) == Some(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Given {
        text.parse().expect("a fact")
    }

    #[test]
    fn a_run_may_have_signs_in_its_name() {
        let one = given("lr=0.1:n_params=3M");
        assert_eq!((one.run(), one.to_string()), (Some("lr=0.1"), "lr=0.1:n_params=3M".to_owned()));
        assert!(":n_params=3M".parse::<Given>().is_err());
    }

    #[test]
    fn what_is_said_of_one_run_counts_more_than_what_is_said_of_all() {
        let all = [given("a:seq_len=7"), given("block_size=512")];
        let of = |run| about(&all, Some(run)).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(of("a"), ["a:seq_len=7"]);
        assert_eq!(of("b"), ["block_size=512"]);
    }
}
