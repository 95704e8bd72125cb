//! Running a sweep: every run once, resumable at any moment.
//!
//! The state of a sweep is in its files. The step log of a run is `logs/<id>.jsonl`; its row is appended
//! to `runs.jsonl` only when it has ended. A run is done when its row is there; a run that was training
//! when the sweep was killed continues from the trainer's checkpoint.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Mutex;

use serde::Serialize;

use super::execution::LogFormat;
use super::folder::SweepFolder;
use super::run::{RunResult, RunSpec, RunStatus, TrainEvent, Trainer};
use super::step_log::{LogFiles, run_one};
use crate::error::{Error, Result};

/// Follows a sweep or a run; called from any of its threads.
pub trait Watcher: Sync {
    /// The corpus is read and runs are about to begin.
    fn on_begin(&self, begin: &Begin) {
        let _ = begin;
    }
    /// Something happened in run `spec`; `Break` stops it, leaving a valid log.
    fn on_event(&self, spec: &RunSpec, event: &TrainEvent) -> ControlFlow<()>;
    /// A run ended.
    fn on_end(&self, spec: &RunSpec, result: &RunResult);
    /// Whether no further run should begin.
    fn should_stop(&self) -> bool;
}

/// What is about to be trained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Begin {
    /// Runs left to train.
    pub left: usize,
    /// All runs.
    pub total: usize,
    /// Name of the corpus.
    pub corpus: String,
    /// Its training tokens.
    pub train_tokens: usize,
    /// Its SHA-256.
    pub corpus_sha256: String,
    /// Where logs go: a file for one run, a folder for a sweep.
    pub log: PathBuf,
}

/// Trains every run of `specs` that has not ended, `jobs` at a time, each with a trainer of its own;
/// `formats` are logs besides JSON Lines.
///
/// Returns the rows of all runs of `specs` that have ended, in the order of `specs`.
///
/// # Errors
/// [`SweepError::ForeignRun`](crate::error::SweepError::ForeignRun) when a finished run was trained with
/// another configuration, else the first failure to begin a run or to write; runs already training are
/// finished first.
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

/// Runs of one trunk together, shortest first, so that each continues from the one before.
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
        let mut on_event = |event: &TrainEvent| watcher.on_event(spec, event);
        let log = folder.log(&spec.id);
        let files = LogFiles { log: &log, branched: branched.as_deref(), formats };
        let row = run_one(files, spec, trainer, &mut on_event)?;
        // A stopped run has no final loss; it continues from its checkpoint next time, if it has one.
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

/// The longest run of the same trunk that is shorter than this one: its log holds the steps that both
/// share.
fn shorter_sibling<'a>(specs: &'a [RunSpec], spec: &RunSpec) -> Option<&'a RunSpec> {
    specs
        .iter()
        .filter(|s| s.trunk.is_some() && s.trunk == spec.trunk)
        .filter(|s| s.tokens.get() < spec.tokens.get())
        .max_by(|a, b| a.tokens.get().total_cmp(&b.tokens.get()))
}
