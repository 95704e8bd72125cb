//! `isoloss fit`: logs in, a certified law out.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args as ClapArgs, ValueEnum};

use super::hint::next_step;
use super::one_quantity;
use super::output::{Console, Output, Outs, save_json, to_value};
use super::progress::{Bytes, Counter};
use super::reading::ReadingArgs;
use super::streams::note;
use crate::data::{CHECKPOINT, HoldOut};
use crate::error::Result;
use crate::fit::{FitConfig, FutureAxis, NormalPrior, Objective, ProfileOf, Resample};
use crate::law::Range;
use crate::report::{Kind, Text, kinds_table, left_out_text};
use crate::study::{FitPicture, FitRequest, KindFit, KindFits, LogSource, replay};
use crate::units::Flops;

/// Flags of `isoloss fit`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss fit data/first-light/runs.jsonl -o fit.json
  isoloss fit runs.csv --map 'n=Model Size,c=Training FLOP,loss=loss' --exclude 0-4
  isoloss fit wandb/ mlflow.db --given seq_len=2048
  isoloss fit runs.csv --hold-out 'C>=1e21' --json
  isoloss fit runs.csv --objective lad-log --fix E=1.69
  isoloss fit runs.csv --law auto --leave-future-out C --at 1e24
  isoloss fit runs.csv --leave-future-out C --picture errors -o errors.svg
  isoloss fit runs.csv --law muennighoff --map 'n=params_b*1e9,d=tokens_b*1e9,unique=unique_b*1e9'
  isoloss fit runs.csv --where 'outlier == false' --by dataset
  isoloss fit lr-sweep.csv --best-per cell
  isoloss fit --replay fit.json")]
pub(super) struct Args {
    /// Logs of runs, files or folders.
    ///
    /// Tables with one row per run, step logs of any kind that `isoloss logs` reads.
    #[arg(required_unless_present = "replay", value_name = "LOGS")]
    logs: Vec<PathBuf>,
    /// Law family; `auto` takes the one that predicts best.
    ///
    /// `isoloss laws` lists them; `auto` goes by held-out runs, `stack` weighs them all by that.
    #[arg(long, default_value = "chinchilla")]
    law: String,
    /// What is minimised.
    #[arg(long, value_enum, default_value = "huber-log")]
    objective: Objective,
    /// Half-width of the Huber band in log loss; huber-log and asymmetric-log only.
    #[arg(long, default_value_t = 1e-3)]
    delta: f64,
    /// How often an over-estimate counts; asymmetric-log only.
    #[arg(long, default_value_t = 10.0)]
    over_weight: f64,
    /// Hold a coefficient at a value, E=1.69, or several at those of a published law,
    /// E,A,B@besiroglu (repeatable).
    #[arg(long = "fix", value_name = "NAME=VALUE", value_parser = held_coefficients)]
    fixed: Vec<Held>,
    /// Keep a coefficient in a range, e.g. E=1.5..1.9 (repeatable).
    #[arg(long = "bound", value_name = "NAME=LO..HI", value_parser = bounded_coefficient)]
    bounds: Vec<(String, Range)>,
    /// What is known of a coefficient from elsewhere: mean and standard deviation, e.g.
    /// E=1.69+-0.05 (repeatable).
    #[arg(long = "prior", value_name = "NAME=MEAN+-SD", value_parser = known_coefficient)]
    priors: Vec<(String, NormalPrior)>,
    /// Bootstrap resamples for the intervals; 0 for none.
    #[arg(long, default_value_t = 4000)]
    bootstrap: usize,
    /// What a resample draws: single runs, all runs of a size, budget or run name, or the signs of
    /// the residuals.
    #[arg(long, value_enum, default_value = "row")]
    resample: Resample,
    /// Coefficients whose profile likelihood is walked: those hardly known, all, or none.
    #[arg(long, value_enum, default_value = "weak")]
    profile: ProfileOf,
    /// Seed of the resamples.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Level of the intervals.
    #[arg(long, default_value_t = 0.95)]
    level: f64,
    #[command(flatten)]
    reading: ReadingArgs,
    /// Fit on the other runs and test on these, e.g. 'C>=1e21'.
    #[arg(long, value_name = "CONDITION")]
    hold_out: Option<HoldOut>,
    /// Test the fit on the runs of these logs.
    #[arg(long, value_name = "LOGS", conflicts_with = "hold_out", num_args = 1..)]
    test: Vec<PathBuf>,
    /// Also fit the nearest half of the runs and predict the next ones, step by step, along C, N, D
    /// or D/N; the axis of `--law auto`, C when absent.
    #[arg(long, value_enum, value_name = "AXIS", ignore_case = true)]
    leave_future_out: Option<FutureAxis>,
    /// Fit without each group of runs in turn and predict it.
    #[arg(long, value_name = "GROUPS", value_parser = groups())]
    leave_out: Option<Resample>,
    /// Training FLOPs to decide at (repeatable).
    ///
    /// The decision is given with its intervals; the largest budget and ten times that when absent.
    #[arg(long, value_name = "C")]
    at: Vec<Flops>,
    /// Fit each kind of runs apart, by this column.
    #[arg(long, value_name = "COLUMN")]
    by: Option<String>,
    /// Run the command that wrote this fit again and compare every number.
    #[arg(long, value_name = "FIT.json", conflicts_with = "logs")]
    replay: Option<PathBuf>,
    /// What a picture shows.
    #[arg(long, value_enum, default_value = "frontier")]
    picture: FitPicture,
    /// Write the fit, draws included, to this file, or a picture to .svg or .png (repeatable).
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
}

