//! Delimited text: a table of runs, a step log, a W&B chart export, Lightning's metrics.

use super::content::{Damage, FileContent, Whole};
use super::context::Context;
use super::run_name::name_of;
use super::steps::{StepColumns, metric_of};
use crate::data::axis::Axis;
use crate::data::cell_table::CellTable;
use crate::data::columns::ColumnMap;
use crate::data::csv_table::cell_value;
use crate::data::files::Source;
use crate::data::format::Format;
use crate::data::log::{RunLog, Value};
use crate::data::roles::{LossScale, Metric, Role};
use crate::data::windows::{Window, for_each};
use crate::error::DataError;

/// Rows of the beginning that decide what a file is.
const SAMPLE: usize = 4096;

pub(super) fn read(
    source: &Source,
    head: &[u8],
    separator: u8,
    context: &Context<'_>,
) -> Result<FileContent, DataError> {
    let mut reader = builder(separator).from_reader(head);
    let mut record = csv::ByteRecord::new();
    let text = |cell: &[u8]| String::from_utf8_lossy(cell).trim().to_owned();
    let mut next = |record: &mut csv::ByteRecord| {
        reader.read_byte_record(record).map_err(|e| source.unreadable(&e))
    };
    if !next(&mut record)? {
        return Err(DataError::Empty { path: source.shown() });
    }
    let columns: Vec<String> = record.iter().map(text).collect();
    if let Some(charts) = chart_columns(&columns, context.map) {
        let axis = match super::steps::role(&columns[0], context.map) {
            Role::Metric { metric: Metric::Tokens, .. } => Axis::Tokens,
            Role::Metric { metric: Metric::Samples, .. } => Axis::Samples,
            Role::Metric { metric: Metric::Epoch, .. } => Axis::Epoch,
            _ => Axis::Step,
        };
        let piece = Piece::Chart { charts: &charts, axis, axis_name: &columns[0] };
        let (logs, damage) = steps(source, separator, context, &piece)?;
        return Ok(FileContent::logs(Format::WandbChart, logs).with_damage(damage));
    }
    if let Some((run, tag)) = tensorboard_csv(source, &columns) {
        let charts = [Chart { at: 2, role: super::steps::role(&tag, context.map), run, key: tag }];
        let piece = Piece::TensorBoard { charts: &charts };
        let (logs, damage) = steps(source, separator, context, &piece)?;
        return Ok(FileContent::logs(Format::TensorBoardCsv, logs).with_damage(damage));
    }
    let mut plan = StepColumns::of(&columns, context.map);
    let size = plan.size();
    if plan.step.is_none() && size.is_none() && plan.run.is_none() {
        plan.step_by_epoch();
    }
    let mut sample = Vec::new();
    while sample.len() < SAMPLE && next(&mut record)? {
        let cell = |at: Option<usize>| at.and_then(|at| record.get(at));
        let step = match cell(plan.step).map(|c| cell_value(c, separator)) {
            Some(Value::Number(x)) => Some(x),
            _ => None,
        };
        let of = |at| cell(at).map_or(String::new(), text);
        sample.push((of(plan.run), step, of(size)));
    }
    if !plan.are_steps(&sample) {
        let from = source.open(context.meter, context.progress)?;
        return Ok(FileContent::table(CellTable::csv(source.shown(), from, separator)?));
    }
    let lightning = plan.has_epoch
        && plan.run.is_none()
        && sample.first().is_some_and(|(_, step, _)| *step == Some(0.0))
        && is_lightning(source);
    let width = columns.len();
    let fallback = name_of(source);
    let piece = Piece::Steps { plan: &plan, columns: &columns, width, fallback: &fallback };
    let (mut logs, damage) = steps(source, separator, context, &piece)?;
    let format = if lightning { Format::Lightning } else { Format::CsvSteps };
    for log in &mut logs {
        log.format = format;
        log.zero_based = lightning;
    }
    Ok(FileContent::logs(format, logs).with_damage(damage))
}

/// Lightning's logger names its file and leaves the hyper-parameters beside it.
fn is_lightning(source: &Source) -> bool {
    source.file_name() == "metrics.csv"
        || source.path.parent().is_some_and(|folder| folder.join("hparams.yaml").is_file())
}

fn builder(separator: u8) -> csv::ReaderBuilder {
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(separator).flexible(true).has_headers(false);
    builder
}

/// How the rows of a piece are read.
enum Piece<'a> {
    Steps {
        plan: &'a StepColumns,
        columns: &'a [String],
        width: usize,
        fallback: &'a str,
    },
    /// The second column holds the positions, the third the values.
    TensorBoard {
        charts: &'a [Chart],
    },
    /// The first column holds the positions.
    Chart {
        charts: &'a [Chart],
        axis: Axis,
        axis_name: &'a str,
    },
}

/// A column of a chart export: one metric of one run.
struct Chart {
    at: usize,
    run: String,
    key: String,
    role: Role,
}

