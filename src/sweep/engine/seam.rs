//! What a launcher asks of the place where its units are trained.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Result;
use crate::sweep::folder::SweepFolder;
use crate::sweep::unit::Unit;

/// Where a unit is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitState {
    /// Not started yet: no room, or queued; why, where it is known.
    Waiting(Option<String>),
    /// A worker trains it.
    Running,
    /// Nothing of it is alive any more. What it trained is in its row files.
    Gone(Gone),
}

/// Why a unit is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Its worker ended by itself, with this exit code.
    Exited(i32),
    /// It was ended from outside (a signal, a lost node, preemption): worth another try.
    Killed(String),
    /// The machine had no memory left for it.
    OutOfMemory(String),
    /// It took longer than its place allows.
    TimedOut(String),
    /// Somebody ended it on purpose: not tried again by this launcher.
    Cancelled(String),
}

/// A place where units are trained: this machine, a cluster.
///
/// The launcher holds the lock of the folder, writes the manifest of each unit before it is submitted,
/// asks [`poll`](Engine::poll) in a loop, and reads row files. It submits a unit again, with the runs
/// that are left, when one was [`Killed`](Gone::Killed). The name of a unit is the same in each attempt
/// and after a launcher was killed and started again, so that an engine can take over what is alive
/// from before: it must not start a second worker while the first may still be alive
/// ([`is_alive`](crate::sweep::is_alive)).
pub trait Engine {
    /// A short name for people: `local`, `slurm`.
    fn name(&self) -> &'static str;

    /// Starts these units as soon as there is room, in this order, or takes over those that are alive.
    ///
    /// # Errors
    /// When the place takes no work at all.
    fn submit(&mut self, units: &[Unit]) -> Result<()>;

    /// The state of every unit that was submitted and not reported [`Gone`](UnitState::Gone) before.
    ///
    /// # Errors
    /// When the place does not answer and cannot be expected to.
    fn poll(&mut self) -> Result<Vec<(String, UnitState)>>;

    /// Asks all units to save what they have and stop, waits until they have, and starts no other.
    ///
    /// # Errors
    /// When that cannot be done.
    fn stop(&mut self) -> Result<()>;

    /// Whether its units go on when the launcher ends, so that another launcher can follow them.
    fn outlives_launcher(&self) -> bool {
        false
    }

    /// How long to wait between two polls.
    fn pause(&self) -> Duration {
        Duration::from_millis(100)
    }
}

/// How the worker of a unit is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerCommand {
    /// This program.
    pub program: PathBuf,
    /// Its arguments before those of the unit.
    pub verb: Vec<OsString>,
    /// Its flag before the name of the unit.
    pub unit: OsString,
    /// Its flag of a worker that stops when its standard input is closed.
    pub attached: OsString,
}

impl WorkerCommand {
    /// The program and its arguments. `attached`: the worker stops when its standard input is closed,
    /// for engines that hold the other end.
    #[must_use]
    pub fn words(&self, folder: &Path, unit: &str, attached: bool) -> Vec<OsString> {
        let mut words = vec![self.program.clone().into_os_string()];
        words.extend(self.verb.iter().cloned());
        words.extend([folder.as_os_str().to_owned(), self.unit.clone(), unit.into()]);
        words.extend(attached.then(|| self.attached.clone()));
        words
    }

    /// The same for a unit of a folder, wherever it is started.
    #[must_use]
    pub fn absolute(&self, folder: &SweepFolder, unit: &str) -> Vec<OsString> {
        let root = folder.root();
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        self.words(&root, unit, false)
    }
}
