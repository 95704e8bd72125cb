//! MLflow: the folder of a run in the file store, and the SQLite store.

mod folder;
#[cfg(feature = "mlflow")]
mod sqlite;

pub(super) use folder::folder;
#[cfg(feature = "mlflow")]
pub(super) use sqlite::sqlite;

use super::steps::{book, factor, role};
use crate::data::columns::ColumnMap;
use crate::data::log::{RunLog, Value};

/// Some log their sizes as metrics; those are facts.
fn metric(log: &mut RunLog, key: &str, step: f64, value: f64, map: &ColumnMap) {
    book(log, key, role(key, map), step, &Value::Number(value), factor(key, map));
}
