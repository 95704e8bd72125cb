//! Text logs by patterns: nanoGPT, Megatron-LM, torchtitan, llm-foundry, and anyone's own.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;

use super::{Context, Damage, Found, Source, Whole, name_of};
use crate::data::facts::is_fact;
use crate::data::format::Format;
use crate::data::log::{RunLog, Value};
use crate::data::names::{LossScale, Metric};
use crate::data::windows::{Window, for_each};
use crate::error::DataError;

/// Number expressions as loggers print them, NaN included.
const NUMBER: &str =
    r"[-+]?(?:\d[\d,]*\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|[nN]a[nN]|[iI]nf(?:inity)?)";

/// Lines of the beginning that decide which pattern is taken.
const SAMPLE: usize = 2000;

/// Longest line looked at.
const MOST_LINE: usize = 64 * 1024;

/// Compiled size of one expression, so that a hostile one fails instead of filling the memory.
const MOST_REGEX: usize = 4 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternFile {
    pattern: Vec<PatternText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternText {
    name: String,
    detect: String,
    lines: Vec<String>,
}

/// One trainer's way of printing.
#[derive(Debug)]
pub(crate) struct Pattern {
    name: String,
    detect: Regex,
    /// Compiled when a file is read by it.
    lines: std::sync::OnceLock<Vec<Regex>>,
    texts: Vec<String>,
}

/// All patterns, the user's first.
#[derive(Debug)]
pub(crate) struct Patterns {
    own: Vec<Pattern>,
    shipped: &'static [Pattern],
}

/// The shipped patterns, parsed once.
static SHIPPED: std::sync::LazyLock<Vec<Pattern>> = std::sync::LazyLock::new(|| {
    let text = include_str!("../../../data/log-patterns.toml");
    parse("data/log-patterns.toml", text).expect("the shipped patterns are tested")
});

fn compile(text: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(&text.replace("NUMBER", NUMBER))
        .size_limit(MOST_REGEX)
        .build()
        .map_err(|e| e.to_string().lines().last().unwrap_or("").to_owned())
}

fn parse(path: &str, text: &str) -> Result<Vec<Pattern>, DataError> {
    let unreadable = |reason: String| DataError::Unreadable { path: path.to_owned(), reason };
    let file: PatternFile =
        toml::from_str(text).map_err(|e| unreadable(e.to_string().trim_end().to_owned()))?;
    file.pattern
        .into_iter()
        .map(|PatternText { name, detect: text, lines: texts }| {
            let detect = compile(&text)
                .map_err(|reason| unreadable(format!("pattern `{name}`: `{text}`: {reason}")))?;
            Ok(Pattern { name, detect, lines: std::sync::OnceLock::new(), texts })
        })
        .collect()
}

impl Pattern {
    /// The compiled lines.
    ///
    /// # Errors
    /// The first that is no expression.
    fn check(&self, path: &str) -> Result<(), DataError> {
        for text in &self.texts {
            compile(text).map_err(|reason| DataError::Unreadable {
                path: path.to_owned(),
                reason: format!("pattern `{}`: `{text}`: {reason}", self.name),
            })?;
        }
        Ok(())
    }

    fn lines(&self) -> &[Regex] {
        self.lines.get_or_init(|| self.texts.iter().filter_map(|t| compile(t).ok()).collect())
    }
}

impl Patterns {
    /// The shipped patterns, and before them those of a file's text.
    ///
    /// # Errors
    /// [`DataError::Unreadable`] for a file that is no pattern file or an expression that is none.
    pub(crate) fn new(own: Option<(&str, &str)>) -> Result<Self, DataError> {
        let own = match own {
            None => Vec::new(),
            Some((path, text)) => {
                let own = parse(path, text)?;
                own.iter().try_for_each(|pattern| pattern.check(path))?;
                own
            }
        };
        Ok(Self { own, shipped: &SHIPPED })
    }

    fn all(&self) -> impl Iterator<Item = &Pattern> {
        self.own.iter().chain(self.shipped)
    }

    /// The pattern whose own lines are most frequent in this text; of equals the first.
    pub(crate) fn of_text(&self, text: &str) -> Option<&Pattern> {
        let mut counts = vec![0_usize; self.all().count()];
        for line in text.lines().take(SAMPLE).filter(|l| l.len() <= MOST_LINE) {
            let line = without_colour(line);
            for (count, pattern) in counts.iter_mut().zip(self.all()) {
                *count += usize::from(pattern.detect.is_match(&line));
            }
        }
        let most = counts.iter().copied().max().filter(|n| *n > 0)?;
        self.all().zip(&counts).find(|(_, n)| **n == most).map(|(p, _)| p)
    }
}

/// The line without the escapes that colour it on a terminal.
fn without_colour(line: &str) -> std::borrow::Cow<'_, str> {
    static ESCAPE: std::sync::LazyLock<Regex> =
        std::sync::LazyLock::new(|| Regex::new(r"\x1b\[[0-9;]*[A-Za-z]").expect("a fixed pattern"));
    ESCAPE.replace_all(line, "")
}

pub(super) fn read(
    source: &Source,
    head: &[u8],
    context: &Context<'_>,
) -> Result<Found, DataError> {
    let text = String::from_utf8_lossy(head);
    let Some(pattern) = context.patterns.of_text(&text) else {
        return Ok(Found::unknown("text that no pattern knows; --patterns FILE adds your own"));
    };
    let from = source.open(context.meter, context.progress)?;
    // A step holds for the lines below it, also into the next piece, so pieces only find and the
    // finds are booked in order.
    let work = |window: &Window| finds(window, pattern);
    let log = RunLog::new(name_of(source), &source.path, Format::Text);
    let mut booking = Booking { log, step: None, parts: BTreeMap::new(), damage: Vec::new() };
    let mut take = |found: Vec<Find>| found.into_iter().for_each(|find| booking.take(find));
    for_each(from, false, &work, &mut take).map_err(|e| source.unreadable(&e))?;
    let Booking { mut log, parts, damage, .. } = booking;
    if !parts.is_empty() {
        log.set("n_params", Value::Number(parts.values().sum()));
    }
    let mut whole = Whole::default();
    whole.add(vec![log], damage);
    let (logs, damage) = whole.into_parts();
    let mut found = Found::logs(Format::Text, logs).with_damage(damage);
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

struct Booking {
    log: RunLog,
    step: Option<f64>,
    parts: BTreeMap<String, f64>,
    damage: Vec<Damage>,
}

impl Booking {
    fn take(&mut self, find: Find) {
        let of = |name: &str| {
            find.groups.iter().find(|(key, _)| key == name).map(|(_, text)| text.as_str())
        };
        let number = |text: &str| text.replace(',', "").parse::<f64>().ok();
        if let Some(step) = of("step").and_then(number) {
            self.step = Some(step);
        }
        if let (Some(key), Some(value)) = (of("key"), of("value")) {
            self.log.set(key, Value::from_text(value));
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
                        self.log.set(fact, Value::from_text(text));
                    }
                    continue;
                }
            };
            let (Some(step), Some(x)) = (self.step, number(text)) else {
                if number(text).is_none() {
                    let problem = format!("{name} is `{text}`, which is no number");
                    self.damage.push(Damage::line(find.line, problem));
                }
                continue;
            };
            self.log.push(name, metric, LossScale::NatsPerToken, 0, step, x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_pattern_compiles() {
        for pattern in SHIPPED.iter() {
            assert_eq!(pattern.check("data/log-patterns.toml"), Ok(()));
            assert_eq!(pattern.lines().len(), pattern.texts.len());
        }
    }
}
