//! `isoloss tune`: a sweep of learning rate and batch in, laws of both in N and D out.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::output::{Console, Output, check_whole, save_json};
use super::reading::ReadingArgs;
use crate::data::{TuningColumns, read_tuning};
use crate::error::Result;
use crate::fit::TuningConfig;
use crate::report::Format;
use crate::study::TuneRequest;
use crate::units::{Params, Tokens};

/// Flags of `isoloss tune`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss tune sweep.csv --at-params 7B --at-tokens 2T
  isoloss tune sweep.csv --lr max_lr --batch gbs --given seq_len=4096 -o tuning.json

A row is one run: N, D, learning rate, batch and loss. Each (N, D) needs a grid that brackets its best
learning rate and batch; cells whose optimum is flat or at an edge are refused, with the reason.")]
pub(super) struct Args {
    /// Tables with one row per run.
    #[arg(required = true, value_name = "SWEEP")]
    sweep: Vec<PathBuf>,
    /// Column of the learning rate, where its name does not say it.
    #[arg(long, value_name = "COLUMN")]
    lr: Option<String>,
    /// Column of the batch. It counts tokens if its name says so; else it is turned into tokens by
    /// seq_len (a column, or --given seq_len=2048) or by D over the steps of the run.
    #[arg(long, value_name = "COLUMN")]
    batch: Option<String>,
    /// Settings for a model of this size; with --at-tokens.
    #[arg(long, value_name = "N", requires = "at_tokens")]
    at_params: Option<Params>,
    /// Training tokens of that model.
    #[arg(long, value_name = "D", requires = "at_params")]
    at_tokens: Option<Tokens>,
    /// Bootstrap resamples for the intervals; 0 for none.
    #[arg(long, default_value_t = 2000)]
    bootstrap: usize,
    /// Seed of the resamples.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Level of the intervals.
    #[arg(long, default_value_t = 0.95)]
    level: f64,
    /// Write the laws to this file as JSON.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    check_whole(args.out.as_slice(), &[Format::Json])?;
    let columns = TuningColumns { lr: args.lr.clone(), batch: args.batch.clone() };
    let table = read_tuning(&args.sweep, &args.reading.options(console.strict)?, &columns)?;
    let (bootstrap, seed, level) = (args.bootstrap, args.seed, args.level);
    let request = TuneRequest {
        at: args.at_params.zip(args.at_tokens).into_iter().collect(),
        config: TuningConfig { bootstrap, seed, level },
    };
    let report = request.answer(&table)?;
    let mut text = report.text();
    if let Some(path) = &args.out {
        text.apart(save_json(path, &report)?);
    }
    Output::new(text, &report, Vec::new())
}
