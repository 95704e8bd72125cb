//! What the trainer is asked for, and its answers: a run, a sweep, a corpus.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::corpus::{Corpus, CorpusFacts};
use super::memory::check_memory;
use super::trainer::BurnTrainer;
use crate::error::{Error, Result};
use crate::sweep::{
    Begin, CorpusSpec, LogFiles, RunConfig, RunResult, RunStatus, SweepConfig, SweepFolder,
    SweepStatus, Trainer, Watcher, run_one, run_sweep,
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
}

impl TrainReport {
    /// The final loss less the entropy rate of a synthetic source, nats per token.
    #[must_use]
    pub fn above_floor_nats(&self) -> Option<f64> {
        Some(self.result.loss_nats? - self.result.floor_nats?)
    }
}

/// A sweep to train.
#[derive(Clone, Debug)]
pub struct SweepRequest {
    /// The sweep.
    pub config: SweepConfig,
    /// Runs at a time.
    pub jobs: usize,
    /// The folder in which cargo unpacks crates; only crate sources need it.
    pub registry: Option<PathBuf>,
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

/// Trains one run with its step log, from its checkpoint where there is one.
///
/// # Errors
/// When the corpus cannot be read, the run cannot begin, or its log or checkpoint cannot be written.
pub fn train_run(request: &TrainRequest, watcher: &dyn Watcher) -> Result<TrainReport> {
    let config = &request.config;
    let spec = config.spec()?;
    check_memory(&spec, &config.execution)?;
    let corpus = Arc::new(Corpus::read(&config.corpus, request.registry.as_deref())?);
    let log = config.log_path();
    let folder = log.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", &e))?;
    watcher.on_begin(&begin(&corpus, 1, 1, &log));
    let mut trainer = BurnTrainer::with_execution(corpus, &config.execution, folder);
    let files = LogFiles { log: &log, branched: None, formats: &config.execution.logs };
    let mut on_event = |event: &_| watcher.on_event(&spec, event);
    let result = run_one(files, &spec, &mut trainer, &mut on_event)?;
    if result.status != RunStatus::Stopped {
        trainer.forget(&spec.id)?;
    }
    watcher.on_end(&spec, &result);
    Ok(TrainReport { result, log })
}

/// Trains every run of a sweep that has not ended, and says how far the sweep is.
///
/// The corpus is not read when no run is left.
///
/// # Errors
/// When the corpus cannot be read or is not that of the runs that have ended, and those of
/// [`run_sweep`].
pub fn train_sweep(request: &SweepRequest, watcher: &dyn Watcher) -> Result<SweepStatus> {
    let config = &request.config;
    let folder = SweepFolder::new(config.out_dir());
    let state = folder.state()?;
    let specs = config.runs();
    let left = specs.iter().filter(|spec| !state.is_done(&spec.id)).count();
    if left > 0 {
        for spec in specs.iter().filter(|spec| !state.is_done(&spec.id)) {
            check_memory(spec, &config.execution)?;
        }
        let corpus = Arc::new(Corpus::read(&config.corpus, request.registry.as_deref())?);
        folder.check_corpus(&state, &specs, &corpus.sha256)?;
        watcher.on_begin(&begin(&corpus, left, specs.len(), &config.out_dir()));
        let checkpoints = config.out_dir().join("checkpoints");
        let execution = &config.execution;
        let new_trainer =
            || BurnTrainer::with_execution(Arc::clone(&corpus), execution, &checkpoints);
        run_sweep(&folder, &specs, request.jobs, &execution.logs, &new_trainer, watcher)?;
    }
    SweepStatus::read(config)
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

fn begin(corpus: &Corpus, left: usize, total: usize, log: &Path) -> Begin {
    Begin {
        left,
        total,
        corpus: corpus.name.clone(),
        train_tokens: corpus.train.len(),
        corpus_sha256: corpus.sha256.clone(),
        log: log.to_owned(),
    }
}
