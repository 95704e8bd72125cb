//! Documents: Hugging Face's `trainer_state.json`, a list of runs, configs in JSON and YAML.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::content::{Damage, FileContent};
use super::context::Context;
use super::json_line::with_bare_numbers;
use super::json_lines::flatten;
use super::run_name::name_of;
use super::steps::{factor, role};
use crate::data::cell_table::CellTable;
use crate::data::facts::is_fact;
use crate::data::files::Source;
use crate::data::format::Format;
use crate::data::log::{RunLog, Value};
use crate::data::roles::{Metric, Role};
use crate::data::spelling::{collapsed, without_groups};
use crate::data::vocabulary::{SIZES, Term, is_name, names_fact};
use crate::error::DataError;

/// A `trainer_state.json` of a million logged steps has about 200 MB.
const MOST: u64 = 512 << 20;

/// Configs are written by people.
const MOST_CONFIG: u64 = 8 << 20;

pub(super) fn document(source: &Source, context: &Context<'_>) -> Result<FileContent, DataError> {
    let bytes = source.all(MOST, context.meter, context.progress)?;
    let text = std::str::from_utf8(&bytes).map_err(|e| source.unreadable(&e))?;
    let text = text.trim_start_matches('\u{feff}');
    let json: Json = match serde_json::from_str(text) {
        Ok(json) => json,
        Err(error) => with_bare_numbers(text).ok_or_else(|| DataError::BadSyntax {
            path: source.shown(),
            line: error.line(),
            language: "JSON",
            reason: error.to_string(),
        })?,
    };
    match json {
        Json::Object(mut object) => match object.remove("log_history") {
            Some(Json::Array(history)) => Ok(trainer_state(source, context, &object, history)),
            _ => config_or_run(source, context, object),
        },
        Json::Array(rows) => {
            let objects: Vec<(usize, Map<String, Json>)> = rows
                .into_iter()
                .enumerate()
                .filter_map(|(i, row)| match row {
                    Json::Object(object) => Some((i + 1, object)),
                    _ => None,
                })
                .collect();
            if objects.is_empty() {
                return Ok(FileContent::unknown("a JSON list without objects"));
            }
            Ok(FileContent::table(CellTable::objects(source.shown(), objects)?))
        }
        _ => Ok(FileContent::unknown("JSON that is neither a run nor a config")),
    }
}

/// `Trainer.state`: the loss of each logging step, rounded to four digits, and evaluations.
fn trainer_state(
    source: &Source,
    context: &Context<'_>,
    state: &Map<String, Json>,
    history: Vec<Json>,
) -> FileContent {
    let mut log = RunLog::new(name_of(source), &source.path, Format::HuggingFace);
    for (key, value) in state {
        // Zero means "not counted" in this format.
        let counted = value.as_f64().is_none_or(|x| x != 0.0);
        if is_fact(key) && counted {
            log.set(key, Value::from_json(value));
        }
    }
    let mut damage = Vec::new();
    for (i, entry) in history.iter().enumerate() {
        let Json::Object(entry) = entry else {
            damage.push(Damage::at(format!("log_history[{i}]"), "not an object"));
            continue;
        };
        let Some(step) = entry.get("step").and_then(Json::as_f64) else { continue };
        for (key, value) in entry {
            // The mean over all of training, logged once at the end.
            if key == "train_loss" {
                continue;
            }
            match (role(key, context.map), Value::from_json(value)) {
                (Role::Metric { metric, scale, rank }, Value::Number(x)) => {
                    log.push(key, metric, scale, rank, step, x * factor(key, context.map));
                }
                (Role::Fact, value) => log.set(key, value),
                _ => {}
            }
        }
    }
    if let Some(steps) = state.get("global_step").and_then(Json::as_f64) {
        log.set("last_step", Value::Number(steps));
    }
    FileContent::logs(Format::HuggingFace, vec![log]).with_damage(damage)
}

/// Facts about a run beside it, or one run with its loss.
fn config_or_run(
    source: &Source,
    context: &Context<'_>,
    object: Map<String, Json>,
) -> Result<FileContent, DataError> {
    let has = |wanted: fn(&Role) -> bool| object.keys().any(|k| wanted(&role(k, context.map)));
    let has_size = object.keys().any(|k| {
        let key = collapsed(k);
        SIZES.iter().any(|size| is_name(*size, &key))
    });
    let is_run = has_size
        && has(|r| matches!(r, Role::Metric { metric: Metric::EvalLoss | Metric::TrainLoss, .. }));
    if is_run {
        return Ok(FileContent::table(CellTable::objects(source.shown(), vec![(1, object)])?));
    }
    Ok(facts(&Json::Object(object)))
}

/// The facts of a document; one that holds none is not a config of a run.
fn facts(json: &Json) -> FileContent {
    let mut facts = BTreeMap::new();
    flatten("", json, 0, &mut |key, value| {
        if is_fact(key) {
            facts.insert(collapsed(key), value);
        }
    });
    // One word that happens to be a fact, `name` or `status`, makes no config.
    let known = |key: &String| {
        without_groups(key).iter().any(|form| names_fact(form) && !is_name(Term::Status, form))
    };
    if facts.keys().any(known) {
        FileContent::facts(facts)
    } else {
        FileContent::unknown("no log, and no config of a run")
    }
}

pub(super) fn yaml(source: &Source, context: &Context<'_>) -> Result<FileContent, DataError> {
    let bytes = source.all(MOST_CONFIG, context.meter, context.progress)?;
    let text = std::str::from_utf8(&bytes).map_err(|e| source.unreadable(&e))?;
    match serde_saphyr::from_str::<Json>(text) {
        Ok(json) => Ok(facts(&json)),
        // Only the first line of its message: the rest is a drawing.
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.lines().next().unwrap_or("not YAML").to_owned();
            Err(DataError::Unreadable { path: source.shown(), reason })
        }
    }
}
