//! What a verb hands back, and the only place that prints.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the one room that prints")]

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, ReportError, Result, Warning};

/// The result of a verb in both forms.
#[derive(Debug)]
pub(super) struct Output {
    /// Lines for people.
    pub(super) text: String,
    /// One object for scripts.
    pub(super) json: Value,
    /// Doubts, printed in either form.
    pub(super) warnings: Vec<Warning>,
}

impl Output {
    pub(super) fn new(text: String, json: &impl Serialize, warnings: Vec<Warning>) -> Result<Self> {
        Ok(Self { text, json: to_value(json)?, warnings })
    }
}

/// Any of our structs as JSON.
pub(super) fn to_value(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| ReportError::Template { reason: e.to_string() }.into())
}

/// Pretty JSON with a final newline, as files hold it.
pub(super) fn to_json_text(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::from(ReportError::Template { reason: e.to_string() }))?;
    Ok(text + "\n")
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
        let text = if self.json {
            format!("{}\n", output.json)
        } else {
            // Warnings follow on their own line.
            format!("{}\n", output.text.trim_end_matches('\n'))
        };
        // A closed pipe (`isoloss … | head`) is the reader's choice, not a failure.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
        let mut told = Vec::new();
        for warning in &output.warnings {
            let line = format!("warning[{}]: {warning}", warning.code());
            if !told.contains(&line) {
                eprintln!("{line}");
                told.push(line);
            }
        }
        if self.strict && !output.warnings.is_empty() {
            ExitCode::from(3)
        } else {
            ExitCode::SUCCESS
        }
    }

    pub(super) fn fail(self, error: &Error) -> ExitCode {
        eprintln!("error: {error}");
        ExitCode::from(if error.is_bad_input() { 2 } else { 1 })
    }
}

/// One line of progress for people or logs; never on stdout.
pub(super) fn note(line: &str) {
    eprintln!("{line}");
}
