//! `isoloss train`: one run of the bundled trainer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args as ClapArgs;
use serde::Deserialize;

use super::output::Output;
use super::progress::{RunWatch, stop_flag};
use crate::error::{Error, Result, SweepError, TrainError};
use crate::flops::Shape;
use crate::sweep::{Recipe, RunSpec, run_one};
use crate::train::{BurnTrainer, Corpus, Source, VOCAB};
use crate::units::Tokens;

/// Flags of `isoloss train`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:
  isoloss train configs/tiny-run.toml")]
pub(super) struct Args {
    /// The run file.
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
}

/// A single run as written in its file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunFile {
    /// Names the run and its log.
    name: String,
    /// Layers, width and heads: SwiGLU with tied byte embeddings.
    shape: [u32; 3],
    /// Training tokens.
    tokens: f64,
    /// Seed of initialisation and data order.
    #[serde(default)]
    seed: u64,
    /// The step log; `runs/<name>.jsonl` when absent.
    #[serde(default)]
    log: Option<PathBuf>,
    /// Text file or folder; the pinned crates' sources when absent.
    #[serde(default)]
    corpus: Option<PathBuf>,
    /// Threads.
    #[serde(default = "one")]
    threads: usize,
    /// How it is trained.
    #[serde(default)]
    recipe: Recipe,
}

fn one() -> usize {
    1
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let path = &args.file;
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, "reading", &e))?;
    let file: RunFile = toml::from_str(&text).map_err(|e| SweepError::File {
        path: path.display().to_string(),
        reason: e.to_string().trim_end().to_owned(),
    })?;
    if !(file.tokens.is_finite() && file.tokens >= 1.0 && file.tokens <= 1e15) {
        let (field, wanted) = ("tokens", "between 1 and 1e15");
        return Err(SweepError::Field { field, found: file.tokens.to_string(), wanted }.into());
    }
    let [layers, d_model, heads] = file.shape;
    let spec = RunSpec {
        id: file.name.clone(),
        shape: Shape::swiglu(layers, d_model, heads, VOCAB),
        tokens: Tokens::new(file.tokens),
        budget: None,
        seed: file.seed,
        recipe: file.recipe,
    };
    spec.shape.validate()?;
    spec.recipe.validate()?;
    let corpus = Arc::new(corpus(file.corpus.as_deref())?);
    let log =
        file.log.unwrap_or_else(|| PathBuf::from("runs").join(format!("{}.jsonl", file.name)));
    if let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", &e))?;
    }
    super::output::note(&format!("training on {}; log: {}", corpus.name, log.display()));
    let watch = RunWatch::new(stop_flag());
    let mut trainer = BurnTrainer { corpus, threads: file.threads.clamp(1, 256) };
    let row = run_one(&log, &spec, &mut trainer, &mut |event| watch.tell(&spec.id, event))?;
    watch.ended(&row);
    let text = format!(
        "{} after {} tokens: {}\nlog: {}\n",
        format!("{:?}", row.status).to_lowercase(),
        row.tokens,
        row.loss_nats.map_or("no final loss".to_owned(), |l| format!("{l:.4} nats per token")),
        log.display(),
    );
    Output::new(text, &row, Vec::new())
}

/// The corpus of a run or sweep file.
pub(super) fn corpus(path: Option<&Path>) -> Result<Corpus> {
    let source = match path {
        Some(path) => Source::Path(path.to_owned()),
        None => Source::CrateSources { registry: registry()? },
    };
    Corpus::read(&source)
}

/// Where cargo unpacks crates: `$CARGO_HOME/registry/src`.
fn registry() -> Result<PathBuf> {
    let from_home = || std::env::home_dir().map(|home| home.join(".cargo"));
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(from_home);
    cargo
        .map(|c| c.join("registry").join("src"))
        .ok_or_else(|| TrainError::NoText { path: "$CARGO_HOME/registry/src".to_owned() }.into())
}
