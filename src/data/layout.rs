//! From a sheet with one row per run to records: which column holds what, and what is wrong with it.

use super::columns::Quantity;
use super::log::Value;
use super::names::LossScale;
use super::read::ReadOptions;
use super::sheet::Sheet;
use super::table::{Assumption, RunRecord, RunTable, Skipped};
use crate::error::{DataError, Result};
use crate::flops::{FlopRule, tokens_for};
use crate::units::{Flops, ParamRule, Params, Setting, Tokens};

/// Adds the runs of a sheet; returns which parameters its N counts.
pub(super) fn append(
    mut sheet: Sheet,
    options: &ReadOptions,
    table: &mut RunTable,
) -> Result<ParamRule> {
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
    let epochs = match d {
        Some(_) => None,
        None => {
            find(Quantity::UniqueTokens)?.zip(sheet.first_named(&["epochs", "num_epochs", "epoch"]))
        }
    };
    if d.is_none() && c.is_none() && epochs.is_none() {
        return Err(missing(Quantity::Tokens).into());
    }
    // A factor of the map is the user's own conversion.
    let scale = match options.map.factor(Quantity::Loss) {
        1.0 => LossScale::of_name(&sheet.columns[loss]),
        _ => LossScale::NatsPerToken,
    };
    let bytes_per_token = match scale.is_per_byte() {
        true => sheet.first_named(&["bytes_per_token", "mean_bytes_per_token"]),
        false => None,
    };
    let layout = Layout {
        run: find(Quantity::Run)?,
        n,
        d,
        c,
        loss,
        scale,
        bytes_per_token,
        epochs,
        budget: find(Quantity::Budget)?,
        status: find(Quantity::Status)?,
        weight: find(Quantity::Weight)?,
        benchmark_error: find(Quantity::BenchmarkError)?,
        setting: SettingColumns::find(find)?,
    };
    layout.note_assumptions(sheet, params, table);
    let mut bad: Vec<(usize, String)> = sheet.damaged.clone();
    let before = table.runs.len();
    for (row, values) in sheet.rows.iter().enumerate() {
        if options.exclude.contains(&row) {
            continue;
        }
        let line = sheet.lines[row];
        if let Some(reason) = layout.unfinished(values) {
            table.skipped.push(row_out(sheet, line, reason));
            continue;
        }
        match layout.record(sheet, row, values) {
            Ok(run) => table.runs.push(run),
            Err(problem) => bad.push((line, problem)),
        }
    }
    bad.sort_by_key(|(line, _)| *line);
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
    table.skipped.extend(bad.into_iter().map(|(line, reason)| row_out(sheet, line, reason)));
    Ok(params)
}

fn row_out(sheet: &Sheet, line: usize, reason: String) -> Skipped {
    Skipped { path: sheet.path.clone(), line: Some(line), run: None, reason }
}

/// Sets one field of a setting.
///
/// # Errors
/// What is wrong with the value.
pub(super) fn set_field(setting: &mut Setting, quantity: Quantity, x: f64) -> Result<(), String> {
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
    match setting.fault() {
        Some((what, found, wanted)) => Err(format!("{what} is {found}, but {wanted} is wanted")),
        None => Ok(()),
    }
}

/// Where each quantity stands in a sheet.
struct Layout {
    run: Option<usize>,
    n: Option<usize>,
    d: Option<usize>,
    c: Option<usize>,
    loss: usize,
    /// What the loss is measured in, by the name of its column.
    scale: LossScale,
    /// Bytes of text per token, which turn a loss per byte into one per token.
    bytes_per_token: Option<usize>,
    /// Unique tokens and times they were seen, where no column holds tokens seen.
    epochs: Option<(usize, usize)>,
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
            set_field(&mut setting, quantity, x).map_err(|e| format!("`{column}`: {e}"))?;
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
        if let Some((unique, epochs)) = self.epochs {
            let from = format!("{} x {}", sheet.columns[unique], sheet.columns[epochs]);
            note(Assumption::Computed { quantity: Quantity::Tokens.noun().to_owned(), from });
        } else if self.d.is_none() {
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
        if self.scale != LossScale::NatsPerToken {
            let from = format!("`{}`, {}", sheet.columns[self.loss], self.scale.noun());
            note(Assumption::Computed { quantity: "nats".to_owned(), from });
        }
        note(match (self.scale.is_per_byte(), self.bytes_per_token) {
            (true, None) => Assumption::NatsPerByte,
            _ => Assumption::NatsPerToken,
        });
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
                // `7B` is a count; a loss is written out.
                Value::Text(_) if at != self.loss && values[at].count().is_some() => {
                    Ok(values[at].count())
                }
                Value::Text(text) => Err(format!("`{column}` is `{text}`, which is no number")),
                Value::Number(x) if !x.is_finite() => Err(format!("`{column}` is {x}")),
                Value::Number(x) if *x <= 0.0 => {
                    Err(format!("`{column}` is {x}, but a number above zero is wanted"))
                }
                Value::Number(x) => Ok(Some(*x)),
            }
        };
        let (n, d, c) = (number(self.n)?, number(self.d)?, number(self.c)?);
        let (d, bytes) = match self.epochs {
            Some((unique, epochs)) => {
                let seen = number(Some(unique))?.zip(number(Some(epochs))?);
                (seen.map(|(unique, epochs)| unique * epochs), number(self.bytes_per_token)?)
            }
            None => (d, number(self.bytes_per_token)?),
        };
        let stated = number(Some(self.loss))?.ok_or("no loss")?;
        let nats = self.scale.nats(stated);
        let loss_nats = if self.scale.is_per_byte() { nats * bytes.unwrap_or(1.0) } else { nats };
        if loss_nats <= 0.0 {
            let column = &sheet.columns[self.loss];
            return Err(format!("`{column}` is {stated}, which is no loss above zero"));
        }
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
        Ok(RunRecord {
            c,
            budget,
            weight,
            benchmark_error,
            setting,
            row,
            ..RunRecord::new(run, n, d, loss_nats)
        })
    }
}
