//! Any tool's logs to one run table.
//!
//! ```text
//! paths -> files -> readers -> logs, tables, facts -> merge -> settle -> RunTable
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::columns::{ColumnMap, Quantity};
use super::gather::{gather, join_facts};
use super::given::Given;
use super::layout::append;
use super::log::{RunLog, Value};
use super::readers::{is_part_of_run, text::Patterns};
use super::settle::{Joined, LossChoice, Settled, Verdict, enter, join_row, merge, settle};
use super::sheet::Sheet;
use super::table::{Assumption, RunTable, Skipped};
use crate::error::{DataError, Error, Result, Warning};
use crate::units::ParamRule;

/// How to read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// Columns by quantity, where their names do not say it.
    pub map: ColumnMap,
    /// Which parameter column to prefer when there are both.
    pub params: ParamRule,
    /// 0-based data rows of each table to leave out.
    pub exclude: Vec<usize>,
    /// Leave bad rows of tables out instead of refusing the table.
    pub skip_bad: bool,
    /// Refuse damaged files instead of setting them aside.
    pub strict: bool,
    /// Facts that the logs do not hold.
    pub given: Vec<Given>,
    /// Which loss of a log stands for its run.
    pub loss: LossChoice,
    /// Share of a run's steps over which training loss is averaged, 0 to 1.
    pub tail: f64,
    /// A file of patterns for text logs, tried before the shipped ones.
    pub patterns: Option<PathBuf>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            map: ColumnMap::default(),
            params: ParamRule::default(),
            exclude: Vec::new(),
            skip_bad: false,
            strict: false,
            given: Vec::new(),
            loss: LossChoice::default(),
            tail: 0.1,
            patterns: None,
        }
    }
}

/// Reads files and folders into one table.
///
/// # Errors
/// [`DataError`] naming the file and, for a bad row, its line and what is wrong with it; mixed
/// conventions; nothing left.
pub fn read(paths: &[PathBuf], options: &ReadOptions) -> Result<RunTable> {
    read_with_progress(paths, options, &|_, _| {})
}

