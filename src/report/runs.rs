//! Files and runs as read, before anything is fitted.

use std::collections::BTreeMap;

use super::inert::csv_cell;
use super::number::loss;
use super::table::Table;
use crate::data::{FileNote, LossSource, RunRecord, RunTable, Skipped};
use crate::error::{ReportError, Result};
use crate::units::{Flops, ParamRule, Setting, Tokens};

/// Files with the format that was detected; those that are no logs are listed too.
#[must_use]
pub fn files_table(files: &[FileNote]) -> Table {
    let mut table = Table::new("Files", &["file", "format", "runs", "damage"]);
    for file in files {
        let format = file.format.map_or("no log", crate::data::Format::name);
        let format = file.detail.as_deref().unwrap_or(format);
        let runs = if file.runs == 0 { "-".to_owned() } else { file.runs.to_string() };
        let damage = match file.damage.as_slice() {
            [] => "-".to_owned(),
            [one] => one.clone(),
            [first, more @ ..] => format!("{first}, and {} more", more.len()),
        };
        table.push([&file.path, format, &runs, &damage]);
    }
    table
}

/// Every run with N, D, C, its loss and where the loss comes from.
#[must_use]
pub fn runs_table(runs: &[RunRecord]) -> Table {
    let mut table =
        Table::new("Runs", &["run", "N", "D", "D/N", "C (FLOPs)", "loss (nats)", "loss from"]);
    for run in runs {
        table.push([
            &run.run,
            &run.n.to_string(),
            &run.d.to_string(),
            &format!("{:.3}", run.d / run.n),
            &run.c.to_string(),
            &loss(run.loss_nats),
            &run.loss_source.to_string(),
        ]);
    }
    table
}

/// A value where it differs from the usual one.
fn unless(x: f64, usual: f64) -> Option<f64> {
    (x != usual).then_some(x)
}

/// The run table as CSV that every verb reads back: one row per run, SI base units. A name that a
/// spreadsheet would run as a formula has an apostrophe before it, which reading takes off.
///
/// # Errors
/// [`ReportError::Csv`] when a row cannot be written, which is a bug.
pub fn runs_csv(table: &RunTable) -> Result<String> {
    let size = match table.params {
        ParamRule::All => "n_params",
        ParamRule::NonEmbedding => "n_params_non_embedding",
        ParamRule::Active => "active_params",
    };
    let bad = |e: csv::Error| ReportError::Csv { reason: e.to_string() };
    let mut writer = csv::Writer::from_writer(Vec::new());
    type Cell = fn(&RunRecord) -> Option<f64>;
    let settings: [(&str, Cell); 6] = [
        ("budget", |r| r.budget.map(Flops::get)),
        ("unique_tokens", |r| r.setting.unique.map(Tokens::get)),
        ("experts", |r| unless(r.setting.experts, Setting::PLAIN.experts)),
        ("granularity", |r| unless(r.setting.granularity, Setting::PLAIN.granularity)),
        ("sparsity", |r| unless(r.setting.sparsity, Setting::PLAIN.sparsity)),
        ("weight_bits", |r| r.setting.weight_bits),
    ];
    // An empty column would be read back as if it held something.
    let used: Vec<(&str, Cell)> = settings
        .into_iter()
        .filter(|(_, cell)| table.runs.iter().any(|run| cell(run).is_some()))
        .collect();
    let header = ["run", size, "tokens", "loss", "flops"].into_iter();
    let header = header.chain(used.iter().map(|(name, _)| *name)).chain(["loss_source"]);
    writer.write_record(header).map_err(bad)?;
    for run in &table.runs {
        let numbers = [run.n.get(), run.d.get(), run.loss_nats, run.c.get()].map(|x| x.to_string());
        let source = match run.loss_source {
            LossSource::Stated => String::new(),
            other => other.to_string(),
        };
        let others =
            used.iter().map(|(_, cell)| cell(run).map_or(String::new(), |x| x.to_string()));
        let row = std::iter::once(csv_cell(&run.run).into_owned())
            .chain(numbers)
            .chain(others)
            .chain([source]);
        writer.write_record(row).map_err(bad)?;
    }
    let bytes = writer.into_inner().map_err(|e| bad(e.into_error().into()))?;
    String::from_utf8(bytes).map_err(|e| ReportError::Csv { reason: e.to_string() }.into())
}

/// What was left out, counted by its reason, the most frequent first.
#[must_use]
pub fn left_out_text(table: &RunTable) -> String {
    const SHOWN: usize = 5;
    let mut reasons: BTreeMap<&str, (usize, &Skipped)> = BTreeMap::new();
    for skipped in &table.skipped {
        reasons.entry(&skipped.reason).or_insert((0, skipped)).0 += 1;
    }
    let mut reasons: Vec<(&str, (usize, &Skipped))> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    let mut text = String::new();
    for (reason, (count, first)) in reasons.iter().take(SHOWN) {
        match count {
            1 => text.push_str(&format!("left out {first}\n")),
            n => text.push_str(&format!("left out {n}: {reason}\n")),
        }
    }
    if reasons.len() > SHOWN {
        text.push_str(&format!("and {} more reasons\n", reasons.len() - SHOWN));
    }
    text
}
