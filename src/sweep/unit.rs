//! Units: what one process trains, with the files by which processes know of each other.
//!
//! ```text
//! units/NAME.json         manifest, frozen: what to train
//! units/NAME.lock         held while anything of the unit is alive, an external trainer included
//! units/NAME.worker.lock  held by the worker alone
//! units/NAME.state.json   how far it is
//! ```

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::execution::Execution;
use super::external_spec::ExternalTrainer;
use super::folder::{Holder, SweepFolder, hold, is_held};
use super::machine::now_s;
use super::run::RunSpec;
use crate::data::write_atomically;
use crate::error::{Error, Result, SweepError};
use crate::flops::FlopRule;
use crate::units::Flops;

/// Version of manifests.
const SCHEMA: u32 = 1;

/// How often, and how far apart, a worker tries to take its lock: others look whether it is held.
const TRIES: u32 = 40;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// A run of a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitRun {
    /// The run.
    pub spec: RunSpec,
    /// Digest of its settings.
    pub settings: String,
    /// Name of its files.
    pub stem: String,
    /// Name of the files of the shorter run of its trunk, whose log holds the steps that both share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branched: Option<String>,
}

/// One process's worth of work: a run, or the runs of one trunk, shortest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// Unique, the same whenever the same runs are to be trained, and safe as a file name.
    pub name: String,
    /// The runs that are left.
    pub runs: Vec<UnitRun>,
}

impl Unit {
    /// C of its runs that are left, 6 N D, as if each were trained from its start.
    #[must_use]
    pub fn flops(&self) -> Flops {
        let of =
            |run: &UnitRun| FlopRule::six_nd(run.spec.shape.params().active, run.spec.tokens).get();
        Flops::new(self.runs.iter().map(of).sum())
    }
}

/// Everything a worker needs, frozen when it was submitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    schema: u32,
    /// The runs.
    pub unit: Unit,
    /// Digest of the corpus.
    pub corpus: String,
    /// Identity of the trainer.
    pub trainer: String,
    /// Folder of the sweep file, absolute; an external trainer is started there.
    pub home: PathBuf,
    /// How runs are executed.
    pub execution: Execution,
    /// The program that trains; the bundled trainer when absent.
    pub external: Option<ExternalTrainer>,
}

impl Manifest {
    /// A manifest for a unit of a sweep.
    #[must_use]
    pub fn new(unit: Unit, corpus: String, trainer: String, home: PathBuf) -> Self {
        let (execution, external) = (Execution::default(), None);
        Self { schema: SCHEMA, unit, corpus, trainer, home, execution, external }
    }

    /// Reads the manifest of a unit.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`SweepError::File`] when it is none of this version.
    pub fn read(folder: &SweepFolder, unit: &str) -> Result<Self> {
        let path = path(folder, unit, "json");
        let text = std::fs::read(&path).map_err(|e| Error::io(&path, "reading", &e))?;
        let bad = |reason: String| SweepError::File { path: path.display().to_string(), reason };
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|e| bad(format!("not a unit: {e}")))?;
        if manifest.schema != SCHEMA {
            return Err(bad(format!("version {}; expected {SCHEMA}", manifest.schema)).into());
        }
        Ok(manifest)
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written.
    pub fn write(&self, folder: &SweepFolder) -> Result<()> {
        let path = path(folder, &self.unit.name, "json");
        let text = serde_json::to_vec(self).map_err(|e| Error::io(&path, "write", &e.into()))?;
        write_atomically(&path, &text)
    }
}

