//! JSON Lines: a step log of one or many runs, our own trainer's among them, or a table of runs.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::content::{Damage, FileContent, Whole};
use super::context::Context;
use super::json_line::{Object, Scalar, entries, object};
use super::run_name::name_of;
use super::steps::{StepColumns, factor, role};
use crate::data::cell_table::{CellTable, Failed};
use crate::data::columns::ColumnMap;
use crate::data::files::Meter;
use crate::data::files::Source;
use crate::data::format::Format;
use crate::data::log::{RunLog, Value};
use crate::data::plain::Stream;
use crate::data::roles::{Metric, Role};
use crate::data::spelling::{collapsed, without_groups};
use crate::data::windows::{Window, for_each, try_for_each};
use crate::error::{DataError, RowProblem};
use crate::flops::is_config_key;

/// Lines of the beginning that decide what a file is.
const SAMPLE: usize = 4096;

pub(super) fn read(
    source: &Source,
    head: &[u8],
    context: &Context<'_>,
) -> Result<FileContent, DataError> {
    let text = String::from_utf8_lossy(head);
    let mut columns: Vec<String> = Vec::new();
    let mut sample = Vec::new();
    let mut events = false;
    for line in text.lines().filter(|l| !l.trim().is_empty()).take(SAMPLE) {
        let Ok(entries) = entries(line) else { continue };
        let object: Object = entries
            .0
            .into_iter()
            .map(|(key, value)| {
                let value = match value {
                    Scalar::Number(x) => {
                        serde_json::Number::from_f64(x).map_or(Json::Null, Json::Number)
                    }
                    Scalar::Text(text) => Json::String(text.into_owned()),
                    _ => Json::Null,
                };
                (key.into_owned(), value)
            })
            .collect();
        events |= object.contains_key("event");
        for key in object.keys() {
            if !columns.contains(key) && columns.len() < 4096 {
                columns.push(key.clone());
            }
        }
        sample.push(object);
    }
    let plan = StepColumns::of(&columns, context.map);
    let text_of = |object: &Object, at: Option<usize>| {
        at.and_then(|at| object.get(&columns[at])).map_or(String::new(), Json::to_string)
    };
    let rows: Vec<_> = sample
        .iter()
        .map(|o| {
            let step = plan.step.and_then(|at| o.get(&columns[at])).and_then(Json::as_f64);
            (text_of(o, plan.run), step, text_of(o, plan.size()))
        })
        // Lines without a step are configs and summaries.
        .filter(|(_, step, _)| step.is_some())
        .collect();
    let has_steps = events && plan.has_loss() && plan.step.is_some();
    if !has_steps && !plan.are_steps(&rows) {
        return table(source, context);
    }
    let fallback = name_of(source);
    let from = source.open(context.meter, context.progress)?;
    let work = |window: &Window| part(window, source, context.map);
    let mut whole = Whole::default();
    let mut take = |(logs, damage): (Vec<RunLog>, Vec<Damage>)| whole.add(logs, damage);
    for_each(from, false, &work, &mut take).map_err(|e| source.unreadable(&e))?;
    let (mut logs, damage) = whole.into_parts();
    name_the_nameless(&mut logs, &fallback);
    Ok(FileContent::logs(Format::JsonSteps, logs).with_damage(damage))
}

/// Rows without a run belong to the one run of the file: the one its first line names, or its own.
fn name_the_nameless(logs: &mut Vec<RunLog>, fallback: &str) {
    let Some(at) = logs.iter().position(|log| log.run.is_empty()) else { return };
    if logs.len() == 1 {
        fallback.clone_into(&mut logs[0].run);
        return;
    }
    let mut nameless = logs.remove(at);
    if logs.len() == 1 && !logs[0].has_curve() {
        nameless.run.clone_from(&logs[0].run);
        nameless.named = true;
        let mut named = logs.remove(0);
        named.absorb(nameless);
        logs.push(named);
        return;
    }
    fallback.clone_into(&mut nameless.run);
    logs.insert(at, nameless);
}

/// Keys a file may have; others are passed over.
const MOST_KEYS: usize = 4096;

/// What is known of a key.
struct Known {
    key: String,
    role: Role,
    factor: f64,
    /// Where its values go in the current run.
    slot: Option<usize>,
    /// What it last said of the current run.
    fact: Value,
}

