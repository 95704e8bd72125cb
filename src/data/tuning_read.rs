//! Sweeps of learning rate and batch from tables.

use std::path::Path;

use super::cell_table::CellTable;
use super::columns::ColumnMap;
use super::files::sources;
use super::layout::{Layout, Needs};
use super::log::Value;
use super::options::ReadOptions;
use super::overrule::{fill, overrule};
use super::quantity::Quantity;
use super::readers::table_of;
use super::spelling::collapsed;
use super::tuning::{BatchUnit, TuningRun, TuningTable};
use super::vocabulary::{Term, names};
use crate::error::{DataError, Result, RowProblem};

/// Columns of a sweep that the column map has no keys for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TuningColumns {
    /// The column of the learning rate.
    pub lr: Option<String>,
    /// The column of the batch.
    pub batch: Option<String>,
}

const RATE: &[&str] = &["lr", "learning_rate", "peak_lr", "max_lr", "lr_max", "peak_learning_rate"];
const BATCH_TOKENS: &[&str] =
    &["batch_tokens", "batch_size_tokens", "tokens_per_step", "bs_tokens"];
const BATCH: &[&str] =
    &["bs", "batch", "batch_size", "global_batch_size", "batch_sequences", "gbs"];
const STEPS: &[&str] = &["ti", "steps", "iterations", "train_steps", "total_steps", "max_steps"];

/// Reads a sweep: N, D, learning rate and loss of each run, and the batch where there is a column for it.
///
/// Batches become tokens by a column of tokens per step, by a sequence length (a column, or given as
/// `seq_len`), or as D over the steps of the run. Where a table has a loss and a smoothed one, the
/// smoothed one is taken: an optimum is flat, and the noise of the last step moves it.
///
/// # Errors
/// [`DataError`] naming the file, and the line of a bad row.
pub fn read_tuning(
    paths: &[impl AsRef<Path>],
    options: &ReadOptions,
    columns: &TuningColumns,
) -> Result<TuningTable> {
    let mut found = TuningTable { params: options.params, ..TuningTable::default() };
    let mut first = None;
    for source in sources(paths)? {
        let mut table = table_of(&source)?;
        fill(&mut table, options);
        let unit = append(table, options, columns, &mut found)?;
        if *first.get_or_insert(unit) != unit {
            return Err(DataError::MixedBatches { path: source.shown() }.into());
        }
    }
    found.batch_unit = first.unwrap_or_default();
    Ok(found)
}

/// How the batch of a row is read.
enum BatchColumns {
    Tokens(usize),
    Sequences { batch: usize, length: usize },
    Steps(usize),
    AsLogged(usize),
}