/// As [`read()`], telling how many bytes of how many are done.
///
/// # Errors
/// As [`read()`].
pub fn read_with_progress(
    paths: &[PathBuf],
    options: &ReadOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<RunTable> {
    if !(options.tail > 0.0 && options.tail <= 1.0) {
        return Err(DataError::BadOption {
            flag: "--tail",
            text: options.tail.to_string(),
            wanted: "a share of the steps between 0 and 1 is wanted, as 0.1".to_owned(),
        }
        .into());
    }
    let own = options.patterns.as_deref().map(pattern_text).transpose()?;
    let patterns = Patterns::new(own.as_ref().map(|(path, text)| (path.as_str(), text.as_str())))?;
    let mut gathered = gather(paths, options, &patterns, progress)?;
    join_facts(&mut gathered, options);
    let mut table = RunTable {
        runs: Vec::new(),
        skipped: std::mem::take(&mut gathered.skipped),
        params: options.params,
        assumptions: Vec::new(),
        digest: gathered.digest.to_string(),
        files: std::mem::take(&mut gathered.files),
        notes: Vec::new(),
        curves: Vec::new(),
        warnings: Vec::new(),
    };
    for (folder, facts) in &gathered.facts {
        gathered.logs.iter_mut().for_each(|log| tell(log, folder, facts));
    }
    let Joined { mut logs, copies } = merge(std::mem::take(&mut gathered.logs));
    for (copy, of) in copies {
        let reason = format!("the same run as in {of}");
        table.skipped.push(left_out(&copy, reason));
    }
    for log in &mut logs {
        options.given.iter().filter(|g| g.is_for(&log.run)).for_each(|g| {
            log.facts.insert(g.key().to_owned(), g.value());
        });
    }
    join_tables(&mut gathered.tables, &mut logs, options);
    let mut rules: Vec<(ParamRule, String)> = Vec::new();
    let alone = gathered.tables.len() + logs.len() == 1;
    for mut sheet in gathered.tables {
        if sheet.rows.is_empty() && sheet.damaged.is_empty() {
            continue;
        }
        options.given.iter().for_each(|given| given.fill(&mut sheet));
        let (name, asked) = (sheet.path.clone(), sheet.asked);
        match append(sheet, options, &mut table) {
            Ok(rule) => rules.push((rule, name)),
            // A folder of logs may hold tables of anything.
            Err(Error::Data(error)) if !asked && !alone && !options.strict => {
                let reason = format!("no table of runs: {error}");
                table.skipped.push(Skipped { path: name, line: None, run: None, reason });
            }
            Err(error) => return Err(error),
        }
    }
    let settled = settle_all(logs, options, &mut table);
    let loss = choose_loss(&settled, options.loss)?;
    rules.extend(enter(&settled, loss, options, &mut table));
    if let Some((first, _)) = rules.first() {
        table.params = *first;
        if let Some((other, name)) = rules.iter().find(|(rule, _)| rule != first) {
            return Err(DataError::MixedConventions {
                what: "N",
                one: first.to_string(),
                other: format!("{other} ({name})"),
                mend: "take those both have with --params, or give the missing count with --given RUN:n_params=N".to_owned(),
            }
            .into());
        }
    }
    let per_byte = table.assumptions.contains(&Assumption::NatsPerByte);
    if per_byte && table.assumptions.contains(&Assumption::NatsPerToken) {
        return Err(DataError::MixedConventions {
            what: "loss",
            one: "nats per token".to_owned(),
            other: "bits or nats per byte".to_owned(),
            mend: "give --given bytes_per_token=RATIO of the tokeniser".to_owned(),
        }
        .into());
    }
    drop_copies(&mut table);
    if table.runs.is_empty() {
        return Err(nothing_left(&table).into());
    }
    doubts(&mut table);
    Ok(table)
}

fn pattern_text(path: &Path) -> Result<(String, String), DataError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| DataError::Unreadable { path: shown.clone(), reason: e.to_string() })?;
    Ok((shown, text))
}

/// Facts of a file hold for the logs in its folder and in the folders of its checkpoints.
fn tell(log: &mut RunLog, folder: &Path, facts: &BTreeMap<String, Value>) {
    let mut at = if log.path.is_dir() { Some(log.path.as_path()) } else { log.path.parent() };
    for _ in 0..3 {
        let Some(here) = at else { return };
        if here == folder {
            facts.iter().for_each(|(key, value)| log.suggest(key, value));
            return;
        }
        let name = here.file_name().map(|n| n.to_string_lossy().into_owned());
        if !name.is_some_and(|n| is_part_of_run(&n)) {
            return;
        }
        at = here.parent();
    }
}

fn left_out(log: &RunLog, reason: String) -> Skipped {
    let path = log.path.display().to_string();
    Skipped { path, line: None, run: Some(log.run.clone()), reason }
}

/// A row named as a log stands for its run when it has a loss, and the log is its curve; else it
/// tells the log its facts.
fn join_tables(tables: &mut [Sheet], logs: &mut [RunLog], options: &ReadOptions) {
    for sheet in tables {
        let column = |q| sheet.column(q, options.params, &options.map).ok().flatten();
        let (Some(run), Some(loss)) = (column(Quantity::Run), column(Quantity::Loss)) else {
            continue;
        };
        let mut told = BTreeSet::new();
        for (i, row) in sheet.rows.iter().enumerate() {
            let Some(name) = row[run].name() else { continue };
            for log in logs.iter_mut().filter(|log| log.run == name) {
                join_row(log, &sheet.columns, row);
                match &row[loss] {
                    Value::Number(x) => log.stated = Some((*x, sheet.path.clone())),
                    _ => {
                        told.insert(i);
                    }
                }
            }
        }
        sheet.remove_rows(&told);
    }
}

