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
use crate::error::{DataError, Result, TakenFor};

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

/// Reads every file, setting aside what cannot be read; what was found up to an error comes with it.
///
/// # Errors
/// Those of reading, for the only file there is and for any under `strict`; no log in any file.
pub(super) fn gather(
    paths: &[impl AsRef<Path>],
    options: &ReadOptions,
    patterns: &Patterns,
    progress: Progress<'_>,
) -> (Gathered, Result<()>) {
    let mut gathered = Gathered {
        logs: Vec::new(),
        tables: Vec::new(),
        facts: Vec::new(),
        files: Vec::new(),
        skipped: Vec::new(),
        digest: InputDigest::new(),
    };
    let outcome = sources(paths).map_err(Into::into).and_then(|sources| {
        take_in(&sources, options, patterns, progress, &mut gathered)?;
        match gathered.logs.is_empty() && gathered.tables.is_empty() {
            true => Err(no_logs(paths, &gathered.files).into()),
            false => Ok(()),
        }
    });
    (gathered, outcome)
}

fn take_in(
    sources: &[Source],
    options: &ReadOptions,
    patterns: &Patterns,
    progress: Progress<'_>,
    gathered: &mut Gathered,
) -> Result<()> {
    let meter = Meter::new(sources.iter().map(Source::len).sum());
    let context = Context { map: &options.map, patterns, meter: &meter, progress };
    let single = sources.len() == 1;
    let mut seen: BTreeMap<(u64, u32), String> = BTreeMap::new();
    for source in sources {
        let path = source.shown();
        let found = match read_source(source, &context) {
            Ok(found) => found,
            // In a folder, an empty file is not a log.
            Err(DataError::Empty { .. }) if !single && !source.asked => {
                FileContent::unknown("it is empty")
            }
            // The only file there is, or one that must be right.
            Err(error) if single || options.strict => {
                gathered.files.push(no_log(&path, &error.reason()));
                return Err(error.into());
            }
            Err(error) => {
                meter.take_crc();
                set_aside(gathered, &path, error.reason(), source.asked);
                continue;
            }
        };
        let crc = meter.take_crc();
        gathered.digest.update(&source.len().to_le_bytes());
        gathered.digest.update(&crc.to_le_bytes());
        let FileContent { format, detail, content, damage } = found;
        let damage: Vec<String> =
            damage.iter().map(|d| format!("{}: {}", d.at, d.problem)).collect();
        for reason in &damage {
            gathered.skipped.push(Skipped::file(&path, reason));
        }
        let mut note = FileNote { path: path.clone(), format, detail, runs: 0, damage };
        if let Some(first) = note.damage.first().filter(|_| options.strict) {
            let (first, others) = (first.clone(), note.damage.len() - 1);
            gathered.files.push(note);
            return Err(DataError::Damaged { path, first, others }.into());
        }
        let content = match content {
            // A folder of logs may hold tables of anything.
            Content::Table(table) if !source.asked && !is_about_runs(&table, options) => {
                note.format = None;
                Content::Unknown(something_else(&table))
            }
            content => content,
        };
        match content {
            Content::Unknown(reason) => {
                note.detail = Some(reason.clone());
                if single || (options.strict && source.asked) {
                    gathered.files.push(note);
                    return Err(DataError::UnknownFormat { path, reason }.into());
                }
                // A folder has all kinds of files; a file that was named should be a log.
                if source.asked {
                    set_aside(gathered, &path, reason, true);
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
                note.runs = table.len();
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
    Ok(())
}

/// The error of files that are all something else.
fn no_logs(paths: &[impl AsRef<Path>], files: &[FileNote]) -> DataError {
    let named: Vec<String> = paths.iter().map(|p| p.as_ref().display().to_string()).collect();
    let only = match paths {
        [one] => Some(one.as_ref()),
        _ => None,
    };
    let taken = |note: &FileNote| {
        let inside = only.and_then(|folder| Path::new(&note.path).strip_prefix(folder).ok());
        let inside = inside.filter(|p| !p.as_os_str().is_empty());
        let file = inside.map_or_else(|| note.path.clone(), |p| p.display().to_string());
        let what = match (&note.detail, note.format) {
            (Some(what), None) => what.clone(),
            _ => note.taken_for(),
        };
        TakenFor { file, what }
    };
    DataError::NoLogs { path: named.join(", "), files: files.iter().map(taken).collect() }
}

/// What a table is that holds nothing of runs.
fn something_else(table: &CellTable) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<&str> = table.columns.iter().take(SHOWN).map(String::as_str).collect();
    let more = if table.columns.len() > SHOWN { ", …" } else { "" };
    format!("a table of something else, with the columns {}{more}", shown.join(", "))
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
    gathered.files.push(no_log(path, &reason));
    let reason = if asked { reason } else { format!("set aside: {reason}") };
    gathered.skipped.push(Skipped::file(path, reason));
}

/// A file that nothing could be taken from.
fn no_log(path: &str, reason: &str) -> FileNote {
    let (path, detail) = (path.to_owned(), Some(reason.to_owned()));
    FileNote { path, format: None, detail, runs: 0, damage: vec![reason.to_owned()] }
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
    // Facts need something that they are about.
    if gathered.logs.is_empty() && gathered.tables.iter().all(is_facts) {
        return;
    }
    let tables_of_facts: Vec<CellTable> =
        gathered.tables.extract_if(.., |s| others > 1 && is_facts(s)).collect();
    for facts in tables_of_facts {
        let Some(run) = column(&facts, Quantity::Run) else { continue };
        let mut joined = 0;
        let rows = |table: &CellTable, at: usize| -> Vec<String> {
            (0..table.len()).filter_map(|row| table.value(row, at).name()).collect()
        };
        let of_tables = gathered
            .tables
            .iter()
            .filter_map(|t| Some(rows(t, column(t, Quantity::Run)?)))
            .flatten();
        let there = gathered.logs.iter().map(|log| log.run.clone()).chain(of_tables);
        let names = Names::new(rows(&facts, run), there);
        for row in facts.rows() {
            let Some(name) = row[run].name() else { continue };
            // As another tool may write it.
            let name = names.find(&name).map_or(name.clone(), str::to_owned);
            let mut used = false;
            for log in gathered.logs.iter_mut().filter(|log| log.run == name) {
                join_row(log, &facts.columns, &row);
                used = true;
            }
            for table in &mut gathered.tables {
                let Some(at) = column(table, Quantity::Run) else { continue };
                for i in 0..table.len() {
                    if table.value(i, at).name().is_some_and(|n| n == name) {
                        table.fill_row(i, &facts.columns, &row);
                        used = true;
                    }
                }
            }
            joined += usize::from(used);
        }
        if joined < facts.len() {
            let rows = facts.len() - joined;
            let reason = format!("{rows} rows of facts are about runs that no file has");
            gathered.skipped.push(Skipped::file(facts.path, reason));
        }
    }
}