fn append(
    mut table: CellTable,
    options: &ReadOptions,
    columns: &TuningColumns,
    found: &mut TuningTable,
) -> Result<BatchUnit, DataError> {
    table.scale(&options.map);
    overrule(&mut table, options);
    let options = &with_smoothed_loss(&table, options, found);
    let layout = Layout::of(&table, options, Needs::Loss)?;
    found.params = layout.params;
    let rate = named(&table, columns.lr.as_deref(), RATE, "lr")?.ok_or_else(|| {
        DataError::MissingColumn {
            path: table.path.clone(),
            quantity: "the learning rate",
            key: "lr",
            also: Vec::new(),
            found: table.columns.clone(),
        }
    })?;
    let batch = batch_columns(&table, columns)?;
    let number = |values: &[Value], at: usize| match &values[at] {
        Value::Number(x) if x.is_finite() && *x > 0.0 => Ok(*x),
        other => {
            let (column, found) = (table.columns[at].clone(), other.describe());
            Err(RowProblem::OutOfRange { column, found, expected: "a number above zero" })
        }
    };
    let read = |row: usize, values: &[Value]| {
        let record = layout.record(&table, row, values)?;
        let batch = match &batch {
            None => None,
            Some(BatchColumns::Tokens(at) | BatchColumns::AsLogged(at)) => {
                Some(number(values, *at)?)
            }
            Some(BatchColumns::Sequences { batch, length }) => {
                Some(number(values, *batch)? * number(values, *length)?)
            }
            Some(BatchColumns::Steps(at)) => Some(record.d.get() / number(values, *at)?),
        };
        let (n, d, loss_nats) = (record.n, record.d, record.loss_nats);
        Ok(TuningRun { n, d, lr: number(values, rate)?, batch, loss_nats })
    };
    let mut skipped = Vec::new();
    let (runs, outcome) = layout.rows(&table, options, read, &mut skipped);
    outcome?;
    found.skipped.extend(skipped.iter().map(ToString::to_string));
    found.runs.extend(runs);
    let name = |at: usize| format!("`{}`", table.columns[at]);
    let mut say = |line: String| {
        if !found.read_as.contains(&line) {
            found.read_as.push(line);
        }
    };
    say(format!("learning rate from {}", name(rate)));
    let (how, unit) = match batch {
        None => return Ok(BatchUnit::Tokens),
        Some(BatchColumns::Tokens(at)) => (name(at), BatchUnit::Tokens),
        Some(BatchColumns::Sequences { batch, length }) => {
            (format!("{} x {}", name(batch), name(length)), BatchUnit::Tokens)
        }
        Some(BatchColumns::Steps(at)) => (format!("D over {}", name(at)), BatchUnit::Tokens),
        Some(BatchColumns::AsLogged(at)) => {
            (format!("{}, in what it counts", name(at)), BatchUnit::AsLogged)
        }
    };
    say(format!("batch from {how}"));
    Ok(unit)
}

/// A column by its given name, or by one of the usual ones.
fn named(
    table: &CellTable,
    given: Option<&str>,
    usual: &[&str],
    key: &'static str,
) -> Result<Option<usize>, DataError> {
    let Some(column) = given else { return Ok(table.first_named(usual)) };
    let at = table.columns.iter().position(|c| c == column);
    at.map(Some).ok_or_else(|| DataError::NoSuchColumn {
        path: table.path.clone(),
        key,
        column: column.to_owned(),
        found: table.columns.clone(),
    })
}

fn batch_columns(
    table: &CellTable,
    columns: &TuningColumns,
) -> Result<Option<BatchColumns>, DataError> {
    let given = columns.batch.as_deref();
    let says_tokens = |at: &usize| collapsed(&table.columns[*at]).contains("token");
    let tokens = match given {
        Some(_) => named(table, given, &[], "batch")?.filter(says_tokens),
        None => table.first_named(BATCH_TOKENS),
    };
    if let Some(at) = tokens {
        return Ok(Some(BatchColumns::Tokens(at)));
    }
    let Some(batch) = named(table, given, BATCH, "batch")? else { return Ok(None) };
    let length = table.first_named(names(Term::Length));
    let steps = table.first_named(STEPS);
    Ok(Some(match (length, steps) {
        (Some(length), _) => BatchColumns::Sequences { batch, length },
        (None, Some(steps)) => BatchColumns::Steps(steps),
        (None, None) => BatchColumns::AsLogged(batch),
    }))
}

/// The options with a smoothed loss mapped, where the table has one and nothing else was chosen.
fn with_smoothed_loss(
    table: &CellTable,
    options: &ReadOptions,
    found: &mut TuningTable,
) -> ReadOptions {
    let mut options = options.clone();
    if options.map.column(Quantity::Loss).is_some() {
        return options;
    }
    let smoothed = |name: &String| {
        let name = collapsed(name);
        name.contains("smooth") && name.contains("loss")
    };
    let Some(column) = table.columns.iter().find(|name| smoothed(name)) else { return options };
    let others = String::from(options.map.clone());
    let pair = format!("loss={column}");
    let text = if others.is_empty() { pair } else { format!("{others},{pair}") };
    if let Ok(map) = text.parse::<ColumnMap>() {
        options.map = map;
        found.read_as.push(format!("loss from `{column}`"));
    }
    options
}