/// Every key met, in the order of the lines, where the next line most likely has it again.
struct Keys<'a> {
    map: &'a ColumnMap,
    known: Vec<Known>,
}

impl Keys<'_> {
    /// The place of a key, looked for from `guess`.
    fn place(&mut self, key: &str, guess: usize) -> Option<usize> {
        if self.known.get(guess).is_some_and(|k| k.key == key) {
            return Some(guess);
        }
        if let Some(at) = self.known.iter().position(|k| k.key == key) {
            return Some(at);
        }
        if self.known.len() >= MOST_KEYS {
            return None;
        }
        let (role, factor) = (role(key, self.map), factor(key, self.map));
        let key = key.to_owned();
        self.known.push(Known { key, role, factor, slot: None, fact: Value::Missing });
        Some(self.known.len() - 1)
    }

    /// Another run has other slots and says its facts anew.
    fn enter_run(&mut self) {
        for known in &mut self.known {
            known.slot = None;
            known.fact = Value::Missing;
        }
    }
}

/// The runs in one piece of the file.
fn part(window: &Window, source: &Source, map: &ColumnMap) -> (Vec<RunLog>, Vec<Damage>) {
    let mut logs: Vec<RunLog> = Vec::new();
    let mut damage = Damage::lost(window);
    // Whether the line at hand is no JSON.
    let mut is_bad = false;
    let mut keys = Keys { map, known: Vec::new() };
    let mut current = 0;
    // Places of the keys of a line, kept to spare an allocation per line.
    let mut places: Vec<Option<usize>> = Vec::new();
    for (at, line) in (window.first_line..).zip(window.bytes.split(|b| *b == b'\n')) {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let read = std::str::from_utf8(line).map_err(|e| e.to_string()).and_then(|text| {
            entries(text.trim_start_matches('\u{feff}'))
                .map_err(|e| format!("not a JSON object: {e}"))
        });
        is_bad = read.is_err();
        let entries = match read {
            Ok(entries) => entries,
            Err(problem) => {
                damage.push(Damage::line(at, problem));
                continue;
            }
        };
        let mut run: Option<&str> = None;
        let mut step: Option<(usize, f64)> = None;
        let mut step_at: Option<(&str, f64)> = None;
        places.clear();
        for (i, (key, value)) in entries.0.iter().enumerate() {
            let guess = i.checked_sub(1).and_then(|j| places[j]).map_or(0, |place| place + 1);
            let place = keys.place(key, guess);
            places.push(place);
            match place.map(|place| keys.known[place].role) {
                Some(Role::Run) => {
                    if let (Scalar::Text(name), None) = (value, run) {
                        run = Some(name.as_ref());
                    }
                }
                Some(Role::Step { rank }) => {
                    let x = value.number();
                    if let Some(x) = x.filter(|_| step.is_none_or(|(best, _)| rank < best)) {
                        step = Some((rank, x));
                        step_at = Some((key.as_ref(), x));
                    }
                }
                _ => {}
            }
        }
        let name = run.unwrap_or("");
        if logs.get(current).is_none_or(|log| log.run != name) {
            keys.enter_run();
            current = match logs.iter().position(|log| log.run == name) {
                Some(found) => found,
                None => {
                    logs.push(RunLog::new(name, &source.path, Format::JsonSteps));
                    logs.len() - 1
                }
            };
        }
        let log = &mut logs[current];
        log.named |= run.is_some();
        if let Some((key, _)) = step_at.filter(|_| log.step_key.is_empty()) {
            key.clone_into(&mut log.step_key);
        }
        let event = entries.event();
        let (Some((_, step)), false) =
            (step, matches!(event, Some("spec" | "start" | "end" | "config" | "summary")))
        else {
            facts_of(log, &String::from_utf8_lossy(line), event);
            continue;
        };
        let is_eval = matches!(event, Some("eval" | "validation" | "valid" | "test"));
        for ((_, value), place) in entries.0.iter().zip(&places) {
            let Some(known) = place.map(|place| &mut keys.known[place]) else { continue };
            match known.role {
                Role::Metric { metric, scale, rank } => {
                    let Some(x) = value.number() else {
                        if let Scalar::Text(_) = value {
                            let problem = format!("`{}` is not a number", known.key);
                            damage.push(Damage::line(at, problem));
                        }
                        continue;
                    };
                    // `loss` of an evaluation's line is one of held-out text.
                    if is_eval && metric == Metric::TrainLoss {
                        log.push(&known.key, Metric::EvalLoss, scale, rank, step, x * known.factor);
                        continue;
                    }
                    if known.slot.is_none() {
                        known.slot = log.slot_of(&known.key, metric, scale, rank);
                    }
                    if let Some(slot) = known.slot {
                        log.push_at(slot, scale, step, x * known.factor);
                    }
                }
                Role::Fact => {
                    let value = value.value();
                    if value != known.fact {
                        log.set(&known.key, value.clone());
                        known.fact = value;
                    }
                }
                _ => {}
            }
        }
    }
    if let (true, true, Some(last)) = (is_bad, window.is_unended, damage.last_mut()) {
        last.is_end = true;
    }
    (logs, damage)
}

