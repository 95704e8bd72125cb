//! `isoloss validate`: fit the cheaper budgets, predict the dearest one, say who was right.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::output::{Console, Output};
use super::reading::ReadingArgs;
use super::study::StudyConfig;
use crate::error::{DataError, Result};
use crate::fit::{FitConfig, backtest};
use crate::law::law_by_id;
use crate::report::backtest_text;

/// Flags of `isoloss validate`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss validate configs/first-light.toml
  isoloss validate runs/first-light/runs.jsonl --json")]
pub(super) struct Args {
    /// A study file, or logs of an isoFLOP sweep.
    #[arg(required = true, value_name = "STUDY_OR_LOGS")]
    input: Vec<PathBuf>,
    /// Law family, where the input is logs.
    #[arg(long, default_value = "chinchilla")]
    law: String,
    #[command(flatten)]
    reading: ReadingArgs,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    let is_study = |p: &PathBuf| p.extension().is_some_and(|e| e == "toml");
    let (table, law, config) = match args.input.as_slice() {
        [file] if is_study(file) => {
            let study = StudyConfig::load(file)?;
            (study.read_logs()?, study.fit.law.clone(), study.fit.config())
        }
        files => {
            if let Some(plan) = files.iter().find(|p| p.extension().is_some_and(|e| e == "json")) {
                return Err(DataError::BadOption {
                    flag: "validate",
                    text: plan.display().to_string(),
                    wanted: "a plan alone holds no runs to compare with; give the study file, or the logs of the runs".to_owned(),
                }
                .into());
            }
            (args.reading.read(files, console)?, args.law.clone(), FitConfig::default())
        }
    };
    let verdict = backtest(law_by_id(&law)?, &table, &config)?;
    Output::new(backtest_text(&verdict), &verdict, verdict.warnings.clone())
}
