//! Sweep files: which runs a sweep is made of.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::corpus_spec::CorpusSpec;
use super::execution::Execution;
use super::run::RunSpec;
use super::schedule::Schedule;
use super::shape_spec::{ShapeSpec, short_name};
use super::toml_file::{from_toml, text_of};
use super::train_config::TrainConfig;
use crate::error::{Result, SweepError};
use crate::flops::{Shape, tokens_for};
use crate::units::{Flops, Tokens};

/// A sweep as written in its file.
///
/// Every field with its default and range: [run files and sweep files](crate::sweep#run-files-and-sweep-files).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepConfig {
    /// Name of the sweep.
    pub name: String,
    /// Where logs and records go.
    #[serde(default)]
    pub out: Option<PathBuf>,
    /// What to train on.
    #[serde(default)]
    pub corpus: CorpusSpec,
    /// How runs are executed.
    #[serde(default)]
    pub execution: Execution,
    /// Seeds of each cell.
    #[serde(default = "seed_zero")]
    pub seeds: Vec<u64>,
    /// How runs are trained.
    #[serde(default)]
    pub recipe: TrainConfig,
    /// isoFLOP cells.
    #[serde(default)]
    pub cell: Vec<Cell>,
    /// Shapes at several token counts.
    #[serde(default)]
    pub ladder: Vec<Ladder>,
}

fn seed_zero() -> Vec<u64> {
    vec![0]
}

/// One isoFLOP budget with the shapes trained on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Training FLOPs of each run, C = 6 N D with all parameters a token visits.
    pub flops: Flops,
    /// Shapes.
    pub shapes: Vec<ShapeSpec>,
}

/// Shapes trained on several numbers of tokens each.
///
/// Under [`Schedule::Wsd`] the runs of one shape and seed are branches of one trunk: the steps before
/// a decay are trained once, for the shortest run, and the longer runs continue from there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// Shapes.
    pub shapes: Vec<ShapeSpec>,
    /// Training tokens of each run.
    pub tokens: Vec<f64>,
    /// Whether runs share a trunk; without, each is trained from its start.
    #[serde(default = "yes")]
    pub branches: bool,
}

fn yes() -> bool {
    true
}

impl SweepConfig {
    /// A sweep file with every field, each with a comment; those that may be left out are commented out.
    ///
    /// ```
    /// use isoloss::sweep::SweepConfig;
    ///
    /// let sweep = SweepConfig::parse(&SweepConfig::template(), "sweep.toml")?;
    /// assert_eq!(sweep.runs().len(), 8);
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    #[must_use]
    pub fn template() -> String {
        // The fields of a shape are those of a run file, in a section that is left out.
        let shape: String = include_str!("templates/shape.toml")
            .replace("[shape]", "[[ladder.shapes]]")
            .replace("[shape.experts]", "[ladder.shapes.experts]")
            .lines()
            .map(|line| match line {
                "" => "\n".to_owned(),
                line if line.starts_with('#') => format!("{line}\n"),
                line => format!("#{line}\n"),
            })
            .collect();
        include_str!("templates/sweep.toml").to_owned()
            + &shape
            + include_str!("templates/rest.toml")
    }

