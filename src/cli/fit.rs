//! `isoloss fit`: logs in, a certified law out.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::output::{Output, to_json_text, to_value};
use super::progress::Counter;
use crate::data::{ColumnMap, HoldOut, ReadOptions, RunTable, parse_rows, read};
use crate::error::Result;
use crate::fit::{Fit, FitConfig, Objective, fit, fit_held_out};
use crate::law::law_by_id;
use crate::report::{fit_sheet, write_atomically};
use crate::units::ParamRule;

/// Flags of `isoloss fit`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss fit data/first-light/runs.jsonl -o fit.json
  isoloss fit runs.csv --map 'n=Model Size,c=Training FLOP,loss=loss' --exclude 0-4
  isoloss fit runs.csv --hold-out 'C>=1e21' --json")]
pub(super) struct Args {
    /// CSV, JSON Lines or Parquet tables with one row per run.
    #[arg(required = true, value_name = "LOGS")]
    logs: Vec<PathBuf>,
    /// Law family: chinchilla or kaplan-joint.
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
    /// Hold a coefficient at a value, e.g. E=1.69 (repeatable).
    #[arg(long = "fix", value_name = "NAME=VALUE", value_parser = held_coefficient)]
    fixed: Vec<(String, f64)>,
    /// Bootstrap resamples for the intervals; 0 for none.
    #[arg(long, default_value_t = 4000)]
    bootstrap: usize,
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

fn held_coefficient(text: &str) -> std::result::Result<(String, f64), String> {
    let wanted = "NAME=VALUE is wanted, as E=1.69";
    let (name, value) = text.split_once('=').ok_or(wanted)?;
    let value = value.trim().parse().map_err(|_| wanted)?;
    Ok((name.trim().to_owned(), value))
}

/// Flags about reading tables, shared with `validate`.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(super) struct ReadingArgs {
    /// Columns by quantity: n=COLUMN,d=COLUMN,c=COLUMN,loss=COLUMN,run=COLUMN,budget=COLUMN.
    #[arg(long, value_name = "PAIRS")]
    map: Option<ColumnMap>,
    /// Which parameters N counts where a table has both.
    #[arg(long, value_enum, default_value = "all")]
    params: ParamsArg,
    /// 0-based data rows to leave out, e.g. 0-4,7.
    #[arg(long, value_name = "ROWS")]
    exclude: Option<String>,
    /// Leave bad rows out instead of stopping at the first.
    #[arg(long)]
    skip_bad: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ParamsArg {
    #[default]
    All,
    NonEmbedding,
}

impl ReadingArgs {
    pub(super) fn options(&self) -> Result<ReadOptions> {
        Ok(ReadOptions {
            map: self.map.clone().unwrap_or_default(),
            params: match self.params {
                ParamsArg::All => ParamRule::All,
                ParamsArg::NonEmbedding => ParamRule::NonEmbedding,
            },
            exclude: self.exclude.as_deref().map(parse_rows).transpose()?.unwrap_or_default(),
            skip_bad: self.skip_bad,
        })
    }
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let config = FitConfig {
        objective: args.objective.into(),
        delta: args.delta,
        over_weight: args.over_weight,
        fixed: args.fixed.iter().cloned().collect(),
        bootstrap: args.bootstrap,
        seed: args.seed,
        level: args.level,
    };
    let law = law_by_id(&args.law)?;
    let table = read(&args.logs, &args.reading.options()?)?;
    let progress = Counter::new("bootstrap", config.bootstrap);
    let fitted = match &args.hold_out {
        None => fit(law, &table, &config, &|done| progress.at(done))?,
        Some(held) => fit_held_out(law, &table, held, &config, &|done| progress.at(done))?,
    };
    progress.clear();
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
        object.insert("skipped".to_owned(), to_value(&table.skipped)?);
        object.insert("assumptions".to_owned(), to_value(&table.assumptions)?);
    }
    Ok(Output { text, json, warnings: fitted.warnings })
}

fn text(fit: &Fit, table: &RunTable) -> String {
    let assumed: Vec<String> = table.assumptions.iter().map(ToString::to_string).collect();
    let mut text = format!(
        "{} fitted to {} runs by {} (delta {:e})\nread as: {}\n",
        fit.surface.law().equation(),
        fit.n_points,
        fit.objective,
        fit.delta,
        assumed.join("; "),
    );
    for skipped in &table.skipped {
        text.push_str(&format!("left out {}:{}: {}\n", skipped.path, skipped.line, skipped.reason));
    }
    text.push('\n');
    text.push_str(&fit_sheet(fit).to_text());
    let c = &fit.certificate;
    text.push_str(&format!(
        "\n{}: scaled gradient beyond rounding {:.1e}, smallest Hessian eigenvalue {:.4e}, {} of {} starts agree, {} runs inside the Huber band, objective {:.12e}\n",
        if c.certified { "certified minimum" } else { "NOT certified" },
        c.gradient_norm,
        c.hessian_min_eigenvalue,
        c.starts_agreeing,
        c.starts,
        c.rows_in_band,
        fit.objective_value,
    ));
    if let Some(held) = &fit.held_out {
        text.push_str(&format!(
            "held out {} ({} runs): mean |error| {:.4} %, largest {:.4} %, bias {:+.4} %\n",
            held.condition,
            held.n_points,
            100.0 * held.mean_abs_error,
            100.0 * held.max_abs_error,
            100.0 * held.bias,
        ));
    }
    text
}
