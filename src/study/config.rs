//! A study written in one file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::file_error::explain;
use super::fit::{FitRequest, LogSource};
use super::next_runs::NextRunsRequest;
use super::plan::PlanRequest;
use super::recipe::RecipeRequest;
use super::serving::ServingRequest;
use super::validate::ValidateRequest;
use crate::data::{ReadOptions, read_text};
use crate::error::{Result, StudyError};
use crate::units::Params;

/// Everything a study does, as its TOML file says it. Paths are relative to the working folder.
///
/// [`TEMPLATE`](Self::TEMPLATE) has every field with its meaning, range and default.
///
/// | field | default | purpose |
/// |---|---|---|
/// | `name` | | names the study and its folder: letters, digits, `-` and `_` |
/// | `title` | | title of the page |
/// | `about` | empty | a paragraph on what was run |
/// | `logs` | | files and folders with the runs |
/// | `[read]` | [`ReadOptions::default`] | how they are read |
/// | `[fit]` | [`FitRequest::default`] | law, how it is fitted, and what is asked beside it |
/// | `[[plan]]` | none | budgets and losses to plan for: [`PlanSection`] |
/// | `[curve]` | none | compression curve: [`CurveSection`] |
/// | `[[serving]]` | none | models to serve: [`ServingRequest`] |
/// | `[[recipe]]` | none | runs to write out: [`RecipeRequest`] |
/// | `[next]` | for the first plan | runs to make next: [`NextRunsRequest`] |
/// | `[[gain]]` | none | recipes to compare: [`GainSection`] |
/// | `validate` | true | whether the smaller budgets are fitted and the largest predicted |
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StudyConfig {
    /// Names the study and its folder.
    pub name: String,
    /// Title of the page.
    pub title: String,
    /// A paragraph on what was run, for the page.
    #[serde(default)]
    pub about: String,
    /// Files and folders with the runs.
    pub logs: Vec<PathBuf>,
    /// How they are read.
    #[serde(default)]
    pub read: ReadOptions,
    /// How the law is fitted, and what is asked beside it.
    #[serde(default)]
    pub fit: FitRequest,
    /// Budgets and losses to plan for.
    #[serde(default)]
    pub plan: Vec<PlanSection>,
    /// The compression curve to draw.
    #[serde(default)]
    pub curve: Option<CurveSection>,
    /// Models to serve.
    #[serde(default)]
    pub serving: Vec<ServingRequest>,
    /// Runs to write out.
    #[serde(default)]
    pub recipe: Vec<RecipeRequest>,
    /// Runs to make next; for the first plan of the study's own law when absent.
    #[serde(default)]
    pub next: Option<NextRunsRequest>,
    /// Recipes to compare.
    #[serde(default)]
    pub gain: Vec<GainSection>,
    /// Whether to fit the smaller budgets and predict the largest.
    #[serde(default = "yes")]
    pub validate: bool,
}

fn yes() -> bool {
    true
}

/// A plan of a study: the fields of [`PlanRequest`] with a heading.
// Unknown fields are refused by the request, which sees all fields that are not named here.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct PlanSection {
    /// Heading on the page.
    pub title: String,
    /// `fit` for the study's own law, or what [`ask_laws`](super::ask_laws) takes.
    #[serde(default = "own_fit")]
    pub law: String,
    /// What is asked; its own `law` is not used.
    #[serde(flatten)]
    pub request: PlanRequest,
}

fn own_fit() -> String {
    "fit".to_owned()
}

/// The compression curve to draw.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CurveSection {
    /// The quality of the compute-optimal model of this size.
    pub quality_of: Params,
    /// Tokens per parameter to compare at that quality.
    #[serde(default)]
    pub ratios: Vec<f64>,
}

/// Two recipes to compare, read and fitted as the study's runs are.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GainSection {
    /// Heading on the page.
    pub title: String,
    /// Runs or law of the recipe that is measured against.
    pub a: PathBuf,
    /// Those of the other.
    pub b: PathBuf,
    /// What each is called on the page; by their files when absent.
    #[serde(default)]
    pub names: Option<[String; 2]>,
    /// Families of laws for the ways that take one; those that suit the runs when empty.
    #[serde(default)]
    pub laws: Vec<String>,
    /// The floor of every law, nats.
    #[serde(default)]
    pub floor: Option<f64>,
    /// Training tokens per second of each, on models of one size.
    #[serde(default)]
    pub tokens_per_s: Option<[f64; 2]>,
}

