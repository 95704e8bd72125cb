//! Keywords as the command line's flags: numbers, or text as people write it.

use std::fmt::Display;
use std::str::FromStr;

use isoloss::data::{ReadOptions, parse_rows};
use isoloss::units::{parse_bytes, parse_days_s, parse_duration_s, parse_pair, parse_usd};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};
use serde::de::DeserializeOwned;

use crate::errors::{bad_keyword, raised};

/// The keywords of one call; those that were not given are not there.
pub(crate) struct Keywords<'py> {
    given: Bound<'py, PyDict>,
}

impl<'py> Keywords<'py> {
    pub(crate) fn new(given: &Bound<'py, PyDict>) -> Self {
        Self { given: given.clone() }
    }

    fn py(&self) -> Python<'py> {
        self.given.py()
    }

    /// What was given.
    pub(crate) fn get(&self, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.given.get_item(name)
    }

    fn bad(&self, name: &str, reason: &dyn Display) -> PyErr {
        bad_keyword(self.py(), name, &reason.to_string())
    }

    /// A switch; off unless given.
    pub(crate) fn flag(&self, name: &str) -> PyResult<bool> {
        self.get(name)?.map_or(Ok(false), |value| value.is_truthy())
    }

    /// What the text of a flag would be, parsed.
    fn parsed<T, E: Display>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> PyResult<Option<T>> {
        let Some(value) = self.get(name)? else { return Ok(None) };
        let text = text_of(&value)?;
        parse(&text).map(Some).map_err(|error| self.bad(name, &error))
    }

    /// A quantity, or whatever else a text of one word says.
    pub(crate) fn of<T: FromStr<Err: Display>>(&self, name: &str) -> PyResult<Option<T>> {
        self.parsed(name, str::parse::<T>)
    }

    pub(crate) fn usd(&self, name: &str) -> PyResult<Option<f64>> {
        self.parsed(name, parse_usd)
    }

    pub(crate) fn days(&self, name: &str) -> PyResult<Option<f64>> {
        self.parsed(name, parse_days_s)
    }

    /// A time; a number is seconds.
    pub(crate) fn seconds(&self, name: &str) -> PyResult<Option<f64>> {
        self.parsed(name, |text| match text.parse::<f64>() {
            Ok(_) => parse_duration_s(&format!("{text}s")),
            Err(_) => parse_duration_s(text),
        })
    }

    /// Memory; a number is bytes.
    pub(crate) fn bytes(&self, name: &str) -> PyResult<Option<f64>> {
        self.parsed(name, |text| match text.parse::<f64>() {
            Ok(bytes) if bytes.is_finite() && bytes > 0.0 => Ok(bytes),
            _ => parse_bytes(text),
        })
    }

    pub(crate) fn pair(&self, name: &str) -> PyResult<Option<(f64, f64)>> {
        let Some(value) = self.get(name)? else { return Ok(None) };
        match value.extract::<(f64, f64)>() {
            Ok((a, b)) => parse_pair(&format!("{a:e},{b:e}")),
            Err(_) => parse_pair(&text_of(&value)?),
        }
        .map(Some)
        .map_err(|error| self.bad(name, &error))
    }

    /// A number, a range of two or three numbers, or their text.
    pub(crate) fn span<T, E: Display>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> PyResult<Option<T>> {
        let Some(value) = self.get(name)? else { return Ok(None) };
        let text = match list(&value)? {
            Some(ends) => ends.iter().map(text_of).collect::<PyResult<Vec<_>>>()?.join(".."),
            None => text_of(&value)?,
        };
        parse(&text).map(Some).map_err(|error| self.bad(name, &error))
    }

    /// A word of a closed list, as files and JSON spell it.
    pub(crate) fn word<T: DeserializeOwned>(&self, name: &str) -> PyResult<Option<T>> {
        self.parsed(name, |text| serde_json::from_value(serde_json::Value::String(text.to_owned())))
    }

    /// Several of them, or text with commas; empty unless given.
    pub(crate) fn several<T: FromStr<Err: Display>>(&self, name: &str) -> PyResult<Vec<T>> {
        let texts = self.texts(name, Some(','))?;
        texts.iter().map(|text| text.parse().map_err(|error| self.bad(name, &error))).collect()
    }

    /// Several texts; one that holds `separator` is several.
    pub(crate) fn texts(&self, name: &str, separator: Option<char>) -> PyResult<Vec<String>> {
        let Some(value) = self.get(name)? else { return Ok(Vec::new()) };
        match (list(&value)?, separator) {
            (Some(items), _) => items.iter().map(text_of).collect(),
            (None, Some(sign)) => {
                Ok(text_of(&value)?.split(sign).map(|part| part.trim().to_owned()).collect())
            }
            (None, None) => Ok(vec![text_of(&value)?]),
        }
    }

    /// Texts `KEY=VALUE`: those of a dict, or as they are.
    ///
    /// - `value`: how a value of the dict is written.
    pub(crate) fn pairs(
        &self,
        name: &str,
        value: impl Fn(&Bound<'py, PyAny>) -> PyResult<String>,
    ) -> PyResult<Vec<String>> {
        match self.get(name)? {
            Some(given) => match given.cast::<PyDict>() {
                Ok(dict) => dict
                    .iter()
                    .map(|(key, one)| Ok(format!("{}={}", text_of(&key)?, value(&one)?)))
                    .collect(),
                Err(_) => self.texts(name, None),
            },
            None => Ok(Vec::new()),
        }
    }

    /// How logs are read.
    pub(crate) fn reading(&self) -> PyResult<ReadOptions> {
        let usual = ReadOptions::default();
        let maps = self.pairs("map", text_of)?;
        let exclude = match self.get("exclude")? {
            None => Vec::new(),
            Some(rows) => match list(&rows)? {
                Some(rows) => rows.iter().map(|row| row.extract()).collect::<PyResult<_>>()?,
                None => {
                    let rows = parse_rows(&text_of(&rows)?);
                    rows.map_err(|error| raised(self.py(), &error.into()))?
                }
            },
        };
        let each = |name: &str, texts: Vec<String>| -> PyResult<Vec<_>> {
            texts.iter().map(|t| t.parse().map_err(|error| self.bad(name, &error))).collect()
        };
        let only = self.texts("where", None)?;
        let only = only.iter().map(|t| t.parse().map_err(|error| self.bad("where", &error)));
        Ok(ReadOptions {
            map: maps.join(",").parse().map_err(|error| self.bad("map", &error))?,
            params: self.word("params")?.unwrap_or(usual.params),
            exclude,
            only: only.collect::<PyResult<_>>()?,
            best_per: self.word("best_per")?,
            every_row: self.flag("every_row")?,
            skip_bad: self.flag("skip_bad")?,
            strict: self.flag("strict")?,
            given: each("given", self.pairs("given", text_of)?)?,
            loss: self.word("loss")?.unwrap_or(usual.loss),
            tail: self.of("tail")?.unwrap_or(usual.tail),
            patterns: self.of("patterns")?,
        })
    }
}

/// The items of a list or tuple, or of an array; `None` for one value.
fn list<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
    if value.is_instance_of::<PyString>()
        || value.hasattr("__fspath__")?
        || !value.hasattr("__iter__")?
    {
        return Ok(None);
    }
    value.try_iter()?.collect::<PyResult<Vec<_>>>().map(Some)
}

/// A value as the text of a flag; of numbers the digits that give back their bits.
pub(crate) fn text_of(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if value.is_instance_of::<PyBool>() {
        return Ok(if value.is_truthy()? { "true" } else { "false" }.to_owned());
    }
    if value.is_instance_of::<PyString>() {
        return value.extract();
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(value.str()?.to_string());
    }
    if value.hasattr("__fspath__")? {
        return value.call_method0("__fspath__")?.extract();
    }
    if value.is_instance_of::<PyFloat>() || value.hasattr("__float__")? {
        let x: f64 = value.extract()?;
        return Ok(if x.abs() >= 1e15 || (x != 0.0 && x.abs() < 1e-4) {
            format!("{x:e}")
        } else {
            x.to_string()
        });
    }
    let kind = value.get_type().name()?;
    Err(PyTypeError::new_err(format!("expected a number or text, found {kind}")))
}
