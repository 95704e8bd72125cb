//! Any tool's logs to one run table.
//!
//! ```text
//! paths -> files -> readers -> logs, tables, facts -> merge -> settle -> RunTable
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::columns::{ColumnMap, Quantity};
use super::files::{Meter, Progress, Source, sources};
use super::given::Given;
use super::layout::append;
use super::log::{RunLog, Value};
use super::names::{collapsed, is_fact};
use super::readers::{Content, Context, Found, is_part_of_run, read_source, text::Patterns};
use super::settle::{Joined, LossChoice, Settled, Verdict, enter, join_row, merge, settle};
use super::sheet::Sheet;
use super::table::{Assumption, Digest, FileNote, RunTable, Skipped};
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

/// What the files hold.
struct Gathered {
    logs: Vec<RunLog>,
    tables: Vec<Sheet>,
    /// Facts with the folder they are about.
    facts: Vec<(PathBuf, BTreeMap<String, Value>)>,
    files: Vec<FileNote>,
    skipped: Vec<Skipped>,
    digest: Digest,
}

fn gather(
    paths: &[PathBuf],
    options: &ReadOptions,
    patterns: &Patterns,
    progress: Progress<'_>,
) -> Result<Gathered> {
    let sources = sources(paths)?;
    let meter = Meter::new(sources.iter().map(Source::len).sum());
    let context = Context { map: &options.map, patterns, meter: &meter, progress };
    let mut gathered = Gathered {
        logs: Vec::new(),
        tables: Vec::new(),
        facts: Vec::new(),
        files: Vec::new(),
        skipped: Vec::new(),
        digest: Digest::new(),
    };
    let single = sources.len() == 1;
    let mut seen: BTreeMap<(u64, u32), String> = BTreeMap::new();
    for source in &sources {
        let path = source.shown();
        let found = match read_source(source, &context) {
            Ok(found) => found,
            // The only file there is, or one that must be right.
            Err(error) if single || options.strict => return Err(error.into()),
            Err(error) => {
                meter.take_crc();
                set_aside(&mut gathered, &path, error.reason(), source.asked);
                continue;
            }
        };
        let crc = meter.take_crc();
        gathered.digest.update(&source.len().to_le_bytes());
        gathered.digest.update(&crc.to_le_bytes());
        let Found { format, detail, content, damage } = found;
        let damage: Vec<String> =
            damage.iter().map(|d| format!("{}: {}", d.at, d.problem)).collect();
        if let Some(first) = damage.first().filter(|_| options.strict) {
            let more = damage.len() - 1;
            let reason =
                if more == 0 { first.clone() } else { format!("{first} (and {more} more)") };
            return Err(DataError::Damaged { path, reason }.into());
        }
        for reason in &damage {
            let reason = reason.clone();
            gathered.skipped.push(Skipped { path: path.clone(), line: None, run: None, reason });
        }
        let mut note = FileNote { path: path.clone(), format, detail, runs: 0, damage };
        let content = match content {
            // A folder of logs may hold tables of anything.
            Content::Table(sheet) if !source.asked && !is_about_runs(&sheet, options) => {
                note.format = None;
                Content::Unknown("a table of something else".to_owned())
            }
            content => content,
        };
        match content {
            Content::Unknown(reason) => {
                if single || (options.strict && source.asked) {
                    return Err(DataError::UnknownFormat { path, reason }.into());
                }
                // In a folder there are all kinds of files; one that was named is another matter.
                if source.asked {
                    set_aside(&mut gathered, &path, reason, true);
                    continue;
                }
            }
            Content::Facts(facts) => {
                let folder = source.path.parent().unwrap_or_else(|| Path::new("")).to_owned();
                gathered.facts.push((folder, facts));
            }
            Content::Logs(logs) => {
                note.runs = logs.len();
                gathered.logs.extend(logs);
            }
            Content::Table(mut sheet) => {
                sheet.asked = source.asked;
                note.runs = sheet.rows.len();
                match seen.insert((source.len(), crc), path.clone()) {
                    Some(first) if !source.is_folder => {
                        let reason = format!("the same table as {first}");
                        gathered.skipped.push(Skipped { path, line: None, run: None, reason });
                    }
                    _ => gathered.tables.push(sheet),
                }
            }
        }
        gathered.files.push(note);
    }
    if gathered.logs.is_empty() && gathered.tables.is_empty() {
        let named: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        let first = gathered.skipped.first().map(|s| s.to_string());
        return Err(
            DataError::NoLogs { path: named.join(", "), files: sources.len(), first }.into()
        );
    }
    Ok(gathered)
}

/// Whether a table has a column of a loss or of anything a run's N or D can be told from.
fn is_about_runs(sheet: &Sheet, options: &ReadOptions) -> bool {
    let has = |q| sheet.column(q, options.params, &options.map).is_ok_and(|at| at.is_some());
    let fact =
        |column: &String| is_fact(column) && !QUIET.iter().any(|q| q.is_named(&collapsed(column)));
    has(Quantity::Loss) || sheet.columns.iter().any(fact)
}

/// What tables of anything have too.
const QUIET: [Quantity; 2] = [Quantity::Run, Quantity::Status];

fn set_aside(gathered: &mut Gathered, path: &str, reason: String, asked: bool) {
    let damage = vec![reason.clone()];
    gathered.files.push(FileNote {
        path: path.to_owned(),
        format: None,
        detail: None,
        runs: 0,
        damage,
    });
    let reason = if asked { reason } else { format!("set aside: {reason}") };
    gathered.skipped.push(Skipped { path: path.to_owned(), line: None, run: None, reason });
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

/// A table without a loss whose rows are named tells the runs of the other files what they leave
/// out; alone it is a table that lacks its loss.
fn join_facts(gathered: &mut Gathered, options: &ReadOptions) {
    let column = |sheet: &Sheet, q| sheet.column(q, options.params, &options.map).ok().flatten();
    let others = gathered.tables.len() + gathered.logs.len();
    let is_facts = |sheet: &Sheet| {
        column(sheet, Quantity::Loss).is_none() && column(sheet, Quantity::Run).is_some()
    };
    let facts: Vec<Sheet> = gathered.tables.extract_if(.., |s| others > 1 && is_facts(s)).collect();
    for sheet in facts {
        let Some(run) = column(&sheet, Quantity::Run) else { continue };
        let mut told = 0;
        for row in &sheet.rows {
            let Some(name) = row[run].name() else { continue };
            let mut used = false;
            for log in gathered.logs.iter_mut().filter(|log| log.run == name) {
                join_row(log, &sheet.columns, row);
                used = true;
            }
            for table in &mut gathered.tables {
                let Some(at) = column(table, Quantity::Run) else { continue };
                for i in 0..table.rows.len() {
                    if table.rows[i][at].name().is_some_and(|n| n == name) {
                        table.fill_row(i, &sheet.columns, row);
                        used = true;
                    }
                }
            }
            told += usize::from(used);
        }
        if told < sheet.rows.len() {
            let rows = sheet.rows.len() - told;
            let reason = format!("{rows} rows of facts are about runs that no file has");
            gathered.skipped.push(Skipped { path: sheet.path, line: None, run: None, reason });
        }
    }
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
