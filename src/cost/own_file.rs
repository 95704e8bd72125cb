//! Devices and models of one's own, kept beside the shipped tables for the life of the program.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::error::CostError;

/// Rows by the path they come from.
pub(super) struct Own<T: 'static>(Mutex<BTreeMap<String, &'static T>>);

impl<T: Send + Sync> Own<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// The row of a path that was added.
    pub(super) fn get(&self, path: &str) -> Option<&'static T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(path).copied()
    }

    /// Adds the row of a path; the first one stays, as rows of the shipped tables do.
    pub(super) fn add(&self, path: &str, row: Result<T, String>) -> Result<(), CostError> {
        let row = row.map_err(|reason| CostError::OwnFile { path: path.to_owned(), reason })?;
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.entry(path.to_owned()).or_insert_with(|| Box::leak(Box::new(row)));
        Ok(())
    }
}
