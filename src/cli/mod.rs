//! The command line: one file per verb, one typed struct per verb's flags.
//!
//! Results go to stdout, progress and warnings to stderr; with `--json` stdout holds one object and
//! nothing else. Exit codes: 0 ok, 1 error or output that could not be written, 2 usage or bad input,
//! 3 warnings under `--strict`, 4 when a test fails and 5 when it cannot tell (`validate`), 130 after
//! Ctrl-C, 143 after SIGTERM; also 1 when a run diverged or could not be trained.

mod benchmark;
mod compare;
mod corpus;
mod curve;
mod dry_run;
mod executor;
mod explain;
mod fit;
mod follow;
mod forecast;
mod gain;
mod hint;
mod init;
mod launching;
mod lists;
mod logs;
mod mix;
mod one_quantity;
mod output;
mod places;
mod plan;
mod predict;
mod progress;
mod reading;
mod recipe;
mod run_bars;
#[cfg(feature = "train")]
mod run_watch;
mod scenario;
#[cfg(feature = "serve")]
mod serve;
mod serving;
mod shell;
mod short_help;
mod signals;
mod streams;
mod study;
mod sweep;
mod sweep_next;
mod talk;
mod target;
mod train;
mod tune;
mod validate;
mod watching;
mod worker;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Args as ClapArgs, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::data::PipeKeeper;
use crate::error::Result;
use output::{Console, Output};
use places::Stdout;
use progress::Heartbeat;

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
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

/// Flags of every verb.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Every verb")]
struct Common {
    /// Print one JSON object on stdout and nothing else there.
    #[arg(long, global = true, hide_short_help = true)]
    json: bool,
    /// Exit with 3 when there are warnings, and refuse damaged logs.
    #[arg(long, global = true, hide_short_help = true)]
    strict: bool,
    /// Say all there is: every row, coefficient and warning.
    #[arg(short, long, global = true, hide_short_help = true)]
    verbose: bool,
    /// Say nothing on stderr but errors.
    #[arg(short, long, global = true, conflicts_with = "verbose", hide_short_help = true)]
    quiet: bool,
    #[command(flatten)]
    color: colorchoice_clap::Color,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Read logs of any tool into a clean table of runs.
    ///
    /// Read logs of any tool into a clean run table, and show the design.
    Logs(logs::Args),
    /// Fit a scaling law to logs of runs.
    Fit(fit::Args),
    /// Fit a benchmark law: from loss to error on tasks.
    ///
    /// Fit a benchmark law: from loss to error on tasks, and from N and D in two steps.
    Benchmark(benchmark::Args),
    /// Forecast the final loss of a half-finished run.
    ///
    /// Forecast the final loss of a half-finished run from its curve and its schedule.
    Forecast(forecast::Args),
    /// Fit laws of the best learning rate and batch.
    ///
    /// Fit laws of the best learning rate and batch to a sweep of both.
    Tune(tune::Args),
    /// How much compute one recipe saves over another.
    ///
    /// How much compute one recipe saves over another, at which scale, and which way of saying so held.
    Gain(gain::Args),
    /// The best mixture of data domains.
    ///
    /// The best mixture of data domains from runs on mixtures, within what text there is.
    Mix(mix::Args),
    /// Predict the losses of planned runs.
    ///
    /// Predict the losses of planned runs, with intervals and how far outside the fit they lie.
    Predict(predict::Args),
    /// Split a budget between N and D, or reach a loss.
    ///
    /// Split a budget, or reach a loss: Kaplan, Chinchilla and inference-aware side by side.
    Plan(plan::Args),
    /// From N and D to a run: shape, batch, layout, days.
    ///
    /// From N and D to a run: shape, hyper-parameters, layout, days, dollars.
    Recipe(recipe::Args),
    /// Memory, speed and price of serving a model.
    ///
    /// Memory, speed and price of serving a model, by batch size.
    Serving(serving::Args),
    /// The iso-loss curve: smaller models of equal quality.
    ///
    /// The iso-loss compression curve: training FLOPs against model size at one loss.
    Curve(curve::Args),
    /// Overtraining trade-offs at equal loss.
    ///
    /// Overtraining trade-offs: sizes or tokens per parameter at equal loss.
    Compare(compare::Args),
    /// Place a model against the compute-optimal one.
    ///
    /// Place a model against the compute-optimal one of the same loss.
    Explain(explain::Args),
    /// Open the explorer: a local page with sliders.
    ///
    /// Open the explorer: a page on this machine on which budgets, limits and laws can be moved.
    #[cfg(feature = "serve")]
    Serve(serve::Args),
    /// Run, watch or extend a sweep of small training runs.
    Sweep(sweep::Args),
    /// Turn text into tokens on the disk.
    ///
    /// Turn text into tokens on the disk: split, copies dropped, a tokenizer trained or loaded.
    Corpus(corpus::Args),
    /// Train one run with the bundled trainer.
    Train(train::Args),
    /// Predict the largest budget from the smaller ones.
    ///
    /// Fit the smaller budgets, predict the largest, compare with what happened.
    Validate(validate::Args),
    /// Everything from one file, with a report.
    ///
    /// Everything from one file: fit, plan, curve, validation and report.
    Study(study::Args),
    /// Write an annotated study, sweep or run file.
    ///
    /// Write an annotated study, sweep or run file with every field.
    Init(init::Args),
    /// The claims of Mensch's talk, with our numbers.
    ///
    /// Every quantitative claim of Mensch's talk, with our numbers beside.
    Talk(talk::Args),
    /// Completions of a shell: verbs, flags and their values.
    Completions(shell::CompletionArgs),
    /// Manual pages.
    Man(shell::ManArgs),
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

/// Columns of help where there is no terminal, and the most on one.
const COLUMNS: usize = 80;

/// The command line, as wide as it is shown.
fn command() -> clap::Command {
    let command = Cli::command();
    let command =
        if std::io::stdout().is_terminal() { command } else { command.term_width(COLUMNS) };
    match std::env::args_os().position(|arg| arg == "-h") {
        Some(place) => short_help::on_one_screen(command, place == 1),
        None => command,
    }
}

/// Parses the process's arguments and runs the verb.
#[must_use]
pub fn main() -> ExitCode {
    let mut command = command();
    let parsed = command.try_get_matches_from_mut(std::env::args_os());
    let parsed = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return output::usage(&error),
    };
    let Common { json, strict, verbose, quiet, color } = cli.common;
    color.write_global();
    if quiet {
        streams::be_quiet();
    }
    signals::watch();
    let mut console = Console { json, strict, verbose, stdout: Stdout::Answer };
    match places::check(&command, &matches, json) {
        Ok(stdout) => console.stdout = stdout,
        Err(error) => return console.fail(&error),
    }
    // A pipe can be read once, and some verbs look at their files twice.
    let _pipes = PipeKeeper::new();
    let heartbeat = Heartbeat::start(matches.subcommand_name().unwrap_or_default());
    let result = run(cli.verb, &console);
    drop(heartbeat);
    let code = match result {
        Ok(output) => console.finish(&output),
        Err(error) => console.fail(&error),
    };
    signals::caught().map_or(code, |signal| ExitCode::from(128 + signal))
}

