//! Tables of runs and of the design they make, before anything is fitted.

use std::collections::BTreeMap;

use super::sheet::Sheet;
use crate::data::{FileNote, LossSource, RunRecord, RunTable};
use crate::error::{ReportError, Result};
use crate::units::{Flops, Params, Setting, Tokens};

/// Files by what they were taken for; those that are no logs are counted.
#[must_use]
pub fn files_sheet(files: &[FileNote]) -> Sheet {
    let mut sheet = Sheet::new("Files", &["file", "taken for", "runs", "damage"]);
    for file in files {
        let format = file.format.map_or("no log", crate::data::Format::name);
        let format = file.detail.as_deref().unwrap_or(format);
        let runs = if file.runs == 0 { "-".to_owned() } else { file.runs.to_string() };
        let damage = match file.damage.as_slice() {
            [] => "-".to_owned(),
            [one] => one.clone(),
            [first, more @ ..] => format!("{first}, and {} more", more.len()),
        };
        sheet.push([&file.path, format, &runs, &damage]);
    }
    sheet
}

/// Every run with N, D, C and the loss that stands for it.
#[must_use]
pub fn runs_sheet(table: &RunTable) -> Sheet {
    let mut sheet =
        Sheet::new("Runs", &["run", "N", "D", "D/N", "C (FLOPs)", "loss (nats)", "loss is"]);
    for run in &table.runs {
        sheet.push([
            &run.run,
            &run.n.to_string(),
            &run.d.to_string(),
            &format!("{:.3}", run.d / run.n),
            &run.c.to_string(),
            &format!("{:.4}", run.loss_nats),
            &run.loss_source.to_string(),
        ]);
    }
    sheet
}

/// How the runs cover sizes, tokens and tokens per parameter: a row per size.
#[must_use]
pub fn design_sheet(table: &RunTable) -> Sheet {
    let columns =
        ["N", "runs", "D from", "to", "D/N from", "to", "C from", "to", "loss from", "to"];
    let mut sheet = Sheet::new("Design", &columns);
    let mut sizes: BTreeMap<i64, Vec<&RunRecord>> = BTreeMap::new();
    for run in &table.runs {
        sizes.entry((run.n.ln() * 1e4).round() as i64).or_default().push(run);
    }
    for runs in sizes.values() {
        let ends = |f: &dyn Fn(&RunRecord) -> f64| {
            let values = || runs.iter().map(|r| f(r));
            (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
        };
        let (d0, d1) = ends(&|r| r.d.get());
        let (m0, m1) = ends(&|r| r.d / r.n);
        let (c0, c1) = ends(&|r| r.c.get());
        let (l0, l1) = ends(&|r| r.loss_nats);
        sheet.push([
            &runs[0].n.to_string(),
            &runs.len().to_string(),
            &Tokens::new(d0).to_string(),
            &Tokens::new(d1).to_string(),
            &format!("{m0:.3}"),
            &format!("{m1:.3}"),
            &Flops::new(c0).to_string(),
            &Flops::new(c1).to_string(),
            &format!("{l0:.4}"),
            &format!("{l1:.4}"),
        ]);
    }
    sheet
}

/// A value where it is not the usual one.
fn unless(x: f64, usual: f64) -> Option<f64> {
    (x != usual).then_some(x)
}

/// The run table as CSV that every verb reads back: one row per run, SI base units.
///
/// # Errors
/// [`ReportError::Template`] when a name cannot be written, which is a slip in the code.
pub fn runs_csv(table: &RunTable) -> Result<String> {
    let size = match table.params {
        crate::units::ParamRule::All => "n_params",
        crate::units::ParamRule::NonEmbedding => "n_params_non_embedding",
        crate::units::ParamRule::Active => "active_params",
    };
    let bad = |e: csv::Error| ReportError::Template { reason: e.to_string() };
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
    // A column that says nothing would be read back as one that says something.
    let said: Vec<(&str, Cell)> = settings
        .into_iter()
        .filter(|(_, cell)| table.runs.iter().any(|run| cell(run).is_some()))
        .collect();
    let header = ["run", size, "tokens", "loss", "flops"].into_iter();
    let header = header.chain(said.iter().map(|(name, _)| *name)).chain(["loss_source"]);
    writer.write_record(header).map_err(bad)?;
    for run in &table.runs {
        let numbers = [run.n.get(), run.d.get(), run.loss_nats, run.c.get()].map(|x| x.to_string());
        let source = match run.loss_source {
            LossSource::Stated => String::new(),
            other => other.to_string(),
        };
        let others =
            said.iter().map(|(_, cell)| cell(run).map_or(String::new(), |x| x.to_string()));
        let row = std::iter::once(run.run.clone()).chain(numbers).chain(others).chain([source]);
        writer.write_record(row).map_err(bad)?;
    }
    let bytes = writer.into_inner().map_err(|e| bad(e.into_error().into()))?;
    String::from_utf8(bytes).map_err(|e| ReportError::Template { reason: e.to_string() }.into())
}

/// What the design can and cannot tell, in a few lines.
#[must_use]
pub fn design_text(table: &RunTable, level: f64) -> String {
    let mut text = String::new();
    if let Some(plane) = crate::fit::coverage(table) {
        text.push_str(&format!(
            "{} runs at {} sizes (N spans a factor {:.1}) and {} token counts (D {:.1}, D/N {:.1}); {} of 16 cells of the (N, D/N) rectangle hold runs\n",
            table.runs.len(),
            plane.sizes,
            plane.n_span,
            plane.token_counts,
            plane.d_span,
            plane.ratio_span,
            plane.cells_filled,
        ));
    }
    match crate::fit::repeats(table, level) {
        Some(r) => text.push_str(&format!(
            "seed noise: {} runs repeat {} places; their losses scatter by {:.2} % ({:.0} % interval {:.2} to {:.2} %)\n",
            r.runs,
            r.cells,
            100.0 * r.sd,
            100.0 * level,
            100.0 * r.interval.lo,
            100.0 * r.interval.hi,
        )),
        None => text.push_str(
            "seed noise: no two runs share N, D and setting, so it cannot be told; repeat one run with another seed\n",
        ),
    }
    let n: Vec<f64> = table.runs.iter().map(|r| r.n.get()).collect();
    let largest = n.iter().copied().fold(0.0, f64::max);
    if largest < 1000.0 {
        text.push_str(&format!(
            "the largest N is {}: are sizes in millions or billions? --map 'n=COLUMN*1e6' scales them\n",
            Params::new(largest)
        ));
    }
    text
}
