//! Recommendations, regrets, recipes and serving, as tables and sentences.

use serde::Serialize;

use super::chart::CostAxis;
use super::sheet::Sheet;
use super::sheets::{number, percent};
use crate::cost::{Served, Uncertain};
use crate::num::Interval;
use crate::plan::{Advice, Currency, Hyper, IsoLossCurve, Recipe, Recommendation, Regret, Spread};
use crate::units::{Flops, short_count};

/// Dollars as people say them: `$4.21M`.
#[must_use]
pub fn dollars(usd: f64) -> String {
    if usd.is_finite() { format!("${}", short_count(usd)) } else { "no end".to_owned() }
}

fn spell(x: f64, show: impl Fn(f64) -> String, interval: Option<&Interval>) -> String {
    match interval {
        Some(i) if show(i.lo) != show(i.hi) => {
            format!("{} ({} to {})", show(x), show(i.lo), show(i.hi))
        }
        _ => show(x),
    }
}

/// A count that is whole more often than not.
fn bare_count(x: f64) -> String {
    if x.fract() == 0.0 && x < 1e3 { format!("{x:.0}") } else { short_count(x) }
}

/// Three digits with the unit people use.
#[must_use]
pub(super) fn seconds(s: f64) -> String {
    let (x, unit) = if s < 1.0 { (1e3 * s, "ms") } else { (s, "s") };
    format!("{} {unit}", short_count(x))
}

/// The plan a scenario asks for, line by line.
#[must_use]
pub fn recommendation_text(r: &Recommendation) -> String {
    let interval = |name: &str| r.intervals.get(name);
    let flops = |x: f64| Flops::new(x).to_string();
    let mut text = format!("recommended under {}\n", r.law);
    let mut line = |what: &str, value: String| text.push_str(&format!("  {what:16} {value}\n"));
    let experts = if r.design == "dense" { String::new() } else { format!(", {}", r.design) };
    let total = if r.total_params.get() > 1.02 * r.active_params.get() {
        format!("; {} stored", r.total_params)
    } else {
        String::new()
    };
    let n = spell(r.plan.n.get(), short_count, interval("params"));
    line("N", format!("{n} parameters{experts}{total}"));
    let epochs = r.epochs.map_or(String::new(), |e| match e {
        e if e > 1.0 => format!(", {} epochs", short_count(e)),
        _ => ", each seen once".to_owned(),
    });
    line("D", spell(r.plan.d.get(), short_count, interval("tokens")) + " tokens" + &epochs);
    line("D/N", spell(r.plan.tokens_per_param, number, interval("tokens_per_param")));
    let loss = |x: f64| format!("{x:.4}");
    line("loss", spell(r.plan.loss_nats, loss, interval("loss")) + " nats per token");
    line("training", spell(r.plan.train_flops.get(), flops, interval("train_flops")) + " FLOPs");
    let costs = &r.costs;
    if let Some(hours) = costs.train_device_hours {
        line("  device-hours", spell(hours, short_count, interval("train_device_hours")));
    }
    if let Some(days) = costs.train_days {
        line("  days", spell(days, number, interval("train_days")));
    }
    if let Some(kwh) = costs.train_kwh {
        let energy = |x: f64| format!("{} MWh", number(x / 1e3));
        line("  energy", spell(kwh, energy, interval("train_kwh")));
    }
    for (name, key, value) in [
        ("  money", "train_usd", costs.train_usd),
        ("serving money", "serve_usd", costs.serve_usd),
        ("total money", "total_usd", costs.total_usd.filter(|_| costs.serve_usd.is_some())),
    ] {
        if let Some(usd) = value {
            line(name, spell(usd, dollars, interval(key)));
        }
    }
    if !matches!(r.currency, Currency::TrainFlops) {
        let shown = |x: f64| match r.currency {
            Currency::TrainFlops | Currency::LifetimeFlops => flops(x),
            Currency::TrainUsd | Currency::LifetimeUsd => dollars(x),
        };
        let cost = spell(r.cost, shown, interval("cost"));
        line("what counted", format!("{}: {cost}", r.currency));
    }
    if let Some(s) = &r.served {
        line(
            "served",
            format!(
                "batch {}, first token {}, {} per token (bound by {})",
                bare_count(s.batch),
                seconds(s.first_token_s),
                seconds(s.per_token_s),
                s.bound
            ),
        );
        let (weights, cache) = (s.weight_bytes / 1e9, s.cache_bytes / 1e9);
        line(
            "  memory",
            format!("{} GB of weights, {} GB of cache", short_count(weights), short_count(cache)),
        );
    }
    let limit = r.limited_by.clone().unwrap_or_else(|| "nothing but the aim".to_owned());
    line("limited by", limit);
    let outside: Vec<String> =
        r.outside.iter().map(|(name, factor)| format!("{name} {factor:.1}x")).collect();
    if !outside.is_empty() {
        line("outside its runs", outside.join(", "));
    }
    text
}

