//! Units as tasks of Slurm's job arrays.
//!
//! Jobs outlive the launcher. A launcher that is started again finds by name which of its jobs the queue
//! still has, and sends only the units that no living task trains. Whatever the queue says, a unit is
//! not gone while anything holds its lock: a node that Slurm lost may still be training.

mod place;
mod queue;
mod submission;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Command;
use std::time::{Duration, Instant};

pub use self::place::SlurmPlace;
use self::queue::{JobState, Stage, Task, accounted, ask, queued};
use self::submission::{LARGEST_ARRAY, Submissions};
use super::seam::{Engine, Gone, UnitState};
use crate::error::{Result, SweepError};
use crate::sweep::folder::SweepFolder;
use crate::sweep::unit::{Unit, is_alive};

/// How long a controller may be away before that is an error.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long accounts may lag behind the queue.
const LAG: Duration = Duration::from_secs(20);

/// Time between two questions to the queue, which all users of a cluster share.
const PAUSE: Duration = Duration::from_secs(2);

/// Exit codes of a shell or worker that a signal ended: 128 and the signal.
const BY_SIGNAL: std::ops::RangeInclusive<i32> = 129..=159;

/// What a worker exits with when it was asked to save and stop.
const ASKED_TO_STOP: i32 = 143;

/// Sends units to Slurm.
#[derive(Debug)]
pub struct Slurm {
    folder: SweepFolder,
    place: SlurmPlace,
    submissions: Submissions,
    /// The task of each unit that was not reported gone.
    tasks: BTreeMap<String, Sent>,
    away_since: Option<Instant>,
}

/// A unit under way.
#[derive(Debug)]
struct Sent {
    task: Task,
    array: Option<String>,
    state: UnitState,
    missing_since: Option<Instant>,
}

impl Slurm {
    /// Slurm for the units of a folder.
    ///
    /// # Errors
    /// [`Error::Io`](crate::error::Error::Io) when the folder cannot be written.
    pub fn new(folder: SweepFolder, place: SlurmPlace) -> Result<Self> {
        let submissions = Submissions::open(&folder, &place.sweep)?;
        Ok(Self { folder, place, submissions, tasks: BTreeMap::new(), away_since: None })
    }

    /// Takes over every task that the queue still has, and returns how many there are.
    ///
    /// # Errors
    /// [`SweepError::Slurm`] when the queue cannot be read.
    pub fn adopt_all(&mut self) -> Result<usize> {
        self.adopt(&|_| true)?;
        Ok(self.tasks.len())
    }

