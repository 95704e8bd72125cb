//! Which column of a table holds what, and what one row of it says.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::cell_table::CellTable;
use super::labels::Labels;
use super::log::Value;
use super::loss_column::LossColumn;
use super::options::ReadOptions;
use super::quantity::Quantity;
use super::roles::LossScale;
use super::row_tokens::RowTokens;
use super::setting_columns::SettingColumns;
use super::spelling::{collapsed, normalised};
use super::table::{Assumption, RunRecord, Skipped};
use super::vocabulary::{Ending, Term, ending, names};
use crate::error::{DataError, Result, RowProblem};
use crate::flops::{FlopRule, tokens_for};
use crate::units::{Flops, ParamRule, Params, Setting, Tokens};

/// The column of each quantity in a table.
pub(super) struct Layout {
    /// Which parameters the column of N counts.
    pub(super) params: ParamRule,
    run: Option<usize>,
    n: Option<usize>,
    d: Option<usize>,
    c: Option<usize>,
    loss: Option<LossColumn>,
    /// Unique tokens and times they were seen, where no column holds tokens seen.
    epochs: Option<(usize, usize)>,
    /// D/N, where nothing else says D.
    ratio: Option<usize>,
    /// Steps and what one of them sees.
    steps: Option<RowTokens>,
    budget: Option<usize>,
    status: Option<usize>,
    weight: Option<usize>,
    benchmark_error: Option<usize>,
    floor: Option<usize>,
    setting: SettingColumns,
    /// The other columns, once one was asked for.
    others: OnceLock<OtherColumns>,
}

/// Names and places.
type OtherColumns = (Arc<[Arc<str>]>, Vec<usize>);

/// Two counts of tokens whose ratio is beyond this are of different things.
const APART: f64 = 1.5;

/// What a table must have beside N and D.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    Loss,
    Nothing,
}

/// What one row says about the size of its run.
pub(super) struct RowSize {
    pub(super) run: String,
    pub(super) n: Params,
    pub(super) d: Tokens,
    pub(super) c: Flops,
    pub(super) setting: Setting,
}

impl Layout {
    /// Finds the columns of a table whose counts are plain numbers already.
    ///
    /// # Errors
    /// [`DataError::MissingColumn`] for a needed quantity, [`DataError::AmbiguousColumn`] and
    /// [`DataError::NoSuchColumn`] for any.
    pub(super) fn of(
        table: &CellTable,
        options: &ReadOptions,
        needs: Needs,
    ) -> Result<Self, DataError> {
        let find = |quantity| table.column(quantity, options.params, &options.map);
        let mut params = options.params;
        let mut n = find(Quantity::Params)?;
        for other in [ParamRule::All, ParamRule::NonEmbedding, ParamRule::Active] {
            if n.is_none() {
                n = table.column(Quantity::Params, other, &options.map)?;
                params = if n.is_some() { other } else { params };
            }
        }
        let (d, budget) = (find(Quantity::Tokens)?, find(Quantity::Budget)?);
        // A run of an isoFLOP budget costs it, but for a whole number of steps.
        let c = find(Quantity::Flops)?.or(budget.filter(|_| n.is_none() || d.is_none()));
        let loss = find(Quantity::Loss)?.map(|at| LossColumn::of(table, at, options));
        let mut missing = Vec::new();
        if loss.is_none() && needs == Needs::Loss {
            missing.push(Quantity::Loss);
        }
        if n.is_none() && (d.is_none() || c.is_none()) {
            missing.push(Quantity::Params);
        }
        let epochs = match d {
            Some(_) => None,
            None => find(Quantity::UniqueTokens)?.zip(
                table
                    .first_named(names(Term::Epochs))
                    .or_else(|| table.first_named(names(Term::Epoch))),
            ),
        };
        let has_tokens = d.is_some() || c.is_some() || epochs.is_some();
        let ratio = if has_tokens { None } else { find(Quantity::TokensPerParam)? };
        let given = options.given.iter().map(|given| given.key().to_owned()).collect();
        let steps = RowTokens::of(table, given).filter(|_| !(epochs.is_some() || ratio.is_some()));
        if !has_tokens && ratio.is_none() && steps.is_none() {
            missing.push(Quantity::Tokens);
        }
        if let Some((first, others)) = missing.split_first() {
            return Err(DataError::MissingColumn {
                path: table.path.clone(),
                quantity: first.noun(),
                key: first.key(),
                also: others.iter().map(|q| (q.noun(), q.key())).collect(),
                found: table.columns.clone(),
            });
        }
        Ok(Self {
            params,
            run: find(Quantity::Run)?,
            n,
            d,
            c,
            loss,
            epochs,
            ratio,
            steps,
            budget,
            status: find(Quantity::Status)?,
            weight: find(Quantity::Weight)?,
            benchmark_error: find(Quantity::BenchmarkError)?,
            floor: find(Quantity::Floor)?,
            setting: SettingColumns::find(find)?,
            others: OnceLock::new(),
        })
    }

