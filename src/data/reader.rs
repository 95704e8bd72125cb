//! CSV, JSON Lines and Parquet tables with one row per run.
//!
//! polars reads CSV and Parquet. JSON Lines goes line by line through serde_json, so that a value of
//! the wrong type is a named line and not a silent null.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use polars::prelude::{AnyValue, CsvReadOptions, DataFrame, ParquetReader, SerReader};
use serde::{Deserialize, Serialize};

use super::columns::{ColumnMap, Quantity, normalised};
use super::table::{Assumption, Digest, RunRecord, RunTable, Skipped};
use crate::error::{DataError, Result};
use crate::flops::{FlopRule, tokens_for};
use crate::units::{Flops, ParamRule, Params, Setting, Tokens};

/// How to read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// Columns by quantity, where their names do not say it.
    pub map: ColumnMap,
    /// Which parameter column to prefer when there are both.
    pub params: ParamRule,
    /// 0-based data rows of each file to leave out.
    pub exclude: Vec<usize>,
    /// Leave bad rows out instead of refusing the file.
    pub skip_bad: bool,
}

/// Reads files into one table.
///
/// # Errors
/// [`DataError`] naming the file and, for a bad row, its line and what is wrong with it.
pub fn read(paths: &[PathBuf], options: &ReadOptions) -> Result<RunTable> {
    let mut table = RunTable {
        runs: Vec::new(),
        skipped: Vec::new(),
        params: options.params,
        assumptions: Vec::new(),
        digest: String::new(),
    };
    let mut digest = Digest::new();
    for (i, path) in paths.iter().enumerate() {
        let bytes = std::fs::read(path).map_err(|e| DataError::Unreadable {
            path: path.display().to_string(),
            reason: e.to_string(),
        })?;
        digest.update(&bytes);
        let sheet = Sheet::read(path, bytes)?;
        let name = sheet.path.clone();
        let params = append(sheet, options, &mut table)?;
        if i > 0 && params != table.params {
            return Err(DataError::MixedConventions {
                what: "N",
                one: table.params.to_string(),
                other: format!("{params} ({name})"),
            }
            .into());
        }
        table.params = params;
    }
    table.digest = digest.to_string();
    Ok(table)
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Missing,
    Number(f64),
    Text(String),
}

impl Value {
    fn from_text(text: &str) -> Self {
        let bare = text.trim();
        if bare.is_empty() {
            return Self::Missing;
        }
        bare.parse().map_or_else(|_| Self::Text(bare.to_owned()), Self::Number)
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Missing => "empty".to_owned(),
            Self::Number(x) => x.to_string(),
            Self::Text(text) => format!("`{text}`"),
        }
    }
}

/// A file as columns of values.
pub(super) struct Sheet {
    path: String,
    columns: Vec<String>,
    /// Rows of values in the order of `columns`.
    rows: Vec<Vec<Value>>,
    /// 1-based line of each row.
    lines: Vec<usize>,
}

