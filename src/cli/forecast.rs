//! `isoloss forecast`: a half-finished run and its schedule in, its final loss with an interval out.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::output::{Output, save_json};
use crate::error::Result;
use crate::fit::CurveConfig;
use crate::report::forecast_text;
use crate::study::{Continuation, ForecastRequest, Rest, read_curves};

/// Flags of `isoloss forecast`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss forecast run.csv
      run.csv has step, lr and loss; rows without a loss are the rest of its schedule
  isoloss forecast run.csv finished-cosine.csv --until 100000 --shape linear --final-lr 3e-5
  isoloss forecast run.csv --until 100000 --shape cosine --final-lr 3e-5 --law annealing")]
pub(super) struct Args {
    /// The run to forecast, then other runs of the same size and batch under other schedules: CSV,
    /// JSON Lines or Parquet with columns step, lr and loss.
    #[arg(required = true, value_name = "CURVES")]
    curves: Vec<PathBuf>,
    /// Law of the curve.
    #[arg(long, value_enum, default_value = "multi-power")]
    law: LawArg,
    /// Last step of the run, where its table does not plan that far.
    #[arg(long, value_name = "STEP")]
    until: Option<usize>,
    /// How the learning rate goes on to that step.
    #[arg(long, value_enum, default_value = "hold", requires = "until")]
    shape: Continuation,
    /// Learning rate at the last step; for linear and cosine.
    #[arg(long, value_name = "RATE", default_value_t = 0.0, requires = "until")]
    final_lr: f64,
    /// Steps over which a linear decay goes down at the end; all that are left when absent.
    #[arg(long, value_name = "STEPS", requires = "until")]
    decay_steps: Option<usize>,
    /// Steps left out after the warm-up.
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    burn_in: usize,
    /// Windows of a curve that become rows of the fit.
    #[arg(long, default_value_t = 200)]
    rows: usize,
    /// Half-width of the Huber band in log loss.
    #[arg(long, default_value_t = 1e-3)]
    delta: f64,
    /// Resamples for the intervals; 0 for none.
    #[arg(long, default_value_t = 400)]
    bootstrap: usize,
    /// Seed of the resamples.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Level of the intervals.
    #[arg(long, default_value_t = 0.95)]
    level: f64,
    /// Write the forecast to this file.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LawArg {
    MultiPower,
    Annealing,
}

impl LawArg {
    fn id(self) -> &'static str {
        match self {
            Self::MultiPower => "multi-power",
            Self::Annealing => "annealing",
        }
    }
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let curves = read_curves(&args.curves)?;
    let request = args.request();
    let answer = request.answer(&curves)?;
    let mut text = forecast_text(&answer, request.form()?.equation(), &curves);
    if let Some(path) = &args.out {
        text.push_str(&format!("\n{}", save_json(path, &answer)?));
    }
    Output::new(text, &answer, answer.warnings.clone())
}

impl Args {
    fn request(&self) -> ForecastRequest {
        let rest = |until| Rest {
            until,
            shape: self.shape,
            final_rate: self.final_lr,
            decay_steps: self.decay_steps,
        };
        ForecastRequest {
            law: self.law.id().to_owned(),
            rest: self.until.map(rest),
            config: CurveConfig {
                rows: self.rows,
                burn_in: self.burn_in,
                delta: self.delta,
                bootstrap: self.bootstrap,
                seed: self.seed,
                level: self.level,
            },
        }
    }
}