    /// Whether the name of a row is that of its run, not of its model.
    pub(super) fn names_runs(&self, table: &CellTable) -> bool {
        let runs = ["run", "run_id", "run_name", "run_uuid"];
        self.run.is_some_and(|at| runs.contains(&normalised(&table.columns[at]).as_str()))
    }

    /// What is assumed about this table.
    pub(super) fn assumptions(&self, table: &CellTable, needs: Needs) -> Vec<Assumption> {
        let loss = self.loss.filter(|_| needs == Needs::Loss);
        let columns = [
            (Quantity::Params, self.n),
            (Quantity::Tokens, self.d),
            (Quantity::Flops, self.c),
            (Quantity::Loss, loss.map(|loss| loss.at)),
            (Quantity::Weight, self.weight),
            (Quantity::BenchmarkError, self.benchmark_error),
            (Quantity::Floor, self.floor),
        ];
        let mut found = Vec::new();
        for (quantity, at) in columns.into_iter().chain(self.setting.columns) {
            if let Some(at) = at {
                found.push(Assumption::Column {
                    quantity: quantity.noun().to_owned(),
                    column: table.columns[at].clone(),
                });
            }
        }
        let tokens_from = |from: String| Assumption::Computed {
            quantity: Quantity::Tokens.noun().to_owned(),
            from,
        };
        if let Some((unique, epochs)) = self.epochs {
            found.push(tokens_from(format!(
                "{} x {}",
                table.columns[unique], table.columns[epochs]
            )));
        } else if let Some(ratio) = self.ratio {
            found.push(tokens_from(format!("N x {}", table.columns[ratio])));
        } else if self.d.is_none() && self.c.is_some() {
            found.push(Assumption::TokensFromFlops);
        } else if self.d.is_none()
            && let Some(steps) = &self.steps
        {
            let rows = (0..table.len()).find_map(|row| steps.tokens(&table.row(row)).ok());
            found.extend(rows.map(|(_, how)| tokens_from(how)));
        }
        if self.n.is_none() {
            found.push(Assumption::ParamsFromFlops);
        }
        if self.c.is_none() {
            found.push(Assumption::FlopsFromSixNd);
        }
        if self.params == ParamRule::All {
            found.push(Assumption::AllParameters);
        }
        let Some(loss) = loss else { return found };
        if loss.scale != LossScale::NatsPerToken {
            let from = format!("`{}`, {}", table.columns[loss.at], loss.scale.noun());
            found.push(Assumption::Computed { quantity: "nats".to_owned(), from });
        }
        found.push(match (loss.scale.is_per_byte(), loss.bytes_per_token) {
            (true, None) => Assumption::NatsPerByte,
            _ => Assumption::NatsPerToken,
        });
        found
    }

    /// The columns that are none of the quantities above, in order of their names; the entropy of the
    /// source among them, by which runs can be told apart.
    fn others(&self, table: &CellTable) -> OtherColumns {
        let read = [self.run, self.n, self.d, self.c, self.loss.map(|l| l.at), self.budget];
        let setting = self.setting.columns.iter().map(|(_, at)| *at);
        let pair = self.epochs.map_or([None; 2], |(unique, epochs)| [Some(unique), Some(epochs)]);
        let used: Vec<usize> = read
            .into_iter()
            .chain(setting)
            .chain(pair)
            .chain([self.ratio, self.status, self.weight, self.benchmark_error])
            .flatten()
            .collect();
        let others = (0..table.columns.len()).filter(|at| !used.contains(at));
        // Of two columns of one name the last counts.
        let others: BTreeMap<&str, usize> =
            others.map(|at| (table.columns[at].as_str(), at)).collect();
        let names = others.keys().map(|name| Arc::from(*name)).collect();
        (names, others.into_values().collect())
    }

