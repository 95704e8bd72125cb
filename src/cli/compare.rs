//! `isoloss compare`: smaller models at the same loss, and when they pay back.

use clap::Args as ClapArgs;

use super::output::Output;
use super::target::TargetArgs;
use crate::error::Result;
use crate::study::{CompareRequest, Ways};
use crate::units::Params;

/// Flags of `isoloss compare`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss compare --law besiroglu --quality-of 70B --sizes 35B,21B
  isoloss compare --law hoffmann-a3-devries --quality-of 70B --ratios 20,100,500")]
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
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let ways = if args.sizes.is_empty() {
        Ways::Ratios(args.ratios.clone())
    } else {
        Ways::Sizes(args.sizes.clone())
    };
    let request = CompareRequest { law: args.law.clone(), target: args.target.target(), ways };
    let report = request.answer()?;
    Output::new(report.text(), &report, report.warnings.clone())
}
