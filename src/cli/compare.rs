//! `isoloss compare`: smaller models at the same loss, and when they pay back.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::output::{Output, check_formats, save_all};
use super::target::TargetArgs;
use crate::error::Result;
use crate::report::{Format, Saved, json_text};
use crate::study::{ComparePicture, CompareRequest, Ways, ask_laws};
use crate::units::Params;

/// Flags of `isoloss compare`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss compare --law besiroglu --quality-of 70B --sizes 35B,21B
  isoloss compare --law hoffmann-a3-devries --quality-of 70B --ratios 20,100,500
  isoloss compare --law besiroglu,hoffmann-a3-devries --quality-of 70B --sizes 35B -o compare.svg
  isoloss compare --law besiroglu --quality-of 70B --sizes 35B,21B --picture cost -o cost.svg")]
pub(super) struct Args {
    /// A published law, several with commas, `all`, or a fit.json.
    ///
    /// `isoloss laws` lists them; also a family with constants of your own,
    /// `chinchilla:E=1.69;A=406.4;B=410.7;alpha=0.34;beta=0.28`, and `-` for a fit from standard input.
    #[arg(long)]
    law: String,
    #[command(flatten)]
    target: TargetArgs,
    /// Model sizes, e.g. 35B,21B.
    #[arg(long, value_delimiter = ',', conflicts_with = "ratios")]
    sizes: Vec<Params>,
    /// Tokens per parameter, e.g. 20,100,500.
    #[arg(long, value_delimiter = ',')]
    ratios: Vec<f64>,
    /// What a picture shows.
    #[arg(long, value_enum, default_value = "overtraining")]
    picture: ComparePicture,
    /// Write the picture to .svg or .png, or the comparison to .json; repeatable.
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    check_formats(&args.out, &[Format::Svg, Format::Png, Format::Json])?;
    let ways = if args.sizes.is_empty() {
        Ways::Ratios(args.ratios.clone())
    } else {
        Ways::Sizes(args.sizes.clone())
    };
    let request = CompareRequest { law: args.law.clone(), target: args.target.target(), ways };
    let laws = ask_laws(&args.law)?;
    let report = request.answer_under(&laws)?;
    let mut text = report.text();
    if !args.out.is_empty() {
        let (chart, json) = (report.chart(args.picture, &laws)?, json_text(&report)?);
        text.apart(save_all(&args.out, &[Saved::Chart(&chart), Saved::Json(&json)])?);
    }
    Output::new(text, &report, report.warnings.clone())
}
