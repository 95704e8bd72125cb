//! MLflow's SQLite store.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::data::columns::ColumnMap;
use crate::data::facts::is_fact;
use crate::data::files::Source;
use crate::data::format::Format;
use crate::data::log::{RunLog, Value};
use crate::data::readers::content::{Damage, FileContent};
use crate::data::readers::context::Context;
use crate::data::readers::steps::book_named;
use crate::error::DataError;

/// Runs a store may have.
const MOST_RUNS: usize = 100_000;

pub(in crate::data::readers) fn sqlite(
    source: &Source,
    context: &Context<'_>,
) -> Result<FileContent, DataError> {
    source.checksum(context.meter, context.progress)?;
    store(source, context.map).map_err(|e| match e {
        rusqlite::Error::SqliteFailure(_, Some(reason)) if reason.starts_with("no such") => {
            DataError::NotMlflow { path: source.shown(), reason }
        }
        e => source.unreadable(&e),
    })
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags)?;
    // The schema of a file from elsewhere is not to be trusted with functions of its own.
    database.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")?;
    Ok(database)
}

fn store(source: &Source, map: &ColumnMap) -> rusqlite::Result<FileContent> {
    let database = open(source.place())?;
    let mut runs: BTreeMap<String, RunLog> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    let mut deleted: Vec<Damage> = Vec::new();
    let mut query = database.prepare(
        "SELECT run_uuid, name, status, lifecycle_stage FROM runs ORDER BY start_time, run_uuid",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let text = |at: usize| row.get::<_, Option<String>>(at).map(Option::unwrap_or_default);
        let (id, name) = (text(0)?, text(1)?);
        if text(3)? == "deleted" {
            deleted.push(Damage::at(format!("run {id}"), "deleted in MLflow"));
            continue;
        }
        if order.len() >= MOST_RUNS {
            break;
        }
        let name = if name.is_empty() { id.clone() } else { name };
        let mut log = RunLog::new(name, &source.path, Format::MlflowSqlite);
        log.named = true;
        log.set("status", Value::from_text(&text(2)?.to_lowercase()));
        order.push(id.clone());
        runs.insert(id, log);
    }
    let mut query = database.prepare("SELECT run_uuid, key, value FROM params")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (id, key): (String, String) = (row.get(0)?, row.get(1)?);
        let value: Option<String> = row.get(2)?;
        if let Some(log) = runs.get_mut(&id).filter(|_| is_fact(&key)) {
            log.set(&key, Value::from_text(&value.unwrap_or_default()));
        }
    }
    // In the order of logging, so that a restart's steps come after those it replaces.
    let mut query = database.prepare(
        "SELECT run_uuid, key, value, step, is_nan FROM metrics ORDER BY run_uuid, key, timestamp, step",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let id = row.get_ref(0)?.as_str()?;
        let Some(log) = runs.get_mut(id) else { continue };
        let key: String = row.get(1)?;
        let (value, step): (Option<f64>, f64) = (row.get(2)?, row.get::<_, i64>(3)? as f64);
        let is_nan: bool = row.get::<_, Option<bool>>(4)?.unwrap_or(false);
        let value = if is_nan { f64::NAN } else { value.unwrap_or(f64::NAN) };
        book_named(log, &key, step, value, map);
    }
    let logs = order.iter().filter_map(|id| runs.remove(id)).collect();
    Ok(FileContent::logs(Format::MlflowSqlite, logs).with_damage(deleted))
}