impl Sheet {
    pub(super) fn read(path: &Path, bytes: Vec<u8>) -> Result<Self, DataError> {
        let shown = path.display().to_string();
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("").to_lowercase();
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(DataError::Empty { path: shown });
        }
        let sheet = match extension.as_str() {
            "csv" | "tsv" => Self::csv(shown, bytes, if extension == "tsv" { b'\t' } else { b',' }),
            "jsonl" | "ndjson" => Self::json_lines(shown, &bytes),
            "parquet" => Self::parquet(shown, bytes),
            _ => Err(DataError::UnknownFormat { path: shown, extension }),
        }?;
        if sheet.rows.is_empty() {
            return Err(DataError::Empty { path: sheet.path });
        }
        Ok(sheet)
    }

    fn csv(path: String, bytes: Vec<u8>, separator: u8) -> Result<Self, DataError> {
        // Everything as text: a column of numbers with one word in it must name that row, not
        // turn into text as a whole or lose the word.
        let frame = CsvReadOptions::default()
            .with_has_header(true)
            .with_infer_schema_length(Some(0))
            .map_parse_options(|options| options.with_separator(separator))
            .into_reader_with_file_handle(Cursor::new(bytes))
            .finish();
        let frame = frame.map_err(|e| unreadable(&path, &e))?;
        // The header is line 1.
        Ok(Self::from_frame(path, &frame, 2))
    }

    fn parquet(path: String, bytes: Vec<u8>) -> Result<Self, DataError> {
        let frame = ParquetReader::new(Cursor::new(bytes)).finish();
        let frame = frame.map_err(|e| unreadable(&path, &e))?;
        Ok(Self::from_frame(path, &frame, 1))
    }

    fn from_frame(path: String, frame: &DataFrame, first_line: usize) -> Self {
        let columns = frame.columns();
        let rows = (0..frame.height())
            .map(|i| columns.iter().map(|c| c.get(i).map_or(Value::Missing, value)).collect())
            .collect();
        Self {
            path,
            columns: columns.iter().map(|c| c.name().to_string()).collect(),
            rows,
            lines: (first_line..first_line + frame.height()).collect(),
        }
    }

    fn json_lines(path: String, bytes: &[u8]) -> Result<Self, DataError> {
        let text = std::str::from_utf8(bytes).map_err(|e| unreadable(&path, &e))?;
        let mut objects: Vec<(usize, BTreeMap<String, serde_json::Value>)> = Vec::new();
        let mut columns: Vec<String> = Vec::new();
        for (i, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
            let object: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(line).map_err(|e| DataError::Unreadable {
                    path: format!("{path}:{}", i + 1),
                    reason: format!("not a JSON object: {e}"),
                })?;
            for key in object.keys().filter(|k| !columns.contains(k)).collect::<Vec<_>>() {
                columns.push(key.clone());
            }
            objects.push((i + 1, object));
        }
        let value = |v: Option<&serde_json::Value>| match v {
            None | Some(serde_json::Value::Null) => Value::Missing,
            Some(serde_json::Value::Number(n)) => n.as_f64().map_or(Value::Missing, Value::Number),
            // Python's json writes NaN bare, others quote it; both are read as what they say.
            Some(serde_json::Value::String(s)) => Value::from_text(s),
            Some(other) => Value::Text(other.to_string()),
        };
        let rows = objects
            .iter()
            .map(|(_, o)| columns.iter().map(|c| value(o.get(c))).collect())
            .collect();
        let lines = objects.iter().map(|(line, _)| *line).collect();
        Ok(Self { path, columns, rows, lines })
    }

    /// Names of the columns, in order.
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// 1-based line and values of each row.
    pub(super) fn lines_and_rows(&self) -> impl Iterator<Item = (usize, &Vec<Value>)> {
        self.lines.iter().copied().zip(&self.rows)
    }

    /// The first column with the first of these normalised names that any has.
    pub(super) fn first_named(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.columns.iter().position(|c| normalised(c) == *name))
    }

    /// Multiplies mapped columns by their factors.
    fn scale(&mut self, map: &ColumnMap) {
        for quantity in Quantity::ALL {
            let factor = map.factor(quantity);
            let at = map.column(quantity).and_then(|c| self.columns.iter().position(|x| x == c));
            let Some(at) = at.filter(|_| factor != 1.0) else { continue };
            for row in &mut self.rows {
                if let Value::Number(x) = &mut row[at] {
                    *x *= factor;
                }
            }
        }
    }

    /// The column of a quantity: mapped, else the surest recognised name.
    fn column(
        &self,
        quantity: Quantity,
        rule: ParamRule,
        map: &ColumnMap,
    ) -> Result<Option<usize>, DataError> {
        if let Some(wanted) = map.column(quantity) {
            let at = self.columns.iter().position(|c| c == wanted);
            return at.map(Some).ok_or_else(|| DataError::NoSuchColumn {
                path: self.path.clone(),
                key: quantity.key().to_owned(),
                column: wanted.to_owned(),
                found: self.columns.join(", "),
            });
        }
        for name in quantity.names(rule) {
            let at: Vec<usize> = (0..self.columns.len())
                .filter(|i| normalised(&self.columns[*i]) == *name)
                .collect();
            match at.as_slice() {
                [] => {}
                [one] => return Ok(Some(*one)),
                several => {
                    let names: Vec<&str> =
                        several.iter().map(|i| self.columns[*i].as_str()).collect();
                    return Err(DataError::AmbiguousColumn {
                        path: self.path.clone(),
                        quantity: quantity.noun(),
                        key: quantity.key(),
                        candidates: names.join(" and "),
                    });
                }
            }
        }
        Ok(None)
    }
}

fn unreadable(path: &str, cause: &impl std::fmt::Display) -> DataError {
    DataError::Unreadable { path: path.to_owned(), reason: cause.to_string() }
}

fn value(cell: AnyValue) -> Value {
    match cell {
        AnyValue::Null => Value::Missing,
        AnyValue::String(text) => Value::from_text(text),
        AnyValue::StringOwned(text) => Value::from_text(&text),
        other => {
            other.extract::<f64>().map_or_else(|| Value::Text(other.to_string()), Value::Number)
        }
    }
}

