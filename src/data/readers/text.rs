//! Text logs by patterns: nanoGPT, Megatron-LM, torchtitan, llm-foundry, and anyone's own.

use std::collections::BTreeMap;

use super::content::{Damage, FileContent, Whole};
use super::context::Context;
use super::patterns::{MOST_LINE, Pattern, without_colour};
use super::run_name::name_of;
use crate::data::axis::Axis;
use crate::data::facts::is_fact;
use crate::data::files::Source;
use crate::data::format::Format;
use crate::data::log::{RunLog, Value};
use crate::data::roles::{LossScale, Metric};
use crate::data::windows::{Window, for_each};
use crate::error::DataError;

pub(super) fn read(
    source: &Source,
    head: &[u8],
    context: &Context<'_>,
) -> Result<FileContent, DataError> {
    let text = String::from_utf8_lossy(head);
    let Some(pattern) = context.patterns.of_text(&text) else {
        return Ok(FileContent::unknown("text that no pattern knows; add patterns of your own"));
    };
    let from = source.open(context.meter, context.progress)?;
    // A position holds for the lines below it, also into the next piece, so pieces only find and
    // what they find is booked in order.
    let work = |window: &Window| (finds(window, pattern), Damage::lost(window));
    let mut booking = Booking::new(source, pattern);
    let mut take = |(found, lost): (Vec<Find>, Vec<Damage>)| {
        booking.damage.extend(lost);
        found.into_iter().for_each(|find| booking.take(find));
    };
    for_each(from, false, &work, &mut take).map_err(|e| source.unreadable(&e))?;
    let mut whole = Whole::default();
    let (log, damage) = booking.finish();
    whole.add(vec![log], damage);
    let (logs, damage) = whole.into_parts();
    let mut found = FileContent::logs(Format::Text, logs).with_damage(damage);
    found.detail = Some(format!("{} text", pattern.name));
    Ok(found)
}

/// What one line holds: names of groups and their text.
struct Find {
    line: usize,
    groups: Vec<(String, String)>,
}

fn finds(window: &Window, pattern: &Pattern) -> Vec<Find> {
    let mut found = Vec::new();
    for (i, bytes) in window.bytes.split(|b| *b == b'\n').enumerate() {
        if bytes.is_empty() || bytes.len() > MOST_LINE {
            continue;
        }
        let text = String::from_utf8_lossy(bytes);
        let text = without_colour(text.trim_end());
        let mut groups = Vec::new();
        for expression in pattern.lines() {
            let Some(captures) = expression.captures(&text) else { continue };
            let named = expression.capture_names().flatten();
            for name in named {
                if let Some(group) = captures.name(name) {
                    groups.push((name.to_owned(), group.as_str().to_owned()));
                }
            }
        }
        if !groups.is_empty() {
            found.push(Find { line: window.first_line + i, groups });
        }
    }
    found
}

/// The log by one axis, as long as it is not known which axes the file has.
struct Track {
    log: RunLog,
    /// Where the file is.
    at: Option<f64>,
}

struct Booking {
    /// One per axis that the pattern can find, the surest first; facts go to the first.
    tracks: Vec<Track>,
    parts: BTreeMap<String, f64>,
    damage: Vec<Damage>,
}

/// The group of a pattern that holds positions on an axis.
fn group_of(axis: Axis) -> &'static str {
    match axis {
        Axis::Step => "step",
        Axis::Tokens => "tokens",
        Axis::Samples => "samples",
        Axis::Epoch => "epoch",
    }
}

impl Booking {
    fn new(source: &Source, pattern: &Pattern) -> Self {
        let finds = |axis: &Axis| {
            let names =
                |line: &regex::Regex| line.capture_names().flatten().any(|n| n == group_of(*axis));
            *axis == Axis::Step || pattern.lines().iter().any(names)
        };
        let track = |axis| {
            let mut log = RunLog::new(name_of(source), &source.path, Format::Text);
            log.axis = axis;
            Track { log, at: None }
        };
        let tracks = Axis::ALL.into_iter().filter(finds).map(track).collect();
        Self { tracks, parts: BTreeMap::new(), damage: Vec::new() }
    }

    fn set(&mut self, key: &str, value: Value) {
        if let Some(first) = self.tracks.first_mut() {
            first.log.set(key, value);
        }
    }

    fn take(&mut self, find: Find) {
        let of = |name: &str| {
            find.groups.iter().find(|(key, _)| key == name).map(|(_, text)| text.as_str())
        };
        let number = |text: &str| text.replace(',', "").parse::<f64>().ok();
        for track in &mut self.tracks {
            if let Some(at) = of(group_of(track.log.axis)).and_then(number) {
                track.at = Some(at);
            }
        }
        if let (Some(key), Some(value)) = (of("key"), of("value")) {
            self.set(key, Value::from_text(value));
        }
        if let (Some(part), Some(n)) = (of("part"), of("n_params").and_then(number)) {
            self.parts.insert(part.to_owned(), n);
            return;
        }
        for (name, text) in &find.groups {
            let metric = match name.as_str() {
                "train_loss" => Metric::TrainLoss,
                "eval_loss" => Metric::EvalLoss,
                "tokens" => Metric::Tokens,
                "samples" => Metric::Samples,
                "rate" => Metric::Rate,
                "epoch" => Metric::Epoch,
                "flops" => Metric::Flops,
                "step" | "key" | "value" | "part" => continue,
                fact => {
                    if is_fact(fact) {
                        self.set(fact, Value::from_text(text));
                    }
                    continue;
                }
            };
            let Some(x) = number(text) else {
                let problem = format!("{name} is `{text}`, which is not a number");
                self.damage.push(Damage::line(find.line, problem));
                continue;
            };
            for track in &mut self.tracks {
                if let Some(at) = track.at {
                    track.log.push(name, metric, LossScale::NatsPerToken, 0, at, x);
                }
            }
        }
    }

    /// The log by the surest axis that has losses, and what could not be used.
    fn finish(mut self) -> (RunLog, Vec<Damage>) {
        if !self.parts.is_empty() {
            let n = self.parts.values().sum();
            self.set("n_params", Value::Number(n));
        }
        let best = self.tracks.iter().position(|track| track.log.has_curve()).unwrap_or(0);
        let mut log = self.tracks.swap_remove(best).log;
        if let Some(first) = self.tracks.first_mut().filter(|_| best > 0) {
            log.facts = std::mem::take(&mut first.log.facts);
        }
        (log, self.damage)
    }
}