/// The run and the tag of a file that TensorBoard's page offers for download: its columns are always
/// these, and its name is `run-RUN-tag-TAG.csv`.
fn tensorboard_csv(source: &Source, columns: &[String]) -> Option<(String, String)> {
    let [time, step, value] = columns else { return None };
    let is_it = (time.as_str(), step.as_str(), value.as_str()) == ("Wall time", "Step", "Value");
    let name = source.file_name();
    let stem = name.strip_suffix(".csv").unwrap_or(&name);
    // Browsers number a second download, `run-a-tag-loss (1).csv`.
    let stem = stem.split_once(" (").map_or(stem, |(stem, _)| stem);
    let (run, tag) = stem.strip_prefix("run-").filter(|_| is_it)?.rsplit_once("-tag-")?;
    Some((run.to_owned(), tag.to_owned()))
}

/// The columns of a W&B chart export, `run - metric` beside a first column of steps; `None` for any
/// other table. The twins `__MIN` and `__MAX` are of smoothing and left alone.
fn chart_columns(columns: &[String], map: &ColumnMap) -> Option<Vec<Chart>> {
    let first = columns.first()?;
    let is_axis = matches!(super::steps::role(first, map), Role::Step { .. } | Role::Metric { .. })
        || ["Relative Time (Wall)", "Relative Time (Process)", "Wall Time"]
            .contains(&first.as_str());
    let charts: Vec<Chart> = columns
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, c)| !c.ends_with("__MIN") && !c.ends_with("__MAX"))
        .filter_map(|(at, column)| {
            let (run, key) = column.rsplit_once(" - ")?;
            let role = super::steps::role(key, map);
            Some(Chart { at, run: run.to_owned(), key: key.to_owned(), role })
        })
        .collect();
    let twins = columns.iter().filter(|c| c.ends_with("__MIN") || c.ends_with("__MAX")).count();
    let plain = columns.len() - 1 - twins;
    (is_axis && !charts.is_empty() && 2 * charts.len() > plain).then_some(charts)
}

/// Reads every row in pieces on all cores.
fn steps(
    source: &Source,
    separator: u8,
    context: &Context<'_>,
    piece: &Piece<'_>,
) -> Result<(Vec<RunLog>, Vec<Damage>), DataError> {
    let from = source.open(context.meter, context.progress)?;
    let work = |window: &Window| part(window, separator, piece, source);
    let mut whole = Whole::default();
    let mut take = |(logs, damage): (Vec<RunLog>, Vec<Damage>)| whole.add(logs, damage);
    for_each(from, true, &work, &mut take).map_err(|e| source.unreadable(&e))?;
    Ok(whole.into_parts())
}

/// The runs in one piece of the file.
fn part(
    window: &Window,
    separator: u8,
    piece: &Piece<'_>,
    source: &Source,
) -> (Vec<RunLog>, Vec<Damage>) {
    let mut reader = builder(separator).from_reader(window.bytes.as_slice());
    let mut record = csv::ByteRecord::new();
    let mut rows = match piece {
        Piece::Steps { plan, fallback, .. } => Rows::new(source, plan, fallback),
        Piece::Chart { .. } | Piece::TensorBoard { .. } => Rows::new(source, &NO_COLUMNS, ""),
    };
    rows.damage = Damage::lost(window);
    let mut is_header = window.first_line == 1;
    // Whether the row at hand was short of cells.
    let mut is_short = false;
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(e) => {
                rows.damage.push(Damage::line(window.first_line, e.to_string()));
                break;
            }
        }
        if std::mem::take(&mut is_header) {
            continue;
        }
        let line = || window.line_of(&record);
        match piece {
            Piece::Steps { columns, width, .. } => {
                is_short = record.len() < *width;
                if is_short {
                    let problem = format!("the row has {} cells, the header {width}", record.len());
                    rows.damage.push(Damage::line(line(), problem));
                    continue;
                }
                if let Err(problem) = rows.delimited(&record, columns, separator) {
                    rows.damage.push(Damage::line(line(), problem));
                }
            }
            Piece::TensorBoard { charts } => {
                if let Err(problem) = rows.scalar(&record, charts, separator) {
                    rows.damage.push(Damage::line(line(), problem));
                }
            }
            Piece::Chart { charts, axis, axis_name } => {
                if let Err(problem) = rows.chart(&record, charts, (*axis, axis_name), separator) {
                    rows.damage.push(Damage::line(line(), problem));
                }
            }
        }
    }
    if let (true, true, Some(last)) = (is_short, window.is_unended, rows.damage.last_mut()) {
        last.is_end = true;
    }
    (rows.logs, rows.damage)
}

static NO_COLUMNS: StepColumns = StepColumns {
    run: None,
    step: None,
    axis: Axis::Step,
    metrics: Vec::new(),
    facts: Vec::new(),
    has_epoch: false,
};

/// A number, or nothing, in a cell.
fn number(record: &csv::ByteRecord, at: usize, separator: u8) -> Result<Option<f64>, String> {
    let cell = record.get(at).unwrap_or(b"");
    if cell.is_empty() {
        return Ok(None);
    }
    // The common case, straight from the bytes.
    if let Ok(x) = fast_float2::parse(cell) {
        return Ok(Some(x));
    }
    match cell_value(cell, separator) {
        Value::Missing => Ok(None),
        Value::Number(x) => Ok(Some(x)),
        text => Err(text.describe()),
    }
}

