//! Parquet: a table of runs, or a step log read slice by slice.

use std::fs::File;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use polars::prelude::{AnyValue, Column, DataFrame, DataType, ParquetReader, SerReader};
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};

use super::content::{FileContent, Whole};
use super::context::Context;
use super::run_name::name_of;
use super::steps::StepColumns;
use crate::data::cell_table::CellTable;
use crate::data::files::Source;
use crate::data::format::Format;
use crate::data::log::{RunLog, Value};
use crate::error::DataError;

/// Rows that decide what a file is.
const SAMPLE: usize = 4096;

/// Rows of a slice: those of a row group as most writers make them, since a group is decoded whole.
const SLICE: usize = 1 << 20;

/// Slices held at a time.
const BATCH: usize = 2;

pub(super) fn read(source: &Source, context: &Context<'_>) -> Result<FileContent, DataError> {
    let open = || File::open(source.place()).map_err(|e| source.unreadable(&e));
    let slice = |from: usize, rows: usize, columns: Option<Vec<String>>| {
        let reader =
            ParquetReader::new(open()?).with_slice(Some((from, rows))).with_columns(columns);
        // polars panics on some damaged pages; the file is then as good as unreadable.
        guarded(|| reader.finish().map_err(|e| source.unreadable(&e)))
            .unwrap_or_else(|| Err(source.unreadable(&"the file is damaged")))
    };
    // The checksum of the bytes, for provenance; the reader below seeks.
    source.checksum(context.meter, context.progress)?;
    let rows =
        guarded(|| ParquetReader::new(open()?).num_rows().map_err(|e| source.unreadable(&e)))
            .unwrap_or_else(|| Err(source.unreadable(&"the file is damaged")))?;
    if rows == 0 {
        return Err(DataError::Empty { path: source.shown() });
    }
    let head = slice(0, SAMPLE, None)?;
    let columns: Vec<String> = head.columns().iter().map(|c| c.name().to_string()).collect();
    let plan = StepColumns::of(&columns, context.map);
    let size = plan.size();
    let text = |at: Option<usize>, row: usize| {
        at.map_or(String::new(), |at| match cell(&head.columns()[at], row) {
            Value::Text(text) => text,
            Value::Number(x) => x.to_string(),
            Value::Missing => String::new(),
        })
    };
    let sample: Vec<_> = (0..head.height())
        .map(|row| {
            let step = plan.step.map(|at| cell(&head.columns()[at], row));
            let step = match step {
                Some(Value::Number(x)) => Some(x),
                _ => None,
            };
            (text(plan.run, row), step, text(size, row))
        })
        .collect();
    if !plan.are_steps(&sample) {
        return Ok(FileContent::table(self::rows(source)?));
    }
    let used: Vec<usize> = plan
        .run
        .into_iter()
        .chain(plan.step)
        .chain(plan.metrics.iter().map(|m| m.at))
        .chain(plan.facts.iter().map(|f| f.0))
        .collect();
    let names: Vec<String> = used.iter().map(|at| columns[*at].clone()).collect();
    let fallback = name_of(source);
    let mut whole = Whole::default();
    let starts: Vec<usize> = (0..rows).step_by(SLICE).collect();
    for batch in starts.chunks(BATCH) {
        let parts: Vec<_> = batch
            .par_iter()
            .map(|from| {
                let frame = slice(*from, SLICE, Some(names.clone()))?;
                Ok(part(&frame, &columns, &plan, source, &fallback))
            })
            .collect::<Result<_, DataError>>()?;
        parts.into_iter().for_each(|logs| whole.add(logs, Vec::new()));
    }
    let (logs, damage) = whole.into_parts();
    Ok(FileContent::logs(Format::ParquetSteps, logs).with_damage(damage))
}

