//! `isoloss gain`: recipes in, the compute that one saves over the other out.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::output::{Console, Output, Outs};
use super::progress::{Bytes, Counter};
use super::reading::ReadingArgs;
use crate::error::Result;
use crate::fit::{FitConfig, GainConfig};
use crate::study::{GainRecipe, GainRequest, Running, recipes_by};
use crate::units::Flops;

/// Flags of `isoloss gain`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss gain adam.csv muon.csv
  isoloss gain runs.csv --by dataset --base comma
  isoloss gain adam.csv muon.csv --tps-a 412k --tps-b 383k
  isoloss gain base.csv muon.csv qknorm.csv both.csv --joint

The compute multiplier is the compute that the first recipe needs for the loss of the other, over the
compute of the other. Every way of having it is tested on budgets that it was not given; the verdict is
that of the best, and goes no further than it held.")]
pub(super) struct Args {
    /// Recipes: tables or logs of runs, or fit.json.
    ///
    /// Each is compared with the first. With --by one table holds all of them.
    #[arg(required = true, value_name = "RECIPE")]
    recipes: Vec<PathBuf>,
    /// One recipe for each value of this column.
    #[arg(long, value_name = "COLUMN")]
    by: Option<String>,
    /// The value that the others are compared with.
    #[arg(long, value_name = "VALUE", requires = "by")]
    base: Option<String>,
    /// Training FLOPs of the other to answer at too.
    #[arg(long, value_name = "C")]
    at: Vec<Flops>,
    /// Laws for the ways that take one, e.g. skaling.
    #[arg(long, value_name = "LAWS", value_delimiter = ',')]
    law: Vec<String>,
    /// Hold the floor E of every law at this value, nats.
    #[arg(long, value_name = "NATS")]
    floor: Option<f64>,
    /// Tokens per second of the first recipe.
    ///
    /// Of both on models of one size: a multiplier in time is the one in compute times their ratio.
    #[arg(long, value_name = "TOKENS/S", value_parser = rate, requires = "tps_b")]
    tps_a: Option<f64>,
    /// Tokens per second of each other recipe.
    #[arg(long, value_name = "TOKENS/S", value_parser = rate, value_delimiter = ',', requires = "tps_a")]
    tps_b: Vec<f64>,
    /// Price of the first recipe's machine, USD per hour.
    #[arg(long, value_name = "USD", requires = "usd_b", requires = "tps_a")]
    usd_a: Option<f64>,
    /// Price of each other recipe's machine.
    #[arg(long, value_name = "USD", value_delimiter = ',', requires = "usd_a")]
    usd_b: Vec<f64>,
    /// The last recipe has the changes of all others.
    ///
    /// Its gain is held against the product of theirs.
    #[arg(long)]
    joint: bool,
    /// Bootstrap resamples for the intervals; 0 for none.
    #[arg(long, default_value_t = 4000)]
    bootstrap: usize,
    /// Seed of the resamples.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Level of the intervals.
    #[arg(long, default_value_t = 0.95)]
    level: f64,
    /// Write it to .json, .svg or .png (repeatable).
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
}

/// A rate such as 412k or 1.2M.
fn rate(text: &str) -> std::result::Result<f64, String> {
    let tokens: crate::units::Tokens = text.parse().map_err(|e| format!("{e}"))?;
    Ok(tokens.get())
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    let outs = Outs::of(&args.out)?;
    let request = args.request();
    let recipes = args.recipes(console)?;
    let unit = recipes.iter().find_map(|r| Some(r.runs.as_ref()?.loss_unit())).unwrap_or_default();
    let counter = Counter::new("comparing", args.bootstrap);
    let report = request.answer_with_progress(&recipes, &|progress| counter.at(progress));
    counter.clear();
    let report = report?;
    let mut text = report.text();
    // With several recipes the picture is of the last one.
    match report.gains.last() {
        Some(last) => outs.save(&mut text, &report, || last.chart(unit))?,
        None => outs.save_json(&mut text, &report)?,
    }
    match (&report.gains[..], &report.stack) {
        ([one], None) => Output::new(text, one, report.warnings.clone()),
        _ => Output::new(text, &report, report.warnings.clone()),
    }
}

impl Args {
    fn request(&self) -> GainRequest {
        let (bootstrap, seed, level) = (self.bootstrap, self.seed, self.level);
        let of = |list: &[f64], k: usize| list.get(k.min(list.len().saturating_sub(1))).copied();
        let running = self.tps_a.map_or(Vec::new(), |tps_a| {
            let first = Running { tokens_per_s: tps_a, usd_per_hour: self.usd_a };
            let others = self
                .tps_b
                .iter()
                .enumerate()
                .map(|(k, tps)| Running { tokens_per_s: *tps, usd_per_hour: of(&self.usd_b, k) });
            std::iter::once(first).chain(others).collect()
        });
        GainRequest {
            config: GainConfig {
                laws: self.law.clone(),
                floor: self.floor,
                at: self.at.clone(),
                fit: FitConfig { bootstrap, seed, level, ..FitConfig::default() },
            },
            running,
            joint: self.joint,
        }
    }

    fn recipes(&self, console: &Console) -> Result<Vec<GainRecipe>> {
        if let Some(column) = &self.by {
            let table = self.reading.read(&self.recipes, console)?;
            return recipes_by(&table, column, self.base.as_deref());
        }
        let options = self.reading.options(console.strict)?;
        let bytes = Bytes::new("reading");
        let read = |(path, name): (&PathBuf, String)| {
            GainRecipe::read(name, path, &options, &|done, total| bytes.at(done, total))
        };
        let recipes = self.recipes.iter().zip(names(&self.recipes)).map(read).collect();
        bytes.clear();
        recipes
    }
}

/// `runs/muon.csv` as `muon`; where two files are called alike, by their folders too.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let with = |path: &Path, folders: usize| {
        let mut parts: Vec<String> = path
            .with_extension("")
            .components()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect();
        let kept = parts.len().saturating_sub(folders + 1);
        parts.drain(..kept);
        // The folder says it where the files are called alike.
        let alike = folders == 1 && parts.len() == 2;
        if alike { parts.swap_remove(0) } else { parts.join("/") }
    };
    let all = |folders: usize| paths.iter().map(|path| with(path, folders)).collect::<Vec<_>>();
    let distinct = |names: &Vec<String>| {
        names.iter().collect::<std::collections::BTreeSet<_>>().len() == names.len()
    };
    (0..4).map(all).find(distinct).unwrap_or_else(|| {
        paths.iter().enumerate().map(|(k, path)| format!("{} ({})", with(path, 0), k + 1)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_are_called_by_what_tells_them_apart() {
        let of = |paths: &[&str]| names(&paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(of(&["x/adam.csv", "x/muon.csv"]), ["adam", "muon"]);
        assert_eq!(of(&["data/dense/runs.jsonl", "data/moe/runs.jsonl"]), ["dense", "moe"]);
        assert_eq!(of(&["a/x/runs.csv", "b/x/runs.csv"]), ["a/x/runs", "b/x/runs"]);
        assert_eq!(of(&["runs.csv", "runs.csv"]), ["runs (1)", "runs (2)"]);
    }
}
