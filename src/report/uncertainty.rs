//! What drives the uncertainty of a plan, and what a choice made now may lose.

use super::number::{number, or_dash, percent};
use super::table::Table;
use crate::plan::{Regret, Spread};

/// Which input causes which share of the uncertainty, one input a row.
#[must_use]
pub fn spread_table(spread: &[Spread]) -> Table {
    let mut inputs: Vec<_> = spread.iter().flat_map(|s| &s.shares).map(|s| s.input).collect();
    inputs.sort();
    inputs.dedup();
    let names = spread.iter().map(|s| match s.quantity.as_str() {
        "params" => "N",
        "tokens" => "D",
        other => other,
    });
    let columns: Vec<&str> = std::iter::once("share of the doubt").chain(names).collect();
    let mut table = Table::new("what each input causes of the uncertainty", &columns);
    for input in inputs {
        let share = |s: &Spread| {
            let found = s.shares.iter().find(|share| share.input == input);
            or_dash(found.map(|share| format!("{:.0} %", 100.0 * share.in_all)))
        };
        let cells = spread.iter().map(share);
        table.rows.push(std::iter::once(input.to_string()).chain(cells).collect());
    }
    let sd = |s: &Spread| match s.quantity.as_str() {
        "loss" => number(s.sd),
        _ => percent(s.sd).trim_start_matches('+').to_owned(),
    };
    let sds = spread.iter().map(sd);
    table.rows.push(std::iter::once("SD".to_owned()).chain(sds).collect());
    table
}

/// What each choice of size loses when another law or other circumstances hold.
///
/// - `to_loss`: whether the target is a loss (excess cost) or a budget (wasted compute).
#[must_use]
pub fn regret_table(regret: &Regret, to_loss: bool) -> Table {
    let unit = if to_loss { "excess cost" } else { "wasted compute" };
    let title = format!("regret of fixing the size now, over {} cases: {unit}", regret.states);
    let columns = ["plan of", "N", "mean", "95 %", "worst", "worst under"];
    let mut table = Table::new(title, &columns);
    let show = |x: f64| {
        if x.is_finite() {
            percent(x).trim_start_matches('+').to_owned()
        } else {
            "no plan".to_owned()
        }
    };
    for c in regret.choices.iter().chain([&regret.least]) {
        table.push([
            &*c.label,
            &c.params.to_string(),
            &show(c.mean),
            &show(c.high),
            &show(c.worst),
            &c.worst_under,
        ]);
    }
    table
}
