//! `isoloss predict`: a fit and planned runs in, their losses out.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::one_quantity;
use super::output::{Console, Output, check_formats, save_all};
use super::reading::ReadingArgs;
use crate::error::Result;
use crate::report::{Format, Saved, json_text};
use crate::study::PredictRequest;

/// Flags of `isoloss predict`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss predict fit.json planned.csv
  isoloss predict fit.json planned.csv --map n=size,d=tokens -o predicted.csv
  isoloss predict fit.json planned.jsonl --quantiles 0.1,0.5,0.9 --json

planned.csv has a row per run: N with D, C or D/N, a name if you like. A loss is not needed.")]
pub(super) struct Args {
    /// A fit that `isoloss fit -o` wrote.
    #[arg(value_name = "FIT.json")]
    fit: PathBuf,
    /// Tables of planned runs.
    #[arg(required = true, value_name = "POINTS")]
    points: Vec<PathBuf>,
    /// Also the losses that a run stays below with these probabilities, e.g. 0.1,0.5,0.9.
    #[arg(long, value_name = "P,...", value_delimiter = ',')]
    quantiles: Vec<f64>,
    #[command(flatten)]
    reading: ReadingArgs,
    /// Write .csv or .json; may be given several times.
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    check_formats(&args.out, &[Format::Csv, Format::Json])?;
    let options = args.reading.options(console.strict)?;
    if let Some(output) = one_quantity::predicted(&args.fit, &args.points, &options)? {
        return Ok(output);
    }
    let request = PredictRequest {
        fit: args.fit.clone(),
        points: args.points.clone(),
        quantiles: args.quantiles.clone(),
        read: options,
    };
    let report = request.answer()?;
    let mut text = report.text();
    if !args.out.is_empty() {
        let csv = report.csv()?;
        let json = json_text(&report)?;
        let forms = [Saved::Csv(&csv), Saved::Json(&json)];
        text.apart(save_all(&args.out, &forms)?);
    }
    Output::new(text, &report, report.warnings.clone())
}