/// Every way of resampling that makes groups of runs.
fn groups() -> impl TypedValueParser<Value = Resample> {
    PossibleValuesParser::new(["size", "budget", "cell", "run", "row"])
        .try_map(|name| Resample::from_str(&name, false))
}

/// Coefficients held by one `--fix`.
pub(super) type Held = Vec<(String, f64)>;

type Parsed<T> = std::result::Result<T, String>;

pub(super) fn held_coefficients(text: &str) -> Parsed<Held> {
    let wanted =
        "expected NAME=VALUE, for example E=1.69, or NAME,NAME@LAW, for example E,A,B@besiroglu";
    if let Some((names, law)) = text.split_once('@') {
        let surface = crate::law::Surface::published(law.trim()).map_err(|e| e.to_string())?;
        return names
            .split(',')
            .map(|name| {
                let name = name.trim();
                let value = surface.coef(name).ok_or_else(|| {
                    let known = surface.law().coefs().iter().map(|c| c.name);
                    let known: Vec<&str> = known.collect();
                    format!("`{law}` has no `{name}`, only {}", known.join(", "))
                })?;
                Ok((name.to_owned(), value))
            })
            .collect();
    }
    let (name, value) = text.split_once('=').ok_or(wanted)?;
    let value = value.trim().parse().map_err(|_| wanted)?;
    Ok(vec![(name.trim().to_owned(), value)])
}

fn bounded_coefficient(text: &str) -> Parsed<(String, Range)> {
    let wanted = "expected NAME=LO..HI, for example E=1.5..1.9";
    let (name, range) = text.split_once('=').ok_or(wanted)?;
    let (lo, hi) = range.split_once("..").ok_or(wanted)?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wanted.to_owned());
    Ok((name.trim().to_owned(), Range { lo: number(lo)?, hi: number(hi)? }))
}

fn known_coefficient(text: &str) -> Parsed<(String, NormalPrior)> {
    let wanted = "expected NAME=MEAN+-SD, for example E=1.69+-0.05";
    let (name, normal) = text.split_once('=').ok_or(wanted)?;
    let (mean, sd) = normal.split_once("+-").or_else(|| normal.split_once('±')).ok_or(wanted)?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wanted.to_owned());
    Ok((name.trim().to_owned(), NormalPrior { mean: number(mean)?, sd: number(sd)? }))
}

/// Warnings shown without being asked for all.
const MOST_WARNINGS: usize = 5;

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    if let Some(path) = &args.replay {
        return replayed(path);
    }
    let request = args.request();
    request.config.validate()?;
    let outs = Outs::of(&args.out)?;
    let out = outs.json.first().map(PathBuf::as_path);
    if args.by.is_some() {
        outs.refuse_pictures("one kind of runs")?;
    }
    let source = LogSource {
        logs: args.logs.clone(),
        test: args.test.clone(),
        read: args.reading.options(console.strict)?,
    };
    let bytes = Bytes::new("reading");
    let table = source.table(&|done, total| bytes.at(done, total));
    bytes.clear();
    let table = match table {
        Ok(table) => table,
        Err(error) => {
            let config = &request.config;
            let (law, options) = (&request.law, &source.read);
            return one_quantity::fitted(
                &error, law, &args.logs, options, config, &args.at, &outs,
            )?
            .ok_or(error);
        }
    };
    let draws = Counter::new("fitting", request.config.bootstrap);
    if let Some(column) = &args.by {
        let fits = request.answer_by(&table, column, &|progress| draws.at(progress))?;
        draws.clear();
        return by_kind(fits, &source, out);
    }
    let test = source.test_table()?;
    let test = test.as_ref().map(|(name, runs)| (name.as_str(), runs));
    let report = request.answer_tested(&table, test, &|progress| draws.at(progress));
    draws.clear();
    // Where too few runs are left, what was left out says why.
    let report = report.inspect_err(|_| {
        left_out_text(&table).lines().for_each(note);
        if table.skipped.iter().any(|skipped| skipped.reason == CHECKPOINT) {
            note("hint: --every-row takes each of those rows for a run");
        }
    })?;
    let report = report.from_logs(source);
    let mut text = report.text(&table, &next_step(&report, out));
    if console.verbose {
        text.apart(report.detail_text());
    }
    outs.save(&mut text, &report, || report.chart(args.picture, &table))?;
    let json = report.shown(&table)?;
    Ok(Output {
        text,
        json: json.into(),
        warnings: report.warnings,
        most: Some(MOST_WARNINGS),
        failed: None,
        exit: None,
        verdict: None,
    })
}

