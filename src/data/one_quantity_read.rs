//! Tables with a loss and one of C, N and D, read.

use std::path::Path;

use super::cell_table::CellTable;
use super::files::{Meter, sources};
use super::log::Value;
use super::one_quantity::{OneQuantity, OneQuantityTable};
use super::options::ReadOptions;
use super::overrule::{fill, overrule};
use super::quantity::Quantity;
use super::readers::table_of;
use super::roles::LossScale;
use crate::error::{DataError, Result, RowProblem};
use crate::units::ParamRule;

const ALL: [OneQuantity; 3] = [OneQuantity::C, OneQuantity::N, OneQuantity::D];

fn quantity(of: OneQuantity) -> Quantity {
    match of {
        OneQuantity::C => Quantity::Flops,
        OneQuantity::N => Quantity::Params,
        OneQuantity::D => Quantity::Tokens,
    }
}

/// Reads tables that hold a loss and only one of C, N and D; `None` where they hold more, or less, or
/// are no tables.
///
/// # Errors
/// A bad row, tables of different quantities.
pub fn read_one_quantity(
    paths: &[impl AsRef<Path>],
    options: &ReadOptions,
) -> Result<Option<OneQuantityTable>> {
    let mut all: Option<OneQuantityTable> = None;
    for source in sources(paths)? {
        let Ok(mut table) = table_of(&source) else { return Ok(None) };
        fill(&mut table, options);
        table.scale(&options.map);
        overrule(&mut table, options);
        let Some(of) = quantity_of(&table, options) else { return Ok(None) };
        let next = rows_of(&table, of, options)?;
        match &mut all {
            None => all = Some(next),
            Some(first) if first.of == next.of && first.per_byte == next.per_byte => {
                first.rows.extend(next.rows);
            }
            Some(_) => return Ok(None),
        }
    }
    Ok(all)
}

fn find(table: &CellTable, quantity: Quantity, options: &ReadOptions) -> Option<usize> {
    [options.params, ParamRule::All, ParamRule::NonEmbedding]
        .into_iter()
        .find_map(|rule| table.column(quantity, rule, &options.map).ok().flatten())
}

/// The only quantity of the table, where D/N, epochs and unique tokens do not give another.
fn quantity_of(table: &CellTable, options: &ReadOptions) -> Option<OneQuantity> {
    let has = |quantity: Quantity| find(table, quantity, options).is_some();
    let mut found = ALL.into_iter().filter(|one| has(quantity(*one)));
    let one = found.next()?;
    let others = [Quantity::TokensPerParam, Quantity::UniqueTokens];
    let alone = found.next().is_none() && !others.into_iter().any(has);
    (alone && has(Quantity::Loss)).then_some(one)
}

fn rows_of(
    table: &CellTable,
    of: OneQuantity,
    options: &ReadOptions,
) -> Result<OneQuantityTable, DataError> {
    let columns = find(table, quantity(of), options).zip(find(table, Quantity::Loss, options));
    let Some((x, loss)) = columns else {
        return Err(DataError::Empty { path: table.path.clone() });
    };
    let scale = LossScale::of_name(&table.columns[loss]);
    let mut rows = Vec::new();
    for (row, values) in table.rows().enumerate() {
        if options.exclude.contains(&row) {
            continue;
        }
        let positive = |at: usize, value: f64| match value.is_finite() && value > 0.0 {
            true => Ok(value),
            false => Err(RowProblem::OutOfRange {
                column: table.columns[at].clone(),
                found: values[at].describe(),
                expected: "a number above zero",
            }),
        };
        let number = |at: usize| match &values[at] {
            Value::Number(value) => positive(at, *value),
            other => positive(at, other.count().unwrap_or(f64::NAN)),
        };
        let pair = number(x).and_then(|x| Ok((x, positive(loss, scale.nats(number(loss)?))?)));
        match pair {
            Ok(pair) => rows.push(pair),
            Err(_) if options.skip_bad => {}
            Err(problem) => {
                let (path, line) = (table.path.clone(), table.lines[row]);
                return Err(DataError::BadRow { path, line, problem, others: 0 });
            }
        }
    }
    Ok(OneQuantityTable { of, rows, per_byte: scale.is_per_byte() })
}

/// Values of one quantity in tables of planned runs.
///
/// # Errors
/// [`DataError::MissingColumn`] where a table does not hold it, or a bad row.
pub fn read_values(
    paths: &[impl AsRef<Path>],
    options: &ReadOptions,
    of: OneQuantity,
) -> Result<Vec<f64>> {
    let mut values = Vec::new();
    for source in sources(paths)? {
        let mut table = match table_of(&source) {
            // One column has no separator to know a table by.
            Err(DataError::UnknownFormat { .. }) => {
                let meter = Meter::default();
                CellTable::csv(source.shown(), source.open(&meter, &|_, _| {})?, b',')?
            }
            table => table?,
        };
        table.scale(&options.map);
        let quantity = quantity(of);
        let at = find(&table, quantity, options).ok_or_else(|| DataError::MissingColumn {
            path: table.path.clone(),
            quantity: quantity.noun(),
            key: quantity.key(),
            also: Vec::new(),
            found: table.columns.clone(),
        })?;
        for (row, line) in table.lines.iter().enumerate() {
            let cell = table.value(row, at);
            let Some(value) = cell.count() else {
                let (column, found) = (table.columns[at].clone(), cell.describe());
                let problem =
                    RowProblem::OutOfRange { column, found, expected: "a number above zero" };
                let (path, line) = (table.path.clone(), *line);
                return Err(DataError::BadRow { path, line, problem, others: 0 }.into());
            };
            values.push(value);
        }
    }
    Ok(values)
}