/// Every row of a file.
pub(super) fn rows(source: &Source) -> Result<CellTable, DataError> {
    let file = File::open(source.place()).map_err(|e| source.unreadable(&e))?;
    let frame = guarded(|| ParquetReader::new(file).finish().map_err(|e| source.unreadable(&e)))
        .unwrap_or_else(|| Err(source.unreadable(&"the file is damaged")))?;
    let columns: Vec<String> = frame.columns().iter().map(|c| c.name().to_string()).collect();
    let mut table = CellTable::new(source.shown(), columns);
    for row in 0..frame.height() {
        let values: Vec<Value> = frame.columns().iter().map(|c| cell(c, row)).collect();
        table.push(row + 1, &values)?;
    }
    Ok(table)
}

/// `None` when the work panicked, as polars does on some damaged footers; nothing is printed then.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    /// Guards that are up, in any thread: polars decodes columns on several.
    static UP: AtomicUsize = AtomicUsize::new(0);
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if UP.load(Ordering::SeqCst) == 0 {
                usual(panic);
            }
        }));
    });
    UP.fetch_add(1, Ordering::SeqCst);
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok();
    UP.fetch_sub(1, Ordering::SeqCst);
    done
}

/// The runs in a slice of rows.
fn part(
    frame: &DataFrame,
    columns: &[String],
    plan: &StepColumns,
    source: &Source,
    fallback: &str,
) -> Vec<RunLog> {
    let column = |at: usize| frame.column(&columns[at]).ok();
    let numbers = |at: usize| {
        let column = column(at)?.cast(&DataType::Float64).ok()?;
        Some(column.f64().ok()?.to_vec())
    };
    let Some(steps) = plan.step.and_then(numbers) else { return Vec::new() };
    let metrics: Vec<_> = plan.metrics.iter().filter_map(|m| Some((m, numbers(m.at)?))).collect();
    let facts: Vec<_> =
        plan.facts.iter().map(|(at, key)| (key, column(*at), numbers(*at))).collect();
    let runs = plan.run.and_then(column);
    let names = runs.and_then(|c| c.str().ok());
    let mut logs: Vec<RunLog> = Vec::new();
    let mut current = 0;
    let mut slots: Vec<Option<usize>> = vec![None; metrics.len()];
    let mut last: Vec<Option<f64>> = vec![None; facts.len()];
    for (row, step) in steps.iter().enumerate() {
        // Names are text as a rule; an id of another kind is put into words.
        let id = match names {
            Some(_) => None,
            None => runs.and_then(|c| cell(c, row).name()),
        };
        let name = names.and_then(|c| c.get(row)).or(id.as_deref()).filter(|n| !n.is_empty());
        let run = name.unwrap_or(fallback);
        let entered = logs.get(current).is_none_or(|log| log.run != run);
        if entered {
            current = match logs.iter().position(|log| log.run == run) {
                Some(at) => at,
                None => {
                    logs.push(RunLog::new(run, &source.path, Format::ParquetSteps));
                    logs.len() - 1
                }
            };
            slots.fill(None);
        }
        let log = &mut logs[current];
        log.named = name.is_some();
        let Some(step) = *step else { continue };
        for ((m, values), slot) in metrics.iter().zip(&mut slots) {
            let Some(x) = values[row] else { continue };
            if slot.is_none() {
                *slot = log.slot_of(&m.key, m.metric, m.scale, m.rank);
            }
            if let Some(slot) = *slot {
                log.push_at(slot, m.scale, step, x * m.factor);
            }
        }
        for ((key, column, values), last) in facts.iter().zip(&mut last) {
            // Text does not change within a run; numbers are looked at in every row.
            let now = values.as_ref().and_then(|v| v[row]);
            if entered || now != *last {
                let value = column.map_or(Value::Missing, |c| cell(c, row));
                log.set(key, value);
                *last = now;
            }
        }
    }
    logs
}

fn cell(column: &Column, row: usize) -> Value {
    match column.get(row) {
        Err(_) | Ok(AnyValue::Null) => Value::Missing,
        Ok(AnyValue::String(text)) => Value::from_text(text),
        Ok(AnyValue::StringOwned(text)) => Value::from_text(&text),
        Ok(other) => {
            other.extract::<f64>().map_or_else(|| Value::Text(other.to_string()), Value::Number)
        }
    }
}
