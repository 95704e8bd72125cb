//! MLflow: the SQLite store, and the folder of a run in the file store.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use walkdir::WalkDir;

use super::steps::{book, factor, role};
use super::{Context, Damage, Found, Source};
use crate::data::columns::ColumnMap;
use crate::data::facts::is_fact;
use crate::data::format::Format;
use crate::data::log::{RunLog, Value};
use crate::data::names::Role;
use crate::error::DataError;

/// Runs a store may have.
const MOST_RUNS: usize = 100_000;

/// Bytes of one parameter, tag or metric file of the file store.
const MOST_TEXT: u64 = 1 << 30;

pub(super) fn sqlite(source: &Source, context: &Context<'_>) -> Result<Found, DataError> {
    source.checksum(context.meter, context.progress)?;
    store(source, context.map).map_err(|e| match e {
        rusqlite::Error::SqliteFailure(_, Some(reason)) if reason.starts_with("no such") => {
            let reason = format!("{reason}; of SQLite stores only those of MLflow are read");
            DataError::Unreadable { path: source.shown(), reason }
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

fn store(source: &Source, map: &ColumnMap) -> rusqlite::Result<Found> {
    let database = open(&source.path)?;
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
            deleted
                .push(Damage { at: format!("run {id}"), problem: "deleted in MLflow".to_owned() });
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
        metric(log, &key, step, value, map);
    }
    let logs = order.iter().filter_map(|id| runs.remove(id)).collect();
    Ok(Found::logs(Format::MlflowSqlite, logs).with_damage(deleted))
}

/// Some log their sizes as metrics; those are facts.
fn metric(log: &mut RunLog, key: &str, step: f64, value: f64, map: &ColumnMap) {
    book(log, key, role(key, map), step, &Value::Number(value), factor(key, map));
}

/// A run of the file store: `meta.yaml`, `metrics/KEY` of `timestamp value step`, `params/KEY`.
pub(super) fn folder(source: &Source, map: &ColumnMap) -> Result<Found, DataError> {
    let root = &source.path;
    let read = |path: &Path| {
        let unreadable =
            |reason: String| DataError::Unreadable { path: path.display().to_string(), reason };
        let size = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
        if size > MOST_TEXT {
            return Err(unreadable("larger than 1 GiB".to_owned()));
        }
        std::fs::read(path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .map_err(|e| unreadable(e.to_string()))
    };
    let meta = root.join("meta.yaml");
    let meta: serde_json::Value = serde_saphyr::from_str(&read(&meta)?).map_err(|e| {
        let reason = e.to_string().lines().next().unwrap_or("not YAML").to_owned();
        DataError::Unreadable { path: meta.display().to_string(), reason }
    })?;
    let of = |key: &str| meta.get(key).and_then(serde_json::Value::as_str).unwrap_or("");
    let tag = read(&root.join("tags").join("mlflow.runName")).unwrap_or_default();
    let id = root.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name = [of("run_name"), tag.trim(), &id].into_iter().find(|n| !n.is_empty()).unwrap_or("");
    let mut log = RunLog::new(name, root, Format::MlflowFolder);
    log.named = true;
    let mut damage = Vec::new();
    if of("lifecycle_stage") == "deleted" {
        damage.push(Damage { at: format!("run {id}"), problem: "deleted in MLflow".to_owned() });
        return Ok(Found::logs(Format::MlflowFolder, Vec::new()).with_damage(damage));
    }
    // A number in this format's enumeration of states.
    let states = ["running", "scheduled", "finished", "failed", "killed"];
    let state = meta.get("status").map(|s| match s.as_u64() {
        Some(k) => states.get((k as usize).wrapping_sub(1)).map_or("unknown", |s| *s).to_owned(),
        None => s.as_str().unwrap_or("").to_lowercase(),
    });
    log.set("status", Value::from_text(&state.unwrap_or_default()));
    let files = |folder: &str| {
        let root = root.join(folder);
        WalkDir::new(&root)
            .sort_by_file_name()
            .into_iter()
            .filter_map(Result::ok)
            .filter(|e| e.file_type().is_file())
            .filter_map(move |e| {
                let key = e.path().strip_prefix(&root).ok()?.to_string_lossy().into_owned();
                Some((key, e.into_path()))
            })
            .collect::<Vec<_>>()
    };
    for (key, path) in files("params") {
        if is_fact(&key) {
            log.set(&key, Value::from_text(&read(&path)?));
        }
    }
    for (key, path) in files("metrics") {
        if role(&key, map) == Role::Ignored {
            continue;
        }
        for (i, line) in read(&path)?.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
            let cells: Vec<&str> = line.split_whitespace().collect();
            let number = |at: usize| cells.get(at).and_then(|c| c.parse::<f64>().ok());
            match (number(1), number(2)) {
                (Some(value), Some(step)) => metric(&mut log, &key, step, value, map),
                _ => {
                    let problem = "not `timestamp value step`".to_owned();
                    damage.push(Damage { at: format!("metrics/{key} line {}", i + 1), problem });
                }
            }
        }
    }
    Ok(Found::logs(Format::MlflowFolder, vec![log]).with_damage(damage))
}
