//! What drives the uncertainty of a plan, and what a choice made now may lose.

use super::number::{number, or_dash, percent};
use super::table::Table;
use crate::plan::{Regret, Spread};

/// Which input causes which share of the uncertainty, one quantity a row.
#[must_use]
pub fn spread_table(spread: &[Spread]) -> Table {
    let mut inputs: Vec<_> = spread.iter().flat_map(|s| &s.shares).map(|s| s.input).collect();
    inputs.sort();
    inputs.dedup();
    let names: Vec<String> = inputs.iter().map(ToString::to_string).collect();
    let columns: Vec<&str> =
        ["quantity", "SD"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let mut table = Table::new("share of the uncertainty that each input causes", &columns);
    for s in spread {
        let (name, sd) = match s.quantity.as_str() {
            "params" => ("N", percent(s.sd)),
            "tokens" => ("D", percent(s.sd)),
            "cost" => ("cost", percent(s.sd)),
            other => (other, format!("{} nats", number(s.sd))),
        };
        let share = |input| {
            let found = s.shares.iter().find(|share| share.input == input);
            or_dash(found.map(|share| format!("{:.0} %", 100.0 * share.in_all)))
        };
        let cells = inputs.iter().map(|input| share(*input));
        let sd = sd.trim_start_matches('+').to_owned();
        table.rows.push([name.to_owned(), sd].into_iter().chain(cells).collect());
    }
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
