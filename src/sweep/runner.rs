//! Running a sweep: every cell once, resumable at any moment.
//!
//! State is files. A run's step log is `logs/<id>.jsonl`, rewritten from its start when the run is
//! tried again; its row is appended to `runs.jsonl` only when it has ended. A run is done when its
//! row is there, so a sweep that was killed loses at most the runs that were under way.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Serialize;

use super::run::{RunResult, RunSpec, RunStatus, TrainEvent, Trainer};
use crate::error::{Error, Result, SweepError};

/// The folder of a sweep.
#[derive(Clone, Debug)]
pub struct SweepFolder {
    root: PathBuf,
}

/// What a sweep folder says about each run.
#[derive(Clone, Debug, Default)]
pub struct SweepState {
    /// Rows of ended runs by id; the last row of an id counts.
    pub ended: BTreeMap<String, RunResult>,
}

impl SweepState {
    /// Whether this run needs no more training: it finished, or it diverged and would again.
    #[must_use]
    pub fn is_done(&self, id: &str) -> bool {
        self.ended.contains_key(id)
    }
}

/// Holds the lock of a sweep folder until dropped.
#[derive(Debug)]
pub struct SweepLock {
    // The operating system frees the lock with the process, so a kill leaves nothing behind.
    _file: File,
}

impl SweepFolder {
    /// The folder at `root`; nothing is touched yet.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The table of ended runs, which `fit` reads.
    #[must_use]
    pub fn records(&self) -> PathBuf {
        self.root.join("runs.jsonl")
    }

    /// The step log of a run.
    #[must_use]
    pub fn log(&self, id: &str) -> PathBuf {
        self.root.join("logs").join(format!("{id}.jsonl"))
    }

    /// Creates the folder and takes its lock.
    ///
    /// # Errors
    /// [`SweepError::Locked`] when another launcher holds it, [`Error::Io`] when it cannot be made.
    pub fn lock(&self) -> Result<SweepLock> {
        let logs = self.root.join("logs");
        std::fs::create_dir_all(&logs).map_err(|e| Error::io(&logs, "create", &e))?;
        let path = self.root.join(".lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| Error::io(&path, "create", &e))?;
        match file.try_lock() {
            Ok(()) => Ok(SweepLock { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(SweepError::Locked { path: path.display().to_string() }.into())
            }
            Err(std::fs::TryLockError::Error(e)) => Err(Error::io(&path, "locking", &e)),
        }
    }

    /// Reads which runs have ended.
    ///
    /// # Errors
    /// [`Error::Io`] when the table exists but cannot be read, [`SweepError::File`] when a
    /// line is no row.
    pub fn state(&self) -> Result<SweepState> {
        let path = self.records();
        let mut state = SweepState::default();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(state),
            Err(e) => return Err(Error::io(&path, "reading", &e)),
        };
        for (i, line) in BufReader::new(file).lines().enumerate() {
            let line = line.map_err(|e| Error::io(&path, "reading", &e))?;
            let row: RunResult = serde_json::from_str(&line).map_err(|e| SweepError::File {
                path: format!("{}:{}", path.display(), i + 1),
                reason: format!("not a row of a sweep: {e}"),
            })?;
            state.ended.insert(row.run.clone(), row);
        }
        Ok(state)
    }

    /// Refuses to take a finished run for this one when its log asks for something else. A run whose
    /// log is gone is taken as it is.
    fn check_same(&self, spec: &RunSpec) -> Result<()> {
        let path = self.log(&spec.id);
        let Ok(file) = File::open(&path) else { return Ok(()) };
        let mut asked = String::new();
        BufReader::new(file).read_line(&mut asked).map_err(|e| Error::io(&path, "reading", &e))?;
        let mut now = Vec::new();
        write_line(&mut now, &Header::of(spec)).map_err(|e| Error::io(&path, "reading", &e))?;
        if asked.as_bytes() == now {
            return Ok(());
        }
        let (path, run) = (path.display().to_string(), spec.id.clone());
        Err(SweepError::Foreign { path, run }.into())
    }

    /// Appends a row: the table is rewritten beside itself and renamed, so it is whole at any moment.
    fn append(&self, row: &RunResult) -> Result<()> {
        let path = self.records();
        let io = |e: std::io::Error| Error::io(&path, "write", &e);
        let mut text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(io(e)),
        };
        write_line(&mut text, row).map_err(io)?;
        let temporary = path.with_extension("jsonl.tmp");
        std::fs::write(&temporary, &text).map_err(io)?;
        std::fs::rename(&temporary, &path).map_err(io)
    }
}