fn run(verb: Verb, console: &Console) -> Result<Output> {
    match verb {
        Verb::Logs(args) => logs::run(&args, console),
        Verb::Fit(args) => fit::run(&args, console),
        Verb::Benchmark(args) => benchmark::run(&args, console),
        Verb::Forecast(args) => forecast::run(&args, console),
        Verb::Tune(args) => tune::run(&args, console),
        Verb::Gain(args) => gain::run(&args, console),
        Verb::Mix(args) => mix::run(&args, console),
        Verb::Predict(args) => predict::run(&args, console),
        Verb::Plan(args) => plan::run(&args, console),
        Verb::Recipe(args) => recipe::run(&args),
        Verb::Serving(args) => serving::run(&args),
        Verb::Curve(args) => curve::run(&args),
        Verb::Compare(args) => compare::run(&args),
        Verb::Explain(args) => explain::run(&args),
        #[cfg(feature = "serve")]
        Verb::Serve(args) => serve::run(&args, console),
        Verb::Sweep(args) => sweep::run(&args, console),
        Verb::Corpus(args) => corpus::run(&args),
        Verb::Train(args) => train::run(&args),
        Verb::Validate(args) => validate::run(&args, console),
        Verb::Study(args) => study::run(&args),
        Verb::Init(args) => init::run(&args, console),
        Verb::Talk(args) => talk::run(&args),
        Verb::Completions(args) => shell::completions(&args, console),
        Verb::Man(args) => shell::man(&args, console),
        Verb::Laws => lists::laws(),
        Verb::Models => lists::models(),
        Verb::Devices => lists::devices(),
    }
}
