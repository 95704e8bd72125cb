//! Laws of several kinds of runs side by side.

use super::number::{between, interval_header, loss, number};
use super::table::Table;
use crate::fit::{Decision, Fit};
use crate::units::short_count;

/// One kind of runs: its name, its number of runs, and its fit with a decision, where there is one.
pub type Kind<'a> = (&'a str, usize, Option<(&'a Fit, Option<&'a Decision>)>);

/// A row per kind: the exponents, and what each says to do at the largest budget asked.
#[must_use]
pub fn kinds_table(column: &str, kinds: &[Kind<'_>]) -> Table {
    let at = kinds.iter().find_map(|(_, _, fit)| fit.as_ref()?.1);
    let title = at.map_or(String::new(), |d| format!("decisions at {} FLOPs", d.c));
    let level = kinds.iter().find_map(|(_, _, fit)| Some(fit.as_ref()?.0.level));
    let interval = interval_header(level.unwrap_or(0.95));
    let columns = [column, "runs", "E", "a in N* ∝ C^a", "N*", &interval, "D*", "loss"];
    let mut table = Table::new(title, &columns);
    for (kind, runs, fit) in kinds {
        let dash = || "-".to_owned();
        let (fit, decision) = match fit {
            Some((fit, decision)) => (Some(fit), *decision),
            None => (None, None),
        };
        let coef = |name: &str| fit.and_then(|f| f.coefficients.get(name)).map(|x| number(*x));
        let exponent = fit.and_then(|f| f.allocation.as_ref()).map(|a| number(a.n_exponent));
        let span = decision.and_then(|d| d.intervals.get("params"));
        table.push([
            kind,
            &*runs.to_string(),
            &coef("E").unwrap_or_else(dash),
            &exponent.unwrap_or_else(dash),
            &decision.map_or_else(dash, |d| d.n.to_string()),
            &between(span, short_count),
            &decision.map_or_else(dash, |d| d.d.to_string()),
            &decision.map_or_else(dash, |d| loss(d.loss_nats)),
        ]);
    }
    table
}