    /// Reads a sweep file.
    ///
    /// # Errors
    /// [`Error::Io`](crate::error::Error::Io) when it cannot be read, and those of [`parse`](Self::parse).
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let (text, path) = text_of(path.as_ref())?;
        Self::parse(&text, &path)
    }

    /// Parses the text of a sweep file; `path` is for messages.
    ///
    /// # Errors
    /// [`SweepError::File`] with the position when it does not parse, [`SweepError::Field`] when a
    /// value is out of range.
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
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || !self.name.chars().all(plain) || self.name.starts_with('.') {
            return bad("name", format!("`{}`", self.name), "letters, digits, - and _");
        }
        if self.seeds.is_empty() {
            return bad("seeds", "empty".to_owned(), "at least one seed");
        }
        if self.cell.is_empty() && self.ladder.is_empty() {
            let expected =
                "at least one [[cell]] with flops and shapes, or [[ladder]] with shapes and tokens";
            return bad("cell", "empty".to_owned(), expected);
        }
        self.execution.validate()?;
        self.corpus.validate()?;
        self.recipe.validate()?;
        let shapes = self.cell.iter().flat_map(|c| &c.shapes);
        for shape in shapes.chain(self.ladder.iter().flat_map(|l| &l.shapes)) {
            shape.validate()?;
        }
        for run in self.runs() {
            run.shape.validate()?;
            // Anything else is more likely a typing error than a run.
            let c = run.budget.map_or(1e6, Flops::get);
            if !(1e6..=1e20).contains(&c) {
                return bad("flops", format!("{c:e}"), "1e6 to 1e20, the range of this trainer");
            }
            let tokens = run.tokens.get();
            if !(1.0..=1e15).contains(&tokens) {
                return bad("tokens", format!("{tokens:e}"), "1 to 1e15");
            }
            run.check_length()?;
            if run.trunk.is_some() && self.recipe.warmup_steps.is_none() {
                let expected = "a number of steps: runs that share a trunk share their warm-up";
                return bad("recipe.warmup_steps", "absent".to_owned(), expected);
            }
        }
        let mut ids: Vec<String> = self.runs().into_iter().map(|r| r.id).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        if ids.len() < count {
            return bad("cell", "the same run twice".to_owned(), "each budget and shape once");
        }
        Ok(())
    }

    /// Every run: cells as written, then ladders. Empty when the vocabulary is not known.
    #[must_use]
    pub fn runs(&self) -> Vec<RunSpec> {
        let Ok(vocab) = self.corpus.vocab() else { return Vec::new() };
        let mut runs = Vec::new();
        let spec = |id, shape, tokens, budget, seed, trunk| {
            let recipe = self.recipe.clone();
            RunSpec { id, shape, tokens, budget, seed, recipe, trunk }
        };
        for cell in &self.cell {
            for shape in cell.shapes.iter().map(|s| s.shape(vocab)) {
                for &seed in &self.seeds {
                    let id = format!("c{:.2e}-{}-s{seed}", cell.flops.get(), short_name(&shape));
                    let tokens = tokens_for(cell.flops, shape.params().active);
                    runs.push(spec(id, shape, tokens, Some(cell.flops), seed, None));
                }
            }
        }
        for ladder in &self.ladder {
            for shape in ladder.shapes.iter().map(|s| s.shape(vocab)) {
                for &seed in &self.seeds {
                    let trunk = self.trunk(ladder, &shape, seed);
                    for &tokens in &ladder.tokens {
                        let id = format!("d{tokens:.2e}-{}-s{seed}", short_name(&shape));
                        runs.push(spec(id, shape, Tokens::new(tokens), None, seed, trunk.clone()));
                    }
                }
            }
        }
        runs
    }

    fn trunk(&self, ladder: &Ladder, shape: &Shape, seed: u64) -> Option<String> {
        let shared =
            ladder.branches && self.recipe.schedule == Schedule::Wsd && ladder.tokens.len() > 1;
        shared.then(|| format!("{}-s{seed}", short_name(shape)))
    }

    /// The folder of logs and records.
    #[must_use]
    pub fn out_dir(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        name = "tiny"
        seeds = [0, 1]
        [recipe]
        warmup_steps = 10
        [[cell]]
        flops = 1e9
        shapes = [[2, 32, 1], [2, 48, 2]]
    "#;

    #[test]
    fn a_file_becomes_its_runs() {
        let config = SweepConfig::parse(FILE, "tiny.toml").expect("valid");
        let runs = config.runs();
        assert_eq!(runs.len(), 4);
        for run in runs {
            let spent = 6.0 * run.shape.params().all.get() * run.tokens.get();
            assert!((spent / 1e9 - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_mixture_of_experts_spends_the_budget_on_what_a_token_visits() {
        let shape = "{ layers = 2, d_model = 32, heads = 1, experts = { count = 4, top_k = 1 } }";
        let text = FILE.replace("[2, 48, 2]", shape);
        for run in SweepConfig::parse(&text, "tiny.toml").expect("valid").runs() {
            let spent = 6.0 * run.shape.params().active.get() * run.tokens.get();
            assert!((spent / 1e9 - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_ladder_shares_trunks_under_warm_up_stable_decay_alone() {
        let ladder = "\n[[ladder]]\nshapes = [[2, 32, 1]]\ntokens = [1e5, 2e5]\n";
        let trunks = |text: &str| -> Vec<bool> {
            let config = SweepConfig::parse(text, "tiny.toml").expect("valid");
            config.runs().iter().filter(|r| r.budget.is_none()).map(|r| r.trunk.is_some()).collect()
        };
        let cosine = FILE.to_owned() + ladder;
        assert_eq!(trunks(&cosine), [false; 4]);
        let wsd = cosine.replace("[recipe]", "[recipe]\nschedule = \"wsd\"");
        assert_eq!(trunks(&wsd), [true; 4]);
        let apart = wsd.clone() + "branches = false\n";
        assert_eq!(trunks(&apart), [false; 4]);
        let share = wsd.replace("warmup_steps = 10", "");
        let error = SweepConfig::parse(&share, "tiny.toml").expect_err("no warm-up").to_string();
        assert!(error.contains("warmup_steps"), "{error}");
    }

    #[test]
    fn bad_files_name_the_field() {
        for (from, to, named) in [
            ("\"tiny\"", "\"../x\"", "name"),
            ("[0, 1]", "[]", "seeds"),
            ("1e9", "-1.0", "flops"),
            ("1e9", "1e5", "flops"),
            ("[2, 48, 2]", "[2, 48, 5]", "head"),
            ("[2, 48, 2]", "[2, 32, 1]", "twice"),
            ("seeds", "sedes", "sedes"),
            ("name", "corpus = { path = \"a\", tokenizer = \"a.json\" }\nname", "vocab"),
            ("name", "execution = { threads = 0 }\nname", "threads"),
        ] {
            let text = FILE.replace(from, to);
            let error = SweepConfig::parse(&text, "tiny.toml").expect_err(to).to_string();
            assert!(error.contains(named), "{to}: {error}");
        }
    }
}
