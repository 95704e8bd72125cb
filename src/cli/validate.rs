//! `isoloss validate`: fit the smaller budgets, predict the largest, compare with what happened.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::output::{Console, Output};
use super::progress::Counter;
use super::reading::ReadingArgs;
use crate::error::{Result, StudyError};
use crate::report::backtest_text;
use crate::study::{StudyConfig, ValidateRequest};

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
    let has = |p: &PathBuf, extension: &str| p.extension().is_some_and(|e| e == extension);
    let (table, request) = match args.input.as_slice() {
        [file] if has(file, "toml") => {
            let study = StudyConfig::load(file)?;
            (study.source().table(&|_, _| {})?, study.validation())
        }
        files => {
            if let Some(plan) = files.iter().find(|p| has(p, "json")) {
                let path = plan.display().to_string();
                return Err(StudyError::PlanWithoutRuns { path }.into());
            }
            let request = ValidateRequest { law: args.law.clone(), ..ValidateRequest::default() };
            (args.reading.read(files, console)?, request)
        }
    };
    let draws = Counter::new("fitting", request.config.bootstrap);
    let verdict = request.answer_with_progress(&table, &|progress| draws.at(progress))?;
    draws.clear();
    Output::new(backtest_text(&verdict), &verdict, verdict.warnings.clone())
}
