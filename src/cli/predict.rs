//! `isoloss predict`: a fit and planned runs in, their losses out.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::one_quantity;
use super::output::{Console, Output, save_all};
use super::reading::ReadingArgs;
use crate::error::Result;
use crate::report::{Format, Saved, check_extensions, json_text, prediction_csv, prediction_table};
use crate::study::{PredictReport, PredictRequest};

/// Flags of `isoloss predict`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss predict fit.json planned.csv
  isoloss predict fit.json planned.csv --map n=size,d=tokens -o predicted.csv
  isoloss predict fit.json planned.jsonl --json

planned.csv has a row per run: N with D, C or D/N, a name if you like. A loss is not needed.")]
pub(super) struct Args {
    /// A fit that `isoloss fit -o` wrote.
    #[arg(value_name = "FIT.json")]
    fit: PathBuf,
    /// Tables of planned runs.
    #[arg(required = true, value_name = "POINTS")]
    points: Vec<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
    /// Write .csv or .json; may be given several times.
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    check_extensions(&args.out, &[Format::Csv, Format::Json])?;
    let options = args.reading.options(console.strict)?;
    if let Some(output) = one_quantity::predicted(&args.fit, &args.points, &options)? {
        return Ok(output);
    }
    let request =
        PredictRequest { fit: args.fit.clone(), points: args.points.clone(), read: options };
    let report = request.answer()?;
    let mut text = prediction_table(&report.law, report.level, rows(&report)).to_text();
    if !args.out.is_empty() {
        let (csv, json) = (prediction_csv(rows(&report))?, json_text(&report)?);
        let forms = [Saved::Csv(&csv), Saved::Json(&json)];
        text.push_str(&format!("\n{}", save_all(&args.out, &forms)?));
    }
    Output::new(text, &report, report.warnings.clone())
}

fn rows(report: &PredictReport) -> impl Iterator<Item = (&str, &crate::fit::Prediction)> {
    report.rows.iter().map(|row| (row.run.as_str(), &row.prediction))
}
