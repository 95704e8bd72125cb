//! `isoloss fit`: logs in, a certified law out.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Parser, ValueEnum};
use serde_json::Value;

use super::law_arg::load_fit;
use super::output::{Console, Output, to_json_text, to_value};
use super::progress::Counter;
use super::reading::ReadingArgs;
use crate::data::{HoldOut, RunTable};
use crate::error::{FitError, Result, Warning};
use crate::fit::{
    Axis, Fit, FitConfig, NormalPrior, Objective, ProfileOf, Resample, approaches, decide, fit,
    fit_held_out, leave_groups_out, rank, rollout,
};
use crate::law::{Range, law_by_id};
use crate::report::{
    approaches_sheet, certificate_text, decision_sheet, diagnostics_text, fit_sheet, groups_sheet,
    held_out_sheet, minima_sheet, objective_text, profile_sheet, ranking_sheet, refusals_text,
    rollout_sheet, write_atomically,
};
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
  isoloss fit runs.csv --law muennighoff --map 'n=params_b*1e9,d=tokens_b*1e9,unique=unique_b*1e9'
  isoloss fit --replay fit.json")]
pub(super) struct Args {
    /// Logs of runs, files or folders: tables with one row per run, step logs of any kind that
    /// `isoloss logs` reads.
    #[arg(required_unless_present = "replay", value_name = "LOGS")]
    logs: Vec<PathBuf>,
    /// Law family (`isoloss laws` lists them); `auto` takes the one that predicts held-out runs
    /// best.
    #[arg(long, default_value = "chinchilla")]
    law: String,
    /// What is minimised.
    #[arg(long, value_enum, default_value = "huber-log")]
    objective: ObjectiveArg,
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
    resample: ResampleArg,
    /// Coefficients whose profile likelihood is walked: those hardly known, all, or none.
    #[arg(long, value_enum, default_value = "weak")]
    profile: ProfileArg,
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
    /// Also fit the nearest half of the runs and predict the next ones, step by step, along C, N, D
    /// or D/N; the axis of `--law auto`, C when absent.
    #[arg(long, value_name = "AXIS")]
    leave_future_out: Option<Axis>,
    /// Fit without each group of runs in turn and predict it.
    #[arg(long, value_enum, value_name = "GROUPS")]
    leave_out: Option<GroupArg>,
    /// Training FLOPs at which the decision is given with its intervals (repeatable); the dearest
    /// budget and ten times that when absent.
    #[arg(long, value_name = "C")]
    at: Vec<Flops>,
    /// Run the command that wrote this fit again and compare every number.
    #[arg(long, value_name = "FIT.json", conflicts_with = "logs")]
    replay: Option<PathBuf>,
    /// Write the fit, draws included, to this file.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ObjectiveArg {
    HuberLog,
    LadLog,
    LsLog,
    LsLoss,
    AsymmetricLog,
}

