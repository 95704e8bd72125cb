//! The folder of a sweep: its table of ended runs, its logs, its lock.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use super::run::{RunResult, RunSpec};
use super::step_log::{Header, write_line};
use crate::data::write_atomically;
use crate::error::{Error, Result, SweepError};

/// The folder of a sweep.
#[derive(Clone, Debug)]
pub struct SweepFolder {
    root: PathBuf,
}

/// Which runs of a sweep folder have ended.
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
    // The operating system frees the lock when the process ends, even by a kill.
    _file: File,
}

impl SweepFolder {
    /// The folder at `root`; nothing is created yet.
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
    /// [`SweepError::Locked`] when another process holds it, [`Error::Io`] when it cannot be created.
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
    /// [`Error::Io`] when the table exists but cannot be read, [`SweepError::Row`] when a line is not
    /// a row.
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
            let row: RunResult = serde_json::from_str(&line).map_err(|e| SweepError::Row {
                path: path.display().to_string(),
                line: i + 1,
                reason: e.to_string(),
            })?;
            state.ended.insert(row.run.clone(), row);
        }
        Ok(state)
    }

    /// Refuses to add runs on the corpus `expected` to a folder whose runs were trained on another.
    ///
    /// # Errors
    /// [`SweepError::ForeignCorpus`] naming the first such run of `specs`.
    pub fn check_corpus(
        &self,
        state: &SweepState,
        specs: &[RunSpec],
        expected: &str,
    ) -> Result<(), SweepError> {
        let mut ended = specs.iter().filter_map(|spec| state.ended.get(&spec.id));
        let foreign = ended.find(|row| row.corpus_sha256 != expected);
        foreign.map_or(Ok(()), |row| {
            Err(SweepError::ForeignCorpus {
                path: self.records().display().to_string(),
                run: row.run.clone(),
                found: row.corpus_sha256.clone(),
                expected: expected.to_owned(),
            })
        })
    }

    /// Refuses a finished run of the same name whose log asks for another configuration. A run without
    /// a log is accepted as it is.
    pub(super) fn check_same(&self, spec: &RunSpec) -> Result<()> {
        let path = self.log(&spec.id);
        let Ok(file) = File::open(&path) else { return Ok(()) };
        let mut asked = String::new();
        BufReader::new(file).read_line(&mut asked).map_err(|e| Error::io(&path, "reading", &e))?;
        if serde_json::from_str::<Header>(&asked).is_ok_and(|header| header.spec == *spec) {
            return Ok(());
        }
        let (path, run) = (path.display().to_string(), spec.id.clone());
        Err(SweepError::ForeignRun { path, run }.into())
    }

    /// Appends a row. The table is written to another file and renamed, so it is whole at any moment.
    pub(super) fn append(&self, row: &RunResult) -> Result<()> {
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
