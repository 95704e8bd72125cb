//! JSON Lines: a step log of one or many runs, our own trainer's among them, or a table of runs.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::steps::{StepColumns, book, factor, role};
use super::{Context, Damage, Found, Source, Whole, name_of};
use crate::data::columns::ColumnMap;
use crate::data::files::Meter;
use crate::data::format::Format;
use crate::data::log::{RunLog, Value};
use crate::data::names::{Metric, Role};
use crate::data::sheet::Sheet;
use crate::data::windows::{Window, for_each};
use crate::error::DataError;

/// Lines of the beginning that decide what a file is.
const SAMPLE: usize = 4096;

/// Longest line taken for one; a row of a log has a few hundred bytes.
const MOST_LINE: usize = 16 << 20;

type Object = Map<String, Json>;

pub(super) fn read(
    source: &Source,
    head: &[u8],
    context: &Context<'_>,
) -> Result<Found, DataError> {
    let text = String::from_utf8_lossy(head);
    let mut columns: Vec<String> = Vec::new();
    let mut sample = Vec::new();
    let mut events = false;
    for line in text.lines().filter(|l| !l.trim().is_empty()).take(SAMPLE) {
        let Ok(object) = object(line) else { continue };
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
    if !plan.are_steps(&rows) && !(events && plan.has_loss() && plan.step.is_some()) {
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
    Ok(Found::logs(Format::JsonSteps, logs).with_damage(damage))
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

/// One line as an object; Python writes NaN and Infinity bare, which JSON has no word for.
fn object(line: &str) -> Result<Object, serde_json::Error> {
    serde_json::from_str(line).or_else(|error| {
        if line.contains("NaN") || line.contains("Infinity") {
            static BARE: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
                regex::Regex::new(r"([:,\[]\s*)(NaN|-?Infinity)\b").expect("a fixed pattern")
            });
            return serde_json::from_str(&BARE.replace_all(line, "$1\"$2\""));
        }
        Err(error)
    })
}

/// A key's role, asked once per key and not once per line.
struct Roles<'a> {
    map: &'a ColumnMap,
    known: HashMap<String, (Role, f64)>,
}

impl Roles<'_> {
    fn of(&mut self, key: &str) -> (Role, f64) {
        if let Some(known) = self.known.get(key) {
            return *known;
        }
        let found = (role(key, self.map), factor(key, self.map));
        if self.known.len() < 4096 {
            self.known.insert(key.to_owned(), found);
        }
        found
    }
}

