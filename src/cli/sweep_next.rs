//! `isoloss sweep next`: which runs to make, from a sweep file, a fit or a table of runs.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};
use serde::Serialize;

use super::output::{Console, Output, check_formats, save_all};
use super::progress::Counter;
use super::reading::ReadingArgs;
use super::validate::sweep_of;
use crate::data::{ReadOptions, RunTable};
use crate::error::{Result, Warning};
use crate::fit::{Fit, FitConfig};
use crate::report::{Format, Saved, Text, json_text, next_runs_text};
use crate::study::{Decide, FitRequest, NextRunsAnswer, NextRunsRequest, load_fit, runs_left};
use crate::sweep::{ChosenRun, NextRuns, SweepConfig, SweepStatus};
use crate::units::Flops;

/// Flags of `isoloss sweep next`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss sweep next sweep.toml
  isoloss sweep next fit.json --flops 1e20 -o next.toml --sweep sweep.toml
  isoloss sweep next runs.csv --law auto --afford 1e18 --spend 3e18
  isoloss sweep next fit.json --decide loss --against kaplan-joint

Runs are chosen so that they leave the least doubt of one decision for what they cost: by default the
best size at ten times the compute of the largest run.")]
pub(super) struct Args {
    /// A sweep file, a fit that `isoloss fit -o` wrote, or tables and logs of runs.
    #[arg(required = true, value_name = "SWEEP_FIT_OR_LOGS")]
    input: Vec<PathBuf>,
    /// What has to be decided at --flops.
    #[arg(long, value_enum, default_value = "size")]
    decide: DecideArg,
    /// Budget of the decision, training FLOPs; ten times the largest run when absent.
    #[arg(long, value_name = "C")]
    flops: Option<Flops>,
    /// Most FLOPs of one run; those of the largest run when absent.
    #[arg(long, value_name = "C")]
    afford: Option<Flops>,
    /// Most FLOPs of all runs together; as --afford when absent.
    #[arg(long, value_name = "C")]
    spend: Option<Flops>,
    /// Most runs.
    #[arg(long, value_name = "K", default_value_t = 8)]
    runs: usize,
    /// A law to tell from this one; the rival that predicts best when absent.
    #[arg(long, value_name = "LAW")]
    against: Option<String>,
    /// Law family, where the input is a sweep file or runs; `auto` takes the one that predicts best.
    #[arg(long, default_value = "chinchilla")]
    law: String,
    /// Bootstrap resamples of that fit.
    #[arg(long, default_value_t = 1000, value_name = "COUNT")]
    bootstrap: usize,
    /// Sweep file whose corpus and recipe the runs of -o FILE.toml take.
    #[arg(long, value_name = "FILE.toml")]
    sweep: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
    /// Write the runs: a sweep file .toml, a table .csv, or .json (repeatable).
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DecideArg {
    /// The best size.
    Size,
    /// The best loss.
    Loss,
}

/// What is said of a sweep, and of the law of its runs.
#[derive(Debug, Default, Serialize)]
struct Next {
    #[serde(flatten)]
    sweep: Option<NextRuns>,
    #[serde(flatten)]
    design: Option<NextRunsAnswer>,
    /// Why no runs are chosen by a law.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_design: Option<String>,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    check_formats(&args.out, &[Format::Toml, Format::Csv, Format::Json])?;
    let is = |extension: &str| matches!(args.input.as_slice(), [file] if file.extension().is_some_and(|e| e == extension));
    if is("toml") {
        return of_sweep(&args.input[0], args);
    }
    let fit = match is("json") && holds_fit(&args.input[0]) {
        true => load_fit(&args.input[0])?,
        false => args.fitted(&args.reading.read(&args.input, console)?)?,
    };
    let answer = args.request().answer(&fit)?;
    let mut text = answer.text();
    text.apart(args.save(&answer, &fit, args.sweep.as_deref())?);
    let next = Next { design: Some(answer), ..Next::default() };
    Output::new(text, &next, warnings(&next))
}

/// Other .json may be tables of runs.
fn holds_fit(path: &Path) -> bool {
    let text = crate::data::read_text(path).unwrap_or_default();
    let value: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    value.is_some_and(|v| v.get("schema").is_some() || v.get("certificate").is_some())
}

/// What a sweep lacks; once its runs fix a law, also the runs that the law asks for.
fn of_sweep(file: &Path, args: &Args) -> Result<Output> {
    let config = SweepConfig::read(file)?;
    let sweep = runs_left(&config)?;
    let records = SweepStatus::read(&config)?.records;
    let mut next = Next::default();
    let mut fitted = None;
    if records.exists() {
        let table = crate::data::read(&[records], &ReadOptions::default());
        match table.and_then(|table| {
            let fit = args.fitted(&table)?;
            let answer = args.request().answer(&fit)?;
            Ok((fit, answer))
        }) {
            Ok((fit, answer)) => {
                fitted = Some(fit);
                next.design = Some(answer);
            }
            Err(error) => next.no_design = Some(error.to_string()),
        }
    }
    let mut text = Text::from(next_runs_text(&sweep));
    if let Some(answer) = &next.design {
        text.apart(answer.text());
    }
    if let Some(reason) = &next.no_design {
        text.push_str("\n");
        text.paragraph(&format!("no runs are chosen by a law: {reason}"), 2);
    }
    if let (Some(answer), Some(fit)) = (&next.design, &fitted) {
        text.apart(args.save(answer, fit, args.sweep.as_deref().or(Some(file)))?);
    }
    next.sweep = Some(sweep);
    Output::new(text, &next, warnings(&next))
}

fn warnings(next: &Next) -> Vec<Warning> {
    next.design.as_ref().map_or(Vec::new(), |answer| answer.warnings.clone())
}

impl Args {
    fn request(&self) -> NextRunsRequest {
        NextRunsRequest {
            decide: match self.decide {
                DecideArg::Size => Decide::Size,
                DecideArg::Loss => Decide::Loss,
            },
            flops: self.flops,
            afford: self.afford,
            spend: self.spend,
            runs: self.runs,
            against: self.against.clone(),
        }
    }

    fn fitted(&self, table: &RunTable) -> Result<Fit> {
        let config = FitConfig { bootstrap: self.bootstrap, ..FitConfig::default() };
        let request = FitRequest { law: self.law.clone(), config, ..FitRequest::default() };
        let draws = Counter::new("fitting", self.bootstrap);
        let report = request.answer_with_progress(table, &|progress| draws.at(progress));
        draws.clear();
        Ok(report?.fit)
    }

    /// Writes the runs; returns a line for each file.
    fn save(&self, answer: &NextRunsAnswer, fit: &Fit, base: Option<&Path>) -> Result<String> {
        if self.out.is_empty() {
            return Ok(String::new());
        }
        let runs: Vec<ChosenRun> =
            answer.runs.iter().map(|run| ChosenRun { n: run.n, d: run.d }).collect();
        let wants_sweep = self.out.iter().any(|path| Format::of(path, &[Format::Toml]).is_ok());
        let sweep = match wants_sweep {
            true => {
                let about =
                    [format!("Runs that settle the {} at {} FLOPs.", answer.decide, answer.target)];
                Some(sweep_of(&runs, fit.surface.params, base, &self.out, &about)?)
            }
            false => None,
        };
        let (csv, json) = (answer.csv(), json_text(answer)?);
        let mut forms = vec![Saved::Csv(&csv), Saved::Json(&json)];
        forms.extend(sweep.as_deref().map(Saved::Toml));
        save_all(&self.out, &forms)
    }
}