/// Judges every log; those that cannot enter are left out with the reason.
fn settle_all(logs: Vec<RunLog>, options: &ReadOptions, table: &mut RunTable) -> Vec<Settled> {
    let mut settled = Vec::new();
    for log in logs {
        match settle(log, options.tail) {
            Verdict::Usable(run) => settled.push(*run),
            Verdict::LeftOut(log, reason) => table.skipped.push(left_out(&log, reason)),
        }
    }
    settled
}

/// One kind of loss for all runs.
fn choose_loss(settled: &[Settled], wanted: LossChoice) -> Result<LossChoice, DataError> {
    if wanted != LossChoice::Auto {
        return Ok(wanted);
    }
    let with = settled.iter().find(|s| s.evaluation.is_some());
    let without = settled.iter().find(|s| s.evaluation.is_none());
    match (with, without) {
        (Some(_), None) => Ok(LossChoice::Evaluation),
        (None, _) => Ok(LossChoice::Tail),
        (Some(a), Some(b)) => {
            let count =
                |has: bool| settled.iter().filter(|s| s.evaluation.is_some() == has).count();
            Err(DataError::MixedConventions {
                what: "loss",
                one: format!("evaluation loss ({} runs, as {})", count(true), a.log.run),
                other: format!(
                    "training loss ({} runs without evaluations, as {} in {})",
                    count(false),
                    b.log.run,
                    b.log.path.display()
                ),
                mend: "take training loss for all with --loss tail, or leave the others out with --loss evaluation".to_owned(),
            })
        }
    }
}

/// Leaves out runs that say what another of the same name says, to the last digit.
fn drop_copies(table: &mut RunTable) {
    let mut seen = BTreeSet::new();
    let skipped = &mut table.skipped;
    table.runs.retain(|run| {
        // Without a name of its own, equal numbers may be a coincidence of rounding.
        let unnamed =
            run.run.rsplit_once(':').is_some_and(|(_, line)| line.parse::<usize>().is_ok());
        let key = (
            run.run.clone(),
            run.n.get().to_bits(),
            run.d.get().to_bits(),
            run.loss_nats.to_bits(),
            run.budget.map(|c| c.get().to_bits()),
        );
        let new = unnamed || seen.insert(key);
        if !new {
            let reason = "says the same as an earlier row of the same name".to_owned();
            let (path, name) = (format!("row {}", run.row), Some(run.run.clone()));
            skipped.push(Skipped { path, line: None, run: name, reason });
        }
        new
    });
}

fn nothing_left(table: &RunTable) -> DataError {
    let first = table.skipped.first().map(ToString::to_string).unwrap_or_default();
    DataError::NoRuns { left_out: table.skipped.len(), first }
}

/// Logged FLOPs that count something else than 6 N D: forward passes alone, recomputed activations.
const OTHER_COUNTS: [(f64, &str); 2] = [
    (1.0 / 3.0, "2 N D, the forward pass alone"),
    (4.0 / 3.0, "8 N D, with activations recomputed"),
];

/// What a reader of the table should doubt.
fn doubts(table: &mut RunTable) {
    let ratios: Vec<f64> =
        table.runs.iter().map(|r| r.c.get() / (6.0 * r.n.get() * r.d.get())).collect();
    let near = |x: f64, y: f64| (x / y - 1.0).abs() < 0.03;
    let plain = ratios.iter().filter(|r| near(**r, 1.0)).count();
    for (ratio, what) in OTHER_COUNTS {
        let other = ratios.iter().filter(|r| near(**r, ratio)).count();
        if other > 0 && plain > 0 && other + plain == ratios.len() && other < ratios.len() {
            // C = 6 N D by our own arithmetic is no count of the log's.
            let at = ratios.iter().position(|r| near(*r, ratio)).unwrap_or(0);
            let (run, what) = (table.runs[at].run.clone(), what.to_owned());
            table.warnings.push(Warning::MixedFlops { runs: other, run, what });
        }
    }
    if !table.skipped.is_empty() {
        let skipped = table.skipped.len();
        table.warnings.push(Warning::RowsSkipped { skipped, total: table.runs.len() + skipped });
    }
}
