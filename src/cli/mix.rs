//! `isoloss mix`: runs on mixtures of domains in, the best mixture out.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args as ClapArgs;

use super::output::{Console, Output, check_formats, save_all};
use super::progress::Counter;
use super::reading::ReadingArgs;
use crate::data::MixtureColumns;
use crate::error::{FitError, MixtureProblem, Result};
use crate::fit::{MixtureConfig, MixtureForm, mixture_design};
use crate::report::{Format, Saved, Text, json_text, mix_text, mixtures_csv};
use crate::study::{MixRequest, mixtures_of};
use crate::units::Tokens;

/// Flags of `isoloss mix`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss mix runs.csv --target pile_cc -o mix.json
  isoloss mix mixtures.csv losses.csv --test held-out-mixtures.csv --test held-out-losses.csv
  isoloss mix runs.csv --target code=2,web=1 --budget 1T --tokens code=40B,web=2T --cap 4
  isoloss mix --design 64 --prior web=0.6,code=0.2,books=0.2 -o design.csv

A row is a run: the share of each domain in its training tokens, and one loss or more. Shares are the
columns that add to one. Several files are joined by the column that names runs.")]
pub(super) struct Args {
    /// Tables of mixtures and losses.
    #[arg(required_unless_present = "design", value_name = "RUNS")]
    runs: Vec<PathBuf>,
    /// Losses to lower, with weights: code=2,web=1.
    ///
    /// All of the table, equally, when absent.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = weighted)]
    target: Vec<(String, f64)>,
    /// The mixture that the best is held against.
    ///
    /// Shares by domain, web=0.6,code=0.4; the mean of the runs when absent.
    #[arg(long, value_name = "SHARES", value_delimiter = ',', value_parser = share)]
    prior: Vec<(String, f64)>,
    /// Nats that a nat of divergence from it costs.
    #[arg(long, value_name = "NATS", default_value_t = 0.0)]
    kl: f64,
    /// Least share of a domain: code=0.05.
    #[arg(long, value_name = "SHARES", value_delimiter = ',', value_parser = share)]
    floor: Vec<(String, f64)>,
    /// Training tokens, for epochs and the cap.
    #[arg(long, value_name = "D")]
    budget: Option<Tokens>,
    /// Unique tokens of domains: code=40B,web=2T.
    #[arg(long, value_name = "TOKENS", value_delimiter = ',', value_parser = tokens, requires = "budget")]
    tokens: Vec<(String, Tokens)>,
    /// Most epochs over a domain.
    #[arg(long, value_name = "K", default_value_t = 4.0)]
    cap: f64,
    /// Let shares leave the range of the runs.
    #[arg(long)]
    beyond_runs: bool,
    /// How a loss depends on shares.
    #[arg(long, value_enum, default_value = "exponential")]
    law: MixtureForm,
    /// Runs that are not fitted, for the ranks (repeatable).
    #[arg(long, value_name = "RUNS")]
    test: Vec<PathBuf>,
    /// Columns of the domains, or their beginning.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    domains: Vec<String>,
    /// Make so many mixtures around --prior to run.
    #[arg(long, value_name = "COUNT", conflicts_with = "runs", requires = "prior")]
    design: Option<usize>,
    /// Bootstrap resamples of the decision; 0 for none.
    #[arg(long, default_value_t = 1000)]
    bootstrap: usize,
    /// Seed of the resamples.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Level of the intervals.
    #[arg(long, default_value_t = 0.95)]
    level: f64,
    /// Write it to .json, or mixtures to run to .csv.
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
}

type Parsed<T> = std::result::Result<T, String>;

fn pair<T: FromStr<Err: std::fmt::Display>>(text: &str, example: &str) -> Parsed<(String, T)> {
    let (name, value) = text.split_once('=').ok_or(format!("expected NAME=VALUE, as {example}"))?;
    let value = value.trim().parse().map_err(|e| format!("{name}: {e}"))?;
    Ok((name.trim().to_owned(), value))
}

/// A target, once where no weight is given.
fn weighted(text: &str) -> Parsed<(String, f64)> {
    if text.contains('=') { pair(text, "code=2") } else { Ok((text.trim().to_owned(), 1.0)) }
}

fn share(text: &str) -> Parsed<(String, f64)> {
    pair(text, "code=0.2")
}

fn tokens(text: &str) -> Parsed<(String, Tokens)> {
    pair(text, "code=40B")
}

/// Most mixtures of a design.
const MOST: usize = 10_000;

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    check_formats(&args.out, &[Format::Json, Format::Csv])?;
    if let Some(count) = args.design {
        return args.design(count);
    }
    let columns = MixtureColumns {
        domains: args.domains.clone(),
        // Weights are looked up in the names that the table gives.
        targets: Vec::new(),
    };
    let options = args.reading.options(console.strict)?;
    let (table, test) = mixtures_of(&args.runs, &args.test, &options, &columns)?;
    let request = MixRequest { config: args.config() };
    let counter = Counter::new("resampling", args.bootstrap);
    let report =
        request.answer_with_progress(&table, test.as_ref(), &|progress| counter.at(progress));
    counter.clear();
    let report = report?;
    let mut text = mix_text(&report.answer);
    text.push_str(&format!("read as: {}\n", report.read_as.join("; ")));
    let csv = mixtures_csv(&report.answer.domains, &report.answer.next);
    let json = json_text(&report)?;
    if !args.out.is_empty() {
        text.apart(save_all(&args.out, &[Saved::Json(&json), Saved::Csv(&csv)])?);
    }
    Output::new(text, &report, Vec::new())
}

impl Args {
    fn config(&self) -> MixtureConfig {
        MixtureConfig {
            form: self.law,
            targets: self.target.clone(),
            prior: self.prior.clone(),
            kl: self.kl,
            floors: self.floor.clone(),
            beyond_runs: self.beyond_runs,
            tokens: self.tokens.clone(),
            budget: self.budget,
            cap: self.cap,
            bootstrap: self.bootstrap,
            seed: self.seed,
            level: self.level,
        }
    }

    /// Mixtures to run before there is any.
    fn design(&self, count: usize) -> Result<Output> {
        let problem = |field: &str, found: String, wanted| {
            let field = field.to_owned();
            FitError::from(Box::new(MixtureProblem::Setting { field, found, wanted }))
        };
        if !(1..=MOST).contains(&count) {
            return Err(problem("design", count.to_string(), "1 to 10000 mixtures").into());
        }
        let sum: f64 = self.prior.iter().map(|p| p.1).sum();
        let fine = self.prior.iter().all(|p| p.1.is_finite() && p.1 >= 0.0);
        if !fine || (sum - 1.0).abs() > 0.02 {
            return Err(problem("prior", format!("{sum}"), "shares that add to 1").into());
        }
        let (domains, prior): (Vec<String>, Vec<f64>) =
            self.prior.iter().map(|(name, share)| (name.clone(), share / sum)).unzip();
        let mixtures = mixture_design(&prior, count, self.seed);
        let csv = mixtures_csv(&domains, &mixtures);
        let made = serde_json::json!({ "domains": domains, "mixtures": mixtures });
        let json = json_text(&made)?;
        let text = match self.out.is_empty() {
            true => Text::from(csv),
            false => Text::from(save_all(&self.out, &[Saved::Json(&json), Saved::Csv(&csv)])?),
        };
        Output::new(text, &made, Vec::new())
    }
}
