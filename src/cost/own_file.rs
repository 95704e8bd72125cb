//! Devices and models from files of one's own, read once and kept for the life of the program.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::error::CostError;

/// Rows by the path they were read from.
pub(super) struct OwnFiles<T: 'static>(Mutex<BTreeMap<String, &'static T>>);

impl<T: Send + Sync> OwnFiles<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// The row of a file: parsed on the first call, and then always the same, as rows of the shipped
    /// tables are.
    pub(super) fn read(
        &self,
        path: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<&'static T, CostError> {
        let bad = |reason: String| CostError::OwnFile { path: path.to_owned(), reason };
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(row) = known.get(path) {
            return Ok(row);
        }
        let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
        let row: &'static T = Box::leak(Box::new(parse(&text).map_err(bad)?));
        known.insert(path.to_owned(), row);
        Ok(row)
    }
}
