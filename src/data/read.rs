//! Any tool's logs to one run table.
//!
//! ```text
//! paths -> files -> readers -> logs, tables, facts -> merge -> settle -> RunTable
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::cell_table::CellTable;
use super::condition::{self, Where};
use super::copies::{Sources, drop_copies, keep_ends};
use super::gather::{Gathered, gather, join_facts};
use super::given::Given;
use super::layout::{Layout, Needs};
use super::left_out::{causes, missing};
use super::log::{RunLog, Value};
use super::names::Names;
use super::options::{BestPer, LossChoice, ReadOptions};
use super::overrule::{
    enter as enter_given, fill as fill_columns, overrule, run_names, unknown_runs,
};
use super::plausible;
use super::quantity::Quantity;
use super::readers::{Patterns, is_part_of_run};
use super::settle::{
    Joined, Settled, Verdict, ends_at, enter, join_row, knows_size_and_tokens, merge, settle,
};
use super::table::{Assumption, RunNote, RunRecord, RunTable, Skipped};
use crate::error::{DataError, Error, Result, Warning};
use crate::units::ParamRule;

/// Reads files and folders into one table.
///
/// Tables with a row per run and logs with a row per step are detected from their content, whatever
/// tool wrote them. A run that has not finished, has diverged or does not say its N or D is left
/// out, and [`RunTable::skipped`] says why.
///
/// # Errors
/// [`DataError`] naming the file and, for a bad row, its line and what is wrong with it; mixed
/// conventions; nothing left.
///
/// # Example
/// ```
/// use isoloss::data::{Assumption, ReadOptions, read};
///
/// # let folder = tempfile::tempdir().expect("a folder");
/// let path = folder.path().join("runs.csv");
/// std::fs::write(&path, "run,params,tokens,loss\na,1e8,2e9,3.1\nb,2e8,4e9,2.9\n").expect("written");
/// let table = read(&[&path], &ReadOptions::default())?;
/// assert_eq!(table.runs.len(), 2);
/// assert_eq!(table.runs[0].c.get(), 6.0 * 1e8 * 2e9);
/// assert!(table.assumptions.contains(&Assumption::FlopsFromSixNd));
///
/// std::fs::write(&path, "run,params,tokens,loss\na,1e8,2e9,NaN\n").expect("written");
/// let error = read(&[&path], &ReadOptions::default()).expect_err("not a loss");
/// assert!(error.to_string().contains("runs.csv:2: `loss` is NaN"), "{error}");
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn read(paths: &[impl AsRef<Path>], options: &ReadOptions) -> Result<RunTable> {
    read_with_progress(paths, options, &|_, _| {})
}

