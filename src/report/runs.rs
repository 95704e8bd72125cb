//! Files and runs as read, before anything is fitted.

use std::collections::BTreeMap;

use super::inert::csv_cell;
use super::number::loss;
use super::table::Table;
use crate::data::{FileNote, LossSource, RunRecord, RunTable, Skipped};
use crate::error::{ReportError, Result};
use crate::units::{Flops, ParamRule, Setting, Tokens};

/// Files with the format that was detected; those that are no logs say what they seem to be.
#[must_use]
pub fn files_table(files: &[FileNote]) -> Table {
    let folder = common_folder(files.iter().map(|file| file.path.as_str()));
    let title = folder.map_or_else(|| "Files".to_owned(), |folder| format!("Files in {folder}"));
    let is_damaged = |file: &&FileNote| file.format.is_some() && !file.damage.is_empty();
    let with_damage = files.iter().any(|file| is_damaged(&file));
    let columns: &[&str] = match with_damage {
        true => &["file", "format", "runs", "damage"],
        false => &["file", "format", "runs"],
    };
    let mut table = Table::new(title, columns);
    for file in files {
        let name = within(&file.path, folder);
        let runs = if file.runs == 0 { "-".to_owned() } else { file.runs.to_string() };
        let damage = match file.damage.as_slice() {
            // Of a file that is no log it is what the format says.
            _ if !is_damaged(&file) => "-".to_owned(),
            [] => "-".to_owned(),
            [one] => one.clone(),
            [first, more @ ..] => format!("{first}, and {} more", more.len()),
        };
        let format = file.taken_for();
        match with_damage {
            true => table.push([name, &format, &runs, &damage]),
            false => table.push([name, &format, &runs]),
        }
    }
    table
}

/// The folder that all of these paths are in; none for the current one.
pub(super) fn common_folder<'a>(mut paths: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let above = |path: &'a str| path.rsplit_once(['/', '\\']).map(|(folder, _)| folder);
    let mut folder = above(paths.next()?)?;
    for path in paths {
        while within(path, Some(folder)) == path {
            folder = above(folder)?;
        }
    }
    (!folder.is_empty()).then_some(folder)
}

/// A path as seen from a folder; the whole path of one that is elsewhere.
pub(super) fn within<'a>(path: &'a str, folder: Option<&str>) -> &'a str {
    let inside = folder.and_then(|folder| path.strip_prefix(folder));
    inside.and_then(|rest| rest.strip_prefix(['/', '\\'])).unwrap_or(path)
}

/// Every run with N, D, C, its loss and where the loss comes from.
#[must_use]
pub fn runs_table(runs: &[RunRecord]) -> Table {
    let mut table =
        Table::new("Runs", &["run", "N", "D", "D/N", "C (FLOPs)", "loss (nats)", "loss from"]);
    for run in runs {
        // A row without a name of its own is shown by its file, without the folders.
        let name = match run.run.rsplit_once(':') {
            Some((_, line)) if line.parse::<usize>().is_ok() => {
                run.run.rsplit('/').next().unwrap_or(&run.run)
            }
            _ => &run.run,
        };
        table.push([
            name,
            &run.n.to_string(),
            &run.d.to_string(),
            &format!("{:.3}", run.d / run.n),
            &run.c.to_string(),
            &loss(run.loss_nats),
            &short(&run.loss_source),
        ]);
    }
    table
}

/// Where a loss comes from, in few characters.
fn short(source: &LossSource) -> String {
    match source {
        LossSource::Evaluation { step } => format!("eval, step {step}"),
        LossSource::Tail { from_step, to_step, .. } => {
            format!("mean, steps {from_step} to {to_step}")
        }
        stated @ LossSource::Stated => stated.to_string(),
    }
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
