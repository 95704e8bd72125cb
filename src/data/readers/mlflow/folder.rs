//! The folder of a run in MLflow's file store.

use std::path::Path;

use walkdir::WalkDir;

use crate::data::columns::ColumnMap;
use crate::data::facts::is_fact;
use crate::data::files::Source;
use crate::data::format::Format;
use crate::data::log::{RunLog, Value};
use crate::data::readers::content::{Damage, FileContent};
use crate::data::readers::steps::{book_named, role};
use crate::data::roles::Role;
use crate::error::DataError;

/// Bytes of one parameter, tag or metric file.
const MOST_TEXT: u64 = 1 << 30;

/// A run of the file store: `meta.yaml`, `metrics/KEY` of `timestamp value step`, `params/KEY`.
pub(in crate::data::readers) fn folder(
    source: &Source,
    map: &ColumnMap,
) -> Result<FileContent, DataError> {
    let root = &source.path;
    let read = |path: &Path| {
        let unreadable =
            |reason: String| DataError::Unreadable { path: path.display().to_string(), reason };
        let size = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
        if size > MOST_TEXT {
            let path = path.display().to_string();
            return Err(DataError::FileTooLarge { path, limit_mib: MOST_TEXT >> 20 });
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
        damage.push(Damage::at(format!("run {id}"), "deleted in MLflow"));
        return Ok(FileContent::logs(Format::MlflowFolder, Vec::new()).with_damage(damage));
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
                (Some(value), Some(step)) => book_named(&mut log, &key, step, value, map),
                _ => {
                    let problem = "not `timestamp value step`".to_owned();
                    damage.push(Damage::at(format!("metrics/{key} line {}", i + 1), problem));
                }
            }
        }
    }
    Ok(FileContent::logs(Format::MlflowFolder, vec![log]).with_damage(damage))
}
