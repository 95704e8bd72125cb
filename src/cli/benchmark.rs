//! `isoloss benchmark`: from loss to error on tasks, and from size and tokens in two steps.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use serde::Serialize;

use super::fit::{Held, held_coefficients};
use super::output::{Console, Output};
use super::reading::ReadingArgs;
use crate::error::{DataError, FitError, Result, Warning};
use crate::fit::{BenchmarkConfig, BenchmarkFit, fit_benchmark};
use crate::law::{Benchmark, Point, TwoStep, benchmark_by_id, published_benchmark};
use crate::num::Interval;
use crate::report::{TwoStepPrediction, benchmark_sheet, two_step_sheet};
use crate::study::ask_laws;
use crate::units::{Flops, Params, Tokens};

/// Flags of `isoloss benchmark`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss benchmark evals.csv --map error=err_avg,loss=c4_loss
  isoloss benchmark evals.csv --map error=err_avg --law fit.json --flops 1e22
  isoloss benchmark evals.csv --map error=err_avg --target 0.45 --law fit.json")]
pub(super) struct Args {
    /// Tables with one row per model: loss, and error (1 - accuracy) by --map error=COLUMN.
    #[arg(required = true, value_name = "EVALS")]
    evals: Vec<PathBuf>,
    /// Benchmark law.
    #[arg(long, value_enum, default_value = "exp-error")]
    form: FormArg,
    /// Hold a coefficient at a value, e.g. eps=0.75 (repeatable).
    #[arg(long = "fix", value_name = "NAME=VALUE", value_parser = held_coefficients)]
    fixed: Vec<Held>,
    /// Bootstrap resamples for the intervals; 0 for none.
    #[arg(long, default_value_t = 1000)]
    bootstrap: usize,
    /// Seed of the resamples.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Level of the intervals.
    #[arg(long, default_value_t = 0.95)]
    level: f64,
    /// Law of loss for the first step: a published name or a fit.json.
    #[arg(long, value_name = "LAW")]
    law: Option<String>,
    /// Predict the error of the compute-optimal run of this budget (repeatable).
    #[arg(long, value_name = "C", requires = "law")]
    flops: Vec<Flops>,
    /// Predict the error of a model of this size; with --at-tokens.
    #[arg(long, value_name = "N", requires = "law", requires = "at_tokens")]
    at_params: Option<Params>,
    /// Training tokens of that model.
    #[arg(long, value_name = "D", requires = "at_params")]
    at_tokens: Option<Tokens>,
    /// The loss at which the error is this.
    #[arg(long, value_name = "ERROR")]
    target: Option<f64>,
    #[command(flatten)]
    reading: ReadingArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormArg {
    ExpError,
    LogisticError,
}

impl FormArg {
    fn id(self) -> &'static str {
        match self {
            Self::ExpError => "exp-error",
            Self::LogisticError => "logistic-error",
        }
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    fit: &'a BenchmarkFit,
    predictions: Vec<TwoStepPrediction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loss_for_target: Option<f64>,
}

/// A benchmark law by name, or from the JSON that this verb prints.
pub(super) fn named(name: &str) -> Result<(&'static dyn Benchmark, Vec<f64>)> {
    if !name.ends_with(".json") {
        let published = published_benchmark(name)?;
        return Ok((benchmark_by_id(&published.form)?, published.theta()?));
    }
    let bad = |reason: String| FitError::Artifact { path: name.to_owned(), reason };
    let text = std::fs::read_to_string(name).map_err(|e| bad(e.to_string()))?;
    let fit: BenchmarkFit = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    Ok((benchmark_by_id(&fit.form)?, fit.theta))
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    let table = args.reading.read(&args.evals, console)?;
    let mut rows = Vec::new();
    for run in &table.runs {
        let error = run.benchmark_error.ok_or_else(|| DataError::BadOption {
            flag: "--map",
            text: "error".to_owned(),
            wanted: "a column with the error of each model is wanted: --map error=COLUMN"
                .to_owned(),
        })?;
        rows.push((run.loss_nats, error));
    }
    let config = BenchmarkConfig {
        fixed: args.fixed.iter().flatten().cloned().collect(),
        bootstrap: args.bootstrap,
        seed: args.seed,
        level: args.level,
    };
    let benchmark = benchmark_by_id(args.form.id())?;
    let fitted = fit_benchmark(benchmark, &rows, &config)?;
    let mut warnings = fitted.warnings.clone();
    let predictions = predictions(args, benchmark, &fitted, &mut warnings)?;
    let mut text = format!(
        "{} fitted to {} models by least squares on the error\n\n{}",
        benchmark.equation(),
        fitted.n_points,
        benchmark_sheet(benchmark, &fitted).to_text(),
    );
    text.push_str(&format!(
        "\nresiduals: SD {:.4}; losses from {:.3} to {:.3} nats per token; {} of {} starts agree, {}\n",
        fitted.residual_sd,
        fitted.losses.lo,
        fitted.losses.hi,
        fitted.certificate.starts_agreeing,
        fitted.certificate.starts,
        if fitted.certificate.certified { "certified" } else { "not certified" },
    ));
    if !predictions.is_empty() {
        text.push_str(&format!("\n{}", two_step_sheet(&predictions, args.level).to_text()));
    }
    let loss_for_target = args.target.map(|target| loss_for(benchmark, &fitted, target));
    if let (Some(target), Some(found)) = (args.target, loss_for_target) {
        text.push_str(&match found {
            Some(loss) => {
                format!("\nan error of {target} is reached at a loss of {loss:.4} nats per token\n")
            }
            None => format!("\nno loss gives an error of {target} under this law\n"),
        });
    }
    let loss_for_target = loss_for_target.flatten();
    let answer = Answer { fit: &fitted, predictions, loss_for_target };
    Output::new(text, &answer, warnings)
}

/// The loss at which the fitted law has this error, searched down to zero nats.
fn loss_for(benchmark: &'static dyn Benchmark, fit: &BenchmarkFit, target: f64) -> Option<f64> {
    let excess = |loss: f64| benchmark.error(&fit.theta, loss) - target;
    crate::num::find_root("loss for an error", excess, 0.0, 20.0).ok()
}

/// The errors asked for, through the law of loss.
fn predictions(
    args: &Args,
    benchmark: &'static dyn Benchmark,
    fitted: &BenchmarkFit,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<TwoStepPrediction>> {
    let mut predictions = Vec::new();
    let Some(law) = &args.law else { return Ok(predictions) };
    for asked in ask_laws(law)? {
        warnings.extend(asked.warnings.iter().cloned());
        let surface = asked.ensemble.best.clone();
        let mut points = Vec::new();
        for c in &args.flops {
            let plan = crate::plan::compute_optimal(&surface, *c)?;
            points.push(Point::new(plan.n, plan.d));
        }
        if let (Some(n), Some(d)) = (args.at_params, args.at_tokens) {
            points.push(Point::new(n, d));
        }
        for point in points {
            let theta = fitted.theta.clone();
            let both = TwoStep { surface: surface.clone(), benchmark, theta };
            let loss = both.surface.loss(&point);
            let outside = fitted.losses.factor_outside(loss);
            if outside > 1.0 + 1e-9 {
                let quantity = format!("loss {loss:.3}");
                warnings.push(Warning::Extrapolation { quantity, factor: outside });
            }
            predictions.push(TwoStepPrediction {
                law: surface.label.clone(),
                params: point.n,
                tokens: point.d,
                loss,
                error: both.error(&point),
                interval: interval(benchmark, fitted, &asked.ensemble, &point),
            });
        }
    }
    Ok(predictions)
}

/// Draws of the law of loss, where it has any, paired with draws of the benchmark law and its
/// residuals.
fn interval(
    benchmark: &'static dyn Benchmark,
    fitted: &BenchmarkFit,
    ensemble: &crate::law::Ensemble,
    point: &Point,
) -> Option<Interval> {
    if ensemble.draws.is_empty() {
        return fitted.new_model_interval(benchmark, ensemble.best.loss(point));
    }
    let (n, p) = (fitted.residuals.len() as f64, fitted.theta.len() as f64);
    let inflate = (n / (n - p).max(1.0)).sqrt();
    let sample: Vec<f64> = fitted
        .draws
        .iter()
        .enumerate()
        .map(|(k, theta)| {
            let surface = &ensemble.draws[k % ensemble.draws.len()];
            let residual = fitted.residuals[(k * 7919) % fitted.residuals.len()];
            benchmark.error(theta, surface.loss(point)) - inflate * residual
        })
        .collect();
    Interval::percentile(&sample, fitted.level)
}
