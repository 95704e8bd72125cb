//! Run files: one run as its user writes it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::corpus_spec::CorpusSpec;
use super::execution::Execution;
use super::paths::{below, folder_of};
use super::run::{Part, RunSpec};
use super::shape_spec::ShapeSpec;
use super::toml_file::{from_toml, text_of};
use super::train_config::TrainConfig;
use crate::error::{Result, SweepError};
use crate::units::Tokens;

/// A single run as written in its file.
///
/// Every field with its default and range: [run files and sweep files](crate::sweep#run-files-and-sweep-files).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Names the run, its log and its checkpoint.
    pub name: String,
    /// The model.
    pub shape: ShapeSpec,
    /// Training tokens.
    pub tokens: f64,
    /// Seed of the initial weights and the order of the data.
    #[serde(default)]
    pub seed: u64,
    /// The step log; `runs/<name>.jsonl` when absent.
    #[serde(default)]
    pub log: Option<PathBuf>,
    /// What to train on.
    #[serde(default)]
    pub corpus: CorpusSpec,
    /// Device, threads, checkpoints, logs.
    #[serde(default)]
    pub execution: Execution,
    /// How it is trained.
    #[serde(default)]
    pub recipe: TrainConfig,
    /// Folder of the file, which its paths start from; empty for the current folder.
    #[serde(skip)]
    pub home: PathBuf,
}

impl RunConfig {
    /// A run file with every field, each with a comment; those that may be left out are commented out.
    ///
    /// ```
    /// use isoloss::sweep::{RunConfig, TrainConfig};
    ///
    /// let run = RunConfig::parse(RunConfig::TEMPLATE, "run.toml")?;
    /// assert_eq!(run.recipe, TrainConfig::default());
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    pub const TEMPLATE: &str = concat!(
        include_str!("templates/run.toml"),
        include_str!("templates/shape.toml"),
        include_str!("templates/rest.toml"),
    );

    /// Reads a run file. Its paths start from its own folder, wherever this program was started.
    ///
    /// # Errors
    /// [`Error::Io`](crate::error::Error::Io) when it cannot be read, and those of [`parse`](Self::parse).
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (text, name) = text_of(path)?;
        let mut config = Self::parse(&text, &name)?;
        config.home = folder_of(path).to_owned();
        config.corpus = config.corpus.below(&config.home);
        Ok(config)
    }

    /// Parses the text of a run file, whose paths then start from the current folder; `path` is for
    /// messages.
    ///
    /// # Errors
    /// [`SweepError::File`] with the position when it does not parse, [`SweepError::Field`] when a value
    /// is out of range.
    pub fn parse(text: &str, path: &str) -> Result<Self> {
        let config: Self = from_toml(text, path)?;
        config.validate()?;
        Ok(config)
    }

    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`SweepError::Field`] naming the first field out of range.
    pub fn validate(&self) -> Result<()> {
        let bad = |field, found: String, expected| {
            Err(SweepError::Field { field, found, expected }.into())
        };
        if !(1.0..=1e15).contains(&self.tokens) {
            return bad("tokens", self.tokens.to_string(), "1 to 1e15");
        }
        if self.name.is_empty() || self.name.contains(['/', '\\']) || self.name.starts_with('.') {
            let expected = "a file name that does not begin with a dot";
            return bad("name", format!("`{}`", self.name), expected);
        }
        self.shape.validate()?;
        self.execution.validate()?;
        self.corpus.validate()?;
        self.recipe.validate()?;
        Ok(())
    }

    /// The run to train.
    ///
    /// # Errors
    /// When the shape cannot be built, or the vocabulary is not known.
    pub fn spec(&self) -> Result<RunSpec> {
        let shape = self.shape.shape(self.corpus.vocab()?);
        shape.validate()?;
        let tokens = Tokens::new(self.tokens);
        let spec = RunSpec {
            id: self.name.clone(),
            shape,
            tokens,
            budget: None,
            seed: self.seed,
            recipe: self.recipe.for_run(tokens),
            trunk: None,
            part: Part::Main,
        };
        spec.check_length()?;
        Ok(spec)
    }

    /// The step log; checkpoints are written to the same folder.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        let usual = || Path::new("runs").join(format!("{}.jsonl", self.name));
        below(&self.home, &self.log.clone().unwrap_or_else(usual))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "name = \"tiny\"\nshape = [2, 32, 1]\ntokens = 1e5\n[recipe]\ncontext = 16\nbatch_sequences = 16\n";

    #[test]
    fn a_file_becomes_its_run() {
        let config = RunConfig::parse(FILE, "tiny.toml").expect("valid");
        let spec = config.spec().expect("a shape");
        assert_eq!((spec.id.as_str(), spec.steps(), spec.recipe.context), ("tiny", 391, 16));
        assert_eq!(config.log_path(), Path::new("runs/tiny.jsonl"));
        // 6250 sequences are 390 batches of 16 and one of 10.
        assert_eq!((spec.sequences_after(389), spec.sequences_after(390)), (16, 10));
        assert_eq!((spec.tokens_after(390), spec.tokens_after(391)), (99_840, 100_000));
    }

    #[test]
    fn tokens_trained_are_tokens_asked_for_and_less_than_a_sequence_is_refused() {
        let of = |tokens: &str| RunConfig::parse(&FILE.replace("1e5", tokens), "tiny.toml");
        for (tokens, steps, trained) in
            [("16", 1, 16), ("100", 1, 96), ("250", 1, 256), ("260", 1, 256), ("1000", 4, 1008)]
        {
            let spec = of(tokens).expect(tokens).spec().expect("a run");
            assert_eq!((spec.steps(), spec.tokens_after(spec.steps())), (steps, trained));
        }
        let error = of("15").and_then(|config| config.spec()).expect_err("short").to_string();
        assert!(error.contains("`tokens` is 15") && error.contains("one sequence"), "{error}");
    }

    #[test]
    fn bad_files_name_the_file_and_line_or_the_field() {
        for (from, to, named) in [
            ("tokens", "tokkens", "tiny.toml: TOML parse error at line 3"),
            ("context = 16", "contxt = 16", "line 5"),
            ("1e5", "0.5", "`tokens` is 0.5"),
            ("1e5", "nan", "`tokens` is NaN"),
            ("\"tiny\"", "\"a/b\"", "`name` is `a/b`"),
            ("[2, 32, 1]", "[2, 32, 5]", "`shape.d_model` is 32 with 5 heads"),
            ("context = 16", "context = 2", "`recipe.context` is 2"),
            ("[recipe]", "[execution]\nthreads = 0\n[recipe]", "`execution.threads` is 0"),
        ] {
            let text = FILE.replace(from, to);
            let error = RunConfig::parse(&text, "tiny.toml").expect_err(to).to_string();
            assert!(error.contains(named), "{to}: {error}");
        }
    }
}
