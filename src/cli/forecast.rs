//! `isoloss forecast`: a half-finished run and its schedule in, its final loss with an interval out.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::output::{Console, Output, check_whole, save_json};
use super::progress::{Bytes, Counter};
use super::reading::ReadingArgs;
use crate::data::read_curves;
use crate::error::Result;
use crate::fit::CurveConfig;
use crate::report::Format;
use crate::study::{Continuation, ForecastRequest, Rest};

/// Flags of `isoloss forecast`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss forecast run.csv finished.csv
      run.csv has step, lr and loss; rows without a loss are the rest of its schedule
  isoloss forecast wandb/ --run big --until 100000 --shape cosine --final-lr 3e-5
  isoloss forecast trunk.csv other-wsd.csv --until 50000 --shape linear --decay-steps 10000
      what a constant run will reach when it is decayed
  isoloss forecast run.csv finished.csv --warmup 2000
      the curves begin after a warm-up that was not logged

What is read: what `isoloss logs` reads, finished or not, where it logs the learning rate.")]
pub(super) struct Args {
    /// The run to forecast, then others of the same size and batch.
    ///
    /// The others are under other schedules. Tables with columns step, lr and loss, or logs of any tool
    /// that hold the three.
    #[arg(required = true, value_name = "CURVES")]
    curves: Vec<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
    /// Name of the run to forecast, where files hold several; the first of them otherwise.
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// Law of the curve.
    #[arg(long, value_enum, default_value = "sublinear-power")]
    law: LawArg,
    /// Steps of a linear warm-up from zero that the curves leave out; 0 for none. A guess when absent.
    #[arg(long, value_name = "STEPS")]
    warmup: Option<usize>,
    /// Peak learning rate of a run whose log holds no rates; --until, --shape, --final-lr and
    /// --warmup then say its schedule from the start.
    #[arg(long, value_name = "RATE")]
    peak_lr: Option<f64>,
    /// Last step of the run, where its log does not plan that far.
    #[arg(long, value_name = "STEP")]
    until: Option<usize>,
    /// How the learning rate goes on to that step; hold when only the step is given.
    #[arg(long, value_enum)]
    shape: Option<Continuation>,
    /// Learning rate at the last step; for linear, sqrt and cosine.
    #[arg(long, value_name = "RATE", default_value_t = 0.0)]
    final_lr: f64,
    /// Steps over which a linear or sqrt decay goes down at the end; all that are left when absent.
    #[arg(long, value_name = "STEPS", requires = "shape")]
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
    SublinearPower,
    MultiPower,
    Annealing,
}

impl LawArg {
    fn id(self) -> &'static str {
        match self {
            Self::SublinearPower => "sublinear-power",
            Self::MultiPower => "multi-power",
            Self::Annealing => "annealing",
        }
    }
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    check_whole(args.out.as_slice(), &[Format::Json])?;
    let request = args.request();
    let options = args.reading.options(console.strict)?;
    let bytes = Bytes::new("reading");
    let set = read_curves(&args.curves, &options, &|done, total| bytes.at(done, total));
    bytes.clear();
    let set = set?;
    let fits = Counter::new("fits", 1);
    let answer = request.answer_set(&set, &|progress| fits.at(progress));
    fits.clear();
    let answer = answer?;
    let mut text = answer.text(&set, console.verbose);
    if let Some(path) = &args.out {
        text.apart(save_json(path, &answer)?);
    }
    Output::new(text, &answer, answer.forecast.warnings.clone())
}

impl Args {
    fn request(&self) -> ForecastRequest {
        let goes_on = self.until.is_some() || self.shape.is_some();
        let rest = Rest {
            until: self.until,
            shape: self.shape.unwrap_or_default(),
            final_rate: self.final_lr,
            decay_steps: self.decay_steps,
        };
        ForecastRequest {
            law: self.law.id().to_owned(),
            run: self.run.clone(),
            rest: goes_on.then_some(rest),
            warmup: self.warmup,
            peak_lr: self.peak_lr,
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
