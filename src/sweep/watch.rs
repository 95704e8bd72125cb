//! Those who follow a run or a sweep.

use std::ops::ControlFlow;
use std::path::PathBuf;

use serde::Serialize;

use super::row_file::RunRow;
use super::run::{RunResult, RunSpec, TrainEvent};
use super::unit::Progress;

/// What is about to be trained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Begin {
    /// Runs left to train, as far as they are known.
    pub left: usize,
    /// All runs.
    pub total: usize,
    /// Name of the corpus.
    pub corpus: String,
    /// Its training tokens, where they are known.
    pub train_tokens: Option<usize>,
    /// Its SHA-256.
    pub corpus_sha256: String,
    /// Where logs go: a file for one run, a folder for a sweep.
    pub log: PathBuf,
}

/// Follows one run, in the process that trains it.
pub trait Watcher: Sync {
    /// The corpus is read and the run is about to begin.
    fn on_begin(&self, begin: &Begin) {
        let _ = begin;
    }
    /// Something happened in run `spec`; `Break` stops it, leaving a valid log.
    fn on_event(&self, spec: &RunSpec, event: &TrainEvent) -> ControlFlow<()>;
    /// The run ended.
    fn on_end(&self, spec: &RunSpec, result: &RunResult);
}

/// A run that is being trained, seen from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveRun {
    /// Its id.
    pub run: String,
    /// How far it is.
    pub progress: Progress,
}

/// Follows a sweep, in the process that launches its runs.
pub trait Follower {
    /// Runs are about to begin.
    fn on_begin(&self, begin: &Begin) {
        let _ = begin;
    }
    /// All runs that are being trained, several times a second.
    fn on_progress(&self, live: &[LiveRun]) {
        let _ = live;
    }
    /// What became of a run.
    fn on_end(&self, row: &RunRow) {
        let _ = row;
    }
    /// Something to know that stops nothing.
    fn on_note(&self, note: &str) {
        let _ = note;
    }
    /// Whether to save and stop.
    fn should_stop(&self) -> bool {
        false
    }
}