impl From<ObjectiveArg> for Objective {
    fn from(arg: ObjectiveArg) -> Self {
        match arg {
            ObjectiveArg::HuberLog => Self::HuberLog,
            ObjectiveArg::LadLog => Self::LadLog,
            ObjectiveArg::LsLog => Self::LsLog,
            ObjectiveArg::LsLoss => Self::LsLoss,
            ObjectiveArg::AsymmetricLog => Self::AsymmetricLog,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ResampleArg {
    Row,
    Size,
    Budget,
    Cell,
    Run,
    Wild,
}

impl From<ResampleArg> for Resample {
    fn from(arg: ResampleArg) -> Self {
        match arg {
            ResampleArg::Row => Self::Row,
            ResampleArg::Size => Self::Size,
            ResampleArg::Budget => Self::Budget,
            ResampleArg::Cell => Self::Cell,
            ResampleArg::Run => Self::Run,
            ResampleArg::Wild => Self::Wild,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProfileArg {
    None,
    Weak,
    All,
}

impl From<ProfileArg> for ProfileOf {
    fn from(arg: ProfileArg) -> Self {
        match arg {
            ProfileArg::None => Self::None,
            ProfileArg::Weak => Self::Weak,
            ProfileArg::All => Self::All,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum GroupArg {
    Size,
    Budget,
    Cell,
    Run,
    Row,
}

impl From<GroupArg> for Resample {
    fn from(arg: GroupArg) -> Self {
        match arg {
            GroupArg::Size => Self::Size,
            GroupArg::Budget => Self::Budget,
            GroupArg::Cell => Self::Cell,
            GroupArg::Run => Self::Run,
            GroupArg::Row => Self::Row,
        }
    }
}

/// Coefficients held by one `--fix`.
pub(super) type Held = Vec<(String, f64)>;

type Parsed<T> = std::result::Result<T, String>;

pub(super) fn held_coefficients(text: &str) -> Parsed<Held> {
    let wanted = "NAME=VALUE is wanted, as E=1.69, or NAME,NAME@LAW, as E,A,B@besiroglu";
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
    let wanted = "NAME=LO..HI is wanted, as E=1.5..1.9";
    let (name, range) = text.split_once('=').ok_or(wanted)?;
    let (lo, hi) = range.split_once("..").ok_or(wanted)?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wanted.to_owned());
    Ok((name.trim().to_owned(), Range { lo: number(lo)?, hi: number(hi)? }))
}

fn known_coefficient(text: &str) -> Parsed<(String, NormalPrior)> {
    let wanted = "NAME=MEAN+-SD is wanted, as E=1.69+-0.05";
    let (name, normal) = text.split_once('=').ok_or(wanted)?;
    let (mean, sd) = normal.split_once("+-").or_else(|| normal.split_once('±')).ok_or(wanted)?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wanted.to_owned());
    Ok((name.trim().to_owned(), NormalPrior { mean: number(mean)?, sd: number(sd)? }))
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    if let Some(path) = &args.replay {
        return replay(path, console);
    }
    let (fitted, table) = fitted(args, console)?;
    let mut text = text(&fitted, &table);
    if let Some(path) = &args.out {
        write_atomically(path, to_json_text(&fitted)?.as_bytes())?;
        text.push_str(&format!("\nwrote {}\n", path.display()));
    }
    let mut json = to_value(&fitted)?;
    if let Some(object) = json.as_object_mut() {
        // 4000 draws belong in the file, not on a terminal.
        object.remove("draws");
        object.remove("residuals");
        object.insert("files".to_owned(), to_value(&table.files)?);
        object.insert("notes".to_owned(), to_value(&table.notes)?);
        object.insert("skipped".to_owned(), to_value(&table.skipped)?);
        object.insert("assumptions".to_owned(), to_value(&table.assumptions)?);
    }
    Ok(Output { text, json, warnings: fitted.warnings })
}

/// The fit the flags ask for, with the table it was made from.
fn fitted(args: &Args, console: &Console) -> Result<(Fit, RunTable)> {
    let config = FitConfig {
        objective: args.objective.into(),
        delta: args.delta,
        over_weight: args.over_weight,
        fixed: args.fixed.iter().flatten().cloned().collect(),
        bounds: args.bounds.iter().cloned().collect(),
        priors: args.priors.iter().cloned().collect(),
        bootstrap: args.bootstrap,
        resample: args.resample.into(),
        profile: args.profile.into(),
        seed: args.seed,
        level: args.level,
    };
    config.validate()?;
    let table = args.reading.read(&args.logs, console)?;
    // Whatever chooses or scores a law here must not see the runs kept for the final test.
    let seen = match &args.hold_out {
        None => table.clone(),
        Some(held) => held.split(&table)?.0,
    };
    let axis = args.leave_future_out;
    let ranking =
        (args.law == "auto").then(|| rank(&seen, axis.unwrap_or(Axis::C), &config)).transpose()?;
    let law = match ranking.as_ref().and_then(|r| r.laws.first()) {
        Some(best) => law_by_id(&best.rollout.law)?,
        None => law_by_id(&args.law)?,
    };
    let rollout = axis.map(|axis| rollout(law, &seen, axis, &config)).transpose()?;
    let progress = Counter::new("bootstrap", config.bootstrap);
    let mut fitted = match &args.hold_out {
        None => fit(law, &table, &config, &|done| progress.at(done))?,
        Some(held) => fit_held_out(law, &table, held, &config, &|done| progress.at(done))?,
    };
    progress.clear();
    if let Some(by) = args.leave_out {
        fitted.groups_left_out = Some(leave_groups_out(law, &seen, by.into(), &config)?);
    }
    let budgets = match (args.at.as_slice(), &fitted.allocation) {
        ([], Some(a)) => vec![a.reference_flops, a.reference_flops * 10.0],
        (asked, _) => asked.to_vec(),
    };
    for &c in &budgets {
        if !c.is_usable() {
            let (what, wanted) = ("--at", "training FLOPs above zero");
            let found = c.get().to_string();
            return Err(FitError::Config { field: what, found, wanted }.into());
        }
        match decide(&fitted, c) {
            Some(decision) => fitted.decisions.push(decision),
            None => {
                let what = format!("--at {c}");
                let reason = format!("`{}` has no compute-optimal size there", law.id());
                return Err(FitError::NoDecision { what, reason }.into());
            }
        }
    }
    let sides = approaches(&fitted, &seen);
    // The law alone is no comparison.
    if sides.approaches.iter().filter(|a| a.n_exponent.is_some()).count() > 1 {
        fitted.warnings.extend(sides.warnings.iter().cloned());
        fitted.approaches = Some(sides);
    }
    if let Some(tied) = ranking.as_ref().map(|r| (r.axis, r.tied())).filter(|(_, t)| t.len() > 1) {
        let (axis, laws) = (tied.0.to_string(), tied.1.join(", "));
        fitted.warnings.push(Warning::LawsTied { laws, axis });
    }
    fitted.ranking = ranking;
    fitted.rollout = rollout;
    fitted.command = std::env::args_os().skip(1).map(|a| a.to_string_lossy().into()).collect();
    Ok((fitted, table))
}

/// Runs the stored command again and compares every number with the stored one, bit for bit.
fn replay(path: &Path, console: &Console) -> Result<Output> {
    let stored = load_fit(path)?;
    let bad = |reason: &str| FitError::Artifact {
        path: path.display().to_string(),
        reason: reason.to_owned(),
    };
    let command = std::iter::once("isoloss".to_owned()).chain(stored.command.iter().cloned());
    let parsed = super::Cli::try_parse_from(command).ok().map(|cli| cli.verb);
    let Some(super::Verb::Fit(args)) = parsed.filter(|_| !stored.command.is_empty()) else {
        return Err(bad("it holds no `isoloss fit` command to run again").into());
    };
    if args.replay.is_some() {
        return Err(bad("its command is itself a replay").into());
    }
    let (again, _) = fitted(&args, console)?;
    let mut differences = Vec::new();
    if stored.data_digest != again.data_digest {
        let (was, now) = (&stored.data_digest, &again.data_digest);
        differences.push(format!("the data have changed: digest {was} then, {now} now"));
    }
    let (was, now) = (&stored.isoloss_version, &again.isoloss_version);
    if was != now {
        differences.push(format!("isoloss {was} then, {now} now"));
    }
    compare("", &to_value(&stored)?, &to_value(&again)?, &mut differences);
    let identical = differences.is_empty();
    let mut text = format!("isoloss {}\n", stored.command.join(" "));
    if identical {
        text.push_str(&format!(
            "reproduced to the bit: {} coefficients, {} intervals, {} draws, {} residuals\n",
            again.coefficients.len(),
            again.intervals.len(),
            again.draws.len(),
            again.residuals.len(),
        ));
    } else {
        const SHOWN: usize = 20;
        differences.iter().take(SHOWN).for_each(|d| text.push_str(&format!("differs: {d}\n")));
        if differences.len() > SHOWN {
            text.push_str(&format!("and {} more\n", differences.len() - SHOWN));
        }
    }
    let json = serde_json::json!({ "identical": identical, "differences": differences });
    let differs = Warning::ReplayDiffers { differences: differences.len() };
    Ok(Output { text, json, warnings: if identical { vec![] } else { vec![differs] } })
}

/// Adds a line per number or word that differs; the command and the stamps have their own.
fn compare(at: &str, was: &Value, now: &Value, differences: &mut Vec<String>) {
    const APART: [&str; 3] = ["command", "data_digest", "isoloss_version"];
    match (was, now) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names.into_iter().filter(|n| !APART.contains(&n.as_str())) {
                let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                let missing = &Value::Null;
                let of = |side: &serde_json::Map<String, Value>| {
                    side.get(name).unwrap_or(missing).clone()
                };
                compare(&path, &of(a), &of(b), differences);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (x, y)) in a.iter().zip(b).enumerate() {
                compare(&format!("{at}[{i}]"), x, y, differences);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            differences.push(format!("{at}: {} entries then, {} now", a.len(), b.len()));
        }
        (a, b) if a == b => {}
        (Value::Number(a), Value::Number(b)) => {
            let ratio = b.as_f64().unwrap_or(f64::NAN) / a.as_f64().unwrap_or(f64::NAN) - 1.0;
            differences.push(format!("{at}: {a} then, {b} now ({ratio:+.1e} relative)"));
        }
        (a, b) => differences.push(format!("{at}: {a} then, {b} now")),
    }
}

fn text(fit: &Fit, table: &RunTable) -> String {
    let assumed: Vec<String> = table.assumptions.iter().map(ToString::to_string).collect();
    let mut text = format!(
        "{} fitted to {} runs by {}\nread as: {}\n",
        fit.surface.law().equation(),
        fit.n_points,
        objective_text(fit),
        assumed.join("; "),
    );
    // Logs of many runs leave out many; `isoloss logs` lists them all.
    const SHOWN: usize = 20;
    for skipped in table.skipped.iter().take(SHOWN) {
        text.push_str(&format!("left out {skipped}\n"));
    }
    if table.skipped.len() > SHOWN {
        let more = table.skipped.len() - SHOWN;
        text.push_str(&format!("and {more} more left out; isoloss logs lists them\n"));
    }
    for note in table.notes.iter().take(SHOWN) {
        text.push_str(&format!("note: {}: {}\n", note.run, note.note));
    }
    text.push('\n');
    text.push_str(&fit_sheet(fit).to_text());
    if !fit.profiles.is_empty() {
        text.push_str(&format!("\n{}", profile_sheet(fit).to_text()));
    }
    text.push_str(&format!(
        "\n{}, objective {:.12e}\n",
        certificate_text(fit),
        fit.objective_value
    ));
    if !fit.minima.is_empty() {
        text.push_str(&format!("\n{}\n", minima_sheet(fit).to_text()));
    }
    if let Some(diagnostics) = &fit.diagnostics {
        text.push_str(&diagnostics_text(diagnostics));
    }
    if let Some(ranking) = &fit.ranking {
        text.push_str(&format!("\n{}", ranking_sheet(ranking).to_text()));
        for law in &ranking.unranked {
            text.push_str(&format!("not ranked: {}: {}\n", law.law, law.reason));
        }
    }
    if let Some(rollout) = &fit.rollout {
        text.push_str(&format!("\n{}", rollout_sheet(rollout).to_text()));
    }
    if !fit.decisions.is_empty() {
        text.push_str(&format!("\n{}", decision_sheet(fit).to_text()));
    }
    if let Some(approaches) = &fit.approaches {
        text.push_str(&format!("\n{}", approaches_sheet(approaches).to_text()));
        text.push_str(&refusals_text(approaches));
    }
    if let Some(groups) = &fit.groups_left_out {
        text.push_str(&format!("\n{}", groups_sheet(groups).to_text()));
        for (group, reason) in &groups.skipped {
            text.push_str(&format!("not left out: {group}: {reason}\n"));
        }
    }
    if let Some(held) = &fit.held_out {
        text.push_str(&format!(
            "held out {} ({} runs): mean |error| {:.4} %, largest {:.4} %, bias {:+.4} %\n",
            held.condition,
            held.n_points,
            100.0 * held.mean_abs_error,
            100.0 * held.max_abs_error,
            100.0 * held.bias,
        ));
        if let Some(covered) = held.covered {
            text.push_str(&format!(
                "{covered} of {} inside their {:.0} % interval for a new run\n",
                held.n_points,
                100.0 * fit.level
            ));
        }
        text.push_str(&held_out_sheet(held).to_text());
    }
    text
}