/// Where the best plan may lie over several laws.
#[must_use]
pub fn across_sheet(r: &Recommendation) -> Sheet {
    let title = format!("over {}: where the best plan may lie", r.law);
    let mut sheet = Sheet::new(title, &["quantity", "low", "high"]);
    let flops = |x: f64| Flops::new(x).to_string();
    let loss = |x: f64| format!("{x:.4}");
    type Shown<'a> = (&'a str, &'a str, &'a dyn Fn(f64) -> String);
    let rows: [Shown; 6] = [
        ("N", "params", &short_count),
        ("D", "tokens", &short_count),
        ("D/N", "tokens_per_param", &number),
        ("loss", "loss", &loss),
        ("training FLOPs", "train_flops", &flops),
        ("total money", "total_usd", &dollars),
    ];
    for (name, key, show) in rows {
        if let Some(i) = r.intervals.get(key) {
            sheet.push([name, &show(i.lo), &show(i.hi)]);
        }
    }
    sheet
}

/// Designs side by side.
#[must_use]
pub fn designs_sheet(r: &Recommendation) -> Sheet {
    let columns = ["design", "N active", "N stored", "D", "loss", "cost", "best in"];
    let mut sheet = Sheet::new("designs", &columns);
    for d in &r.designs {
        let dash = || "-".to_owned();
        let of = |f: &dyn Fn(&crate::plan::Plan) -> String| d.plan.as_ref().map_or_else(dash, f);
        let cost = d.cost.map_or_else(
            || d.refused.clone().unwrap_or_default(),
            |c| match r.currency {
                Currency::TrainFlops | Currency::LifetimeFlops => Flops::new(c).to_string(),
                Currency::TrainUsd | Currency::LifetimeUsd => dollars(c),
            },
        );
        sheet.push([
            &*d.design,
            &of(&|p| p.n.to_string()),
            &d.total_params.map_or_else(dash, |n| n.to_string()),
            &of(&|p| p.d.to_string()),
            &of(&|p| format!("{:.4}", p.loss_nats)),
            &cost,
            &format!("{:.0} %", 100.0 * d.best_in),
        ]);
    }
    sheet
}

