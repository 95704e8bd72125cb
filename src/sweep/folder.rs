//! The folder of a sweep: where everything lies, and its lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::machine::host;
use super::run::Part;
use crate::error::{Error, Result, SweepError};

/// How often, and how far apart, a lock is tried: others look for a moment whether it is held.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(30);

/// The folder of a sweep.
///
/// Files of a run are named by its [`stem`](super::stem), files of a unit by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepFolder {
    root: PathBuf,
}

/// Holds the lock of a sweep folder until dropped.
#[derive(Debug)]
pub struct SweepLock {
    // The operating system frees the lock when the process ends, even by a kill.
    _file: File,
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub(super) pid: u32,
    pub(super) host: String,
}

impl Holder {
    pub(super) fn me() -> Self {
        Self { pid: std::process::id(), host: host() }
    }
}

impl SweepFolder {
    /// The folder at `root`; nothing is created yet.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where it lies.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The table of ended runs, which `fit` reads.
    #[must_use]
    pub fn records(&self) -> PathBuf {
        self.table(Part::Main)
    }

    /// The table of ended runs of a part.
    #[must_use]
    pub fn table(&self, part: Part) -> PathBuf {
        self.root.join(match part {
            Part::Main => "runs.jsonl",
            Part::Tune | Part::Check => "tuning.jsonl",
        })
    }

    /// The record of a run.
    #[must_use]
    pub fn row(&self, stem: &str) -> PathBuf {
        self.root.join("rows").join(format!("{stem}.json"))
    }

    /// The step log of a run.
    #[must_use]
    pub fn log(&self, stem: &str) -> PathBuf {
        self.root.join("logs").join(format!("{stem}.jsonl"))
    }

    /// What a unit said on its standard streams.
    #[must_use]
    pub fn console(&self, unit: &str) -> PathBuf {
        self.root.join("console").join(format!("{unit}.txt"))
    }

    /// The folder of checkpoints of the bundled trainer.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// The folder that an external trainer has for a run.
    #[must_use]
    pub fn external(&self, stem: &str) -> PathBuf {
        self.root.join("external").join(stem)
    }

    /// The folder of units: manifests, states and locks.
    #[must_use]
    pub fn units(&self) -> PathBuf {
        self.root.join("units")
    }

    /// The folder of the shards of a corpus; `key` is its digest.
    #[must_use]
    pub fn corpus(&self, key: &str) -> PathBuf {
        self.root.join("corpus").join(super::digest::short(key))
    }

    /// Creates the folder and takes its lock.
    ///
    /// # Errors
    /// [`SweepError::Locked`] naming the process that holds it, [`Error::Io`] when it cannot be created.
    pub fn lock(&self) -> Result<SweepLock> {
        for name in ["logs", "rows", "units", "console"] {
            let folder = self.root.join(name);
            std::fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, "create", &e))?;
        }
        let path = self.root.join(".lock");
        let mut holder = None;
        for _ in 0..TRIES {
            match hold(&path)? {
                Ok(file) => return Ok(SweepLock { _file: file }),
                Err(other) => holder = other,
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
        let (pid, host) = holder.map_or((0, "?".to_owned()), |h| (h.pid, h.host));
        Err(SweepError::Locked { path: path.display().to_string(), pid, host }.into())
    }

    /// Whether the folder still lies where it was locked.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        self.root.join(".lock").exists()
    }
}

/// Takes the lock of a file and signs it, or says who signed it.
pub(super) fn hold(path: &Path) -> Result<std::result::Result<File, Option<Holder>>> {
    let io = |e: std::io::Error| Error::io(path, "create", &e);
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => {
            let sign = serde_json::to_vec(&Holder::me()).unwrap_or_default();
            file.set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| file.write_all(&sign))
                .map_err(io)?;
            Ok(Ok(file))
        }
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = file.read_to_string(&mut text);
            Ok(Err(serde_json::from_str(&text).ok()))
        }
        Err(TryLockError::Error(e)) => Err(Error::io(path, "locking", &e)),
    }
}

/// Whether some process holds the lock of a file.
pub(super) fn is_held(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}
