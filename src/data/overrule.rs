//! What a user says of runs, entered over what their files say.

use std::collections::{BTreeMap, BTreeSet};

use super::cell_table::CellTable;
use super::columns::ColumnMap;
use super::given::{Given, about, is_same, kind_of};
use super::log::{RunLog, Value};
use super::options::ReadOptions;
use super::quantity::Quantity;
use super::table::RunNote;
use crate::error::{Warning, nearest_name};

/// Rows of a table that a note is kept of; more are counted.
const MOST_NOTES: usize = 1000;

/// Enters what is given into a log; a contradiction is noted.
pub(super) fn enter(given: &[Given], log: &mut RunLog) {
    for one in about(given, Some(&log.run)) {
        let said = match kind_of(one.key()) {
            Some(kind) => log.fact(kind).map(|(key, value)| (key.to_owned(), value.clone())),
            None => log.facts.get(one.key()).map(|value| (one.key().to_owned(), value.clone())),
        };
        let note = said.and_then(|(key, said)| one.contradicts(&key, &said, "log"));
        log.notes.extend(note);
        log.facts.retain(|key, _| !is_same(one.key(), key));
        log.facts.insert(one.key().to_owned(), one.value());
        log.given.insert(one.key().to_owned());
    }
}

/// Columns of a table that hold what a key names: by their names, or mapped.
fn columns_of(table: &CellTable, key: &str, map: &ColumnMap) -> Vec<usize> {
    let quantity = Quantity::ALL.into_iter().find(|q| q.is_named(key));
    let mapped = quantity.and_then(|q| map.column(q));
    let holds = |column: &String| Some(column.as_str()) == mapped || is_same(key, column);
    (0..table.columns.len()).filter(|at| holds(&table.columns[*at])).collect()
}

/// The name of the run of each row, where rows are named and that matters.
fn names_of(table: &CellTable, options: &ReadOptions) -> Vec<Option<String>> {
    if options.given.iter().all(|one| one.run().is_none()) {
        return vec![None; table.len()];
    }
    let at = table.column(Quantity::Run, options.params, &options.map).ok().flatten();
    (0..table.len()).map(|row| table.value(row, at?).name()).collect()
}

/// Adds columns for what is given and no column holds.
pub(super) fn fill(table: &mut CellTable, options: &ReadOptions) {
    if options.given.is_empty() {
        return;
    }
    let names = names_of(table, options);
    let mut added: Vec<(&str, usize)> = Vec::new();
    for one in &options.given {
        let is_there = !columns_of(table, one.key(), &options.map).is_empty();
        if is_there || !names.iter().any(|name| one.is_for(name.as_deref())) {
            continue;
        }
        added.push((one.key(), table.columns.len()));
        table.push_column(one.key().to_owned(), &Value::Missing);
    }
    for (row, name) in names.iter().enumerate().filter(|_| !added.is_empty()) {
        for one in about(&options.given, name.as_deref()) {
            for (_, at) in added.iter().filter(|(key, _)| is_same(key, one.key())) {
                table.set(row, *at, &one.value());
            }
        }
    }
}

/// Enters what is given into the columns of a table whose counts are plain numbers already, over what
/// they say; returns a note for each row that says something else.
pub(super) fn overrule(table: &mut CellTable, options: &ReadOptions) -> Vec<RunNote> {
    let (mut notes, mut more) = (Vec::new(), 0);
    if options.given.is_empty() {
        return notes;
    }
    let names = names_of(table, options);
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for one in &options.given {
        places.insert(one.key(), columns_of(table, one.key(), &options.map));
    }
    let run_at = table.column(Quantity::Run, options.params, &options.map).ok().flatten();
    let of_all = about(&options.given, None);
    for (row, name) in names.iter().enumerate() {
        let own = name.is_some().then(|| about(&options.given, name.as_deref()));
        for one in own.as_ref().unwrap_or(&of_all) {
            let mut note = None;
            for at in &places[one.key()] {
                let said = table.value(row, *at);
                note = note.or_else(|| one.contradicts(&table.columns[*at], &said, "table"));
                table.set(row, *at, &one.value());
            }
            let Some(note) = note else { continue };
            if notes.len() >= MOST_NOTES {
                more += 1;
                continue;
            }
            let named = run_at.and_then(|at| table.value(row, at).name());
            let run = named.unwrap_or_else(|| format!("{}:{}", table.path, table.lines[row]));
            notes.push(RunNote { run, note });
        }
    }
    if more > 0 {
        let note = format!("{more} more values differ from what was given");
        notes.push(RunNote { run: table.path.clone(), note });
    }
    notes
}

/// Warnings of what was given for runs that are not among these.
pub(super) fn unknown_runs(given: &[Given], known: &BTreeSet<String>) -> Vec<Warning> {
    /// Names that a message has room for.
    const SHOWN: usize = 4;
    let mut wanted: Vec<&str> = given.iter().filter_map(Given::run).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let unknown = wanted.into_iter().filter(|run| !known.contains(*run));
    let near = |run: &str| -> Vec<String> {
        let begun: Vec<&String> = known.iter().filter(|name| name.starts_with(run)).collect();
        match nearest_name(run, known.iter().map(String::as_str)) {
            _ if !begun.is_empty() => begun.into_iter().take(SHOWN).cloned().collect(),
            Some(name) => vec![name],
            None => known.iter().take(SHOWN).cloned().collect(),
        }
    };
    unknown.map(|run| Warning::UnknownRun { run: run.to_owned(), near: near(run) }).collect()
}

/// Names of the runs of a table.
pub(super) fn run_names(table: &CellTable, options: &ReadOptions) -> BTreeSet<String> {
    names_of(table, options).into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::format::Format;
    use crate::data::vocabulary::Term;

    fn given(text: &str) -> Given {
        text.parse().expect("a fact")
    }

    #[test]
    fn what_is_given_replaces_every_name_of_a_fact_and_says_where_it_differs() {
        let mut log = RunLog::new("a", Path::new("a"), Format::Config);
        log.set("model.block_size", Value::Number(1024.0));
        log.set("global_batch_size", Value::Number(64.0));
        let all = [given("seq_len=512"), given("a:batch_size=64"), given("b:seq_len=7")];
        enter(&all, &mut log);
        assert_eq!(log.count(Term::Length), Some(512.0));
        assert_eq!(log.count(Term::Batch), Some(64.0));
        assert_eq!(log.notes, ["given seq_len=512, its log says model_block_size=1024"]);
        assert!(log.given.contains("seq_len") && log.given.contains("batch_size"));
    }

    #[test]
    fn a_slip_in_the_name_of_a_run_is_told_with_the_nearest() {
        let known: BTreeSet<String> = ["tiny-a", "tiny-b"].map(str::to_owned).into();
        let all = [given("tiny_a:seq_len=7"), given("tiny-b:seq_len=7"), given("tin:seq_len=7")];
        let said: Vec<String> =
            unknown_runs(&all, &known).iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 2);
        assert!(said[0].contains("`tin`") && said[0].ends_with("there is tiny-a, tiny-b"));
        assert!(said[1].contains("`tiny_a`") && said[1].ends_with("there is tiny-a"));
    }
}
