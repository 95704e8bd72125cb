//! What a verb hands back, and the only place that prints.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the one room that prints")]

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

use super::hint::{hint, warning_hint};
use crate::data::write_atomically;
use crate::error::{Error, ReportError, Result, Warning};
use crate::report::{Saved, Screen, Text, inert, inert_json, json_text, save, wrapped};

/// The result of a verb in both forms.
#[derive(Debug)]
pub(super) struct Output {
    /// Lines for people.
    pub(super) text: Text,
    /// One object for scripts.
    pub(super) json: Json,
    /// Warnings, printed in either form, the most serious first.
    pub(super) warnings: Vec<Warning>,
    /// How many of them are printed; all when absent.
    pub(super) most: Option<usize>,
    /// Why it is not what was asked for, though there is something to show.
    pub(super) failed: Option<Failed>,
}

/// An object for scripts.
#[derive(Debug)]
pub(super) enum Json {
    Value(Value),
    /// As it is printed, of one too large to be held as values.
    Text(String),
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

/// An error beside a result.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: Error,
    /// What to type, where the text does not say it already.
    pub(super) hint: Option<String>,
}

impl Output {
    pub(super) fn new(
        text: impl Into<Text>,
        json: &impl Serialize,
        warnings: Vec<Warning>,
    ) -> Result<Self> {
        Ok(Self {
            text: text.into(),
            json: to_value(json)?.into(),
            warnings,
            most: None,
            failed: None,
        })
    }
}

/// Any of our structs as JSON.
pub(super) fn to_value(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| ReportError::Json { reason: e.to_string() }.into())
}

/// Any of our structs as JSON on one line.
pub(super) fn compact_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| ReportError::Json { reason: e.to_string() }.into())
}

/// Writes the form that the extension of each path asks for; returns a line for each.
pub(super) fn save_all(paths: &[PathBuf], forms: &[Saved<'_>]) -> Result<String> {
    let mut text = String::new();
    for path in paths {
        save(path, forms)?;
        text.push_str(&format!("wrote {}\n", path.display()));
    }
    Ok(text)
}

/// Writes a value as JSON, whatever the file is called; returns the line for it.
pub(super) fn save_json(path: &Path, value: &impl Serialize) -> Result<String> {
    write_atomically(path, json_text(value)?.as_bytes())?;
    Ok(format!("wrote {}\n", path.display()))
}

/// Warnings as JSON holds them.
pub(super) fn warnings_json(warnings: &[Warning]) -> Value {
    let one = |w: &Warning| serde_json::json!({ "code": w.code(), "message": w.to_string() });
    warnings.iter().map(one).collect()
}

/// Where results go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Console {
    pub(super) json: bool,
    /// Warnings make the exit code 3, and damaged input is refused.
    pub(super) strict: bool,
}

impl Console {
    pub(super) fn finish(self, output: &Output) -> ExitCode {
        let text = match (self.json, &output.json) {
            (true, Json::Value(value)) => Cow::Owned(inert_json(&value.to_string()).into_owned()),
            (true, Json::Text(text)) => inert_json(text),
            // Warnings follow on their own line.
            (false, _) => {
                Cow::Owned(output.text.render(screen()).trim_end_matches('\n').to_owned())
            }
        };
        // A closed pipe (`isoloss … | head`) is the reader's choice, not a failure.
        let mut to = std::io::stdout().lock();
        let _ = to.write_all(text.as_bytes()).and_then(|()| to.write_all(b"\n"));
        let mut printed = Vec::new();
        let mut warnings: Vec<&Warning> = output.warnings.iter().collect();
        warnings.sort_by_key(|warning| warning.severity());
        let more = output.most.map_or(0, |most| warnings.len().saturating_sub(most));
        warnings.truncate(warnings.len() - more);
        for warning in warnings {
            let hint = warning_hint(warning).map_or(String::new(), |hint| format!(" ({hint})"));
            let line = format!("warning[{}]: {warning}{hint}", warning.code());
            if !printed.contains(&line) {
                note(&line);
                printed.push(line);
            }
        }
        if more > 0 {
            let warnings = if more == 1 { "warning" } else { "warnings" };
            note(&format!("and {more} lesser {warnings} (--verbose, --json)"));
        }
        if let Some(Failed { error, hint }) = &output.failed {
            return say(error, hint.as_deref(), !self.json);
        }
        if self.strict && !output.warnings.is_empty() {
            ExitCode::from(3)
        } else {
            ExitCode::SUCCESS
        }
    }

    pub(super) fn fail(self, error: &Error) -> ExitCode {
        say(error, hint(error).as_deref(), false)
    }
}

/// Prints an error, in lines of a page below a text; returns its exit code.
fn say(error: &Error, hint: Option<&str>, below_text: bool) -> ExitCode {
    let line = |line: &str| match below_text {
        true => note(&wrapped(line, "  ")),
        false => note(line),
    };
    line(&format!("error: {error}"));
    if let Some(hint) = hint {
        line(&format!("hint: {hint}"));
    }
    ExitCode::from(if error.is_bad_input() { 2 } else { 1 })
}

/// The page that stdout is.
fn screen() -> Screen {
    let columns = terminal_size::terminal_size_of(std::io::stdout());
    columns.map_or(Screen::PLAIN, |(width, _)| Screen::terminal(width.0.into()))
}

/// One line for people or logs; never on stdout. Whoever closes stderr does not want it.
pub(super) fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", inert(line));
}

/// Help, or what is wrong with the flags.
pub(super) fn usage(error: &clap::Error) {
    let plain = error.to_string();
    match inert(&plain) {
        Cow::Borrowed(_) => drop(error.print()),
        Cow::Owned(text) => note(&text),
    }
}
