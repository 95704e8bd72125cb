//! Training one run with its step log: every line once, even after a kill.
//!
//! A run that continues from a checkpoint keeps the lines up to the checkpoint's step and drops the
//! rest, an incomplete last line among them; it writes those steps again. A checkpoint is written only
//! after the log before it is on the disk, so no line can be missing either.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::digest::{compare, settings_of};
use super::execution::LogFormat;
use super::ledger::RunLedger;
use super::mirror::Mirror;
use super::run::{RunResult, RunSpec, RunStart, TrainEvent, Trainer};
use crate::data::write_atomically;
use crate::error::{Error, Result, SweepError};

/// The first line of a step log: the specification of the run.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    event: String,
    run: String,
    pub(super) spec: RunSpec,
}

impl Header {
    fn of(spec: &RunSpec) -> Self {
        Self { event: "spec".to_owned(), run: spec.id.clone(), spec: spec.clone() }
    }
}

/// The last line: how it ended.
#[derive(Serialize)]
struct End<'a> {
    event: &'static str,
    #[serde(flatten)]
    result: &'a RunResult,
}

/// A run that has ended, by its step log.
#[derive(Clone, Debug, PartialEq)]
pub enum FinishedRun {
    /// With these settings: its row.
    Same(Box<RunResult>),
    /// With others.
    Other {
        /// How it ended.
        status: String,
        /// What differs.
        differs: Vec<String>,
    },
}

/// The run of a step log, if it has ended, held against what is asked for now.
///
/// - `corpus_sha256`, `trainer`: as a row has them.
///
/// # Errors
/// [`Error::Io`] when the log is there but cannot be read.
pub fn finished_run(
    log: &Path,
    spec: &RunSpec,
    corpus_sha256: &str,
    trainer: &str,
) -> Result<Option<FinishedRun>> {
    let text = match std::fs::read_to_string(log) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io(log, "reading", &e)),
    };
    let header = text.lines().next().and_then(|line| serde_json::from_str::<Header>(line).ok());
    let row = text.lines().last().and_then(|line| serde_json::from_str::<RunResult>(line).ok());
    let (Some(header), Some(row)) = (header, row) else { return Ok(None) };
    if !row.status.is_ended() {
        return Ok(None);
    }
    let mut differs = Vec::new();
    compare(&settings_of(&header.spec), &settings_of(spec), "", &mut differs);
    if row.corpus_sha256 != corpus_sha256 {
        differs.push("corpus".to_owned());
    }
    if row.trainer != trainer {
        differs.push("execution.device".to_owned());
    }
    Ok(Some(match differs.is_empty() {
        true => FinishedRun::Same(Box::new(row)),
        false => FinishedRun::Other { status: row.status.to_string(), differs },
    }))
}

/// Where the steps of a run are logged.
#[derive(Clone, Copy, Debug)]
pub struct LogFiles<'a> {
    /// The step log, JSON Lines.
    pub log: &'a Path,
    /// The step log of the run this one may branch off.
    pub branched: Option<&'a Path>,
    /// Other forms of it, beside it.
    pub formats: &'a [LogFormat],
}

/// Trains one run with its step log.
///
/// - `kept_as`: the same run under the names by which the trainer keeps its state.
///
/// The log is flushed with every evaluation, so that it can be watched, and synced to the disk before
/// every checkpoint and at the end; every line is complete when `on_event` stops the run.
///
/// # Errors
/// When the run cannot begin, when the log or the trainer's state cannot be written, and
/// [`SweepError::EventOrder`] when the trainer does not report its start first, once.
pub fn run_one(
    files: LogFiles,
    spec: &RunSpec,
    kept_as: &RunSpec,
    trainer: &mut dyn Trainer,
    on_event: &mut (dyn FnMut(&TrainEvent) -> ControlFlow<()> + Send),
) -> Result<RunResult> {
    let io = |e: std::io::Error| Error::io(files.log, "write", &e);
    let name = trainer.name().to_owned();
    let order = |found, expected| -> Error {
        let (trainer, run) = (name.clone(), spec.id.clone());
        SweepError::EventOrder { trainer, run, found, expected }.into()
    };
    let mut book: Option<Book> = None;
    let mut broken: Option<Error> = None;
    let status = trainer.train(kept_as, &mut |event| {
        let written = match (&mut book, event) {
            (None, TrainEvent::Start(start)) => {
                Book::open(files, spec, start).map(|opened| book = Some(opened))
            }
            (_, TrainEvent::Waiting(_)) => Ok(()),
            (Some(_), TrainEvent::Start(_)) => Err(order("a second start", "one start, first")),
            (Some(book), event) => book.write(event),
            (None, _) => Err(order("an event before its start", "the start first")),
        };
        if let Err(error) = written {
            // A full disk must stop the run: its steps would be lost.
            broken.get_or_insert(error);
            return ControlFlow::Break(());
        }
        on_event(event)
    });
    if let Some(error) = broken {
        return Err(error);
    }
    let status = status?;
    let Some(mut book) = book else {
        return Err(order("an end without a start", "the start first"));
    };
    book.flush_mirrors()?;
    let Book { mut writer, ledger, .. } = book;
    let result = ledger.close(spec, &name, status);
    write_line(&mut writer, &End { event: "end", result: &result }).map_err(io)?;
    writer.flush().and_then(|()| writer.get_ref().sync_all()).map_err(io)?;
    Ok(result)
}

