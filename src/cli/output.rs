//! What a verb hands back, and how it is shown.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

use super::hint::{hint, warning_hint};
use super::places::{Stdout, is_stdout};
use super::streams::{Label, deliver, note, say};
use crate::data::write_atomically;
use crate::error::{Error, ReportError, Result, StudyError, Warning};
use crate::fit::Outcome;
use crate::report::{
    Chart, Format, Saved, Screen, Text, check_extensions, inert, inert_json, json_text, save,
    saved_bytes, wrapped,
};

/// The result of a verb in both forms.
#[derive(Debug, Default)]
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
    /// The exit code of a verb that has said all there is; nothing is printed.
    pub(super) exit: Option<u8>,
    /// The verdict of a test, which the exit code says.
    pub(super) verdict: Option<Outcome>,
}

/// Exit code of a test that fails.
pub(super) const FAILS: u8 = 4;
/// Exit code of a test that tells nothing.
pub(super) const CANNOT_TELL: u8 = 5;

/// An object for scripts.
#[derive(Debug)]
pub(super) enum Json {
    Value(Value),
    /// As it is printed, of one too large to be held as values.
    Text(String),
}

impl Default for Json {
    fn default() -> Self {
        Self::Value(Value::Null)
    }
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
        Ok(Self { text: text.into(), json: to_value(json)?.into(), warnings, ..Self::default() })
    }

    /// The content of a file as the answer: to the byte, and wider than a page where it is.
    pub(super) fn file(content: &str, json: &impl Serialize, console: &Console) -> Result<Self> {
        if !console.json {
            deliver(content.as_bytes())?;
        }
        Self::new(Text::default(), json, Vec::new())
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

/// Refuses paths whose extension is none of `among`; standard output takes anything.
pub(super) fn check_formats(paths: &[PathBuf], among: &[Format]) -> Result<()> {
    let files = paths.iter().filter(|path| !is_stdout(path) || path.extension().is_some());
    check_extensions(&files.collect::<Vec<_>>(), among)
}

/// As [`check_formats`] of a verb with one form of file: a name without an extension takes it.
pub(super) fn check_whole(paths: &[PathBuf], among: &[Format]) -> Result<()> {
    let named = paths.iter().filter(|path| path.extension().is_some_and(|end| !end.is_empty()));
    check_extensions(&named.collect::<Vec<_>>(), among)
}

/// The paths of a verb that writes its answer as JSON and as a picture.
pub(super) struct Outs {
    pub(super) pictures: Vec<PathBuf>,
    pub(super) json: Vec<PathBuf>,
}

impl Outs {
    /// As [`check_whole`].
    pub(super) fn of(paths: &[PathBuf]) -> Result<Self> {
        check_whole(paths, &[Format::Svg, Format::Png, Format::Json])?;
        let is_picture = |path: &PathBuf| Format::of(path, &[Format::Svg, Format::Png]).is_ok();
        let (pictures, json) = paths.iter().cloned().partition(is_picture);
        Ok(Self { pictures, json })
    }

    /// Refuses pictures of what has none: `needs` says what has.
    pub(super) fn refuse_pictures(&self, needs: &'static str) -> Result<()> {
        match self.pictures.is_empty() {
            true => Ok(()),
            false => Err(StudyError::NothingToDraw { what: "a picture", needs }.into()),
        }
    }

    /// Writes the pictures and the files of JSON, and says so in the text.
    pub(super) fn save(
        &self,
        text: &mut Text,
        value: &impl Serialize,
        draw: impl FnOnce() -> Result<Chart>,
    ) -> Result<()> {
        let mut lines = String::new();
        if !self.pictures.is_empty() {
            lines = save_all(&self.pictures, &[Saved::Chart(&draw()?)])?;
        }
        self.save_below(text, value, lines)
    }

    /// Writes the files of JSON, and says so in the text.
    pub(super) fn save_json(&self, text: &mut Text, value: &impl Serialize) -> Result<()> {
        self.save_below(text, value, String::new())
    }

    fn save_below(&self, text: &mut Text, value: &impl Serialize, lines: String) -> Result<()> {
        let mut lines = lines;
        for path in &self.json {
            lines += &save_json(path, value)?;
        }
        if !lines.is_empty() {
            text.apart(lines);
        }
        Ok(())
    }
}

/// Formats that standard output may be asked for.
const EVERY_FORMAT: [Format; 5] =
    [Format::Svg, Format::Png, Format::Csv, Format::Json, Format::Toml];

/// Writes the form that the extension of each path asks for, rows where standard output has none;
/// returns a line for each file.
pub(super) fn save_all(paths: &[PathBuf], forms: &[Saved<'_>]) -> Result<String> {
    let mut text = String::new();
    for path in paths {
        if is_stdout(path) {
            let format = match path.extension() {
                Some(_) => Format::of(path, &EVERY_FORMAT)?,
                None if forms.iter().any(|form| matches!(form, Saved::Csv(_))) => Format::Csv,
                None if forms.iter().any(|form| matches!(form, Saved::Json(_))) => Format::Json,
                None => Format::Svg,
            };
            deliver(&saved_bytes(path, format, forms)?)?;
            continue;
        }
        save(path, forms)?;
        text.push_str(&format!("wrote {}\n", path.display()));
    }
    Ok(text)
}

/// Writes a value as JSON; returns the line for it. As [`check_whole`].
pub(super) fn save_json(path: &Path, value: &impl Serialize) -> Result<String> {
    check_whole(&[path.to_path_buf()], &[Format::Json])?;
    let json = json_text(value)?;
    if is_stdout(path) {
        return deliver(json.as_bytes()).map(|()| String::new());
    }
    write_atomically(path, json.as_bytes())?;
    Ok(format!("wrote {}\n", path.display()))
}

/// How results are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Console {
    pub(super) json: bool,
    /// Warnings make the exit code 3, and damaged input is refused.
    pub(super) strict: bool,
    /// Everything that is known is said, every warning too.
    pub(super) verbose: bool,
    pub(super) stdout: Stdout,
}

impl Console {
    pub(super) fn finish(self, output: &Output) -> ExitCode {
        if let Some(code) = output.exit {
            return ExitCode::from(code);
        }
        let text = match (self.json, &output.json) {
            (true, Json::Value(value)) => Cow::Owned(inert_json(&value.to_string()).into_owned()),
            (true, Json::Text(text)) => inert_json(text),
            // Warnings follow on their own line.
            (false, _) => {
                Cow::Owned(output.text.render(screen()).trim_end_matches('\n').to_owned())
            }
        };
        let is_said = self.json || !output.text.is_empty();
        if self.stdout == Stdout::Answer && is_said {
            let lines = text.into_owned() + "\n";
            if let Err(error) = deliver(lines.as_bytes()) {
                return self.fail(&error);
            }
        }
        let mut printed = Vec::new();
        let mut warnings: Vec<&Warning> = output.warnings.iter().collect();
        warnings.sort_by_key(|warning| warning.severity());
        let most = output.most.filter(|_| !self.verbose);
        let more = most.map_or(0, |most| warnings.len().saturating_sub(most));
        warnings.truncate(warnings.len() - more);
        for warning in warnings {
            let hint = warning_hint(warning).map_or(String::new(), |hint| format!(" ({hint})"));
            let line = format!("warning[{}]: {warning}{hint}", warning.code());
            if !printed.contains(&line) {
                say(Label::Warning, &wrapped(&line, "  "));
                printed.push(line);
            }
        }
        if more > 0 {
            let warnings = if more == 1 { "warning" } else { "warnings" };
            note(&format!("and {more} lesser {warnings} (--verbose, --json)"));
        }
        if let Some(Failed { error, hint }) = &output.failed {
            return refuse(error, hint.as_deref());
        }
        match output.verdict {
            Some(Outcome::Fails) => return ExitCode::from(FAILS),
            Some(Outcome::CannotTell) => return ExitCode::from(CANNOT_TELL),
            Some(Outcome::Holds) | None => {}
        }
        if self.strict && !output.warnings.is_empty() {
            ExitCode::from(3)
        } else {
            ExitCode::SUCCESS
        }
    }

    pub(super) fn fail(self, error: &Error) -> ExitCode {
        refuse(error, hint(error).as_deref())
    }
}

/// Says an error and what to do about it; returns its exit code.
fn refuse(error: &Error, hint: Option<&str>) -> ExitCode {
    say(Label::Error, &wrapped(&format!("error: {error}"), "  "));
    if let Some(hint) = hint {
        say(Label::Hint, &wrapped(&format!("hint: {hint}"), "  "));
    }
    ExitCode::from(if error.is_bad_input() { 2 } else { 1 })
}

/// The page that stdout is.
pub(super) fn screen() -> Screen {
    let to = std::io::stdout();
    let columns = terminal_size::terminal_size_of(&to);
    let page = columns.map_or(Screen::PLAIN, |(width, _)| Screen::terminal(width.0.into()));
    Screen { color: anstream::AutoStream::choice(&to) != anstream::ColorChoice::Never, ..page }
}

/// Help on standard output, or what is wrong with the flags; returns the exit code.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    let plain = error.to_string();
    if !error.use_stderr() {
        let styled =
            anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
        let help = if styled { error.render().ansi().to_string() } else { plain };
        return match deliver(help.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => refuse(&error, None),
        };
    }
    match inert(&plain) {
        Cow::Borrowed(_) => drop(error.print()),
        Cow::Owned(text) => say(Label::Error, &text),
    }
    ExitCode::from(2)
}
