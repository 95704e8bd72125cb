//! `isoloss benchmark`: from loss to error on tasks, and from size and tokens in two steps.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::fit::{Held, held_coefficients};
use super::output::{Console, Output};
use super::reading::ReadingArgs;
use crate::error::Result;
use crate::fit::BenchmarkConfig;
use crate::law::benchmark_by_id;
use crate::report::{Text, benchmark_text, target_text, two_step_table};
use crate::study::{BenchmarkReport, BenchmarkRequest};
use crate::units::{Flops, Params, Tokens};

/// Flags of `isoloss benchmark`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss benchmark evals.csv --map error=err_avg,loss=c4_loss
  isoloss benchmark evals.csv --map error=err_avg --law fit.json --flops 1e22
  isoloss benchmark evals.csv --map error=err_avg --target 0.45 --law fit.json")]
pub(super) struct Args {
    /// Tables with one row per model: loss, and error (1 - accuracy) by --map error=COLUMN.
    #[arg(required = true, value_name = "EVALS")]
    evals: Vec<PathBuf>,
    /// Benchmark law.
    #[arg(long, value_enum, default_value = "exp-error")]
    form: FormArg,
    /// Hold a coefficient at a value, e.g. eps=0.75 (repeatable).
    #[arg(long = "fix", value_name = "NAME=VALUE", value_parser = held_coefficients)]
    fixed: Vec<Held>,
    /// Bootstrap resamples for the intervals; 0 for none.
    #[arg(long, default_value_t = 1000)]
    bootstrap: usize,
    /// Seed of the resamples.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Level of the intervals.
    #[arg(long, default_value_t = 0.95)]
    level: f64,
    /// Law of loss for the first step: a published name or a fit.json.
    #[arg(long, value_name = "LAW")]
    law: Option<String>,
    /// Predict the error of the compute-optimal run of this budget (repeatable).
    #[arg(long, value_name = "C", requires = "law")]
    flops: Vec<Flops>,
    /// Predict the error of a model of this size; with --at-tokens.
    #[arg(long, value_name = "N", requires = "law", requires = "at_tokens")]
    at_params: Option<Params>,
    /// Training tokens of that model.
    #[arg(long, value_name = "D", requires = "at_params")]
    at_tokens: Option<Tokens>,
    /// The loss at which the error is this.
    #[arg(long, value_name = "ERROR")]
    target: Option<f64>,
    #[command(flatten)]
    reading: ReadingArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormArg {
    ExpError,
    LogisticError,
}

impl FormArg {
    fn id(self) -> &'static str {
        match self {
            Self::ExpError => "exp-error",
            Self::LogisticError => "logistic-error",
        }
    }
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    let table = args.reading.read(&args.evals, console)?;
    let report = args.request().answer(&table)?;
    Output::new(text(&report)?, &report, report.warnings.clone())
}

impl Args {
    fn request(&self) -> BenchmarkRequest {
        BenchmarkRequest {
            form: self.form.id().to_owned(),
            law: self.law.clone(),
            flops: self.flops.clone(),
            points: self.at_params.zip(self.at_tokens).into_iter().collect(),
            target: self.target,
            config: BenchmarkConfig {
                fixed: self.fixed.iter().flatten().cloned().collect(),
                bootstrap: self.bootstrap,
                seed: self.seed,
                level: self.level,
            },
        }
    }
}

fn text(report: &BenchmarkReport) -> Result<Text> {
    // What was asked comes before the law that answers it.
    let mut text = Text::default();
    if let Some(target) = report.request.target {
        text.push_str(&target_text(target, report.loss_for_target));
        text.push_str("\n");
    }
    if !report.predictions.is_empty() {
        text.push(two_step_table(&report.predictions, report.fit.level));
        text.push_str("\n");
    }
    text.push(benchmark_text(benchmark_by_id(&report.fit.form)?, &report.fit));
    Ok(text)
}
