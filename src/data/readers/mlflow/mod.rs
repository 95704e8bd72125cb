//! MLflow: the folder of a run in the file store, and the SQLite store.

mod folder;
#[cfg(feature = "mlflow")]
mod sqlite;

pub(super) use folder::folder;
#[cfg(feature = "mlflow")]
pub(super) use sqlite::sqlite;
