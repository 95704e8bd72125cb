//! The command line: one file per verb, one typed struct per verb's flags.
//!
//! Results go to stdout, progress and warnings to stderr; with `--json` stdout holds one object and
//! nothing else. Exit codes: 0 ok, 1 error, 2 usage or bad input, 3 warnings under `--strict`.

mod benchmark;
mod compare;
mod corpus;
mod curve;
mod explain;
mod fit;
mod forecast;
mod hint;
mod init;
mod lists;
mod logs;
mod one_quantity;
mod output;
mod plan;
mod predict;
mod progress;
mod reading;
mod recipe;
#[cfg(feature = "train")]
mod run_watch;
mod scenario;
mod serving;
mod study;
mod sweep;
mod talk;
mod target;
mod train;
mod tune;
mod validate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::data::PipeKeeper;
use crate::error::Result;
use output::{Console, Output};

/// Training-run logs in, a defensible pretraining plan out.
#[derive(Debug, Parser)]
#[command(
    name = "isoloss",
    version,
    max_term_width = 100,
    after_help = "Examples:
  isoloss logs wandb/ tensorboard/ -o runs.csv -o design.png
  isoloss fit runs.csv -o fit.json
  isoloss plan --law fit.json --flops 1e24 --serve-tokens 2T
  isoloss explain \"LLaMA 7B\" --law besiroglu,hoffmann-a3-devries
  isoloss study configs/first-light.toml"
)]
struct Cli {
    /// Print one JSON object on stdout and nothing else there.
    #[arg(long, global = true)]
    json: bool,
    /// Exit with 3 when there are warnings, and refuse damaged logs.
    #[arg(long, global = true)]
    strict: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Read logs of any tool into a clean run table, and show the design.
    Logs(logs::Args),
    /// Fit a scaling law to logs of runs.
    Fit(fit::Args),
    /// Fit a benchmark law: from loss to error on tasks, and from N and D in two steps.
    Benchmark(benchmark::Args),
    /// Forecast the final loss of a half-finished run from its curve and its schedule.
    Forecast(forecast::Args),
    /// Fit laws of the best learning rate and batch to a sweep of both.
    Tune(tune::Args),
    /// Predict the losses of planned runs, with intervals and how far outside the fit they lie.
    Predict(predict::Args),
    /// Split a budget, or reach a loss: Kaplan, Chinchilla and inference-aware side by side.
    Plan(plan::Args),
    /// From N and D to a run: shape, hyper-parameters, layout, days, dollars.
    Recipe(recipe::Args),
    /// Memory, speed and price of serving a model, by batch size.
    Serving(serving::Args),
    /// The iso-loss compression curve: training FLOPs against model size at one loss.
    Curve(curve::Args),
    /// Overtraining trade-offs: sizes or tokens per parameter at equal loss.
    Compare(compare::Args),
    /// Place a model against the compute-optimal one of the same loss.
    Explain(explain::Args),
    /// Run, watch or extend a sweep of small training runs.
    Sweep(sweep::Args),
    /// Turn text into tokens on the disk: split, copies dropped, a tokenizer trained or loaded.
    Corpus(corpus::Args),
    /// Train one run with the bundled trainer.
    Train(train::Args),
    /// Fit the smaller budgets, predict the largest, compare with what happened.
    Validate(validate::Args),
    /// Everything from one file: fit, plan, curve, validation and report.
    Study(study::Args),
    /// Write an annotated study, sweep or run file with every field.
    Init(init::Args),
    /// Every quantitative claim of Mensch's talk, with our numbers beside.
    #[command(after_help = "Example:\n  isoloss talk --json")]
    Talk,
    /// Published laws with their sources.
    #[command(after_help = "Example:\n  isoloss laws --json")]
    Laws,
    /// Released models with their sources.
    #[command(after_help = "Example:\n  isoloss models")]
    Models,
    /// Accelerators with dense peaks, prices and sources.
    #[command(after_help = "Example:\n  isoloss devices")]
    Devices,
}

/// Parses the process's arguments and runs the verb.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help to stdout with 0 and mistakes to stderr with 2.
            let code = if error.use_stderr() { 2 } else { 0 };
            output::usage(&error);
            return ExitCode::from(code);
        }
    };
    let console = Console { json: cli.json, strict: cli.strict };
    // A pipe can be read once, and some verbs look at their files twice.
    let _pipes = PipeKeeper::new();
    match run(cli.verb, &console) {
        Ok(output) => console.finish(&output),
        Err(error) => console.fail(&error),
    }
}

fn run(verb: Verb, console: &Console) -> Result<Output> {
    match verb {
        Verb::Logs(args) => logs::run(&args, console),
        Verb::Fit(args) => fit::run(&args, console),
        Verb::Benchmark(args) => benchmark::run(&args, console),
        Verb::Forecast(args) => forecast::run(&args, console),
        Verb::Tune(args) => tune::run(&args, console),
        Verb::Predict(args) => predict::run(&args, console),
        Verb::Plan(args) => plan::run(&args),
        Verb::Recipe(args) => recipe::run(&args),
        Verb::Serving(args) => serving::run(&args),
        Verb::Curve(args) => curve::run(&args),
        Verb::Compare(args) => compare::run(&args),
        Verb::Explain(args) => explain::run(&args),
        Verb::Sweep(args) => sweep::run(&args),
        Verb::Corpus(args) => corpus::run(&args),
        Verb::Train(args) => train::run(&args),
        Verb::Validate(args) => validate::run(&args, console),
        Verb::Study(args) => study::run(&args),
        Verb::Init(args) => init::run(&args),
        Verb::Talk => talk::run(),
        Verb::Laws => lists::laws(),
        Verb::Models => lists::models(),
        Verb::Devices => lists::devices(),
    }
}
