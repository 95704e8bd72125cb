//! What the trainer is asked for, and its answers: a run, a sweep, a corpus.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::corpus::{Corpus, CorpusFacts};
use super::memory::check_memory;
use super::trainer::BurnTrainer;
use crate::error::{Error, Result, SweepError};
use crate::sweep::{
    Begin, CorpusSpec, Execution, FinishedRun, LogFiles, RunConfig, RunResult, RunStatus, Trainer,
    Watcher, finished_run, run_one,
};

/// One run to train.
#[derive(Clone, Debug)]
pub struct TrainRequest {
    /// The run.
    pub config: RunConfig,
    /// The folder in which cargo unpacks crates; only crate sources need it.
    pub registry: Option<PathBuf>,
}

/// A run that was trained, or stopped.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainReport {
    /// Its row.
    #[serde(flatten)]
    pub result: RunResult,
    /// Its step log.
    pub log: PathBuf,
    /// Whether it had ended before, with the same settings and corpus, and was not trained again.
    pub ended_before: bool,
}

impl TrainReport {
    /// The final loss less the entropy rate of a synthetic source, nats per token.
    #[must_use]
    pub fn above_floor_nats(&self) -> Option<f64> {
        Some(self.result.loss_nats? - self.result.floor_nats?)
    }
}

/// A corpus to read, and perhaps to write as shards.
#[derive(Clone, Debug)]
pub struct CorpusRequest {
    /// The corpus.
    pub spec: CorpusSpec,
    /// The folder in which cargo unpacks crates; only crate sources need it.
    pub registry: Option<PathBuf>,
    /// Folder of the shards; nothing is written without.
    pub out: Option<PathBuf>,
}

/// What a corpus holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CorpusReport {
    /// Its name.
    pub name: String,
    /// Training tokens.
    pub train_tokens: usize,
    /// Validation tokens.
    pub validation_tokens: usize,
    /// Kinds of tokens.
    pub vocab: u32,
    /// Bytes of validation text per token; absent for a corpus that is not text.
    pub bytes_per_token: Option<f64>,
    /// SHA-256 of its tokens and their order.
    pub sha256: String,
    /// What was made of the documents.
    pub facts: CorpusFacts,
    /// Files written.
    pub files: Vec<PathBuf>,
}

/// Trains one run with its step log, from its checkpoint where there is one; a run that has ended is
/// not trained again.
///
/// # Errors
/// [`SweepError::FinishedOtherwise`] when a run of this name has ended with other settings or on another
/// corpus; when the corpus cannot be read, the run cannot begin, or its log or checkpoint cannot be
/// written.
pub fn train_run(request: &TrainRequest, watcher: &dyn Watcher) -> Result<TrainReport> {
    let config = &request.config;
    let spec = config.spec()?;
    check_memory(&spec, &config.execution)?;
    let corpus = Arc::new(Corpus::read(&config.corpus, request.registry.as_deref())?);
    let log = config.log_path();
    let folder = log.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut trainer = BurnTrainer::with_execution(Arc::clone(&corpus), &config.execution, folder);
    match finished_run(&log, &spec, &corpus.sha256, trainer.name())? {
        None => {}
        Some(FinishedRun::Same(result)) => {
            return Ok(TrainReport { result: *result, log, ended_before: true });
        }
        Some(FinishedRun::Other { status, differs }) => {
            let (path, run) = (log.display().to_string(), spec.id);
            return Err(SweepError::FinishedOtherwise { path, run, status, differs }.into());
        }
    }
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", &e))?;
    watcher.on_begin(&Begin {
        left: 1,
        total: 1,
        corpus: corpus.name.clone(),
        train_tokens: Some(corpus.train.len()),
        corpus_sha256: corpus.sha256.clone(),
        log: log.clone(),
    });
    let files = LogFiles { log: &log, branched: None, formats: &config.execution.logs };
    let mut on_event = |event: &_| watcher.on_event(&spec, event);
    let result = run_one(files, &spec, &spec, &mut trainer, &mut on_event)?;
    if result.status != RunStatus::Stopped {
        trainer.forget(&spec.id)?;
    }
    watcher.on_end(&spec, &result);
    Ok(TrainReport { result, log, ended_before: false })
}

/// The corpus of a sweep as shards in `folder`, made there unless they are there and whole.
///
/// Returns its name and its training tokens.
///
/// # Errors
/// When the corpus cannot be read or the shards cannot be written.
pub fn prepare_shards(
    spec: &CorpusSpec,
    registry: Option<&Path>,
    folder: &Path,
) -> Result<(String, usize)> {
    let corpus = match Corpus::of_shards(folder) {
        Ok(corpus) => corpus,
        Err(_) => {
            let corpus = Corpus::read(spec, registry)?;
            corpus.write_shards(folder)?;
            corpus
        }
    };
    Ok((corpus.name, corpus.train.len()))
}

/// The bundled trainer on shards, with its checkpoints in a folder.
///
/// # Errors
/// When the shards are damaged.
pub fn trainer_on_shards(
    shards: &Path,
    execution: &Execution,
    checkpoints: &Path,
) -> Result<BurnTrainer> {
    let corpus = Arc::new(Corpus::of_shards(shards)?);
    Ok(BurnTrainer::with_execution(corpus, execution, checkpoints))
}

/// Reads a corpus, writes its shards where a folder is given, and says what it holds.
///
/// # Errors
/// When the corpus cannot be read or the shards cannot be written.
pub fn prepare_corpus(request: &CorpusRequest) -> Result<CorpusReport> {
    let corpus = Corpus::read(&request.spec, request.registry.as_deref())?;
    let files = match &request.out {
        Some(folder) => corpus.write_shards(folder)?,
        None => Vec::new(),
    };
    Ok(CorpusReport {
        name: corpus.name,
        train_tokens: corpus.train.len(),
        validation_tokens: corpus.validation.len(),
        vocab: corpus.vocab,
        bytes_per_token: corpus.bytes_per_token,
        sha256: corpus.sha256,
        facts: corpus.facts,
        files,
    })
}
