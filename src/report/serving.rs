//! Memory, speed and price of serving a model, by batch size.

use super::number::{bare_count, or_dash, seconds};
use super::sparkline::sparkline;
use super::table::Table;
use crate::cost::{Accuracy, BatchRow, Uncertain};
use crate::units::{Params, short_count};

/// A served model as the title of its table.
#[must_use]
pub fn serving_title(model: &str, params: Params, active_params: Params) -> String {
    if active_params == params {
        format!("{model}: {params} parameters")
    } else {
        format!("{model}: {params} parameters, {active_params} active")
    }
}

/// Serving by batch size. The first token, which takes the same at any, is in [`serving_answer`].
#[must_use]
pub fn serving_table(title: &str, rows: &[BatchRow]) -> Table {
    let sparse = rows.iter().any(|r| r.experts_reached > 0.0);
    let mut columns = vec!["batch", "per token", "tokens/s", "GB", "bound by", "$/M in", "out"];
    if sparse {
        columns.push("experts");
        columns.push("read");
    }
    let mut table = Table::new(title, &columns);
    for row in rows {
        let s = &row.served;
        let usd = |x: &Option<Uncertain>| or_dash(x.as_ref().map(|u| format!("{:.3}", u.mid)));
        let mut cells = vec![
            bare_count(s.batch.floor()),
            seconds(s.per_token_s),
            short_count(row.tokens_per_s),
            short_count((s.weight_bytes + s.cache_bytes) / 1e9),
            s.bound.to_string(),
            usd(&row.usd_per_million_input),
            usd(&row.usd_per_million_output),
        ];
        if sparse {
            cells.push(format!("{:.2}", row.experts_reached));
            cells.push(format!("{:.0} %", 100.0 * s.share_read));
        }
        table.rows.push(cells);
    }
    table
}

/// The price of output over the batch in one line; empty without prices.
#[must_use]
pub fn serving_price_text(rows: &[BatchRow]) -> String {
    let mut rows: Vec<&BatchRow> = rows.iter().collect();
    rows.sort_by(|a, b| a.served.batch.total_cmp(&b.served.batch));
    let price = |row: &BatchRow| row.usd_per_million_output.as_ref().map(|usd| usd.mid);
    let prices: Vec<f64> = rows.iter().map(|row| price(row).unwrap_or(f64::NAN).ln()).collect();
    let batch = |row: &BatchRow| bare_count(row.served.batch.floor());
    match rows.as_slice() {
        [first, _, .., last] if prices.iter().any(|x| x.is_finite()) => format!(
            " {}  log of $/M out, from batch {} to {}\n",
            sparkline(&prices, 40),
            batch(first),
            batch(last)
        ),
        _ => String::new(),
    }
}

/// The cheapest row in one sentence.
#[must_use]
pub fn serving_answer(model: &str, rows: &[BatchRow]) -> String {
    let Some(row) = rows
        .iter()
        .min_by(|a, b| a.served.decode_s_per_token.total_cmp(&b.served.decode_s_per_token))
    else {
        return String::new();
    };
    let s = &row.served;
    let usd = |x: &Option<Uncertain>| x.as_ref().map(|u| format!("${:.3}", u.mid));
    let price = usd(&row.usd_per_million_input)
        .zip(usd(&row.usd_per_million_output))
        .map_or(String::new(), |(i, o)| format!("; {i} per million tokens in, {o} out"));
    format!(
        "{model}: cheapest at batch {}, {} per token, first token {}{price}",
        bare_count(s.batch.floor()),
        seconds(s.per_token_s),
        seconds(s.first_token_s)
    )
}

/// How far times of real engines lie from the modelled ones, in one sentence; empty without measurements.
#[must_use]
pub fn serving_accuracy_text(kinds: &[Accuracy]) -> String {
    let first = kinds.iter().map(|kind| kind.years.0).min();
    let last = kinds.iter().map(|kind| kind.years.1).max();
    let Some((first, last)) = first.zip(last) else { return String::new() };
    let each: Vec<String> = kinds
        .iter()
        .map(|kind| format!("{} {:.0} %", kind.kind, 100.0 * kind.mean_error_ratio))
        .collect();
    format!("mean error against engines of {first} to {last}: {}", each.join(", "))
}