/// An open step log with the ledger of what it says.
struct Book {
    path: PathBuf,
    writer: BufWriter<File>,
    ledger: RunLedger,
    mirrors: Vec<Mirror>,
}

impl Book {
    /// A log that holds everything up to the step from which the run continues: from itself or, where
    /// it does not reach that far, from the log of the run it branched off.
    fn open(files: LogFiles, spec: &RunSpec, start: &RunStart) -> Result<Self> {
        let (path, at) = (files.log.to_owned(), start.resumed_at);
        let own = kept_events(&path, at);
        let reaches = |events: &[TrainEvent]| events.last().map_or(0, TrainEvent::step) >= at;
        let events = match files.branched.filter(|_| !reaches(&own)) {
            Some(other) => kept_events(other, at),
            None => own,
        };
        let found = events.iter().filter(|e| matches!(e, TrainEvent::Step(_))).count();
        if found as u64 != at {
            let (path, run) = (path.display().to_string(), spec.id.clone());
            return Err(SweepError::LogGap { path, run, found, expected: at }.into());
        }
        let mut ledger = RunLedger::new(start.clone());
        let mut text = Vec::new();
        let io = |e: std::io::Error| Error::io(&path, "write", &e);
        write_line(&mut text, &Header::of(spec)).map_err(io)?;
        write_line(&mut text, &TrainEvent::Start(start.clone())).map_err(io)?;
        for event in &events {
            ledger.book(event);
            write_line(&mut text, event).map_err(io)?;
        }
        write_atomically(&path, &text)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(io)?;
        let mirrors = files
            .formats
            .iter()
            .map(|format| {
                let mut mirror = Mirror::open(*format, &path, &spec.id)?;
                events.iter().try_for_each(|event| mirror.write(event))?;
                Ok(mirror)
            })
            .collect::<Result<_>>()?;
        Ok(Self { writer: BufWriter::new(file), path, ledger, mirrors })
    }

    fn write(&mut self, event: &TrainEvent) -> Result<()> {
        self.ledger.book(event);
        let writer = &mut self.writer;
        let written = match event {
            TrainEvent::Checkpoint { .. } => {
                writer.flush().and_then(|()| writer.get_ref().sync_data())
            }
            TrainEvent::Waiting(_) => Ok(()),
            TrainEvent::Step(_) => write_line(writer, event),
            TrainEvent::Start(_) | TrainEvent::Eval(_) => {
                write_line(writer, event).and_then(|()| writer.flush())
            }
        };
        written.map_err(|e| Error::io(&self.path, "write", &e))?;
        self.mirrors.iter_mut().try_for_each(|mirror| mirror.write(event))?;
        Ok(())
    }

    fn flush_mirrors(&mut self) -> Result<()> {
        self.mirrors.iter_mut().try_for_each(Mirror::flush)?;
        Ok(())
    }
}

/// Steps and evaluations of a log up to step `at`, in order; none when there is no log.
fn kept_events(log: &Path, at: u64) -> Vec<TrainEvent> {
    if at == 0 {
        return Vec::new();
    }
    let text = std::fs::read(log).unwrap_or_default();
    text.split(|b| *b == b'\n')
        .filter_map(|line| serde_json::from_slice::<TrainEvent>(line).ok())
        .filter(|event| matches!(event, TrainEvent::Step(_) | TrainEvent::Eval(_)))
        .filter(|event| event.step() <= at)
        .collect()
}

pub(super) fn write_line(writer: &mut impl Write, value: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *writer, value)?;
    writer.write_all(b"\n")
}
