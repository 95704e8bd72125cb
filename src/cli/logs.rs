//! `isoloss logs`: logs of any tool in, a clean run table out.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;

use super::output::{Console, Output, save_all, to_value, warnings_json};
use super::reading::ReadingArgs;
use crate::data::{RunRecord, RunTable};
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
    /// Files and folders.
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
    // A million runs take gigabytes as JSON, so it is made where it is asked for.
    let is_json = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let json = match console.json || args.out.iter().any(is_json) {
        true => json_of(&table)?,
        false => serde_json::Value::Null,
    };
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
        let (chart, csv, json) = (design_chart(&table), runs_csv(&table)?, json_text(&json)?);
        let forms = [Saved::Chart(&chart), Saved::Csv(&csv), Saved::Json(&json)];
        text.push_str(&save_all(&args.out, &forms)?);
    }
    Ok(Output { text, json, warnings: table.warnings, most: None })
}

fn json_of(table: &RunTable) -> Result<serde_json::Value> {
    Ok(json!({
        "files": to_value(&table.files)?,
        "runs": to_value(&table.runs)?,
        "skipped": to_value(&table.skipped)?,
        "notes": to_value(&table.notes)?,
        "assumptions": to_value(&table.assumptions)?,
        "params": to_value(&table.params)?,
        "digest": table.digest,
        "seed_noise": to_value(&crate::fit::repeats(table, LEVEL))?,
        "design": to_value(&crate::fit::coverage(table))?,
        "warnings": warnings_json(&table.warnings),
    }))
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
