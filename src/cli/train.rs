//! `isoloss train`: one run of the bundled trainer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;
use serde::Deserialize;

use super::output::Output;
use super::progress::{RunWatch, stop_flag};
use crate::error::{Error, Result, SweepError, TrainError};
use crate::sweep::{
    CorpusSpec, Execution, LogFiles, Recipe, RunSpec, RunStatus, ShapeSpec, Trainer, run_one,
};
use crate::train::{BurnTrainer, Checkpoints, Corpus};
use crate::units::Tokens;

/// Flags of `isoloss train`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:
  isoloss train configs/tiny-run.toml       # stop it, kill it, start it again: it goes on")]
pub(super) struct Args {
    /// The run file.
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
}

/// A single run as written in its file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunFile {
    /// Names the run, its log and its checkpoint.
    name: String,
    /// The model.
    shape: ShapeSpec,
    /// Training tokens.
    tokens: f64,
    /// Seed of initialisation and data order.
    #[serde(default)]
    seed: u64,
    /// The step log; `runs/<name>.jsonl` when absent.
    #[serde(default)]
    log: Option<PathBuf>,
    /// What to train on.
    #[serde(default)]
    corpus: CorpusSpec,
    /// Device, threads, checkpoints, logs.
    #[serde(default)]
    execution: Execution,
    /// How it is trained.
    #[serde(default)]
    recipe: Recipe,
}

impl RunFile {
    fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, "reading", &e))?;
        let file: Self = toml::from_str(&text).map_err(|e| SweepError::File {
            path: path.display().to_string(),
            reason: e.to_string().trim_end().to_owned(),
        })?;
        let bad =
            |field, found: String, wanted| Err(SweepError::Field { field, found, wanted }.into());
        if !(file.tokens.is_finite() && file.tokens >= 1.0 && file.tokens <= 1e15) {
            return bad("tokens", file.tokens.to_string(), "between 1 and 1e15");
        }
        if file.name.is_empty() || file.name.contains(['/', '\\']) || file.name.starts_with('.') {
            return bad("name", format!("`{}`", file.name), "a name of a file");
        }
        if file.shape.uneven_heads() {
            let found = format!("{:?}", file.shape);
            return bad("shape", found, "a width that the number of heads divides");
        }
        file.execution.validate()?;
        file.corpus.validate()?;
        file.recipe.validate()?;
        Ok(file)
    }

    fn spec(&self) -> Result<RunSpec> {
        let shape = self.shape.shape(self.corpus.vocab()?);
        shape.validate()?;
        Ok(RunSpec {
            id: self.name.clone(),
            shape,
            tokens: Tokens::new(self.tokens),
            budget: None,
            seed: self.seed,
            recipe: self.recipe.clone(),
            trunk: None,
        })
    }
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let file = RunFile::load(&args.file)?;
    let spec = file.spec()?;
    let corpus = Arc::new(read_corpus(&file.corpus)?);
    let log =
        file.log.clone().unwrap_or_else(|| Path::new("runs").join(format!("{}.jsonl", file.name)));
    let folder = log.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", &e))?;
    super::output::note(&format!("training on {}; log: {}", corpus.name, log.display()));
    let floor = corpus.facts.floor_nats(file.recipe.context);
    let watch = RunWatch::new(stop_flag());
    let mut trainer = trainer(corpus, &file.execution, folder);
    let files = LogFiles { log: &log, branched: None, formats: &file.execution.logs };
    let row = run_one(files, &spec, &mut trainer, &mut |event| watch.tell(&spec.id, event))?;
    if row.status != RunStatus::Stopped {
        trainer.forget(&spec.id)?;
    }
    watch.ended(&row);
    let loss = row.loss_nats.map_or("no final loss".to_owned(), |nats| {
        let bits = row.bits_per_byte.map_or(String::new(), |b| format!(", {b:.4} bits per byte"));
        let floor = floor.map_or(String::new(), |f| format!(", {:.4} above the floor", nats - f));
        format!("{nats:.4} nats per token{bits}{floor}")
    });
    let text =
        format!("{} after {} tokens: {loss}\nlog: {}\n", row.status, row.tokens, log.display());
    Output::new(text, &row, Vec::new())
}

/// A trainer as a file asks for, with its checkpoints in `folder`.
pub(super) fn trainer(corpus: Arc<Corpus>, execution: &Execution, folder: &Path) -> BurnTrainer {
    let checkpoints = Checkpoints {
        folder: folder.to_owned(),
        every: Duration::from_secs_f64(execution.checkpoint_seconds),
        keep: execution.keep_checkpoints,
    };
    BurnTrainer {
        corpus,
        threads: execution.threads,
        compute: execution.device,
        precision: execution.precision,
        checkpoints: Some(checkpoints),
    }
}

/// The corpus of a run or sweep file.
pub(super) fn read_corpus(spec: &CorpusSpec) -> Result<Corpus> {
    let from_home = || std::env::home_dir().map(|home| home.join(".cargo"));
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(from_home);
    // Where cargo unpacks crates, for the default text.
    let registry = cargo
        .map(|c| c.join("registry").join("src"))
        .ok_or_else(|| TrainError::NoText { path: "$CARGO_HOME/registry/src".to_owned() })?;
    Corpus::read(spec, &registry)
}