    /// The cells of those columns.
    fn labels(&self, table: &CellTable, row: usize) -> Labels {
        let (names, places) = self.others.get_or_init(|| self.others(table));
        Labels::shared(names, places.iter().map(|at| table.label(row, *at)).collect())
    }

    /// What to say of rows whose column of tokens and whose steps tell different numbers, with the
    /// first of them.
    pub(super) fn disagreement(&self, table: &CellTable) -> Option<(usize, String)> {
        let (d, steps) = (self.d?, self.steps.as_ref()?);
        let apart = |row: &usize| {
            let stated = table.value(*row, d).count()?;
            let (counted, how) = steps.tokens(&table.row(*row)).ok()?;
            let ratio = counted / stated;
            (ratio.max(1.0 / ratio) > APART).then_some((ratio, how))
        };
        let rows: Vec<usize> = (0..table.len()).filter(|row| apart(row).is_some()).collect();
        let (ratio, how) = apart(rows.first()?)?;
        let column = &table.columns[d];
        let text = format!(
            "{how} gives {ratio:.3} times the tokens of column `{column}`, which is taken; {} of {} rows differ so",
            rows.len(),
            table.len()
        );
        Some((rows[0], text))
    }

    /// Reads every row that is neither excluded nor unfinished.
    ///
    /// # Errors
    /// [`DataError::BadRow`] for the first bad row, unless bad rows are to be left out;
    /// [`DataError::NothingLeft`].
    pub(super) fn rows<T>(
        &self,
        table: &CellTable,
        options: &ReadOptions,
        read: impl Fn(usize, &[Value]) -> Result<T, RowProblem>,
        skipped: &mut Vec<Skipped>,
    ) -> (Vec<T>, Result<(), DataError>) {
        let mut kept = Vec::with_capacity(table.len());
        let mut bad: Vec<(usize, RowProblem)> = table.damaged.clone();
        for row in 0..table.len() {
            if options.exclude.contains(&row) || table.unwanted.contains(&row) {
                continue;
            }
            let (line, values) = (table.lines[row], table.row(row));
            if let Some(reason) = self.unfinished(&values) {
                skipped.push(Skipped::row(&table.path, line, reason));
                continue;
            }
            match read(row, &values) {
                Ok(run) => kept.push(run),
                Err(stopped @ RowProblem::Stopped { .. }) => {
                    skipped.push(Skipped::row(&table.path, line, stopped.to_string()));
                }
                Err(problem) => bad.push((line, problem)),
            }
        }
        bad.sort_by_key(|(line, _)| *line);
        if let (Some((line, problem)), false) = (bad.first(), options.skip_bad) {
            let (path, problem) = (table.path.clone(), problem.clone());
            let error = DataError::BadRow { path, line: *line, problem, others: bad.len() - 1 };
            return (kept, Err(error));
        }
        if kept.is_empty() {
            let what =
                format!("{}: leaving out excluded, unwanted, unfinished and bad rows", table.path);
            let total = table.len();
            return (kept, Err(DataError::NothingLeft { what, left: 0, total, wanted: 1 }));
        }
        let reasons = bad.into_iter().map(|(line, problem)| (line, problem.to_string()));
        skipped.extend(reasons.map(|(line, reason)| Skipped::row(&table.path, line, reason)));
        (kept, Ok(()))
    }

    /// Why a row that says it has not finished is left out.
    fn unfinished(&self, values: &[Value]) -> Option<String> {
        let Value::Text(state) = &values[self.status?] else { return None };
        (ending(&collapsed(state)) != Ending::Finished)
            .then(|| format!("the run says it is `{state}`"))
    }

    fn number(
        &self,
        table: &CellTable,
        values: &[Value],
        at: Option<usize>,
    ) -> Result<Option<f64>, RowProblem> {
        let Some(at) = at else { return Ok(None) };
        let column = table.columns[at].clone();
        let is_loss = self.loss.is_some_and(|loss| loss.at == at);
        match &values[at] {
            Value::Missing => Err(RowProblem::EmptyCell { column }),
            // `7B` is a count; a loss is written out.
            Value::Text(_) if !is_loss && values[at].count().is_some() => Ok(values[at].count()),
            Value::Text(text) => Err(RowProblem::NotANumber { column, found: format!("`{text}`") }),
            Value::Number(x) if !x.is_finite() => Err(RowProblem::NotFinite { column, value: *x }),
            Value::Number(x) if *x <= 0.0 => {
                let (found, expected) = (x.to_string(), "a number above zero");
                Err(RowProblem::OutOfRange { column, found, expected })
            }
            Value::Number(x) => Ok(Some(*x)),
        }
    }