/// As [`read()`], reporting how many bytes of how many are done.
///
/// # Errors
/// As [`read()`].
pub fn read_with_progress(
    paths: &[impl AsRef<Path>],
    options: &ReadOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<RunTable> {
    let Survey { table, error, .. } = survey(paths, options, progress)?;
    error.map_or(Ok(table), Err)
}

/// All that was found in files, usable or not.
#[derive(Debug)]
pub struct Survey {
    /// The runs that can be used, the files, and what was left out; no runs where there is an error.
    pub table: RunTable,
    /// Runs that an error about the table as a whole keeps from being used.
    pub refused: Vec<RunRecord>,
    /// Why it is no table of runs as it stands.
    pub error: Option<Error>,
}

/// As [`read_with_progress`], with what was found up to an error.
///
/// ```
/// use isoloss::data::{ReadOptions, survey};
/// use isoloss::error::{DataError, Error};
///
/// # let folder = tempfile::tempdir().expect("a folder");
/// std::fs::write(folder.path().join("notes.txt"), "lr 3e-4 was best\n").expect("written");
/// std::fs::write(folder.path().join("plot.png"), b"\x89PNG\r\n\x1a\n\0").expect("written");
/// let found = survey(&[folder.path()], &ReadOptions::default(), &|_, _| {})?;
/// assert!(matches!(found.error, Some(Error::Data(DataError::NoLogs { .. }))));
/// let files: Vec<String> = found.table.files.iter().map(|f| f.taken_for()).collect();
/// assert!(files[0].starts_with("no log: text that no pattern knows"), "{files:?}");
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// Options out of range, and patterns that are none.
pub fn survey(
    paths: &[impl AsRef<Path>],
    options: &ReadOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Survey> {
    options.validate()?;
    let patterns = patterns_of(options)?;
    let (mut gathered, outcome) = gather(paths, options, &patterns, progress);
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
    let error = outcome.and_then(|()| fill(gathered, options, &mut table)).err();
    // What is wrong with a run says more than what is wrong with a file it is in.
    table.skipped.sort_by_key(Skipped::is_file);
    let mut refused = Vec::new();
    if error.is_some() {
        std::mem::swap(&mut refused, &mut table.runs);
        table.curves.clear();
    }
    Ok(Survey { table, refused, error })
}

/// Enters what was gathered into the table.
fn fill(mut gathered: Gathered, options: &ReadOptions, table: &mut RunTable) -> Result<()> {
    for (folder, facts) in &gathered.facts {
        gathered.logs.iter_mut().for_each(|log| suggest_from(folder, facts, log));
    }
    let mut names: BTreeSet<String> = gathered.logs.iter().map(|log| log.run.clone()).collect();
    select(&mut gathered.logs, &options.only, &mut table.skipped);
    let Joined { mut logs, copies } = merge(std::mem::take(&mut gathered.logs));
    for (copy, of) in copies {
        let reason = format!("the same run as in {of}");
        table.skipped.push(left_out(&copy, reason));
    }
    names.extend(logs.iter().map(|log| log.run.clone()));
    if options.given.iter().any(|given| given.run().is_some()) {
        gathered.tables.iter().for_each(|cells| names.extend(run_names(cells, options)));
    }
    let given = Given::resolved(&options.given, &names);
    let options = &ReadOptions { given, ..options.clone() };
    logs.iter_mut().for_each(|log| enter_given(&options.given, log));
    table.warnings.extend(unknown_runs(&options.given, &names));
    table.skipped.extend(join_tables(&mut gathered.tables, &mut logs, options));
    let mut rules: Vec<(ParamRule, String)> = Vec::new();
    let mut sources = Sources::default();
    let alone = gathered.tables.len() + logs.len() == 1;
    let mut failed: Option<DataError> = None;
    let mut unmapped: BTreeSet<&'static str> = BTreeSet::new();
    for mut cells in gathered.tables {
        if cells.is_empty() && cells.damaged.is_empty() {
            continue;
        }
        fill_columns(&mut cells, options);
        let (name, asked) = (cells.path.clone(), cells.asked);
        let columns = cells.columns.len();
        let outcome = append(cells, options, table);
        sources.add_table(&name, table.runs.len());
        if let Err(DataError::MissingColumn { key, also, .. }) = &outcome {
            unmapped.extend(std::iter::once(key).chain(also.iter().map(|(_, key)| key)));
            let notes = table.files.iter_mut().filter(|note| note.path == name);
            notes.for_each(|note| {
                note.runs = 0;
                note.detail = Some(format!("table of {columns} columns, not those of runs"));
            });
        }
        match outcome {
            Ok(rule) => rules.push((rule, name)),
            // A folder of logs may hold tables of anything.
            Err(error) if !asked && !alone && !options.strict => {
                let reason = format!("not a table of runs: {}", error.reason());
                table.skipped.push(Skipped::file(name, reason));
            }
            Err(error) => {
                table.skipped.push(Skipped::file(name, error.reason()));
                failed.get_or_insert(error);
            }
        }
    }
    let settled = settle_all(logs, options, table);
    if let Some(error) = failed {
        return Err(error.into());
    }
    let loss = choose_loss(&settled, options.loss).inspect_err(|_| {
        for run in &settled {
            let what = match run.evaluation {
                Some(_) => "has an evaluation loss, which others do not have",
                None => "has a training loss alone, where others have an evaluation loss",
            };
            table.skipped.push(left_out(&run.log, what));
        }
    })?;
    let entered = enter(&settled, loss, options, table);
    entered.iter().for_each(|(_, path)| sources.add_log(path));
    rules.extend(entered);
    if let Some((first, _)) = rules.first() {
        table.params = *first;
        if let Some((other, name)) = rules.iter().find(|(rule, _)| rule != first) {
            let (one, other, path) = (*first, *other, name.clone());
            return Err(DataError::MixedParams { one, other, path }.into());
        }
    }
    let per_byte = table.assumptions.contains(&Assumption::NatsPerByte);
    if per_byte && table.assumptions.contains(&Assumption::NatsPerToken) {
        return Err(DataError::MixedUnits.into());
    }
    drop_copies(table, &sources);
    if options.best_per == Some(BestPer::Cell) {
        *table = table.best_of_cells();
    }
    if table.runs.is_empty() {
        table.skipped.sort_by_key(Skipped::is_file);
        return Err(nothing_left(table, unmapped).into());
    }
    plausible::check(table)?;
    warn(table);
    Ok(())
}

/// The patterns of text logs: those of the options before the shipped ones.
pub(super) fn patterns_of(options: &ReadOptions) -> Result<Patterns, DataError> {
    let own = options.patterns.as_deref().map(pattern_text).transpose()?;
    Patterns::new(own.as_ref().map(|(path, text)| (path.as_str(), text.as_str())))
}

fn pattern_text(path: &Path) -> Result<(String, String), DataError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| DataError::Unreadable { path: shown.clone(), reason: e.to_string() })?;
    Ok((shown, text))
}