/// One law per kind: the table of all, and a file of each.
fn by_kind(fits: KindFits, source: &LogSource, out: Option<&Path>) -> Result<Output> {
    let row = |kind: &KindFit| {
        let report = kind.report.as_ref();
        (kind.kind.clone(), kind.runs, report.map(|r| (r.fit.clone(), r.decisions.last().cloned())))
    };
    let rows: Vec<_> = fits.kinds.iter().map(row).collect();
    let kinds: Vec<Kind<'_>> = rows
        .iter()
        .map(|(kind, runs, fit)| {
            (kind.as_str(), *runs, fit.as_ref().map(|(fit, decision)| (fit, decision.as_ref())))
        })
        .collect();
    let mut text = Text::from(kinds_table(&fits.column, &kinds));
    for kind in &fits.kinds {
        if let Some(reason) = &kind.refused {
            text.push_str(&format!("{}: {reason}\n", kind.kind));
        }
    }
    if fits.without > 0 {
        let (without, column) = (fits.without, &fits.column);
        text.push_str(&format!("{without} runs say nothing in `{column}` and are in no fit\n"));
    }
    let (json, warnings) = (to_value(&fits)?, fits.warnings());
    if let Some(out) = out {
        text.push_str("\n");
        for (i, kind) in fits.kinds.into_iter().enumerate() {
            let Some(report) = kind.report else { continue };
            let path = file_of(out, &kind.kind, i);
            let mut source = source.clone();
            // So that the fit can be made again from its file alone.
            source.read.only.extend(format!("'{}' == '{}'", fits.column, kind.kind).parse());
            text.push_str(&save_json(&path, &report.from_logs(source))?);
        }
    }
    Ok(Output {
        text,
        json: json.into(),
        warnings,
        most: Some(MOST_WARNINGS),
        failed: None,
        exit: None,
        verdict: None,
    })
}

/// `fit.json` as `fit-c4.json`; a kind whose name no file can have is told by its place.
fn file_of(out: &Path, kind: &str, place: usize) -> PathBuf {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let fine = !kind.is_empty() && kind.len() <= 60 && kind.chars().all(plain);
    let name = if fine { kind.to_owned() } else { (place + 1).to_string() };
    let stem = out.file_stem().map_or("fit".into(), |stem| stem.to_string_lossy());
    out.with_file_name(format!("{stem}-{name}.json"))
}

impl Args {
    fn request(&self) -> FitRequest {
        FitRequest {
            law: self.law.clone(),
            hold_out: self.hold_out.clone(),
            leave_future_out: self.leave_future_out,
            leave_out: self.leave_out,
            at: self.at.clone(),
            config: FitConfig {
                objective: self.objective,
                delta: self.delta,
                over_weight: self.over_weight,
                fixed: self.fixed.iter().flatten().cloned().collect(),
                bounds: self.bounds.iter().cloned().collect(),
                priors: self.priors.iter().cloned().collect(),
                bootstrap: self.bootstrap,
                resample: self.resample,
                profile: self.profile,
                extrapolation: true,
                seed: self.seed,
                level: self.level,
            },
        }
    }
}

fn replayed(path: &Path) -> Result<Output> {
    let bytes = Bytes::new("reading");
    let draws = Counter::new("fitting", 4000);
    let replay =
        replay(path, &|done, total| bytes.at(done, total), &|progress| draws.at(progress))?;
    bytes.clear();
    draws.clear();
    let text = if replay.identical {
        let fit = &replay.again.fit;
        let by = replay.written_by.as_ref().filter(|by| **by != fit.isoloss_version);
        let by = by.map_or_else(String::new, |by| format!(", as isoloss {by} wrote them"));
        format!(
            "reproduced to the bit: {} coefficients, {} intervals, {} draws, {} residuals{by}\n",
            fit.coefficients.len(),
            fit.intervals.len(),
            fit.draws.len(),
            fit.residuals.len(),
        )
    } else {
        const SHOWN: usize = 20;
        let shown = replay.differences.iter().take(SHOWN);
        let mut text: String = shown.map(|d| format!("differs: {d}\n")).collect();
        if replay.differences.len() > SHOWN {
            text.push_str(&format!("and {} more\n", replay.differences.len() - SHOWN));
        }
        text
    };
    Output::new(text, &replay, replay.warnings())
}
