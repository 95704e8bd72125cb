//! `isoloss curve`: the iso-loss compression curve as table, picture and CSV.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::output::{Output, check_formats, save_all};
use super::target::TargetArgs;
use crate::cost::Goodput;
use crate::error::Result;
use crate::report::{Format, Saved, json_text};
use crate::study::{CostUnit, CurveRequest};
use crate::units::Params;

/// Flags of `isoloss curve`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss curve --law besiroglu --quality-of 70B
  isoloss curve --law fit.json --loss 1.5 -o curve.svg -o curve.png -o curve.csv
  isoloss curve --law besiroglu --family 1B,7B,30B,70B,280B \\
    --models 'LLaMA 7B,Chinchilla 70B,Gopher' -o family.png
  isoloss curve --law besiroglu --family 7B,70B --axis usd --device 'H100 SXM' --mfu 0.4 -o usd.svg")]
pub(super) struct Args {
    /// A published law, several with commas, `all`, or a fit.json.
    ///
    /// `isoloss laws` lists them; also a family with constants of your own,
    /// `chinchilla:E=1.69;A=406.4;B=410.7;alpha=0.34;beta=0.28`, and `-` for a fit from standard input.
    #[arg(long)]
    law: String,
    #[command(flatten)]
    target: TargetArgs,
    /// A family of curves instead: the losses of the compute-optimal models of these sizes.
    #[arg(long, value_delimiter = ',', value_name = "PARAMS", conflicts_with_all = ["quality_of", "loss"])]
    family: Vec<Params>,
    /// Place released models with known tokens among them: names with commas, or `all`.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    models: Vec<String>,
    /// What the cost of training is counted in.
    #[arg(long, value_enum, default_value = "flops")]
    axis: CostUnit,
    /// Device for --axis device-hours or usd.
    #[arg(long)]
    device: Option<String>,
    /// Share of its dense BF16 peak that does useful work; the median of published runs when absent.
    #[arg(long, default_value = "published")]
    mfu: Goodput,
    /// Price of a device-hour; the newest on record when absent.
    #[arg(long)]
    usd_per_hour: Option<f64>,
    /// Sizes along the curve.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(4..=5000))]
    points: u16,
    /// Write .svg, .png, .csv or .json; may be given several times.
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    check_formats(&args.out, &[Format::Svg, Format::Png, Format::Csv, Format::Json])?;
    let answer = args.request().answer()?;
    let mut text = answer.text();
    if !args.out.is_empty() {
        let (chart, csv) = (answer.chart(), answer.csv());
        let json = if answer.is_family { json_text(&answer.curves)? } else { json_text(&answer)? };
        let forms = [Saved::Chart(&chart), Saved::Csv(&csv), Saved::Json(&json)];
        text.push_str(&save_all(&args.out, &forms)?);
    }
    Output::new(text, &answer, answer.warnings.clone())
}

impl Args {
    fn request(&self) -> CurveRequest {
        CurveRequest {
            law: self.law.clone(),
            family: self.family.clone(),
            models: self.models.clone(),
            unit: self.axis,
            device: self.device.clone(),
            mfu: self.mfu,
            usd_per_hour: self.usd_per_hour,
            points: self.points,
            target: self.target.target(),
        }
    }
}
