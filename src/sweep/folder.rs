//! The folder of a sweep: where everything lies, and its lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::machine::{end_process, host};
use super::run::Part;
use crate::error::{Error, Result, SweepError};

/// How often, and how far apart, a lock is tried: others look for a moment whether it is held.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(30);

/// No file takes longer to be written.
const HALF_WRITTEN: Duration = Duration::from_secs(600);

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

    /// Whether there is any record of a run.
    pub(super) fn has_rows(&self) -> bool {
        let entries = std::fs::read_dir(self.root.join("rows"));
        entries.is_ok_and(|mut entries| entries.any(|entry| entry.is_ok()))
    }

    /// Removes what was kept to continue a run.
    pub(super) fn remove_checkpoints(&self, stem: &str) {
        for ending in ["safetensors", "before.safetensors", "safetensors.next"] {
            // Files that stay are no harm but to the disk.
            let _ = std::fs::remove_file(self.checkpoints().join(format!("{stem}.{ending}")));
        }
    }

    /// Removes temporary files that are too old to be of a process that still writes.
    pub(super) fn remove_half_written(&self) {
        for folder in ["", "rows", "logs", "units", "checkpoints"] {
            let Ok(entries) = std::fs::read_dir(self.root.join(folder)) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let age = entry.metadata().ok().and_then(|m| m.modified().ok()?.elapsed().ok());
                if name.starts_with(".writing-") && age.is_some_and(|age| age > HALF_WRITTEN) {
                    // Another launcher was faster, or it may not be removed: no harm in either.
                    let _ = std::fs::remove_file(entry.path());
                }
            }
        }
    }

    /// Whether a launcher holds the folder.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        is_held(&self.root.join(".lock"))
    }

    /// Asks the launcher that holds the folder to save and stop; returns its process, `None` where there
    /// is none.
    ///
    /// # Errors
    /// [`SweepError::Locked`] when it runs on another machine.
    pub fn ask_launcher_to_stop(&self) -> Result<Option<u32>> {
        if !self.is_locked() {
            return Ok(None);
        }
        let path = self.root.join(".lock");
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, "reading", &e))?;
        match serde_json::from_str::<Holder>(&text) {
            Ok(holder) if holder.host == host() => {
                end_process(holder.pid);
                Ok(Some(holder.pid))
            }
            other => {
                let (pid, host) = other.map_or((0, "?".to_owned()), |h| (h.pid, h.host));
                Err(SweepError::Locked { path: path.display().to_string(), pid, host }.into())
            }
        }
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