/// The runs in one piece of the file.
fn part(window: &Window, source: &Source, map: &ColumnMap) -> (Vec<RunLog>, Vec<Damage>) {
    let mut logs: Vec<RunLog> = Vec::new();
    let mut damage = Vec::new();
    let mut roles = Roles { map, known: HashMap::new() };
    let mut current = 0;
    let mut line_number = window.first_line;
    for line in window.bytes.split(|b| *b == b'\n') {
        let at = line_number;
        line_number += 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if line.len() > MOST_LINE {
            damage.push(Damage::line(at, "the line is longer than 16 MiB"));
            continue;
        }
        let read = std::str::from_utf8(line).map_err(|e| e.to_string()).and_then(|text| {
            entries(text.trim_start_matches('\u{feff}')).map_err(|e| format!("not a JSON object: {e}"))
        });
        let entries = match read {
            Ok(entries) => entries,
            Err(problem) => {
                damage.push(Damage::line(at, problem));
                continue;
            }
        };
        let mut run: Option<String> = None;
        let mut step: Option<(usize, f64)> = None;
        for (key, value) in &entries.0 {
            match roles.of(key).0 {
                Role::Run => {
                    if let (Scalar::Text(name), None) = (value, &run) {
                        run = Some(name.to_string());
                    }
                }
                Role::Step { rank } => {
                    let x = value.number();
                    if let Some(x) = x.filter(|_| step.is_none_or(|(best, _)| rank < best)) {
                        step = Some((rank, x));
                    }
                }
                _ => {}
            }
        }
        let name = run.as_deref().unwrap_or("");
        if logs.get(current).is_none_or(|log| log.run != name) {
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
        let event = entries.event();
        match (event, step) {
            (Some("spec" | "start" | "end" | "config" | "summary"), _) | (_, None) => {
                // Facts; the trainer's `steps` at the start is its plan.
                let text = String::from_utf8_lossy(line);
                if let Ok(object) = object(&text) {
                    if event == Some("start") && let Some(steps) = object.get("steps") {
                        log.set("max_steps", Value::from_json(steps));
                    }
                    flatten("", &Json::Object(object), 0, &mut |key, value| {
                        if crate::data::names::is_fact(key) {
                            log.suggest(key, &value);
                        }
                    });
                }
            }
            (_, Some((_, step))) => {
                for (key, value) in &entries.0 {
                    let (role, factor) = roles.of(key);
                    match (role, value) {
                        (Role::Metric { metric, scale, rank }, value) => {
                            // `loss` of an evaluation line is one of held-out text.
                            let metric = match (event, metric) {
                                (Some("eval" | "validation" | "valid" | "test"), Metric::TrainLoss) => {
                                    Metric::EvalLoss
                                }
                                _ => metric,
                            };
                            match value.number() {
                                Some(x) => log.push(key, metric, scale, rank, step, x * factor),
                                None if matches!(value, Scalar::Text(_)) => {
                                    let problem = format!("`{key}` is no number");
                                    damage.push(Damage::line(at, problem));
                                }
                                None => {}
                            }
                        }
                        (Role::Fact, value) => {
                            let value = value.value();
                            if log.facts.get(&crate::data::names::collapsed(key)) != Some(&value) {
                                book(log, key, Role::Fact, step, &value, 1.0);
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    (logs, damage)
}

/// A line that is no step log: every line is a run.
fn table(source: &Source, context: &Context<'_>) -> Result<Found, DataError> {
    let from = source.open(context.meter, context.progress)?;
    Ok(Found::table(objects(source, from)?))
}

/// Every line of a file as a row.
pub(super) fn rows(source: &Source, meter: &Meter) -> Result<Sheet, DataError> {
    objects(source, source.open(meter, &|_, _| {})?)
}

fn objects(source: &Source, from: impl std::io::Read + Send) -> Result<Sheet, DataError> {
    let work = |window: &Window| {
        let mut rows = Vec::new();
        for (i, line) in window.bytes.split(|b| *b == b'\n').enumerate() {
            let text = String::from_utf8_lossy(line);
            let text = text.trim_start_matches('\u{feff}');
            if !text.trim().is_empty() {
                rows.push((window.first_line + i, object(text).map_err(|e| e.to_string())));
            }
        }
        rows
    };
    let (mut rows, mut damaged) = (Vec::new(), Vec::new());
    let mut take = |part: Vec<(usize, Result<Object, String>)>| {
        for (line, row) in part {
            match row {
                Ok(object) => rows.push((line, object)),
                Err(e) => damaged.push((line, format!("not a JSON object: {e}"))),
            }
        }
    };
    for_each(from, false, &work, &mut take).map_err(|e| source.unreadable(&e))?;
    let mut sheet = Sheet::objects(source.shown(), rows)?;
    sheet.damaged = damaged;
    Ok(sheet)
}

/// Facts of a document, groups joined by dots; lists are no facts.
pub(super) fn flatten(path: &str, json: &Json, depth: usize, tell: &mut dyn FnMut(&str, Value)) {
    match json {
        // `{value: 3, desc: null}` is how W&B keeps a fact.
        Json::Object(map) if depth > 0 && map.contains_key("value") && map.len() <= 2 => {
            flatten(path, &map["value"], depth + 1, tell);
        }
        Json::Object(map) if depth < 16 => {
            for (key, value) in map {
                let path =
                    if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, depth + 1, tell);
            }
        }
        Json::Object(_) | Json::Array(_) | Json::Null => {}
        leaf => tell(path, Value::from_json(leaf)),
    }
}

/// A value of a line that a step log can use.
#[derive(Debug)]
enum Scalar<'a> {
    Number(f64),
    Text(std::borrow::Cow<'a, str>),
    Other,
}

impl Scalar<'_> {
    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(x) => Some(*x),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Other => None,
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Number(x) => Value::Number(*x),
            Self::Text(text) => Value::from_text(text),
            Self::Other => Value::Missing,
        }
    }
}

/// The keys and plain values of a line, without building what nobody looks at.
struct Entries<'a>(Vec<(std::borrow::Cow<'a, str>, Scalar<'a>)>);

impl Entries<'_> {
    fn event(&self) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == "event").and_then(|(_, value)| match value {
            Scalar::Text(text) => Some(text.as_ref()),
            _ => None,
        })
    }
}

fn entries(line: &str) -> Result<Entries<'_>, serde_json::Error> {
    serde_json::from_str::<Entries<'_>>(line).or_else(|error| {
        let owned = object(line).map_err(|_| error)?;
        let own = |(key, value): (String, Json)| {
            let value = match value {
                Json::Number(n) => n.as_f64().map_or(Scalar::Other, Scalar::Number),
                Json::String(text) => Scalar::Text(text.into()),
                _ => Scalar::Other,
            };
            (key.into(), value)
        };
        Ok(Entries(owned.into_iter().map(own).collect()))
    })
}

impl<'de> serde::Deserialize<'de> for Entries<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(12);
                while let Some(Key(key)) = map.next_key()? {
                    entries.push((key, map.next_value()?));
                }
                Ok(Entries(entries))
            }
        }
        from.deserialize_map(Visitor)
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'a>(std::borrow::Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Scalar::deserialize(from)? {
            Scalar::Text(text) => Ok(Self(text)),
            _ => Err(serde::de::Error::custom("a key that is no text")),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value")
            }

            fn visit_f64<E>(self, x: f64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(x))
            }

            fn visit_i64<E>(self, x: i64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(x as f64))
            }

            fn visit_u64<E>(self, x: u64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(x as f64))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(text.to_owned().into()))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Other)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Scalar::Other)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<Self::Value, A::Error> {
                while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
        }
        from.deserialize_any(Visitor)
    }
}
