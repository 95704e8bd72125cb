//! `isoloss sweep run`: prepares the corpus, launches the runs, says how it went.

use super::executor::Executor;
use super::follow::Follow;
use super::output::{Failed, Output};
use super::streams::note;
use crate::error::{Result, SweepError, TrainError};
use crate::report::sweep_text;
use crate::sweep::{
    Begin, CorpusKey, Failure, Follower, RunStatus, SweepConfig, SweepFolder, SweepState,
    SweepStatus, launch,
};

/// Runs of an error that are named; the table has all.
const MOST_NAMED: usize = 5;

pub(super) fn run(config: &SweepConfig, executor: Executor, jobs: Option<usize>) -> Result<Output> {
    // Before anything is made.
    if config.trainer.is_none() && !cfg!(feature = "train") {
        return Err(TrainError::NotBuilt.into());
    }
    let folder = SweepFolder::new(config.out_dir());
    let lock = folder.lock()?;
    // Every byte is read: a corpus that has changed makes other runs, also when all have ended.
    let key = CorpusKey::read(&config.corpus)?;
    key.keep(&folder.root().join("corpus").join("key.json"))?;
    let state = SweepState::with_corpus(config, &key.digest)?;
    say_superseded(&state);
    // Here all runs have the memory of this machine; what a node has, its own worker asks.
    #[cfg(feature = "train")]
    if config.trainer.is_none() && matches!(executor, Executor::Local) {
        for run in state.left() {
            crate::train::check_memory(&run.spec, &config.execution)?;
        }
    }
    let left = state.left().count();
    let prepared = match left {
        0 => None,
        _ => Some(prepare(config, &folder, &key.digest)?),
    };
    let follow = Follow::new();
    match prepared {
        None => note("every run of this sweep has ended; nothing to train"),
        Some((corpus, train_tokens)) => follow.on_begin(&Begin {
            left,
            total: state.wanted.len(),
            corpus,
            train_tokens,
            corpus_sha256: key.digest.clone(),
            log: folder.root().to_owned(),
        }),
    }
    let mut engine = executor.engine(config, &folder, jobs)?;
    let launched = launch(config, &lock, &key.digest, engine.as_mut(), &follow)?;
    drop(follow);
    if launched.stopped && engine.outlives_launcher() {
        note(
            "jobs that were sent go on; the same command follows them again, `isoloss sweep stop` ends them",
        );
    }
    let status = SweepStatus::of(config, &launched.state);
    let mut output = Output::new(sweep_text(&status), &status, Vec::new())?;
    if !launched.stopped {
        output.failed = failed(&status);
    }
    Ok(output)
}

/// Name and training tokens of the corpus, which then lies in the folder of the sweep.
fn prepare(
    config: &SweepConfig,
    folder: &SweepFolder,
    digest: &str,
) -> Result<(String, Option<usize>)> {
    if let Some(external) = &config.trainer {
        let words = external.command.words().unwrap_or_default();
        return Ok((format!("whatever `{}` reads", words.join(" ")), None));
    }
    #[cfg(feature = "train")]
    {
        let registry = super::train::registry();
        let shards = folder.corpus(digest);
        let ready = crate::train::prepare_shards(&config.corpus, registry.as_deref(), &shards)?;
        Ok((ready.0, Some(ready.1)))
    }
    #[cfg(not(feature = "train"))]
    {
        let _ = (folder, digest);
        Err(TrainError::NotBuilt.into())
    }
}

/// What an edit of the file has made of runs that were trained before.
fn say_superseded(state: &SweepState) {
    let old = &state.superseded;
    if old.is_empty() {
        return;
    }
    let mut differs: Vec<&str> =
        old.iter().flat_map(|run| &run.differs).map(String::as_str).collect();
    differs.sort_unstable();
    differs.dedup();
    let why = match differs.is_empty() {
        true => "the file no longer has them".to_owned(),
        false => format!("the file now asks for another {}", differs.join(", ")),
    };
    let runs = if old.len() == 1 { "1 run" } else { &format!("{} runs", old.len()) };
    note(&format!("{runs} of before stay on the disk and are not counted: {why}"));
}

/// The runs that have no loss to fit, and what to do about them.
fn failed(status: &SweepStatus) -> Option<Failed> {
    let failures = &status.failures;
    if failures.is_empty() {
        return None;
    }
    let named = |failure: &Failure| {
        let why = failure.reason.lines().next().unwrap_or_default();
        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
        format!("{} {}{why}", failure.run, failure.status)
    };
    let (count, total) = (failures.len(), status.total);
    let mut runs = failures.iter().take(MOST_NAMED).map(named).collect::<Vec<_>>().join("; ");
    if count > MOST_NAMED {
        runs += &format!("; and {} more", count - MOST_NAMED);
    }
    let has = |status| failures.iter().any(|failure| failure.status == status);
    let mut hints = Vec::new();
    if has(RunStatus::Diverged) {
        hints.push("diverged: a lower peak_lr or a longer warm-up in the file makes other runs");
    }
    if has(RunStatus::OutOfMemory) {
        hints.push("out of memory: --jobs 1, or fewer micro_sequences, then run it again");
    }
    if has(RunStatus::TimedOut) {
        hints.push("timed out: a longer --timeout, then run it again: it goes on where it was");
    }
    if has(RunStatus::Failed) {
        hints.push("failed: see console/ in its folder, then run it again");
    }
    let error = SweepError::RunsFailed { count, total, runs };
    Some(Failed { error: error.into(), hint: Some(hints.join("; ")) })
}
