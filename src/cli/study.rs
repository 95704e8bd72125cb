//! `isoloss study`: fit, plan, curve, validation and report from one file.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::json;

use super::output::Output;
use super::places::spare;
use super::progress::Counter;
use crate::data::write_atomically;
use crate::error::Result;
use crate::report::{Detail, Text, backtest_text, plan_tables, verdict_text};
use crate::study::{StudyConfig, StudyReport};

/// Flags of `isoloss study`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:
  isoloss study configs/first-light.toml -o reports/first-light")]
pub(super) struct Args {
    /// The study file.
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// Folder of the report; `reports/<name>` when absent.
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let config = StudyConfig::load(&args.file)?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("reports").join(&config.name));
    let draws = Counter::new("fitting", config.fit.config.bootstrap);
    let report = config.answer_with_progress(&|progress| draws.at(progress))?;
    draws.clear();
    let files = report.files(&format!("isoloss study {}", args.file.display()))?;
    let names = files.iter().map(|(name, _)| out.join(name));
    spare(&config.logs, &names.collect::<Vec<_>>())?;
    for (name, bytes) in &files {
        write_atomically(out.join(name), bytes)?;
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let fit = &report.fit.fit;
    let json = json!({
        "study": report.config.name,
        "out": out,
        "files": names,
        "n_points": fit.n_points,
        "coefficients": fit.coefficients,
        "certified": fit.certificate.certified,
        "plans": report.plans,
        "validation": report.backtest,
    });
    Output::new(text(&report, &out, &names), &json, report.warnings())
}

fn text(report: &StudyReport, out: &Path, names: &[&str]) -> Text {
    let fit = &report.fit;
    let mut text = verdict_text(&fit.fit, &fit.decisions, fit.held_out.as_ref(), &fit.warnings);
    for planned in &report.plans {
        text.apart(format!("{}\n", planned.title));
        text.apart(planned.answer.advice());
        text.push_str("\n");
        let rows: Vec<_> = planned.answer.rows().cloned().collect();
        for table in plan_tables(&rows, Detail::Short) {
            text.push(table);
        }
    }
    if let Some(tested) = &report.backtest {
        text.apart(backtest_text(tested));
    }
    text.push_str(&format!("\nwrote {} to {}/\n", names.join(", "), out.display()));
    text
}