    /// Units of earlier launchers that the queue still has.
    fn adopt(&mut self, is_wanted: &dyn Fn(&str) -> bool) -> Result<(), SweepError> {
        let names: Vec<String> = self.submissions.all.iter().map(|s| s.name.clone()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let queue = queued(&names)?;
        for submission in &self.submissions.all {
            for (index, unit) in submission.units.iter().enumerate() {
                let task = (submission.name.clone(), index);
                let living = queue.get(&task).filter(|job| job.stage() != Stage::Over);
                if let Some(job) = living.filter(|_| is_wanted(unit)) {
                    let sent = Sent::new(task, Some(job.array.clone()));
                    self.tasks.insert(unit.clone(), sent);
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, units: &[&Unit]) -> Result<()> {
        let (submission, words) = self.submissions.add(units, &self.place)?;
        let array = match sbatch(&words) {
            Ok(array) => array,
            Err(error) => {
                self.submissions.remove_last();
                return Err(error.into());
            }
        };
        for (index, unit) in submission.units.iter().enumerate() {
            let task = (submission.name.clone(), index);
            self.tasks.insert(unit.clone(), Sent::new(task, Some(array.clone())));
        }
        Ok(())
    }

    /// The queue, or nothing while the controller is away.
    fn look(&mut self) -> Result<Option<BTreeMap<Task, JobState>>> {
        let mut names: Vec<String> = self.tasks.values().map(|sent| sent.task.0.clone()).collect();
        names.sort();
        names.dedup();
        match queued(&names) {
            Ok(queue) => {
                self.away_since = None;
                Ok(Some(queue))
            }
            Err(error) => {
                let since = *self.away_since.get_or_insert_with(Instant::now);
                if since.elapsed() > PATIENCE { Err(error.into()) } else { Ok(None) }
            }
        }
    }

    /// Numbers of the job arrays of living units.
    fn arrays(&self) -> Vec<String> {
        let mut arrays: Vec<String> = self.tasks.values().filter_map(|s| s.array.clone()).collect();
        arrays.sort();
        arrays.dedup();
        arrays
    }
}

impl Engine for Slurm {
    fn name(&self) -> &'static str {
        "slurm"
    }

    fn submit(&mut self, units: &[Unit]) -> Result<()> {
        self.adopt(&|name| units.iter().any(|unit| unit.name == name))?;
        let left: Vec<&Unit> = units.iter().filter(|u| !self.tasks.contains_key(&u.name)).collect();
        left.chunks(LARGEST_ARRAY).try_for_each(|part| self.send(part))
    }

    fn poll(&mut self) -> Result<Vec<(String, UnitState)>> {
        let Some(queue) =
            (if self.tasks.is_empty() { Some(BTreeMap::new()) } else { self.look()? })
        else {
            let waiting = |sent: &Sent| match &sent.state {
                UnitState::Waiting(_) => {
                    UnitState::Waiting(Some("Slurm's controller does not answer".to_owned()))
                }
                state => state.clone(),
            };
            return Ok(self
                .tasks
                .iter()
                .map(|(unit, sent)| (unit.clone(), waiting(sent)))
                .collect());
        };
        let mut accounts: BTreeMap<String, Option<BTreeMap<usize, JobState>>> = BTreeMap::new();
        let mut states = Vec::new();
        for (unit, sent) in &mut self.tasks {
            let job = queue.get(&sent.task);
            sent.array = job.map(|job| job.array.clone()).or(sent.array.take());
            let state = match job.map(JobState::stage) {
                Some(Stage::Waiting) => {
                    sent.missing_since = None;
                    UnitState::Waiting(job.map(|job| job.reason.clone()))
                }
                Some(Stage::Running) => {
                    sent.missing_since = None;
                    UnitState::Running
                }
                _ if is_alive(&self.folder, unit) => UnitState::Running,
                found => {
                    let account = sent.array.clone().and_then(|array| {
                        let known =
                            accounts.entry(array.clone()).or_insert_with(|| accounted(&array));
                        known.as_ref()?.get(&sent.task.1).cloned()
                    });
                    let over = account.filter(|job| job.stage() == Stage::Over).or(job.cloned());
                    let since = *sent.missing_since.get_or_insert_with(Instant::now);
                    // The queue lists a job a moment after it was accepted, accounts lag behind it.
                    if found.is_none() && over.is_none() && since.elapsed() < LAG {
                        sent.state.clone()
                    } else {
                        let said = self.submissions.said(&sent.task.0, sent.task.1);
                        UnitState::Gone(gone(over.as_ref(), said))
                    }
                }
            };
            sent.state = state.clone();
            states.push((unit.clone(), state));
        }
        self.tasks.retain(|_, sent| !matches!(sent.state, UnitState::Gone(_)));
        Ok(states)
    }

    fn stop(&mut self) -> Result<()> {
        let arrays = self.arrays();
        if arrays.is_empty() {
            return Ok(());
        }
        // `--full` reaches the worker itself, which took the place of the batch shell.
        let with = |options: &[&str]| -> Vec<String> {
            options.iter().map(|o| (*o).to_owned()).chain(arrays.iter().cloned()).collect()
        };
        ask("scancel", &with(&["--state=PENDING"]))?;
        ask("scancel", &with(&["--full", "--signal=TERM"]))?;
        let since = Instant::now();
        let patience = Duration::from_secs(u64::from(self.place.spec.save_seconds.max(10)));
        while since.elapsed() < patience {
            let left = self.poll()?.iter().any(|(_, state)| matches!(state, UnitState::Running));
            if !left {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        ask("scancel", &with(&[])).map(drop).map_err(Into::into)
    }

    fn outlives_launcher(&self) -> bool {
        true
    }

    fn pause(&self) -> Duration {
        PAUSE
    }
}

impl Sent {
    fn new(task: Task, array: Option<String>) -> Self {
        Self { task, array, state: UnitState::Waiting(None), missing_since: None }
    }
}

/// Sends a script; returns the number of the job array.
fn sbatch(words: &[OsString]) -> Result<String, SweepError> {
    let bad = |reason: String| SweepError::Slurm { program: "sbatch", reason };
    let done = Command::new("sbatch").args(words).env("LC_ALL", "C").output().map_err(|e| {
        bad(match e.kind() {
            std::io::ErrorKind::NotFound => {
                "not found on this machine; start this on a machine from which jobs are sent".into()
            }
            _ => e.to_string(),
        })
    })?;
    if !done.status.success() {
        return Err(bad(String::from_utf8_lossy(&done.stderr).trim().to_owned()));
    }
    // `7` or, with several clusters, `7;name`.
    let said = String::from_utf8_lossy(&done.stdout);
    Ok(said.trim().split(';').next().unwrap_or_default().to_owned())
}

/// Why a task is gone, from what the queue or accounts say of it.
fn gone(job: Option<&JobState>, said: Option<String>) -> Gone {
    let Some(job) = job else {
        return Gone::Killed("it left Slurm's queue, and no account says how it ended".to_owned());
    };
    let with = |text: &str| match &said {
        Some(said) => format!("{text}: {said}"),
        None => text.to_owned(),
    };
    match (job.state.as_str(), job.ended) {
        ("COMPLETED", _) => Gone::Exited(0),
        ("OUT_OF_MEMORY", _) => Gone::OutOfMemory(with("Slurm ended it: out of memory")),
        ("TIMEOUT" | "DEADLINE", _) => Gone::TimedOut(with("Slurm ended it at its time limit")),
        ("CANCELLED", _) => Gone::Cancelled("cancelled in Slurm".to_owned()),
        ("FAILED", Some((0, signal))) if signal > 0 => {
            Gone::Killed(with(&format!("signal {signal}")))
        }
        ("FAILED", Some((ASKED_TO_STOP, _))) => {
            Gone::Killed("Slurm asked it to stop, and it has saved what it had".to_owned())
        }
        ("FAILED", Some((code, _))) if BY_SIGNAL.contains(&code) => {
            Gone::Killed(with(&format!("signal {}", code - 128)))
        }
        ("FAILED", code) => Gone::Exited(code.map_or(1, |(code, _)| code)),
        (state, _) => Gone::Killed(with(&format!("Slurm says {state}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_a_job_has_its_meaning() {
        let job = |state: &str, ended| JobState {
            state: state.to_owned(),
            reason: String::new(),
            array: "1".to_owned(),
            ended,
        };
        let of = |state: &str, ended| gone(Some(&job(state, ended)), None);
        assert_eq!(of("COMPLETED", None), Gone::Exited(0));
        assert_eq!(of("FAILED", Some((2, 0))), Gone::Exited(2));
        assert_eq!(of("FAILED", None), Gone::Exited(1));
        assert!(matches!(of("FAILED", Some((0, 9))), Gone::Killed(why) if why == "signal 9"));
        assert!(matches!(of("FAILED", Some((137, 0))), Gone::Killed(why) if why == "signal 9"));
        assert!(matches!(of("FAILED", Some((143, 0))), Gone::Killed(why) if why.contains("saved")));
        for state in ["NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "REVOKED"] {
            assert!(matches!(of(state, None), Gone::Killed(why) if why.contains(state)));
        }
        assert!(matches!(of("CANCELLED", Some((0, 15))), Gone::Cancelled(_)));
        assert!(matches!(of("OUT_OF_MEMORY", None), Gone::OutOfMemory(_)));
        assert!(matches!(of("TIMEOUT", None), Gone::TimedOut(_)));
        assert!(matches!(gone(None, None), Gone::Killed(_)));
    }
}