/// The runs of a piece under way.
struct Rows<'a> {
    source: &'a Source,
    plan: &'a StepColumns,
    logs: Vec<RunLog>,
    /// The run of the last row.
    current: usize,
    /// Where the values of each metric column go in the current run.
    slots: Vec<Option<usize>>,
    /// Facts as they last stood, by column; only a change is booked.
    facts: Vec<Vec<u8>>,
    damage: Vec<Damage>,
    fallback: &'a str,
}

impl<'a> Rows<'a> {
    fn new(source: &'a Source, plan: &'a StepColumns, fallback: &'a str) -> Self {
        let facts = vec![Vec::new(); plan.facts.len()];
        let (logs, damage, slots) = (Vec::new(), Vec::new(), vec![None; plan.metrics.len()]);
        Self { source, plan, logs, current: 0, slots, facts, damage, fallback }
    }

    /// Makes `run` the current one.
    fn enter(&mut self, run: &[u8], format: Format) {
        if self.logs.get(self.current).is_some_and(|log| log.run.as_bytes() == run) {
            return;
        }
        self.facts.iter_mut().for_each(Vec::clear);
        self.slots.fill(None);
        self.current = match self.logs.iter().position(|log| log.run.as_bytes() == run) {
            Some(at) => at,
            None => {
                let name = String::from_utf8_lossy(run);
                self.logs.push(RunLog::new(name, &self.source.path, format));
                self.logs.len() - 1
            }
        };
    }

    fn delimited(
        &mut self,
        record: &csv::ByteRecord,
        columns: &[String],
        separator: u8,
    ) -> Result<(), String> {
        let plan = self.plan;
        let run = plan.run.and_then(|at| record.get(at)).filter(|r| !r.is_empty());
        self.enter(run.unwrap_or(self.fallback.as_bytes()), Format::CsvSteps);
        let bad = |at: usize, found: String| {
            format!("`{}` is {found}, which is not a number", columns[at])
        };
        let Some(at) = plan.step else { return Ok(()) };
        let Some(step) = number(record, at, separator).map_err(|e| bad(at, e))? else {
            return Ok(());
        };
        let log = &mut self.logs[self.current];
        log.named = run.is_some();
        log.axis = plan.axis;
        if log.step_key.is_empty() {
            log.step_key.clone_from(&columns[at]);
        }
        for (m, slot) in plan.metrics.iter().zip(&mut self.slots) {
            let Some(x) = number(record, m.at, separator).map_err(|e| bad(m.at, e))? else {
                continue;
            };
            if slot.is_none() {
                *slot = log.slot_of(&m.key, m.metric, m.scale, m.rank);
            }
            if let Some(slot) = *slot {
                log.push_at(slot, m.scale, step, x * m.factor);
            }
        }
        for ((at, key), last) in plan.facts.iter().zip(&mut self.facts) {
            let cell = record.get(*at).unwrap_or(b"");
            if cell != last.as_slice() {
                log.set(key, cell_value(cell, separator));
                last.clear();
                last.extend_from_slice(cell);
            }
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        record: &csv::ByteRecord,
        charts: &[Chart],
        separator: u8,
    ) -> Result<(), String> {
        let bad = |found: String| format!("{found} is not a number");
        let step = number(record, 1, separator).map_err(bad)?;
        for chart in charts {
            let value = number(record, chart.at, separator).map_err(bad)?;
            self.enter(chart.run.as_bytes(), Format::TensorBoardCsv);
            let log = &mut self.logs[self.current];
            log.named = true;
            if let (Role::Metric { metric, scale, rank }, Some((step, value))) =
                (chart.role, step.zip(value))
            {
                log.push(&chart.key, metric, scale, rank, step, value);
            }
        }
        Ok(())
    }

    fn chart(
        &mut self,
        record: &csv::ByteRecord,
        charts: &[Chart],
        (axis, axis_name): (Axis, &str),
        separator: u8,
    ) -> Result<(), String> {
        let bad = |found: String, name: &str| format!("`{name}` is {found}, which is not a number");
        let step = number(record, 0, separator).map_err(|e| bad(e, "the first column"))?;
        let Some(step) = step else { return Ok(()) };
        for chart in charts {
            let Role::Metric { metric, scale, rank } = chart.role else { continue };
            let name = || format!("{} - {}", chart.run, chart.key);
            let value = number(record, chart.at, separator).map_err(|e| bad(e, &name()))?;
            let Some(value) = value else { continue };
            self.enter(chart.run.as_bytes(), Format::WandbChart);
            let log = &mut self.logs[self.current];
            log.named = true;
            log.axis = axis;
            if log.step_key.is_empty() {
                axis_name.clone_into(&mut log.step_key);
            }
            log.push(&chart.key, metric, scale, rank, step, value);
            if let Some(own) = metric_of(axis) {
                log.push(axis_name, own, LossScale::NatsPerToken, 0, step, step);
            }
        }
        Ok(())
    }
}
