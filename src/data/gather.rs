//! Every file read, and what each was taken for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::cell_table::CellTable;
use super::digest::InputDigest;
use super::facts::is_fact;
use super::files::{Meter, Progress, Source, sources};
use super::log::{RunLog, Value};
use super::names::Names;
use super::options::ReadOptions;
use super::quantity::Quantity;
use super::readers::{Content, Context, FileContent, Patterns, read_source};
use super::settle::join_row;
use super::spelling::collapsed;
use super::table::{FileNote, Skipped};
use crate::error::{DataError, Result};

/// What the files hold.
pub(super) struct Gathered {
    pub(super) logs: Vec<RunLog>,
    pub(super) tables: Vec<CellTable>,
    /// Facts with the folder they are about.
    pub(super) facts: Vec<(PathBuf, BTreeMap<String, Value>)>,
    pub(super) files: Vec<FileNote>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) digest: InputDigest,
}

/// Reads every file, setting aside what cannot be read.
///
/// # Errors
/// Those of reading, for the only file there is and for any under `strict`.
pub(super) fn gather(
    paths: &[impl AsRef<Path>],
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
        digest: InputDigest::new(),
    };
    let single = sources.len() == 1;
    let mut seen: BTreeMap<(u64, u32), String> = BTreeMap::new();
    for source in &sources {
        let path = source.shown();
        let found = match read_source(source, &context) {
            Ok(found) => found,
            // In a folder, an empty file is not a log.
            Err(DataError::Empty { .. }) if !single && !source.asked => {
                FileContent::unknown("it is empty")
            }
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
        let FileContent { format, detail, content, damage } = found;
        let damage: Vec<String> =
            damage.iter().map(|d| format!("{}: {}", d.at, d.problem)).collect();
        if let Some(first) = damage.first().filter(|_| options.strict) {
            let (first, others) = (first.clone(), damage.len() - 1);
            return Err(DataError::Damaged { path, first, others }.into());
        }
        for reason in &damage {
            gathered.skipped.push(Skipped::file(&path, reason));
        }
        let mut note = FileNote { path: path.clone(), format, detail, runs: 0, damage };
        let content = match content {
            // A folder of logs may hold tables of anything.
            Content::Table(table) if !source.asked && !is_about_runs(&table, options) => {
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
                // A folder has all kinds of files; a file that was named should be a log.
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
            Content::Table(mut table) => {
                table.asked = source.asked;
                note.runs = table.rows.len();
                match seen.insert((source.len(), crc), path.clone()) {
                    Some(first) if !source.is_folder => {
                        let reason = format!("the same table as {first}");
                        gathered.skipped.push(Skipped::file(path, reason));
                    }
                    _ => gathered.tables.push(table),
                }
            }
        }
        gathered.files.push(note);
    }
    if gathered.logs.is_empty() && gathered.tables.is_empty() {
        let named: Vec<String> = paths.iter().map(|p| p.as_ref().display().to_string()).collect();
        let first = gathered.skipped.first().map(|s| s.to_string());
        return Err(
            DataError::NoLogs { path: named.join(", "), files: sources.len(), first }.into()
        );
    }
    Ok(gathered)
}

/// Whether a table has a column of a loss or of anything that N or D of a run follows from.
fn is_about_runs(table: &CellTable, options: &ReadOptions) -> bool {
    let has = |q| table.column(q, options.params, &options.map).is_ok_and(|at| at.is_some());
    let fact =
        |column: &String| is_fact(column) && !QUIET.iter().any(|q| q.is_named(&collapsed(column)));
    has(Quantity::Loss) || table.columns.iter().any(fact)
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
    gathered.skipped.push(Skipped::file(path, reason));
}

/// A table without a loss whose rows are named adds facts to the runs of the other files; alone it
/// is a table whose loss is missing.
pub(super) fn join_facts(gathered: &mut Gathered, options: &ReadOptions) {
    let column =
        |table: &CellTable, q| table.column(q, options.params, &options.map).ok().flatten();
    let others = gathered.tables.len() + gathered.logs.len();
    let is_facts = |table: &CellTable| {
        column(table, Quantity::Loss).is_none() && column(table, Quantity::Run).is_some()
    };
    let tables_of_facts: Vec<CellTable> =
        gathered.tables.extract_if(.., |s| others > 1 && is_facts(s)).collect();
    for facts in tables_of_facts {
        let Some(run) = column(&facts, Quantity::Run) else { continue };
        let mut joined = 0;
        let rows = |table: &CellTable, at: usize| -> Vec<String> {
            table.rows.iter().filter_map(|row| row[at].name()).collect()
        };
        let of_tables = gathered
            .tables
            .iter()
            .filter_map(|t| Some(rows(t, column(t, Quantity::Run)?)))
            .flatten();
        let there = gathered.logs.iter().map(|log| log.run.clone()).chain(of_tables);
        let names = Names::new(rows(&facts, run), there);
        for row in &facts.rows {
            let Some(name) = row[run].name() else { continue };
            // As another tool may write it.
            let name = names.find(&name).map_or(name.clone(), str::to_owned);
            let mut used = false;
            for log in gathered.logs.iter_mut().filter(|log| log.run == name) {
                join_row(log, &facts.columns, row);
                used = true;
            }
            for table in &mut gathered.tables {
                let Some(at) = column(table, Quantity::Run) else { continue };
                for i in 0..table.rows.len() {
                    if table.rows[i][at].name().is_some_and(|n| n == name) {
                        table.fill_row(i, &facts.columns, row);
                        used = true;
                    }
                }
            }
            joined += usize::from(used);
        }
        if joined < facts.rows.len() {
            let rows = facts.rows.len() - joined;
            let reason = format!("{rows} rows of facts are about runs that no file has");
            gathered.skipped.push(Skipped::file(facts.path, reason));
        }
    }
}