/// The first line of a step log: what was asked for.
#[derive(Serialize)]
struct Header<'a> {
    event: &'static str,
    run: &'a str,
    spec: &'a RunSpec,
}

impl<'a> Header<'a> {
    fn of(spec: &'a RunSpec) -> Self {
        Self { event: "spec", run: &spec.id, spec }
    }
}

/// What a sweep tells whoever watches, from any of its threads.
pub trait Watcher: Sync {
    /// Something happened in run `spec`; `Break` stops it, leaving a valid log.
    fn on_event(&self, spec: &RunSpec, event: &TrainEvent) -> ControlFlow<()>;
    /// A run ended.
    fn on_end(&self, spec: &RunSpec, result: &RunResult);
    /// Whether no further run should begin.
    fn should_stop(&self) -> bool;
}

/// Trains every run of `specs` that has not ended, `jobs` at a time, each with a trainer of its own.
///
/// Returns the rows of all runs of `specs` that have ended, in the order of `specs`.
///
/// # Errors
/// The first failure to begin a run or to write; runs under way are finished first.
pub fn run_sweep<T: Trainer + Send>(
    folder: &SweepFolder,
    specs: &[RunSpec],
    jobs: usize,
    new_trainer: &(dyn Fn() -> T + Sync),
    watcher: &dyn Watcher,
) -> Result<Vec<RunResult>> {
    let _lock = folder.lock()?;
    let done = folder.state()?;
    for spec in specs.iter().filter(|s| done.is_done(&s.id)) {
        folder.check_same(spec)?;
    }
    let queue: Mutex<VecDeque<&RunSpec>> =
        Mutex::new(specs.iter().filter(|s| !done.is_done(&s.id)).collect());
    let writing = Mutex::new(());
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    let take = || -> Option<&RunSpec> {
        let failed = failure.lock().is_ok_and(|f| f.is_some());
        if failed || watcher.should_stop() {
            return None;
        }
        queue.lock().ok()?.pop_front()
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                let mut trainer = new_trainer();
                while let Some(spec) = take() {
                    let ended = run_one(&folder.log(&spec.id), spec, &mut trainer, &mut |event| {
                        watcher.on_event(spec, event)
                    })
                    .and_then(|row| {
                        // A stopped run has no final loss; it is trained again from its start.
                        if row.status != RunStatus::Stopped {
                            let _one_at_a_time = writing.lock();
                            folder.append(&row)?;
                        }
                        Ok(row)
                    });
                    match ended {
                        Ok(row) => watcher.on_end(spec, &row),
                        Err(error) => {
                            if let Ok(mut first) = failure.lock() {
                                first.get_or_insert(error);
                            }
                        }
                    }
                }
            });
        }
    });
    if let Ok(Some(error)) = failure.into_inner() {
        return Err(error);
    }
    let mut state = folder.state()?;
    Ok(specs.iter().filter_map(|s| state.ended.remove(&s.id)).collect())
}

/// Trains one run with its step log at `log`.
///
/// The log is flushed with every evaluation, so that it can be watched, and once more at the end;
/// each line is whole whenever the run is broken off by its listener.
///
/// # Errors
/// When the run cannot begin or the log cannot be written.
pub fn run_one(
    log: &Path,
    spec: &RunSpec,
    trainer: &mut impl Trainer,
    on_event: &mut (dyn FnMut(&TrainEvent) -> ControlFlow<()> + Send),
) -> Result<RunResult> {
    let io = |e: std::io::Error| Error::io(log, "write", &e);
    let mut writer = BufWriter::new(File::create(log).map_err(io)?);
    let mut broken: Option<std::io::Error> = None;
    write_line(&mut writer, &Header::of(spec)).map_err(io)?;
    let result = trainer.train(spec, &mut |event| {
        let written = write_line(&mut writer, event).and_then(|()| match event {
            TrainEvent::Step(_) => Ok(()),
            TrainEvent::Start(_) | TrainEvent::Eval(_) => writer.flush(),
        });
        if let Err(error) = written {
            // A full disk must stop the run, not let it train into the void.
            broken = Some(error);
            return ControlFlow::Break(());
        }
        on_event(event)
    })?;
    if let Some(error) = broken {
        return Err(io(error));
    }
    #[derive(Serialize)]
    struct End<'a> {
        event: &'static str,
        #[serde(flatten)]
        result: &'a RunResult,
    }
    write_line(&mut writer, &End { event: "end", result: &result }).map_err(io)?;
    writer.flush().map_err(io)?;
    Ok(result)
}

fn write_line(writer: &mut impl Write, value: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *writer, value)?;
    writer.write_all(b"\n")
}
