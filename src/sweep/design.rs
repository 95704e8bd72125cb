//! Designs: which runs a sweep is made of.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::recipe::Recipe;
use super::run::RunSpec;
use crate::error::{Result, SweepError};
use crate::flops::{Shape, tokens_for};
use crate::units::Flops;

/// A sweep as written in its file.
///
/// | field | default | purpose |
/// |---|---|---|
/// | `name` | | names the sweep in logs and reports |
/// | `out` | `runs/<name>` | folder of logs and records, relative to the working directory |
/// | `corpus` | crate sources | text file or folder to train on |
/// | `threads_per_run` | 1 | threads of one run |
/// | `seeds` | `[0]` | one run per seed and cell |
/// | `recipe` | [`Recipe`] | how runs are trained |
/// | `cell` | | the budgets and the shapes trained at each |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepConfig {
    /// Name of the sweep.
    pub name: String,
    /// Where logs and records go.
    #[serde(default)]
    pub out: Option<PathBuf>,
    /// Text file or folder; the pinned crates' sources when absent.
    #[serde(default)]
    pub corpus: Option<PathBuf>,
    /// Threads of one run.
    #[serde(default = "one")]
    pub threads_per_run: usize,
    /// Seeds of each cell.
    #[serde(default = "seed_zero")]
    pub seeds: Vec<u64>,
    /// How runs are trained.
    #[serde(default)]
    pub recipe: Recipe,
    /// isoFLOP cells.
    pub cell: Vec<Cell>,
}

fn one() -> usize {
    1
}

fn seed_zero() -> Vec<u64> {
    vec![0]
}

/// One isoFLOP budget with the shapes trained on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Training FLOPs of each run, C = 6 N D with all parameters.
    pub flops: Flops,
    /// Shapes, as `[layers, d_model, heads]`: SwiGLU with tied byte embeddings.
    pub shapes: Vec<[u32; 3]>,
}

/// Vocabulary of the bundled trainer's byte tokens.
const BYTES: u32 = 256;

impl SweepConfig {
    /// Parses a sweep file.
    ///
    /// # Errors
    /// [`SweepError::File`] with the position when it is no such file, [`SweepError::Field`] when a
    /// value is out of range.
    pub fn parse(text: &str, path: &str) -> Result<Self> {
        let config: Self = toml::from_str(text).map_err(|e| SweepError::File {
            path: path.to_owned(),
            reason: e.to_string().trim_end().to_owned(),
        })?;
        config.validate()?;
        Ok(config)
    }

    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`SweepError::Field`] naming the first field out of range.
    pub fn validate(&self) -> Result<()> {
        let bad =
            |field, found: String, wanted| Err(SweepError::Field { field, found, wanted }.into());
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || !self.name.chars().all(plain) || self.name.starts_with('.') {
            return bad("name", format!("`{}`", self.name), "letters, digits, - and _");
        }
        if !(1..=256).contains(&self.threads_per_run) {
            return bad("threads_per_run", self.threads_per_run.to_string(), "1 to 256");
        }
        if self.seeds.is_empty() {
            return bad("seeds", "empty".to_owned(), "at least one seed");
        }
        if self.cell.is_empty() {
            return bad("cell", "empty".to_owned(), "at least one [[cell]] with flops and shapes");
        }
        self.recipe.validate()?;
        for run in self.runs() {
            run.shape.validate()?;
            // The id would not be unique, or the run could not be told from a typing error.
            let c = run.budget.map_or(0.0, Flops::get);
            if !(1e6..=1e20).contains(&c) {
                return bad("flops", format!("{c:e}"), "1e6 to 1e20, what this trainer can do");
            }
            if run.shape.head_dim * run.shape.heads != run.shape.d_model {
                let found = format!("{:?}", run.shape);
                return bad("shapes", found, "a width that the number of heads divides");
            }
        }
        let mut ids: Vec<String> = self.runs().into_iter().map(|r| r.id).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        if ids.len() < count {
            return bad("cell", "the same cell twice".to_owned(), "each budget and shape once");
        }
        Ok(())
    }

    /// Every run, cheapest budget first as written.
    #[must_use]
    pub fn runs(&self) -> Vec<RunSpec> {
        let mut runs = Vec::new();
        for cell in &self.cell {
            for &[layers, d_model, heads] in &cell.shapes {
                for &seed in &self.seeds {
                    let shape = Shape::swiglu(layers, d_model, heads, BYTES);
                    runs.push(RunSpec {
                        id: format!("c{:.2e}-l{layers}-d{d_model}-s{seed}", cell.flops.get()),
                        shape,
                        tokens: tokens_for(cell.flops, shape.params().all),
                        budget: Some(cell.flops),
                        seed,
                        recipe: self.recipe.clone(),
                    });
                }
            }
        }
        runs
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
    fn bad_files_name_the_field() {
        for (from, to, wanted) in [
            ("\"tiny\"", "\"../x\"", "name"),
            ("[0, 1]", "[]", "seeds"),
            ("1e9", "-1.0", "flops"),
            ("[2, 48, 2]", "[2, 48, 5]", "head"),
            ("[2, 48, 2]", "[2, 32, 1]", "twice"),
            ("seeds", "sedes", "sedes"),
        ] {
            let text = FILE.replace(from, to);
            let error = SweepConfig::parse(&text, "tiny.toml").expect_err(to).to_string();
            assert!(error.contains(wanted), "{to}: {error}");
        }
    }
}