/// How far a unit is, written by its worker every second or two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Process of the worker.
    pub pid: u32,
    /// Its machine.
    pub host: String,
    /// When it began, seconds since 1970.
    pub started_s: f64,
    /// When this was written.
    pub written_s: f64,
    /// Process group of the external trainer, where one runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trainer_group: Option<u32>,
    /// Name of the files of the run it trains.
    pub stem: String,
    /// Optimiser steps taken.
    pub step: u64,
    /// Of how many.
    pub steps: u64,
    /// Tokens seen.
    pub tokens: f64,
    /// Tokens seen when the last checkpoint was written: what a kill would leave.
    pub saved_tokens: f64,
    /// Last loss, nats per token.
    pub loss_nats: Option<f64>,
    /// Wall-clock seconds of the run, over all its attempts.
    pub elapsed_s: f64,
    /// FLOPs per token, to tell how fast it is.
    pub flops_per_token: f64,
    /// What its user should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Progress {
    /// Nothing yet of a run.
    #[must_use]
    pub fn begin(stem: &str) -> Self {
        let Holder { pid, host } = Holder::me();
        Self {
            pid,
            host,
            started_s: now_s(),
            written_s: now_s(),
            trainer_group: None,
            stem: stem.to_owned(),
            step: 0,
            steps: 0,
            tokens: 0.0,
            saved_tokens: 0.0,
            loss_nats: None,
            elapsed_s: 0.0,
            flops_per_token: 0.0,
            notes: Vec::new(),
        }
    }

    /// What the worker of a unit wrote last; `None` where there is none.
    #[must_use]
    pub fn read(folder: &SweepFolder, unit: &str) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path(folder, unit, "state.json")).ok()?).ok()
    }

    /// Writes it, with the time.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written.
    pub fn write(&mut self, folder: &SweepFolder, unit: &str) -> Result<()> {
        self.written_s = now_s();
        let path = path(folder, unit, "state.json");
        let text = serde_json::to_vec(self).map_err(|e| Error::io(&path, "write", &e.into()))?;
        write_atomically(&path, &text)
    }
}

/// Holds a unit until dropped.
#[derive(Debug)]
pub struct UnitLock {
    shared: File,
    _worker: File,
}

impl UnitLock {
    /// Takes the lock of a unit; `None` when another process trains it, also after two seconds.
    ///
    /// # Errors
    /// [`Error::Io`] when there can be no lock.
    pub fn take(folder: &SweepFolder, unit: &str) -> Result<Option<Self>> {
        for _ in 0..TRIES {
            if let Ok(shared) = hold(&path(folder, unit, "lock"))?
                && let Ok(worker) = hold(&path(folder, unit, "worker.lock"))?
            {
                return Ok(Some(Self { shared, _worker: worker }));
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
        Ok(None)
    }

    /// The lock as a file to hand to a program: the unit stays held while the program is alive, even if
    /// this process is not.
    ///
    /// # Errors
    /// [`Error::Io`] when the system gives no second handle.
    pub fn for_program(&self) -> Result<File> {
        let bad =
            |e: std::io::Error| Error::io(std::path::Path::new("a unit's lock"), "sharing", &e);
        self.shared.try_clone().map_err(bad)
    }
}

/// Whether anything of a unit is alive, on any machine that shares the folder.
#[must_use]
pub fn is_alive(folder: &SweepFolder, unit: &str) -> bool {
    is_held(&path(folder, unit, "lock"))
}

/// Whether the worker of a unit is alive.
#[must_use]
pub fn has_worker(folder: &SweepFolder, unit: &str) -> bool {
    is_held(&path(folder, unit, "worker.lock"))
}

fn path(folder: &SweepFolder, unit: &str, ending: &str) -> PathBuf {
    folder.units().join(format!("{unit}.{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_alive_while_anyone_has_its_lock() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = SweepFolder::new(home.path().to_owned());
        std::fs::create_dir_all(folder.units()).expect("made");
        assert!(!is_alive(&folder, "a"));
        let lock = UnitLock::take(&folder, "a").expect("a lock").expect("free");
        assert!(is_alive(&folder, "a") && has_worker(&folder, "a"));
        let program = lock.for_program().expect("a handle");
        drop(lock);
        assert!(is_alive(&folder, "a") && !has_worker(&folder, "a"), "the program has it");
        drop(program);
        assert!(!is_alive(&folder, "a"));
        assert_eq!(Progress::read(&folder, "a"), None);
        let mut progress = Progress::begin("a.0");
        progress.write(&folder, "a").expect("written");
        assert_eq!(Progress::read(&folder, "a"), Some(progress));
    }
}
