//! What a verb hands back, and the only place that prints.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the one room that prints")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, ReportError, Result, Warning};
use crate::report::{Chart, Size, render_png, render_svg, write_atomically};

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

/// The extension of a file to write, in lower case.
fn extension(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// Refuses files of a format that is not among `known`, before any work is done.
pub(super) fn check_outputs(paths: &[PathBuf], known: &[&str]) -> Result<()> {
    match paths.iter().find(|path| !known.contains(&extension(path).as_str())) {
        None => Ok(()),
        Some(path) => {
            let (path, extension) = (path.display().to_string(), extension(path));
            Err(ReportError::UnknownFormat { path, extension }.into())
        }
    }
}

/// Writes each file with what `make` gives for its extension; returns a line for each.
pub(super) fn write_outputs(
    paths: &[PathBuf],
    make: impl Fn(&str) -> Result<Vec<u8>>,
) -> Result<String> {
    let mut text = String::new();
    for path in paths {
        write_atomically(path, &make(&extension(path))?)?;
        text.push_str(&format!("wrote {}\n", path.display()));
    }
    Ok(text)
}

/// A chart as `png` or `svg`.
pub(super) fn picture(chart: &Chart, format: &str) -> Result<Vec<u8>> {
    if format == "png" {
        render_png(chart, Size::LARGE)
    } else {
        Ok(render_svg(chart, Size::PAGE)?.into_bytes())
    }
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
        if let Some(hint) = super::hint::hint(error) {
            eprintln!("hint: {hint}");
        }
        ExitCode::from(if error.is_bad_input() { 2 } else { 1 })
    }
}

/// One line of progress for people or logs; never on stdout.
pub(super) fn note(line: &str) {
    eprintln!("{line}");
}