/// Facts of a file hold for the logs in its folder and in the folders of its checkpoints.
pub(super) fn suggest_from(folder: &Path, facts: &BTreeMap<String, Value>, log: &mut RunLog) {
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

/// Leaves out logs that do not meet a condition on their facts; one that says nothing does not.
fn select(logs: &mut Vec<RunLog>, conditions: &[Where], skipped: &mut Vec<Skipped>) {
    logs.retain(|log| {
        let failed = conditions.iter().find(|condition| condition.of_log(log) != Some(true));
        skipped.extend(failed.map(|condition| left_out(log, format!("does not meet {condition}"))));
        failed.is_none()
    });
}

fn left_out(log: &RunLog, reason: impl Into<String>) -> Skipped {
    Skipped::run(log.path.display().to_string(), &log.run, reason)
}

/// Adds the runs of a table; returns which parameters its N counts.
fn append(
    mut cells: CellTable,
    options: &ReadOptions,
    table: &mut RunTable,
) -> Result<ParamRule, DataError> {
    condition::select(&mut cells, &options.only)?;
    cells.add_sums(&options.map);
    cells.scale(&options.map);
    table.notes.extend(overrule(&mut cells, options));
    let layout = Layout::of(&cells, options, Needs::Loss)?;
    for assumption in layout.assumptions(&cells, Needs::Loss) {
        if !table.assumptions.contains(&assumption) {
            table.assumptions.push(assumption);
        }
    }
    if let Some((row, note)) = layout.disagreement(&cells) {
        let run = format!("{}:{}", cells.path, cells.lines[row]);
        table.notes.push(RunNote { run, note });
    }
    let read = |row: usize, values: &[Value]| layout.record(&cells, row, values);
    let (mut runs, outcome) = layout.rows(&cells, options, read, &mut table.skipped);
    if layout.names_runs(&cells) && !options.every_row {
        drop(cells);
        keep_ends(&mut runs, &mut table.skipped);
    }
    // A table of a million runs is held once.
    if table.runs.is_empty() {
        table.runs = runs;
    } else {
        table.runs.extend(runs);
    }
    outcome.map(|()| layout.params)
}

/// A row named as a log represents its run when it has a loss, and the log is its curve; a row
/// without a loss adds its facts to the log. Where the names differ in accents, case or separators,
/// a log that knows its own N and D is compared as a run of its own later; returns the others, whose
/// loss is that of the row.
fn join_tables(
    tables: &mut [CellTable],
    logs: &mut [RunLog],
    options: &ReadOptions,
) -> Vec<Skipped> {
    let mut same = Vec::new();
    for table in tables {
        let column = |q| table.column(q, options.params, &options.map).ok().flatten();
        let (Some(run), Some(loss)) = (column(Quantity::Run), column(Quantity::Loss)) else {
            continue;
        };
        let mut joined = BTreeSet::new();
        if logs.is_empty() {
            continue;
        }
        let wanted = (0..table.len()).filter_map(|i| table.value(i, run).name());
        let names = Names::new(wanted, logs.iter().map(|log| log.run.clone()));
        for i in 0..table.len() {
            let Some(name) = table.value(i, run).name() else { continue };
            let Some(meant) = names.find(&name) else { continue };
            for log in logs.iter_mut().filter(|log| log.run == meant) {
                let row = table.row(i);
                if let Value::Number(x) = row[loss]
                    && log.run != name
                {
                    if knows_size_and_tokens(log) || !ends_at(log, x) {
                        continue;
                    }
                    let reason = format!("the same run as `{name}` in {}", table.path);
                    same.push(left_out(log, reason));
                }
                join_row(log, &table.columns, &row);
                match &row[loss] {
                    Value::Number(x) => log.stated = Some((*x, table.path.clone())),
                    _ => {
                        joined.insert(i);
                    }
                }
            }
        }
        table.remove_rows(&joined);
    }
    same
}

/// Judges every log; those that cannot enter are left out with the reason.
fn settle_all(logs: Vec<RunLog>, options: &ReadOptions, table: &mut RunTable) -> Vec<Settled> {
    let mut settled = Vec::new();
    for log in logs {
        match settle(log, options.tail) {
            Verdict::Usable(run) => settled.push(*run),
            Verdict::LeftOut(log, reason) => {
                let lacks = reason.lacks;
                table.skipped.push(Skipped { lacks, ..left_out(&log, reason.text) });
            }
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
            Err(DataError::MixedLosses {
                evaluated: count(true),
                with: a.log.run.clone(),
                trained: count(false),
                without: b.log.run.clone(),
                path: b.log.path.display().to_string(),
            })
        }
    }
}

fn nothing_left(table: &RunTable, unmapped: BTreeSet<&'static str>) -> DataError {
    let skipped = &table.skipped;
    DataError::NoRuns {
        left_out: skipped.len(),
        causes: causes(skipped),
        missing: missing(skipped),
        unmapped: unmapped.into_iter().collect(),
    }
}

/// Logged FLOPs that count something else than 6 N D: forward passes alone, recomputed activations.
const OTHER_COUNTS: [(f64, &str); 2] = [
    (1.0 / 3.0, "2 N D, the forward pass alone"),
    (4.0 / 3.0, "8 N D, with activations recomputed"),
];

/// Warnings about the table as a whole.
fn warn(table: &mut RunTable) {
    let ratios: Vec<f64> =
        table.runs.iter().map(|r| r.c.get() / (6.0 * r.n.get() * r.d.get())).collect();
    let near = |x: f64, y: f64| (x / y - 1.0).abs() < 0.03;
    let plain = ratios.iter().filter(|r| near(**r, 1.0)).count();
    for (ratio, what) in OTHER_COUNTS {
        let other = ratios.iter().filter(|r| near(**r, ratio)).count();
        if other > 0 && plain > 0 && other + plain == ratios.len() && other < ratios.len() {
            // C = 6 N D by our own arithmetic is not a count of the log.
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