/// Facts of a line that is a config or a summary; the trainer's `steps` at the start is its plan.
fn facts_of(log: &mut RunLog, line: &str, event: Option<&str>) {
    let Ok(object) = object(line) else { return };
    if event == Some("start")
        && let Some(steps) = object.get("steps")
    {
        log.set("max_steps", Value::from_json(steps));
    }
    flatten("", &Json::Object(object), 0, &mut |key, value| {
        if crate::data::facts::is_fact(key) {
            log.add_fact(key, &value);
        }
    });
}

/// A file that is not a step log: every line is a run.
fn table(source: &Source, context: &Context<'_>) -> Result<FileContent, DataError> {
    let from = source.open(context.meter, context.progress)?;
    Ok(FileContent::table(objects(source, from)?))
}

/// Every line of a file as a row.
pub(super) fn rows(source: &Source, meter: &Meter) -> Result<CellTable, DataError> {
    objects(source, source.open(meter, &|_, _| {})?)
}

fn objects(source: &Source, from: impl Stream) -> Result<CellTable, DataError> {
    type Line = (usize, Result<Object, String>);
    let work = |window: &Window| -> Vec<Line> {
        let lost = window.lost.iter().map(|lost| (lost.line, Err(lost.problem())));
        let mut rows: Vec<Line> = lost.collect();
        for (i, line) in window.bytes.split(|b| *b == b'\n').enumerate() {
            let text = String::from_utf8_lossy(line);
            let text = text.trim_start_matches('\u{feff}');
            if !text.trim().is_empty() {
                let object = object(text).map_err(|e| format!("not a JSON object: {e}"));
                rows.push((window.first_line + i, object));
            }
        }
        rows
    };
    let mut table = CellTable::new(source.shown(), Vec::new());
    let mut places = HashMap::new();
    let mut take = |part: Vec<Line>| {
        part.into_iter().try_for_each(|(line, row)| {
            match row {
                Ok(object) => table.push_object(line, &object, &mut places),
                Err(reason) => table.push_damaged(line, RowProblem::Syntax { reason }),
            }
            .map_err(Failed::Table)
        })
    };
    match try_for_each(from, false, &work, &mut take) {
        Ok(()) => Ok(table),
        Err(Failed::Table(error)) => Err(error),
        Err(Failed::Reading(error)) => Err(source.unreadable(&error)),
    }
}

/// Whether N follows from the key, among others.
fn is_shape_key(path: &str) -> bool {
    without_groups(&collapsed(path)).into_iter().any(is_config_key)
}

/// Facts of a document, groups joined by dots; lists are not facts.
pub(super) fn flatten(path: &str, json: &Json, depth: usize, keep: &mut dyn FnMut(&str, Value)) {
    match json {
        // `{value: 3, desc: null}` is how W&B keeps a fact.
        Json::Object(map) if depth > 0 && map.contains_key("value") && map.len() <= 2 => {
            flatten(path, &map["value"], depth + 1, keep);
        }
        Json::Object(map) if depth < 16 => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, depth + 1, keep);
            }
        }
        // The one list that says what a model is: `architectures`.
        Json::Array(list) if !list.is_empty() && is_shape_key(path) => {
            keep(path, Value::Text(json.to_string()));
        }
        Json::Object(_) | Json::Array(_) | Json::Null => {}
        leaf => keep(path, Value::from_json(leaf)),
    }
}