/// Adds the runs of a sheet; returns which parameters its N counts.
fn append(mut sheet: Sheet, options: &ReadOptions, table: &mut RunTable) -> Result<ParamRule> {
    sheet.scale(&options.map);
    let sheet = &sheet;
    let find = |quantity| sheet.column(quantity, options.params, &options.map);
    let mut params = options.params;
    let mut n = find(Quantity::Params)?;
    if n.is_none() {
        let other = match params {
            ParamRule::All => ParamRule::NonEmbedding,
            ParamRule::NonEmbedding | ParamRule::Active => ParamRule::All,
        };
        n = sheet.column(Quantity::Params, other, &options.map)?;
        if n.is_some() {
            params = other;
        }
    }
    let (d, c) = (find(Quantity::Tokens)?, find(Quantity::Flops)?);
    let missing = |quantity: Quantity| DataError::MissingColumn {
        path: sheet.path.clone(),
        quantity: quantity.noun(),
        key: quantity.key(),
        found: sheet.columns.join(", "),
    };
    let loss = find(Quantity::Loss)?.ok_or_else(|| missing(Quantity::Loss))?;
    if n.is_none() && (d.is_none() || c.is_none()) {
        return Err(missing(Quantity::Params).into());
    }
    if d.is_none() && c.is_none() {
        return Err(missing(Quantity::Tokens).into());
    }
    let layout = Layout {
        run: find(Quantity::Run)?,
        n,
        d,
        c,
        loss,
        budget: find(Quantity::Budget)?,
        status: find(Quantity::Status)?,
        weight: find(Quantity::Weight)?,
        benchmark_error: find(Quantity::BenchmarkError)?,
        setting: SettingColumns::find(find)?,
    };
    layout.note_assumptions(sheet, params, table);
    let mut bad: Vec<(usize, String)> = Vec::new();
    let before = table.runs.len();
    for (row, values) in sheet.rows.iter().enumerate() {
        if options.exclude.contains(&row) {
            continue;
        }
        let line = sheet.lines[row];
        if let Some(reason) = layout.unfinished(values) {
            table.skipped.push(Skipped { path: sheet.path.clone(), line, reason });
            continue;
        }
        match layout.record(sheet, row, values) {
            Ok(run) => table.runs.push(run),
            Err(problem) => bad.push((line, problem)),
        }
    }
    if let (Some((line, problem)), false) = (bad.first(), options.skip_bad) {
        return Err(DataError::BadRow {
            path: sheet.path.clone(),
            line: *line,
            problem: problem.clone(),
            others: bad.len() - 1,
        }
        .into());
    }
    if table.runs.len() == before {
        let what = format!("{}: leaving out excluded, unfinished and bad rows", sheet.path);
        let total = sheet.rows.len();
        return Err(DataError::NothingLeft { what, left: 0, total, wanted: 1 }.into());
    }
    let skipped =
        bad.into_iter().map(|(line, reason)| Skipped { path: sheet.path.clone(), line, reason });
    table.skipped.extend(skipped);
    Ok(params)
}

/// Where each quantity stands in a sheet.
struct Layout {
    run: Option<usize>,
    n: Option<usize>,
    d: Option<usize>,
    c: Option<usize>,
    loss: usize,
    budget: Option<usize>,
    status: Option<usize>,
    weight: Option<usize>,
    benchmark_error: Option<usize>,
    setting: SettingColumns,
}

/// Where the fields of a [`Setting`] stand in a sheet.
struct SettingColumns {
    columns: [(Quantity, Option<usize>); 8],
}

impl SettingColumns {
    fn find(
        find: impl Fn(Quantity) -> Result<Option<usize>, DataError>,
    ) -> Result<Self, DataError> {
        let mut columns = [
            Quantity::UniqueTokens,
            Quantity::Experts,
            Quantity::Granularity,
            Quantity::Sparsity,
            Quantity::WeightBits,
            Quantity::ActivationBits,
            Quantity::KvBits,
            Quantity::ServedBits,
        ]
        .map(|q| (q, None));
        for (quantity, at) in &mut columns {
            *at = find(*quantity)?;
        }
        Ok(Self { columns })
    }

    /// The setting of a row; an empty cell says nothing and keeps the plain value.
    fn read(&self, sheet: &Sheet, values: &[Value]) -> Result<Setting, String> {
        let mut setting = Setting::PLAIN;
        for (quantity, at) in self.columns {
            let Some(at) = at else { continue };
            let column = &sheet.columns[at];
            let x = match &values[at] {
                Value::Missing => continue,
                Value::Text(text) => {
                    return Err(format!("`{column}` is `{text}`, which is no number"));
                }
                Value::Number(x) => *x,
            };
            match quantity {
                Quantity::UniqueTokens => setting.unique = Some(Tokens::new(x)),
                Quantity::Experts => setting.experts = x,
                Quantity::Granularity => setting.granularity = x,
                Quantity::Sparsity => setting.sparsity = x,
                Quantity::WeightBits => setting.weight_bits = Some(x),
                Quantity::ActivationBits => setting.activation_bits = Some(x),
                Quantity::KvBits => setting.kv_bits = Some(x),
                _ => setting.served_bits = Some(x),
            }
            if let Some((_, found, wanted)) = setting.fault() {
                return Err(format!("`{column}` is {found}, but {wanted} is wanted"));
            }
        }
        Ok(setting)
    }
}

