//! Predicted losses of planned runs.

use super::inert::csv_cell;
use super::number::{between, interval_header, loss, number, outside_cell};
use super::table::Table;
use crate::error::{ReportError, Result};
use crate::fit::Prediction;

/// A row per planned run, in the order given: (name, prediction).
///
/// - `level`: of the intervals, as 0.95.
#[must_use]
pub fn prediction_table<'a>(
    law: &str,
    level: f64,
    rows: impl Iterator<Item = (&'a str, &'a Prediction)>,
) -> Table {
    let interval = format!("{} of a new run", interval_header(level));
    let columns = ["run", "N", "D", "D/N", "loss (nats)", &interval, "outside by"];
    let mut table = Table::new(format!("under {law}"), &columns);
    for (run, p) in rows {
        table.push([
            run,
            &p.params.to_string(),
            &p.tokens.to_string(),
            &number(p.tokens / p.params),
            &loss(p.loss_nats),
            &between(p.interval.as_ref(), loss),
            &outside_cell(&p.outside),
        ]);
    }
    table
}

/// Losses that each run stays below with given probabilities: a column per probability.
#[must_use]
pub fn quantile_table<'a>(
    probabilities: &[f64],
    rows: impl Iterator<Item = (&'a str, &'a [f64])>,
) -> Table {
    let names: Vec<String> = probabilities.iter().map(|p| format!("{} %", 100.0 * p)).collect();
    let columns: Vec<&str> =
        std::iter::once("run").chain(names.iter().map(String::as_str)).collect();
    let mut table = Table::new("loss that a new run stays below (nats)", &columns);
    for (run, quantiles) in rows {
        let mut cells = vec![run.to_owned()];
        cells.extend(
            (0..probabilities.len())
                .map(|k| quantiles.get(k).map_or_else(|| "-".to_owned(), |nats| loss(*nats))),
        );
        table.rows.push(cells);
    }
    table
}

/// The same rows in full precision: run, params, tokens, loss, low, high, and the largest factor by
/// which the run lies outside the fitted ones (1 inside); then a column per probability, `loss_p10`.
///
/// # Errors
/// [`ReportError::Csv`] when a row cannot be written, which is a bug.
pub fn prediction_csv<'a>(
    rows: impl Iterator<Item = (&'a str, &'a Prediction)>,
    probabilities: &[f64],
    quantiles: impl Iterator<Item = (&'a str, &'a [f64])>,
) -> Result<String> {
    let bad = |e: csv::Error| ReportError::Csv { reason: e.to_string() };
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["run", "params", "tokens", "loss", "loss_low", "loss_high", "outside"];
    let names = probabilities.iter().map(|p| format!("loss_p{}", 100.0 * p));
    let header = header.into_iter().map(str::to_owned).chain(names);
    writer.write_record(header).map_err(bad)?;
    for ((run, p), (_, quantiles)) in rows.zip(quantiles) {
        let end = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
        let outside = p.outside.values().copied().fold(1.0, f64::max);
        let fields = [
            &*csv_cell(run),
            &p.params.get().to_string(),
            &p.tokens.get().to_string(),
            &p.loss_nats.to_string(),
            &end(p.interval.map(|i| i.lo)),
            &end(p.interval.map(|i| i.hi)),
            &outside.to_string(),
        ];
        let fields = fields.into_iter().map(str::to_owned);
        let more = (0..probabilities.len()).map(|k| end(quantiles.get(k).copied()));
        writer.write_record(fields.chain(more)).map_err(bad)?;
    }
    let bytes = writer.into_inner().map_err(|e| ReportError::Csv { reason: e.to_string() })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