/// Which input causes which share of the doubt, one quantity a row.
#[must_use]
pub fn spread_sheet(spread: &[Spread]) -> Sheet {
    let mut inputs: Vec<_> = spread.iter().flat_map(|s| &s.shares).map(|s| s.input).collect();
    inputs.sort();
    inputs.dedup();
    let names: Vec<String> = inputs.iter().map(ToString::to_string).collect();
    let columns: Vec<&str> =
        ["doubt about", "SD"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let mut sheet = Sheet::new("share of the doubt that each input causes", &columns);
    for s in spread {
        let (name, sd) = match s.quantity.as_str() {
            "params" => ("N", percent(s.sd)),
            "tokens" => ("D", percent(s.sd)),
            "cost" => ("cost", percent(s.sd)),
            other => (other, format!("{} nats", number(s.sd))),
        };
        let share = |input| {
            let found = s.shares.iter().find(|share| share.input == input);
            found.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", 100.0 * share.in_all))
        };
        let cells = inputs.iter().map(|input| share(*input));
        let sd = sd.trim_start_matches('+').to_owned();
        sheet.rows.push([name.to_owned(), sd].into_iter().chain(cells).collect());
    }
    sheet
}

/// What each choice of size loses when something else is true.
#[must_use]
pub fn regret_sheet(regret: &Regret, aim_is_loss: bool) -> Sheet {
    let unit = if aim_is_loss { "excess cost" } else { "compute thrown away" };
    let title = format!("choosing the size first, over {} states: {unit}", regret.states);
    let columns = ["plan of", "N", "mean", "95th percentile", "worst", "worst if true"];
    let mut sheet = Sheet::new(title, &columns);
    let show = |x: f64| {
        if x.is_finite() {
            percent(x).trim_start_matches('+').to_owned()
        } else {
            "no plan".to_owned()
        }
    };
    for c in regret.choices.iter().chain([&regret.least]) {
        sheet.push([
            &*c.label,
            &c.params.to_string(),
            &show(c.mean),
            &show(c.high),
            &show(c.worst),
            &c.worst_under,
        ]);
    }
    sheet
}

fn ranged(range: &Uncertain, show: impl Fn(f64) -> String) -> String {
    let (low, mid, high) = (show(range.low), show(range.mid), show(range.high));
    if low == high { mid } else { format!("{mid} ({low} to {high})") }
}

/// The run, line by line.
#[must_use]
pub fn recipe_text(r: &Recipe) -> String {
    let s = &r.shape;
    let mut text = "the run\n".to_owned();
    let mut line = |what: &str, value: String| text.push_str(&format!("  {what:16} {value}\n"));
    line(
        "shape",
        format!(
            "{} layers, d_model {}, {} heads of {}, {} KV heads, FFN {} ({} matrices)",
            s.layers, s.d_model, s.heads, s.head_dim, s.kv_heads, s.ffn, s.ffn_matrices
        ),
    );
    if let Some(e) = s.experts {
        line("experts", format!("{} per layer, top {}", e.count, e.top_k));
    }
    let tied = if s.tied_embeddings { "tied" } else { "untied" };
    line("vocabulary", format!("{} tokens, {tied}", s.vocab));
    let exact = |n: f64| format!("{n:.0}");
    let active = if r.active_params == r.params {
        String::new()
    } else {
        format!(", {} active", exact(r.active_params.get()))
    };
    line(
        "parameters",
        format!(
            "{}{active} ({} of what was wanted)",
            exact(r.params.get()),
            format_args!("{:+.2} %", 100.0 * r.size_error)
        ),
    );
    line(
        "FLOPs",
        format!(
            "{} counted at context {}, {:.3} of 6 N D",
            r.train_flops, r.context, r.flops_over_six_nd
        ),
    );
    line("steps", format!("{:.0} of {:.0} tokens", r.steps, r.batch_tokens));
    for advice in &r.advice {
        line(&advice.quantity.to_string(), advice_text(advice));
    }
    if let Some(run) = &r.running {
        let l = &run.layout;
        let expert = if l.expert > 1 { format!(", experts {}", l.expert) } else { String::new() };
        let recompute = if l.recompute { ", layers recomputed" } else { "" };
        line(
            "layout",
            format!(
                "{} devices: tensor {}, pipeline {}, data {}{expert}{recompute}; {:.1} GB each, bubble {:.1} %",
                run.devices,
                l.tensor,
                l.pipeline,
                l.data,
                l.bytes_per_device / 1e9,
                100.0 * l.bubble
            ),
        );
        line("goodput", ranged(&run.goodput, |x| format!("{:.1} %", 100.0 * x)));
        line("days", ranged(&run.days, number));
        line("device-hours", ranged(&run.device_hours, short_count));
        if let Some(usd) = &run.usd {
            line("money", ranged(usd, dollars));
        }
        if let Some(kwh) = &run.kwh {
            line("energy", ranged(kwh, |x| format!("{} MWh", number(x / 1e3))));
        }
    }
    text
}

fn advice_text(advice: &Advice) -> String {
    let show = |x: f64| match advice.quantity {
        Hyper::BatchTokens => short_count(x),
        Hyper::WarmUpSteps => format!("{x:.0}"),
        Hyper::LearningRate => format!("{x:.2e}"),
        Hyper::WeightDecay => number(x),
    };
    let rules: Vec<String> =
        advice.rules.iter().map(|r| format!("{} {}", r.name, show(r.value))).collect();
    format!("{} to {}: {}", show(advice.low), show(advice.high), rules.join(", "))
}

/// A model served in one batch size.
#[derive(Clone, Debug, Serialize)]
pub struct BatchRow {
    /// Memory and times.
    #[serde(flatten)]
    pub served: Served,
    /// Distinct experts a layer reads in a step; zero in a dense model.
    pub experts_reached: f64,
    /// Tokens written per second by the whole group.
    pub tokens_per_s: f64,
    /// USD per million tokens read, where the device has a price.
    pub usd_per_million_input: Option<Uncertain>,
    /// USD per million tokens written.
    pub usd_per_million_output: Option<Uncertain>,
}

/// Serving by batch size.
#[must_use]
pub fn serving_sheet(title: &str, rows: &[BatchRow]) -> Sheet {
    let sparse = rows.iter().any(|r| r.experts_reached > 0.0);
    let mut columns = vec![
        "batch",
        "first token",
        "per token",
        "tokens/s",
        "GB",
        "bound by",
        "$/M in",
        "$/M out",
    ];
    if sparse {
        columns.push("experts read");
        columns.push("weights read");
    }
    let mut sheet = Sheet::new(title, &columns);
    for row in rows {
        let s = &row.served;
        let usd = |x: &Option<Uncertain>| {
            x.as_ref().map_or_else(|| "-".to_owned(), |u| format!("{:.3}", u.mid))
        };
        let mut cells = vec![
            bare_count(s.batch),
            seconds(s.first_token_s),
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
        sheet.rows.push(cells);
    }
    sheet
}

/// A family of iso-loss curves: optimum, wall, and what half and a third of the size cost.
///
/// - `overhead`: C / C_optimum - 1 of a share of the optimal size on a curve; absent past the wall.
#[must_use]
pub fn family_sheet<'a>(
    title: &str,
    curves: impl Iterator<Item = &'a IsoLossCurve>,
    axis: &CostAxis,
    overhead: impl Fn(&IsoLossCurve, f64) -> Option<f64>,
) -> Sheet {
    let columns = ["loss", "N*", "D*", "D*/N*", "cost", "wall", "at N*/2", "at N*/3"];
    let mut sheet = Sheet::new(title, &columns);
    for curve in curves {
        let best = &curve.optimum;
        let smaller =
            |share| overhead(curve, share).map_or_else(|| "past the wall".to_owned(), percent);
        let cost = axis.per_flop * best.train_flops.get();
        sheet.push([
            &format!("{:.4}", curve.loss_nats),
            &best.n.to_string(),
            &best.d.to_string(),
            &number(best.tokens_per_param),
            &if axis.counts { short_count(cost) } else { Flops::new(cost).to_string() },
            &curve.wall_params.to_string(),
            &smaller(0.5),
            &smaller(1.0 / 3.0),
        ]);
    }
    sheet
}