impl Layout {
    fn note_assumptions(&self, sheet: &Sheet, params: ParamRule, table: &mut RunTable) {
        let mut note = |assumption: Assumption| {
            if !table.assumptions.contains(&assumption) {
                table.assumptions.push(assumption);
            }
        };
        let columns = [
            (Quantity::Params, self.n),
            (Quantity::Tokens, self.d),
            (Quantity::Flops, self.c),
            (Quantity::Loss, Some(self.loss)),
            (Quantity::Weight, self.weight),
            (Quantity::BenchmarkError, self.benchmark_error),
        ];
        for (quantity, at) in columns.into_iter().chain(self.setting.columns) {
            if let Some(at) = at {
                note(Assumption::Column {
                    quantity: quantity.noun().to_owned(),
                    column: sheet.columns[at].clone(),
                });
            }
        }
        if self.d.is_none() {
            note(Assumption::TokensFromFlops);
        }
        if self.n.is_none() {
            note(Assumption::ParamsFromFlops);
        }
        if self.c.is_none() {
            note(Assumption::FlopsFromSixNd);
        }
        if params == ParamRule::All {
            note(Assumption::AllParameters);
        }
        note(Assumption::NatsPerToken);
    }

    /// Why a row that says it has not finished is left out.
    fn unfinished(&self, values: &[Value]) -> Option<String> {
        let Value::Text(state) = &values[self.status?] else { return None };
        let finished = ["finished", "completed", "complete", "done", "success"];
        (!finished.contains(&state.to_lowercase().as_str()))
            .then(|| format!("the run says it is `{state}`"))
    }

    fn record(&self, sheet: &Sheet, row: usize, values: &[Value]) -> Result<RunRecord, String> {
        let number = |at: Option<usize>| -> Result<Option<f64>, String> {
            let Some(at) = at else { return Ok(None) };
            let column = &sheet.columns[at];
            match &values[at] {
                Value::Missing => Err(format!("`{column}` is empty")),
                Value::Text(text) => Err(format!("`{column}` is `{text}`, which is no number")),
                Value::Number(x) if !x.is_finite() => Err(format!("`{column}` is {x}")),
                Value::Number(x) if *x <= 0.0 => {
                    Err(format!("`{column}` is {x}, but a number above zero is wanted"))
                }
                Value::Number(x) => Ok(Some(*x)),
            }
        };
        let (n, d, c) = (number(self.n)?, number(self.d)?, number(self.c)?);
        let loss_nats = number(Some(self.loss))?.ok_or("no loss")?;
        let (n, d) = match (n, d, c) {
            (Some(n), Some(d), _) => (Params::new(n), Tokens::new(d)),
            (Some(n), None, Some(c)) => {
                let n = Params::new(n);
                (n, tokens_for(Flops::new(c), n))
            }
            (None, Some(d), Some(c)) => (Params::new(c / (6.0 * d)), Tokens::new(d)),
            _ => return Err("two of N, D and C are wanted".to_owned()),
        };
        let line = sheet.lines[row];
        let run = match self.run.map(|at| &values[at]) {
            Some(Value::Text(name)) => name.clone(),
            Some(Value::Number(id)) => id.to_string(),
            _ => format!("{}:{line}", sheet.path),
        };
        let budget = match self.budget.map(|at| &values[at]) {
            Some(Value::Number(c)) if *c > 0.0 && c.is_finite() => Some(Flops::new(*c)),
            _ => None,
        };
        let c = c.map_or_else(|| FlopRule::six_nd(n, d), Flops::new);
        let weight = match self.weight.map(|at| (at, &values[at])) {
            None | Some((_, Value::Missing)) => None,
            Some((_, Value::Number(w))) if w.is_finite() && *w >= 0.0 => Some(*w),
            Some((at, other)) => {
                let (column, found) = (&sheet.columns[at], other.describe());
                return Err(format!("`{column}` is {found}, but a weight of at least 0 is wanted"));
            }
        };
        let setting = self.setting.read(sheet, values)?;
        let benchmark_error = number(self.benchmark_error)?;
        Ok(RunRecord { run, n, d, loss_nats, c, budget, weight, benchmark_error, setting, row })
    }
}
