//! `isoloss logs`: logs of any tool in, a clean run table out.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;

use super::output::{
    Console, Output, check_outputs, picture, to_json_text, to_value, warnings_json, write_outputs,
};
use super::reading::ReadingArgs;
use crate::error::Result;
use crate::report::{chart, design_sheet, design_text, files_sheet, runs_csv, runs_sheet};

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
nanoGPT, Megatron-LM, llm-foundry, torchtitan or by your own patterns; .gz and .zst too. Files are
told by their content. A table with the columns run and n_params (or seq_len, batch_size, ...) tells
the logs of those runs what they leave out.")]
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
    check_outputs(&args.out, &["csv", "json", "svg", "png"])?;
    let table = args.reading.look(&args.logs, console)?;
    let repeats = crate::fit::repeats(&table, LEVEL);
    let coverage = crate::fit::coverage(&table);
    let json = json!({
        "files": to_value(&table.files)?,
        "runs": to_value(&table.runs)?,
        "skipped": to_value(&table.skipped)?,
        "notes": to_value(&table.notes)?,
        "assumptions": to_value(&table.assumptions)?,
        "params": to_value(&table.params)?,
        "digest": table.digest,
        "seed_noise": to_value(&repeats)?,
        "design": to_value(&coverage)?,
        "warnings": warnings_json(&table.warnings),
    });
    let mut text = shortened(&files_sheet(&table.files).to_text(), "files");
    text.push_str(&format!("\n{}", shortened(&runs_sheet(&table).to_text(), "runs")));
    let assumed: Vec<String> = table.assumptions.iter().map(ToString::to_string).collect();
    text.push_str(&format!("\nread as: {}\n", assumed.join("; ")));
    let lines = |items: Vec<String>, what: &str| -> String {
        let more = items.len().saturating_sub(SHOWN);
        let mut text: String = items.iter().take(SHOWN).map(|line| format!("{line}\n")).collect();
        if more > 0 {
            text.push_str(&format!("and {more} more {what}; --json has all\n"));
        }
        text
    };
    let notes = table.notes.iter().map(|n| format!("note: {}: {}", n.run, n.note)).collect();
    text.push_str(&lines(notes, "notes"));
    let left_out = table.skipped.iter().map(|s| format!("left out {s}")).collect();
    text.push_str(&lines(left_out, "left out"));
    text.push_str(&format!("\n{}", shortened(&design_sheet(&table).to_text(), "sizes")));
    text.push_str(&design_text(&table, LEVEL));
    text.push_str(&write_outputs(&args.out, |format| match format {
        "csv" => Ok(runs_csv(&table)?.into_bytes()),
        "json" => Ok(to_json_text(&json)?.into_bytes()),
        other => picture(&chart::design(&table), other),
    })?);
    Ok(Output { text, json, warnings: table.warnings })
}

/// A table without the rows nobody reads on a terminal.
fn shortened(table: &str, what: &str) -> String {
    // Title and header stand above the rows.
    let most = SHOWN + 2;
    let lines: Vec<&str> = table.lines().collect();
    if lines.len() <= most {
        return table.to_owned();
    }
    let more = lines.len() - most;
    format!("{}\nand {more} more {what}; --json has all\n", lines[..most].join("\n"))
}