impl StudyConfig {
    /// A study file with every field, each with a comment; those that may be left out are commented out.
    ///
    /// ```
    /// use isoloss::study::StudyConfig;
    ///
    /// let study = StudyConfig::parse(StudyConfig::TEMPLATE, "study.toml")?;
    /// assert_eq!(study.fit.law, "chinchilla");
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    pub const TEMPLATE: &str = include_str!("templates/study.toml");

    /// Reads a study file.
    ///
    /// # Errors
    /// [`Error::Io`](crate::error::Error::Io) for a file that cannot be read, [`StudyError::File`] with the line for one that is
    /// no study.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = read_text(path)?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads the text of a study; `path` names it in errors.
    ///
    /// # Errors
    /// [`StudyError::File`] with the line where there is one.
    pub fn parse(text: &str, path: &str) -> Result<Self> {
        let bad = |reason: String| StudyError::File { path: path.to_owned(), reason };
        let config: Self = toml::from_str(text).map_err(|e| bad(explain::<Self>(text, &e)))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if config.name.is_empty() || !config.name.chars().all(plain) {
            return Err(bad("`name` takes letters, digits, - and _".to_owned()).into());
        }
        if config.logs.is_empty() {
            return Err(bad("`logs` is empty; name at least one table of runs".to_owned()).into());
        }
        Ok(config)
    }

    /// The logs of the study.
    #[must_use]
    pub fn source(&self) -> LogSource {
        LogSource { logs: self.logs.clone(), test: Vec::new(), read: self.read.clone() }
    }

    /// The test against the largest budget, fitted as the study fits.
    #[must_use]
    pub fn validation(&self) -> ValidateRequest {
        ValidateRequest { law: self.fit.law.clone(), config: self.fit.config.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::ProfileOf;

    const SMALL: &str = "name = 'a'\ntitle = 'A'\nlogs = ['x.csv']\n";

    fn parse(more: &str) -> Result<StudyConfig> {
        StudyConfig::parse(&format!("{SMALL}{more}"), "study.toml")
    }

    #[test]
    fn a_section_takes_every_field_of_its_request() {
        let study = parse(
            "[fit]\nprofile = 'all'\nhold_out = 'C>=1e21'\n[[plan]]\ntitle = 'P'\nflops = 1e21\nserve_tokens = [1e12, 4e12]\nunique_tokens = 1e10\n",
        )
        .expect("a study");
        assert_eq!(study.fit.config.profile, ProfileOf::All);
        assert_eq!(study.fit.law, "chinchilla");
        let plan = &study.plan[0];
        assert_eq!(plan.law, "fit");
        assert_eq!(plan.request.flops.map(|c| c.get()), Some(1e21));
        assert_eq!(plan.request.scenario.serve_tokens.map(|t| t.high), Some(4e12));
        assert!(plan.request.scenario.unique_tokens.is_some());
    }

    #[test]
    fn a_field_that_is_not_known_is_refused_by_name_wherever_it_stands() {
        for (more, field) in [
            ("oops = 1\n", "oops"),
            ("[fit]\nboostrap = 3\n", "boostrap"),
            ("[[plan]]\ntitle = 'P'\nflops = 1e21\nserve_token = 1.0\n", "serve_token"),
            ("[curve]\nquality_of = 1e9\nratio = [1.0]\n", "ratio"),
            ("[read]\nskipbad = true\n", "skipbad"),
        ] {
            let error = parse(more).expect_err(more).to_string();
            assert!(error.contains(field) && error.contains("study.toml"), "{error}");
        }
    }

    #[test]
    fn a_wrong_value_is_named_with_its_line_and_field() {
        for (more, says) in [
            (
                "[fit]\nlaw = 'kaplan-joint'\ndelta = 'x'\n",
                "line 6: `delta` of [fit]: invalid type",
            ),
            ("[fit]\nboostrap = 3\n", "line 5: `boostrap` of [fit]: unknown field"),
            (
                "[[plan]]\ntitle = 'P'\nflops = 1.0\n[[plan]]\ntitle = 'Q'\nserve_bits = 'four'\n",
                "line 9: `serve_bits` of [[plan]]: invalid type",
            ),
            ("[curve]\nquality_of = 'x'\n", "line 5"),
            ("name = 'twice'\n", "line 4"),
        ] {
            let error = parse(more).expect_err(more).to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_name_that_is_no_folder_and_no_logs_are_refused() {
        for text in
            ["name = '../a'\ntitle = ''\nlogs = ['x']\n", "name = 'a'\ntitle = ''\nlogs = []\n"]
        {
            assert!(StudyConfig::parse(text, "s").is_err(), "{text}");
        }
    }
}
