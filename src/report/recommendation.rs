//! The plan a scenario asks for, over one law or several, and the designs it was chosen from.

use super::number::{
    bare_count, dollars, factors_outside, flops, loss, megawatt_hours, number, or_dash, seconds,
    with_interval,
};
use super::table::Table;
use crate::plan::{Currency, Recommendation};
use crate::units::short_count;

/// A cost in the currency that was minimised.
fn cost_text(currency: Currency, x: f64) -> String {
    match currency {
        Currency::TrainFlops | Currency::LifetimeFlops => flops(x),
        Currency::TrainUsd | Currency::LifetimeUsd => dollars(x),
    }
}

/// What a plan takes besides its size and tokens: machines, energy, serving, distance from the runs.
#[must_use]
pub fn recommendation_text(r: &Recommendation) -> String {
    let interval = |name: &str| r.intervals.get(name);
    let mut text = String::new();
    let mut line = |what: &str, value: String| text.push_str(&format!("  {what:16} {value}\n"));
    let costs = &r.costs;
    if let Some(hours) = costs.train_device_hours {
        line("device-hours", with_interval(hours, short_count, interval("train_device_hours")));
    }
    if let Some(days) = costs.train_days {
        line("days", with_interval(days, number, interval("train_days")));
    }
    if let Some(kwh) = costs.train_kwh {
        line("energy", with_interval(kwh, megawatt_hours, interval("train_kwh")));
    }
    if r.currency.counts_serving() {
        let shown = |x: f64| cost_text(r.currency, x);
        let cost = with_interval(r.cost, shown, interval("cost"));
        line("counted", format!("{cost} ({})", r.currency));
    }
    if let Some(s) = &r.served {
        line(
            "served",
            format!(
                "batch {}, {} per token, first token {}",
                bare_count(if s.batch < 1e3 { s.batch.floor() } else { s.batch }),
                seconds(s.per_token_s),
                seconds(s.first_token_s)
            ),
        );
        line("bound by", s.bound.to_string());
        let (weights, cache) = (s.weight_bytes / 1e9, s.cache_bytes / 1e9);
        line(
            "memory",
            format!("{} GB of weights, {} GB of cache", short_count(weights), short_count(cache)),
        );
    }
    let outside = factors_outside(&r.outside);
    if !outside.is_empty() {
        line("beyond the runs", outside.join(", "));
    }
    if text.is_empty() { text } else { format!("what it takes, under {}\n{text}", r.law) }
}

/// The range of the best plan over several laws.
#[must_use]
pub fn across_table(r: &Recommendation) -> Table {
    let title = format!("range of the best plan over {}", r.law);
    let mut table = Table::new(title, &["quantity", "low", "high"]);
    type Shown<'a> = (&'a str, &'a str, &'a dyn Fn(f64) -> String);
    let rows: [Shown; 6] = [
        ("N", "params", &short_count),
        ("D", "tokens", &short_count),
        ("D/N", "tokens_per_param", &number),
        ("loss", "loss", &loss),
        ("training FLOPs", "train_flops", &flops),
        ("total cost", "total_usd", &dollars),
    ];
    for (name, key, show) in rows {
        if let Some(i) = r.intervals.get(key) {
            table.push([name, &show(i.lo), &show(i.hi)]);
        }
    }
    table
}

/// Designs side by side.
#[must_use]
pub fn designs_table(r: &Recommendation) -> Table {
    let columns = ["design", "N active", "N stored", "D", "loss", "cost", "best in"];
    let mut table = Table::new("designs", &columns);
    for d in &r.designs {
        let of = |f: &dyn Fn(&crate::plan::Plan) -> String| or_dash(d.plan.as_ref().map(f));
        let cost = or_dash(d.cost.map(|cost| cost_text(r.currency, cost)));
        table.push([
            &*d.design,
            &of(&|p| p.n.to_string()),
            &or_dash(d.total_params.map(|n| n.to_string())),
            &of(&|p| p.d.to_string()),
            &of(&|p| loss(p.loss_nats)),
            &cost,
            &format!("{:.0} %", 100.0 * d.best_in),
        ]);
    }
    table
}

/// Why designs were refused, a line each.
#[must_use]
pub fn refused_designs_text(r: &Recommendation) -> String {
    let reasons = r.designs.iter().filter_map(|d| Some((&d.design, d.refused.as_ref()?)));
    reasons.map(|(name, reason)| format!("{name}: {reason}\n")).collect()
}
