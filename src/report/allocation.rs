//! What a fit says about N and D: decisions, Hoffmann's approaches, measured isoFLOP profiles.

use super::number::{between, factors_outside, flops, interval_header, loss, number, or_dash};
use super::table::Table;
use crate::fit::{Approaches, Decision, Valley};
use crate::units::{LossUnit, short_count};

/// What to do at each budget, one quantity a row.
///
/// - `level`, `unit`: of the intervals, as 0.95, and of the losses.
#[must_use]
pub fn decision_table(decisions: &[Decision], level: f64, unit: LossUnit) -> Table {
    let level = interval_header(level);
    let title = "what the law recommends";
    let mut table = Table::new(title, &["budget", "quantity", "estimate", &level, "unit"]);
    for decision in decisions {
        type Shown<'a> = (&'a str, &'a str, f64, &'a dyn Fn(f64) -> String, &'a str);
        let rows: [Shown; 5] = [
            ("N*", "params", decision.n.get(), &short_count, "parameters"),
            ("D*", "tokens", decision.d.get(), &short_count, "tokens"),
            ("D*/N*", "tokens_per_param", decision.tokens_per_param, &number, ""),
            ("loss of a new run", "new_run", decision.loss_nats, &number, unit.name()),
            ("compute for that loss", "flops_for_loss", decision.c.get(), &flops, "FLOPs"),
        ];
        // The budget, and below it how far it is from the runs.
        let mut budget = vec![decision.c.to_string()];
        match decision.outside.is_empty() {
            true => budget.push(" inside".to_owned()),
            false => {
                budget.extend(factors_outside(&decision.outside).iter().map(|f| format!(" {f}")))
            }
        }
        for (i, (label, name, value, show, unit)) in rows.into_iter().enumerate() {
            let interval = between(decision.intervals.get(name), show);
            let budget = budget.get(i).map_or("", String::as_str);
            table.push([budget, label, &show(value), &interval, unit]);
        }
    }
    table
}

/// The frontiers of Hoffmann's approaches.
#[must_use]
pub fn approaches_table(approaches: &Approaches) -> Table {
    let level = format!("{:.0} %", 100.0 * approaches.level);
    let targets = approaches.approaches.iter().find(|a| !a.predicted.is_empty());
    let last = targets.and_then(|a| a.predicted.get(1)).map_or(String::new(), |p| p.c.to_string());
    let (of_a, n, of_n) = (format!("a, {level}"), format!("N* at {last}"), format!("N*, {level}"));
    let title = "three approaches to N* ∝ C^a";
    let mut table = Table::new(title, &["approach", "points", "a", &of_a, &n, &of_n]);
    for approach in &approaches.approaches {
        let predicted = approach.predicted.get(1);
        let points = match approach.measured.len() {
            0 => None,
            n => Some(n.to_string()),
        };
        table.push([
            &*approach.name,
            &or_dash(points),
            &or_dash(approach.n_exponent.map(number)),
            &between(approach.interval.as_ref(), number),
            &or_dash(predicted.map(|p| p.n.to_string())),
            &between(predicted.and_then(|p| p.interval.as_ref()), short_count),
        ]);
    }
    table
}

/// What the approaches left out, one line per reason.
#[must_use]
pub fn refusals_text(approaches: &Approaches) -> String {
    const SHOWN: usize = 4;
    let mut text = String::new();
    for approach in &approaches.approaches {
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for refused in &approach.refused {
            match reasons.iter_mut().find(|(reason, _)| *reason == refused.reason) {
                Some((_, whats)) => whats.push(&refused.what),
                None => reasons.push((&refused.reason, vec![&refused.what])),
            }
        }
        let number = approach.name.split(' ').next().unwrap_or_default();
        for (reason, whats) in reasons {
            let more = match whats.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let shown = whats[..whats.len().min(SHOWN)].join(", ");
            text.push_str(&format!("approach {number} leaves out {shown}{more}: {reason}\n"));
        }
    }
    text
}

/// The measured isoFLOP profiles.
#[must_use]
pub fn valley_table(valleys: &[Valley]) -> Table {
    let columns = ["FLOPs", "runs", "N at the minimum", "loss (nats)", "bracketed"];
    let mut table = Table::new("Measured isoFLOP profiles (parabola in ln N)", &columns);
    for v in valleys {
        table.push([
            &v.c.to_string(),
            &v.n_points.to_string(),
            &or_dash(v.n.map(|n| n.to_string())),
            &or_dash(v.loss_nats.map(loss)),
            if v.bracketed { "yes" } else { "no" },
        ]);
    }
    table
}
