//! Running a sweep: every cell once, resumable at any moment.
//!
//! State is files. A run's step log is `logs/<id>.jsonl`; its row is appended to `runs.jsonl` only
//! when it has ended. A run is done when its row is there; one that was under way when the sweep was
//! killed is taken up from the trainer's checkpoint.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Mutex;

use super::execution::LogFormat;
use super::run::{RunResult, RunSpec, RunStatus, TrainEvent, Trainer};
use super::step_log::{Header, LogFiles, run_one, write_line};
use crate::data::write_atomically;
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
        if serde_json::from_str::<Header>(&asked).is_ok_and(|header| header.spec == *spec) {
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
        write_atomically(&path, &text)
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

/// Trains every run of `specs` that has not ended, `jobs` at a time, each with a trainer of its own;
/// `formats` are logs besides JSON Lines.
///
/// Returns the rows of all runs of `specs` that have ended, in the order of `specs`.
///
/// # Errors
/// The first failure to begin a run or to write; runs under way are finished first.
pub fn run_sweep<T: Trainer + Send>(
    folder: &SweepFolder,
    specs: &[RunSpec],
    jobs: usize,
    formats: &[LogFormat],
    new_trainer: &(dyn Fn() -> T + Sync),
    watcher: &dyn Watcher,
) -> Result<Vec<RunResult>> {
    let _lock = folder.lock()?;
    let done = folder.state()?;
    for spec in specs.iter().filter(|s| done.is_done(&s.id)) {
        folder.check_same(spec)?;
    }
    let left = specs.iter().filter(|s| !done.is_done(&s.id));
    let queue: Mutex<VecDeque<Vec<&RunSpec>>> = Mutex::new(by_trunk(left));
    let writing = Mutex::new(());
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    let take = || -> Option<Vec<&RunSpec>> {
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
                while let Some(group) = take() {
                    let ended = train_group(
                        (folder, formats, &writing),
                        specs,
                        &group,
                        &mut trainer,
                        watcher,
                    );
                    if let (Err(error), Ok(mut first)) = (ended, failure.lock()) {
                        first.get_or_insert(error);
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

/// Runs of one trunk together, shortest first, so that each goes on from the one before.
fn by_trunk<'a>(specs: impl Iterator<Item = &'a RunSpec>) -> VecDeque<Vec<&'a RunSpec>> {
    let mut groups: VecDeque<Vec<&RunSpec>> = VecDeque::new();
    for spec in specs {
        let same = |group: &&mut Vec<&RunSpec>| {
            spec.trunk.is_some() && group.first().is_some_and(|first| first.trunk == spec.trunk)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(spec),
            None => groups.push_back(vec![spec]),
        }
    }
    for group in &mut groups {
        group.sort_by(|a, b| a.tokens.get().total_cmp(&b.tokens.get()));
    }
    groups
}

/// Trains the runs of one group one after the other.
fn train_group(
    (folder, formats, writing): (&SweepFolder, &[LogFormat], &Mutex<()>),
    specs: &[RunSpec],
    group: &[&RunSpec],
    trainer: &mut impl Trainer,
    watcher: &dyn Watcher,
) -> Result<()> {
    for spec in group {
        if watcher.should_stop() {
            return Ok(());
        }
        let branched = shorter_sibling(specs, spec).map(|s| folder.log(&s.id));
        let mut tell = |event: &TrainEvent| watcher.on_event(spec, event);
        let log = folder.log(&spec.id);
        let files = LogFiles { log: &log, branched: branched.as_deref(), formats };
        let row = run_one(files, spec, trainer, &mut tell)?;
        // A stopped run has no final loss; it is taken up again from its checkpoint, if it has one.
        if row.status != RunStatus::Stopped {
            let _one_at_a_time = writing.lock();
            folder.append(&row)?;
            trainer.forget(&spec.id)?;
        }
        watcher.on_end(spec, &row);
        if row.status == RunStatus::Stopped {
            return Ok(());
        }
    }
    let trunk = group.first().and_then(|spec| spec.trunk.as_ref());
    trunk.map_or(Ok(()), |trunk| trainer.forget(trunk))
}

/// The longest run of the same trunk that is shorter than this one: whose log holds the steps that
/// this one takes over.
fn shorter_sibling<'a>(specs: &'a [RunSpec], spec: &RunSpec) -> Option<&'a RunSpec> {
    specs
        .iter()
        .filter(|s| s.trunk.is_some() && s.trunk == spec.trunk)
        .filter(|s| s.tokens.get() < spec.tokens.get())
        .max_by(|a, b| a.tokens.get().total_cmp(&b.tokens.get()))
}
