//! `isoloss logs`: logs of any tool in, a clean run table out.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::Value;

use super::hint::{all_to_give, hint};
use super::output::{Console, Failed, Json, Output, check_formats, compact_json, save_all};
use super::reading::ReadingArgs;
use crate::data::{Survey, missing};
use crate::error::{DataError, Error, Result};
use crate::report::{Format, Saved, design_chart, json_text, loss_curves_chart, runs_csv};
use crate::study::{SurveyJson, survey_text};

/// Flags of `isoloss logs`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss logs wandb/ tensorboard/ mlflow.db -o runs.csv -o design.png
  isoloss logs wandb/ --picture curves -o curves.svg
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
    /// What a picture shows: sizes and tokens of the runs, or their training curves.
    #[arg(long, value_enum, default_value = "design")]
    picture: Picture,
    /// Write the table (.csv, .json) or a picture (.svg, .png); repeatable.
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Picture {
    Design,
    Curves,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    check_formats(&args.out, &[Format::Svg, Format::Png, Format::Csv, Format::Json])?;
    let survey = args.reading.look(&args.logs, console)?;
    let to_give = to_give(&survey);
    let mut text = survey_text(&survey);
    let table = &survey.table;
    // A million runs are long as JSON, so it is made where it is asked for.
    if !args.out.is_empty() && survey.error.is_none() {
        let is_json = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
        let json = match args.out.iter().any(is_json) {
            true => json_text(&SurveyJson::of(&survey, &hint)?)?,
            false => String::new(),
        };
        let chart = match args.picture {
            Picture::Design => design_chart(table),
            Picture::Curves => loss_curves_chart(table),
        };
        let csv = runs_csv(table)?;
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
    let warnings = table.warnings;
    Ok(Output { text, json, warnings, most: None, failed, ..Output::default() })
}

/// What runs lack and the flags that supply it.
fn to_give(survey: &Survey) -> Option<String> {
    let others = survey.table.runs.len() + survey.refused.len();
    all_to_give(&missing(&survey.table.skipped), others)
}