    /// N, D, C, the name and the setting of a row.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub(super) fn size(
        &self,
        table: &CellTable,
        row: usize,
        values: &[Value],
    ) -> Result<RowSize, RowProblem> {
        let number = |at| self.number(table, values, at);
        let (n, d, c) = (number(self.n)?, number(self.d)?, number(self.c)?);
        let d = match (self.epochs, self.ratio) {
            (Some((unique, epochs)), _) => {
                let seen = number(Some(unique))?.zip(number(Some(epochs))?);
                seen.map(|(unique, epochs)| unique * epochs)
            }
            (None, Some(ratio)) => n.zip(number(Some(ratio))?).map(|(n, ratio)| n * ratio),
            (None, None) if d.is_none() && c.is_none() => match &self.steps {
                Some(steps) => Some(steps.tokens(values)?.0),
                None => None,
            },
            (None, None) => d,
        };
        let (n, d) = match (n, d, c) {
            (Some(n), Some(d), _) => (Params::new(n), Tokens::new(d)),
            (Some(n), None, Some(c)) => {
                let n = Params::new(n);
                (n, tokens_for(Flops::new(c), n))
            }
            (None, Some(d), Some(c)) => (Params::new(c / (6.0 * d)), Tokens::new(d)),
            _ => return Err(RowProblem::TooFewQuantities),
        };
        let run = match self.run.map(|at| &values[at]) {
            Some(Value::Text(name)) => name.clone(),
            Some(Value::Number(id)) => id.to_string(),
            _ => format!("{}:{}", table.path, table.lines[row]),
        };
        let c = c.map_or_else(|| FlopRule::six_nd(n, d), Flops::new);
        Ok(RowSize { run, n, d, c, setting: self.setting.read(table, values)? })
    }

    /// The run of a row.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub(super) fn record(
        &self,
        table: &CellTable,
        row: usize,
        values: &[Value],
    ) -> Result<RunRecord, RowProblem> {
        let number = |at| self.number(table, values, at);
        let size = self.size(table, row, values)?;
        let loss_nats = match self.loss {
            Some(loss) => {
                let bytes = number(loss.bytes_per_token)?;
                let stated = number(Some(loss.at))?.unwrap_or(f64::NAN);
                loss.nats(table, stated, bytes)?
            }
            None => return Err(RowProblem::TooFewQuantities),
        };
        let budget = match self.budget.map(|at| &values[at]) {
            Some(Value::Number(c)) if *c > 0.0 && c.is_finite() => Some(Flops::new(*c)),
            _ => None,
        };
        let weight = match self.weight.map(|at| (at, &values[at])) {
            None | Some((_, Value::Missing)) => None,
            Some((_, Value::Number(w))) if w.is_finite() && *w >= 0.0 => Some(*w),
            Some((at, other)) => {
                let (column, found) = (table.columns[at].clone(), other.describe());
                let expected = "a weight of at least 0";
                return Err(RowProblem::OutOfRange { column, found, expected });
            }
        };
        let benchmark_error = number(self.benchmark_error)?;
        let floor_nats = match self.floor.map(|at| (at, &values[at])) {
            None | Some((_, Value::Missing)) => None,
            Some((_, Value::Number(x))) if x.is_finite() && *x >= 0.0 => Some(*x),
            Some((at, other)) => {
                let (column, found) = (table.columns[at].clone(), other.describe());
                let expected = "an entropy of at least 0 nats per token";
                return Err(RowProblem::OutOfRange { column, found, expected });
            }
        };
        let RowSize { run, n, d, c, setting } = size;
        Ok(RunRecord {
            c,
            budget,
            weight,
            benchmark_error,
            floor_nats,
            setting,
            labels: self.labels(table, row),
            row,
            ..RunRecord::new(run, n, d, loss_nats)
        })
    }
}
