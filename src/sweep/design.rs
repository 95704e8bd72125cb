//! Sweep files: which runs a sweep is made of.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::corpus_spec::CorpusSpec;
use super::drafts::{Draft, Sections, drafts};
use super::execution::Execution;
use super::external_spec::ExternalTrainer;
use super::paths::{below, folder_of};
use super::run::{Part, RunSpec};
use super::sections::{Cell, Grid, Isoflop, Ladder, REPEATS, Repeats};
use super::slurm_spec::SlurmSpec;
use super::toml_file::{from_toml, text_of};
use super::train_config::TrainConfig;
use super::tune::TuneConfig;
use crate::error::{Result, SweepError};
use crate::units::Flops;

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
    /// A program that trains the runs; the bundled trainer when absent.
    #[serde(default)]
    pub trainer: Option<ExternalTrainer>,
    /// How runs are sent to Slurm, where they are.
    #[serde(default)]
    pub slurm: SlurmSpec,
    /// Seeds of every cell, in place of repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<Vec<u64>>,
    /// Which cells have several seeds; the [floors](Repeats::Floors) when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Repeats>,
    /// How runs are trained.
    #[serde(default)]
    pub recipe: TrainConfig,
    /// How the learning rate is tuned; as written when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tune: Option<TuneConfig>,
    /// isoFLOP cells with shapes as given.
    #[serde(default)]
    pub cell: Vec<Cell>,
    /// isoFLOP budgets whose shapes are found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub isoflop: Vec<Isoflop>,
    /// Sizes crossed with token counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grid: Vec<Grid>,
    /// Shapes at several token counts.
    #[serde(default)]
    pub ladder: Vec<Ladder>,
    /// Folder of the file, which its paths start from; empty for the current folder.
    #[serde(skip)]
    pub home: PathBuf,
}

impl SweepConfig {
    /// A sweep file with every field, each with a comment; those that may be left out are commented out.
    ///
    /// ```
    /// use isoloss::sweep::SweepConfig;
    ///
    /// let sweep = SweepConfig::parse(&SweepConfig::template(), "sweep.toml")?;
    /// assert_eq!(sweep.runs().len(), 15);
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    #[must_use]
    pub fn template() -> String {
        // The fields of a shape are those of a run file, in a section that is left out.
        let shape: String = include_str!("templates/shape.toml")
            .replace("is its short form. Required.", "is its short form. In place of params.")
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

    /// Reads a sweep file. Its paths start from its own folder, wherever this program was started.
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

    /// Parses the text of a sweep file, whose paths then start from the current folder; `path` is for
    /// messages.
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
        match (&self.seeds, self.repeats) {
            (Some(seeds), _) if seeds.is_empty() => {
                return bad("seeds", "empty".to_owned(), "at least one seed");
            }
            (Some(_), Some(_)) => {
                let expected = "seeds or repeats, not both";
                return bad("repeats", "beside seeds".to_owned(), expected);
            }
            (None, Some(Repeats::Each(found))) if !(1..=100).contains(&found) => {
                return bad("repeats", found.to_string(), "\"floors\", or 1 to 100");
            }
            _ => {}
        }
        if self.cell.is_empty()
            && self.isoflop.is_empty()
            && self.grid.is_empty()
            && self.ladder.is_empty()
        {
            let expected = "at least one [[isoflop]] with budgets, [[cell]] with flops and shapes, [[grid]] with params and tokens, or [[ladder]] with params and tokens";
            return bad("isoflop", "empty".to_owned(), expected);
        }
        self.execution.validate()?;
        self.corpus.validate()?;
        self.recipe.validate()?;
        if let Some(trainer) = &self.trainer {
            trainer.validate()?;
        }
        self.tune.as_ref().map_or(Ok(()), TuneConfig::validate)?;
        self.isoflop.iter().try_for_each(Isoflop::validate)?;
        self.grid.iter().try_for_each(Grid::validate)?;
        self.ladder.iter().try_for_each(Ladder::validate)?;
        self.slurm.validate()?;
        let shapes = self.cell.iter().flat_map(|c| &c.shapes);
        for shape in shapes.chain(self.ladder.iter().flat_map(|l| &l.shapes)) {
            shape.validate()?;
        }
        // A vocabulary that is not known yet is told of by the corpus.
        self.corpus.vocab()?;
        let mut ids = Vec::new();
        for draft in self.drafts()? {
            draft.shape.validate()?;
            // Anything else is more likely a typing error than a run.
            let c = draft.budget.map_or(1e6, Flops::get);
            if !(1e6..=1e20).contains(&c) {
                return bad("flops", format!("{c:e}"), "1e6 to 1e20, the range of this trainer");
            }
            let tokens = draft.tokens.get();
            if !(1.0..=1e15).contains(&tokens) {
                return bad("tokens", format!("{tokens:e}"), "1 to 1e15");
            }
            ids.push(draft.name);
        }
        ids.sort();
        if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            let found = format!("the same run twice, `{}`", twice[0]);
            return bad("cell", found, "each budget, or token count, and shape once");
        }
        Ok(())
    }

    /// Every point of the design once for each seed that is sure, trained by the recipe as it is written:
    /// what the file asks for before anything is tuned or repeated. Empty when the vocabulary is not known.
    #[must_use]
    pub fn runs(&self) -> Vec<RunSpec> {
        let drafts = self.drafts().unwrap_or_default();
        let specs = drafts.iter().flat_map(|draft| {
            self.sure_seeds().into_iter().map(|seed| draft.spec(&self.recipe, seed, Part::Main))
        });
        specs.collect()
    }

    /// Every point of the design; none while the vocabulary is not known.
    pub(super) fn drafts(&self) -> Result<Vec<Draft>> {
        let Ok(vocab) = self.corpus.vocab() else { return Ok(Vec::new()) };
        let Self { cell, isoflop, grid, ladder, .. } = self;
        let schedule = self.recipe.schedule;
        drafts(&Sections { vocab, schedule, cell, isoflop, grid, ladder })
    }

    /// Seeds that every cell has.
    pub(super) fn sure_seeds(&self) -> Vec<u64> {
        match (&self.seeds, self.repeats) {
            (Some(seeds), _) => seeds.clone(),
            (None, Some(Repeats::Each(count))) => (0..count).collect(),
            (None, None | Some(Repeats::Floors(_))) => vec![0],
        }
    }

    /// Seeds of a cell that is repeated.
    pub(super) fn repeated_seeds(&self) -> Vec<u64> {
        match (&self.seeds, self.repeats) {
            (None, None | Some(Repeats::Floors(_))) => (0..REPEATS).collect(),
            _ => self.sure_seeds(),
        }
    }

    /// The folder of logs and records.
    #[must_use]
    pub fn out_dir(&self) -> PathBuf {
        let usual = || Path::new("runs").join(&self.name);
        below(&self.home, &self.out.clone().unwrap_or_else(usual))
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
        // By rule, branches share the batch and the warm-up of the shortest.
        let open = wsd.replace("warmup_steps = 10", "");
        let config = SweepConfig::parse(&open, "tiny.toml").expect("valid");
        let branches: Vec<_> = config.runs().into_iter().filter(|r| r.budget.is_none()).collect();
        assert!(branches.iter().all(|r| r.recipe == branches[0].recipe));
        let first = branches.iter().map(crate::sweep::RunSpec::steps).min().expect("branches");
        assert_eq!(branches[0].recipe.warmup_steps, Some(crate::sweep::warmup_for(first)));
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
