//! `isoloss forecast`: a half-finished run and its schedule in, its final loss with an interval out.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::output::{Output, to_json_text};
use crate::data::{CurvePoint, TrainingCurve, read_curve};
use crate::error::{DataError, Result};
use crate::fit::{CurveConfig, forecast};
use crate::law::curve_forms;
use crate::report::{forecast_text, write_atomically};

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
    shape: ShapeArg,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ShapeArg {
    /// The last rate until the end.
    Hold,
    /// Down to the final rate in a straight line.
    Linear,
    /// The cosine that began at the peak, to the final rate.
    Cosine,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let mut curves =
        args.curves.iter().map(|path| read_curve(path)).collect::<Result<Vec<TrainingCurve>>>()?;
    if let (Some(until), Some(curve)) = (args.until, curves.first_mut()) {
        extend(curve, until, args)?;
    }
    let config = CurveConfig {
        rows: args.rows,
        burn_in: args.burn_in,
        delta: args.delta,
        bootstrap: args.bootstrap,
        seed: args.seed,
        level: args.level,
    };
    let id = match args.law {
        LawArg::MultiPower => "multi-power",
        LawArg::Annealing => "annealing",
    };
    let law = curve_forms().iter().copied().find(|f| f.id() == id);
    let law = law.ok_or_else(|| crate::error::LawError::UnknownForm {
        id: id.to_owned(),
        known: curve_forms().iter().map(|f| f.id()).collect::<Vec<_>>().join(", "),
    })?;
    let answer = forecast(law, &curves, &config)?;
    let mut text = forecast_text(&answer, law.equation(), &curves);
    if let Some(path) = &args.out {
        write_atomically(path, to_json_text(&answer)?.as_bytes())?;
        text.push_str(&format!("\nwrote {}\n", path.display()));
    }
    Output::new(text, &answer, answer.warnings.clone())
}

/// Plans the rest of a curve from its last row.
fn extend(curve: &mut TrainingCurve, until: usize, args: &Args) -> Result<()> {
    let bad = |flag, text: String, wanted: String| DataError::BadOption { flag, text, wanted };
    let Some(last) = curve.points.last().copied() else { return Ok(()) };
    if until <= last.step {
        let wanted = format!("the table goes to step {} already; a later one is wanted", last.step);
        return Err(bad("--until", until.to_string(), wanted).into());
    }
    const MOST_STEPS: usize = 5_000_000;
    if until > MOST_STEPS {
        let wanted = format!("at most {MOST_STEPS} steps are wanted");
        return Err(bad("--until", until.to_string(), wanted).into());
    }
    if !(args.final_lr.is_finite() && args.final_lr >= 0.0) {
        let wanted = "a rate of at least zero is wanted".to_owned();
        return Err(bad("--final-lr", args.final_lr.to_string(), wanted).into());
    }
    let rates = curve.rates();
    let peak = rates.iter().copied().fold(0.0, f64::max);
    let warm = 1 + rates.iter().position(|r| *r == peak).unwrap_or(0);
    let cosine = |step: usize| {
        let done = (step - warm) as f64 / (until - warm) as f64;
        args.final_lr + 0.5 * (peak - args.final_lr) * (1.0 + (std::f64::consts::PI * done).cos())
    };
    if args.shape == ShapeArg::Cosine && (cosine(last.step) / last.rate - 1.0).abs() > 0.02 {
        let wanted = format!(
            "the cosine from {peak:e} at step {warm} to {:e} at step {until} passes step {} at {:e}, but the log has {:e} there; give the run's own end and final rate",
            args.final_lr,
            last.step,
            cosine(last.step),
            last.rate
        );
        return Err(bad("--shape", "cosine".to_owned(), wanted).into());
    }
    let decay = args.decay_steps.unwrap_or(until - last.step).clamp(1, until - last.step);
    for step in last.step + 1..=until {
        let rate = match args.shape {
            ShapeArg::Hold => last.rate,
            ShapeArg::Cosine => cosine(step),
            ShapeArg::Linear => {
                let done = (step + decay).saturating_sub(until) as f64 / decay as f64;
                last.rate + done * (args.final_lr - last.rate)
            }
        };
        curve.points.push(CurvePoint { step, rate, loss_nats: None });
    }
    Ok(())
}
