//! `isoloss logs`: logs of any tool in, a clean run table out.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::Value;

use super::hint::{all_to_give, hint};
use super::output::{Console, Failed, Json, Output, check_formats, compact_json, save_all};
use super::reading::ReadingArgs;
use crate::data::{RunRecord, Survey, missing};
use crate::error::{DataError, Error, Result};
use crate::report::{
    Format, Saved, Table, Text, design_chart, design_table, design_text, files_table, json_text,
    left_out_list, runs_csv, runs_table, usable_text,
};
use crate::study::SurveyJson;

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
eighteen trainers (data/log-patterns.toml) or by your own patterns; .gz and .zst too; - is stdin. The
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
    check_formats(&args.out, &[Format::Svg, Format::Png, Format::Csv, Format::Json])?;
    let survey = args.reading.look(&args.logs, console)?;
    let to_give = to_give(&survey);
    let mut text = Text::from(usable_text(&survey));
    let table = &survey.table;
    if !table.files.is_empty() {
        text.apart(shortened(files_table(&table.files), "files"));
    }
    let shown = if survey.error.is_some() { &survey.refused } else { &table.runs };
    if !shown.is_empty() {
        let title = if survey.error.is_some() { "Runs, not usable as they are" } else { "Runs" };
        text.apart(shown_runs(shown, title));
        let assumed: Vec<String> = table.assumptions.iter().map(ToString::to_string).collect();
        text.apart(format!("read as: {}\n", assumed.join("; ")));
    }
    for note in table.notes.iter().take(SHOWN) {
        text.push_str(&format!("note: {}: {}\n", note.run, note.note));
    }
    text.push_str(&more(table.notes.len(), "notes"));
    let shown_files = &table.files[..table.files.len().min(SHOWN)];
    let (left_out, reasons) = left_out_list(&table.skipped, shown_files, SHOWN);
    if !left_out.is_empty() {
        text.apart(left_out + &more(reasons, "reasons"));
    }
    if !table.runs.is_empty() {
        text.apart(shortened(design_table(&table.runs), "sizes"));
        text.push_str(&design_text(table, LEVEL));
    }
    // A million runs are long as JSON, so it is made where it is asked for.
    if !args.out.is_empty() && survey.error.is_none() {
        let is_json = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
        let json = match args.out.iter().any(is_json) {
            true => json_text(&SurveyJson::of(&survey, &hint)?)?,
            false => String::new(),
        };
        let (chart, csv) = (design_chart(table), runs_csv(table)?);
        let forms = [Saved::Chart(&chart), Saved::Csv(&csv), Saved::Json(&json)];
        text.push_str(&save_all(&args.out, &forms)?);
    }
    if let Some(to_give) = &to_give {
        text.apart(format!("{to_give}\n"));
    }
    let json = match console.json {
        true => Json::Text(compact_json(&SurveyJson::of(&survey, &hint)?)?),
        false => Value::Null.into(),
    };
    let Survey { table, error, .. } = survey;
    let is_said = |error: &Error| {
        let all =
            matches!(error, Error::Data(DataError::NoRuns { unmapped, .. }) if unmapped.is_empty());
        all && to_give.is_some() && !console.json
    };
    let hint = |error: &Error| if is_said(error) { None } else { hint(error) };
    let failed = error.map(|error| Failed { hint: hint(&error), error });
    Ok(Output { text, json, warnings: table.warnings, most: None, failed })
}

/// What runs lack and the flags that supply it.
fn to_give(survey: &Survey) -> Option<String> {
    let others = survey.table.runs.len() + survey.refused.len();
    all_to_give(&missing(&survey.table.skipped), others)
}

/// The line for what a list of `all` does not show.
fn more(all: usize, what: &str) -> String {
    match all.saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("and {more} more {what}; --json has all\n"),
    }
}

/// A table without the rows nobody reads on a terminal.
fn shortened(table: Table, what: &str) -> Text {
    let all = table.rows.len();
    let (table, _) = table.first_rows(SHOWN);
    let mut text = Text::from(table);
    text.push_str(&more(all, what));
    text
}

/// The runs that are shown; a row is made for no other.
fn shown_runs(runs: &[RunRecord], title: &str) -> Text {
    let mut table = runs_table(&runs[..runs.len().min(SHOWN)]);
    title.clone_into(&mut table.title);
    let mut text = Text::from(table);
    text.push_str(&more(runs.len(), "runs"));
    text
}
