//! `isoloss logs`: logs of any tool in, a clean run table out.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde::ser::{Error as _, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::output::{Console, Json, Output, compact_json, save_all, to_value, warnings_json};
use super::reading::ReadingArgs;
use crate::data::{FileNote, RunNote, RunRecord, RunTable, Skipped};
use crate::error::Result;
use crate::report::{
    Format, Saved, Table, check_extensions, design_chart, design_table, design_text, files_table,
    json_text, runs_csv, runs_table,
};

/// Level of the interval of seed noise.
const LEVEL: f64 = 0.95;

/// Rows of a list shown to people; scripts get all.
const SHOWN: usize = 60;

/// Flags of `isoloss logs`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss logs wandb/ tensorboard/ mlflow.db -o runs.csv -o design.png
  isoloss logs runs/ --given seq_len=2048 --given batch_size=512
  isoloss logs train.csv --map loss=val/ce,step=update --tail 0.05
  isoloss logs slurm-*.out --patterns mine.toml --json

What is read: CSV, JSON Lines and Parquet (a row per run or per step), W&B exports and offline
runs, TensorBoard events, trainer_state.json, Lightning's metrics.csv, MLflow stores, and text of
nanoGPT, Megatron-LM, llm-foundry, torchtitan or by your own patterns; .gz and .zst too. The
format is detected from the content. A table with the columns run and n_params (or seq_len,
batch_size, ...) adds to the logs of those runs what they leave out.")]
pub(super) struct Args {
    /// Files and folders; `-` is standard input.
    #[arg(required = true, value_name = "LOGS")]
    logs: Vec<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
    /// Write the table (.csv, .json) or the picture of the design (.svg, .png); repeatable.
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    check_extensions(&args.out, &[Format::Svg, Format::Png, Format::Csv, Format::Json])?;
    let table = args.reading.look(&args.logs, console)?;
    let answer = Answer::of(&table)?;
    let mut text = shortened(files_table(&table.files), "files");
    text.push_str(&format!("\n{}", shown_runs(&table.runs)));
    let assumed: Vec<String> = table.assumptions.iter().map(ToString::to_string).collect();
    text.push_str(&format!("\nread as: {}\n", assumed.join("; ")));
    for note in table.notes.iter().take(SHOWN) {
        text.push_str(&format!("note: {}: {}\n", note.run, note.note));
    }
    text.push_str(&more(table.notes.len(), "notes"));
    for skipped in table.skipped.iter().take(SHOWN) {
        text.push_str(&format!("left out {skipped}\n"));
    }
    text.push_str(&more(table.skipped.len(), "left out"));
    text.push_str(&format!("\n{}", shortened(design_table(&table.runs), "sizes")));
    text.push_str(&design_text(&table, LEVEL));
    if !args.out.is_empty() {
        let is_json = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
        let json = match args.out.iter().any(is_json) {
            true => json_text(&answer)?,
            false => String::new(),
        };
        let (chart, csv) = (design_chart(&table), runs_csv(&table)?);
        let forms = [Saved::Chart(&chart), Saved::Csv(&csv), Saved::Json(&json)];
        text.push_str(&save_all(&args.out, &forms)?);
    }
    let json = if console.json { compact_json(&answer)? } else { String::new() };
    Ok(Output { text, json: Json::Text(json), warnings: table.warnings, most: None })
}

/// What scripts get; of the lists, which may have a million items, no copy is made.
#[derive(Serialize)]
struct Answer<'a> {
    assumptions: Value,
    design: Value,
    digest: &'a str,
    files: Each<'a, FileNote>,
    notes: Each<'a, RunNote>,
    params: Value,
    runs: Each<'a, RunRecord>,
    seed_noise: Value,
    skipped: Each<'a, Skipped>,
    warnings: Value,
}

impl<'a> Answer<'a> {
    fn of(table: &'a RunTable) -> Result<Self> {
        Ok(Self {
            assumptions: to_value(&table.assumptions)?,
            design: to_value(&crate::fit::coverage(table))?,
            digest: &table.digest,
            files: Each(&table.files),
            notes: Each(&table.notes),
            params: to_value(&table.params)?,
            runs: Each(&table.runs),
            seed_noise: to_value(&crate::fit::repeats(table, LEVEL))?,
            skipped: Each(&table.skipped),
            warnings: warnings_json(&table.warnings),
        })
    }
}

/// A list whose items become JSON one after the other, their keys in order.
struct Each<'a, T>(&'a [T]);

impl<T: Serialize> Serialize for Each<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(self.0.len()))?;
        for item in self.0 {
            list.serialize_element(&serde_json::to_value(item).map_err(S::Error::custom)?)?;
        }
        list.end()
    }
}

/// The line for what a list of `all` does not show.
fn more(all: usize, what: &str) -> String {
    match all.saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("and {more} more {what}; --json has all\n"),
    }
}

/// A table without the rows nobody reads on a terminal.
fn shortened(table: Table, what: &str) -> String {
    let all = table.rows.len();
    let (table, _) = table.first_rows(SHOWN);
    table.to_text() + &more(all, what)
}

/// The runs that are shown; a row is made for no other.
fn shown_runs(runs: &[RunRecord]) -> String {
    runs_table(&runs[..runs.len().min(SHOWN)]).to_text() + &more(runs.len(), "runs")
}
