//! The answer of a plan in three lines: what to train, what it costs, what would change it.

use super::number::{dollars, flops, loss, number, percent, with_interval};
use super::text::Text;
use crate::plan::{Aim, Input, Recommendation, Regret, Scenario, Spread};
use crate::units::{Tokens, short_count};

/// Factor beyond the runs of a law from which its plan is no plan.
const FAR_BEYOND: f64 = 100.0;

/// A label and a paragraph that hangs beside it.
pub(super) fn hanging(label: &str, text: &str) -> String {
    format!("{label:<7} {text}\n")
}

/// The answer of the first law; `rivals` are the plans of the others.
#[must_use]
pub fn advice_text(
    best: &Recommendation,
    rivals: &[&Recommendation],
    regret: Option<&Regret>,
    scenario: &Scenario,
) -> Text {
    let mut text = Text::default();
    caveats(best, scenario).iter().for_each(|says| text.push_str(&hanging("first", says)));
    text.push_str(&hanging("train", &what(best)));
    text.push_str(&hanging("cost", &price(best, scenario)));
    let change = change(best, rivals, regret, scenario);
    if !change.is_empty() {
        text.push_str(&hanging("change", &change));
    }
    text
}

/// What to know before the answer: a plan pressed against a limit, a law far from its runs.
pub(super) fn caveats(best: &Recommendation, scenario: &Scenario) -> Vec<String> {
    let mut says = Vec::new();
    if let Some(n) = &best.neighbour {
        let served = if scenario.currency.counts_serving() { "" } else { " to serve" };
        let alone =
            n.batches.filter(|(own, _)| *own < 2.0).map_or(String::new(), |(own, other)| {
                format!("; this plan serves {own:.0} request at a time, that one {other:.0}")
            });
        says.push(format!(
            "{} on {} tokens cost {} as much{served} for {:.4} nats more ({} of the loss above the floor){alone}. A limit presses the plan below; relax it or take the smaller model.",
            n.plan.n,
            n.plan.d,
            share(n.cost_ratio),
            n.plan.loss_nats - best.plan.loss_nats,
            share(n.loss_share),
        ));
    }
    let farthest = best.outside.iter().max_by(|a, b| a.1.total_cmp(b.1));
    if let Some((quantity, factor)) = farthest.filter(|(_, factor)| **factor > FAR_BEYOND) {
        says.push(format!(
            "{quantity} lies {factor:.0} times beyond the runs of {}: what follows is the law's arithmetic, not a plan to pay for.",
            best.law
        ));
    }
    says
}

/// A share in percent, with more digits where it is small.
fn share(x: f64) -> String {
    let digits = if x < 0.01 { 2 } else { usize::from(x < 0.1) };
    format!("{:.digits$} %", 100.0 * x)
}

fn what(r: &Recommendation) -> String {
    let interval = |name: &str| r.intervals.get(name);
    let n = with_interval(r.plan.n.get(), short_count, interval("params"));
    let d = with_interval(r.plan.d.get(), short_count, interval("tokens"));
    let design = match r.design.as_str() {
        "dense" => String::new(),
        other => format!(" ({other}; {} stored)", r.total_params),
    };
    let seen = seen(r);
    let seen = if seen.is_empty() { seen } else { format!(", {seen}") };
    format!("{n} parameters{design} on {d} tokens{seen}: {}", quality(r))
}

/// How often each token is seen.
pub(super) fn seen(r: &Recommendation) -> String {
    match (r.epochs, r.effective_tokens) {
        (Some(e), Some(worth)) => format!("{} epochs worth {worth} tokens seen once", number(e)),
        (Some(e), None) if e > 1.0 => format!("{} epochs", number(e)),
        (Some(_), _) => "each seen once".to_owned(),
        (None, _) => String::new(),
    }
}

/// Tokens per parameter and the loss, with the law they are under.
pub(super) fn quality(r: &Recommendation) -> String {
    let nats = with_interval(r.plan.loss_nats, loss, r.intervals.get("loss"));
    let ratio = number(r.plan.tokens_per_param);
    format!("{ratio} tokens per parameter, loss {nats} {}, under {}", r.plan.loss_unit, r.law)
}

/// What the plan costs, and what limits it.
pub(super) fn price(r: &Recommendation, scenario: &Scenario) -> String {
    let interval = |name: &str| r.intervals.get(name);
    let served = scenario.demand.filter(|d| d.requests.high > 1.0).map(|d| {
        let each = d.request.prompt + d.request.answer;
        d.requests.map(|k| k * each)
    });
    let tokens = served.map(|t| {
        let (low, high) = (Tokens::new(t.low), Tokens::new(t.high));
        if t.is_known() { format!("{high} tokens") } else { format!("{low} to {high} tokens") }
    });
    let costs = &r.costs;
    let mut text = match costs.train_usd {
        Some(usd) => format!("{} to train", with_interval(usd, dollars, interval("train_usd"))),
        None => format!("{} FLOPs to train", flops(r.plan.train_flops.get())),
    };
    match (costs.serve_usd, tokens) {
        (Some(usd), Some(tokens)) => {
            let usd = with_interval(usd, dollars, interval("serve_usd"));
            text.push_str(&format!(" and {usd} to serve {tokens}"));
        }
        (None, Some(tokens)) => {
            let total = served.map_or(0.0, |t| t.mid);
            let serve = flops(2.0 * r.plan.n.get() * total);
            text.push_str(&format!(" and {serve} FLOPs to serve {tokens}"));
        }
        _ => {}
    }
    if let Some(days) = costs.train_days {
        text.push_str(&format!("; {} days", with_interval(days, number, interval("train_days"))));
    }
    let limit = match (&r.limited_by, scenario.aim) {
        (Some(limit), _) => limit.clone(),
        (None, Aim::MachineTime) => "the machines and their time".to_owned(),
        (None, aim) if aim.is_training_budget() => "the training budget".to_owned(),
        (None, Aim::Lifetime(_)) => "the budget of training and serving".to_owned(),
        (None, Aim::OfSize(_)) => "the size".to_owned(),
        (None, _) => "nothing but the target".to_owned(),
    };
    text.push_str(&format!("; limited by {limit}"));
    text
}

/// What would change the plan.
pub(super) fn change(
    r: &Recommendation,
    rivals: &[&Recommendation],
    regret: Option<&Regret>,
    scenario: &Scenario,
) -> String {
    let mut parts = Vec::new();
    if let Some(doubt) = largest_doubt(&r.spread) {
        parts.push(doubt);
    }
    if let Some(value) = r.nat_value {
        let value = if scenario.currency.counts_serving() && r.costs.serve_usd.is_some() {
            dollars(value)
        } else {
            format!("{} FLOPs", flops(value))
        };
        let source = if scenario.nat_value.is_some() {
            "as given"
        } else {
            "what it costs in training at the optimum"
        };
        parts.push(format!("a nat per token is worth {value} ({source})"));
    }
    for rival in rivals {
        parts
            .push(format!("{} would train {} on {} tokens", rival.law, rival.plan.n, rival.plan.d));
    }
    if let (Some(regret), false) = (regret, rivals.is_empty())
        && regret.least.worst.is_finite()
    {
        parts.push(format!(
            "{} loses least whichever law is true (at most {})",
            regret.least.params,
            percent(regret.least.worst).trim_start_matches('+')
        ));
    }
    if r.intervals.is_empty() && rivals.is_empty() {
        parts.push(format!(
            "only the law is in doubt, and {} is published without the draws an interval needs: compare a rival",
            r.law
        ));
    }
    parts.join("; ")
}

/// The input behind most of the doubt about the size, or about the cost where the size is certain.
fn largest_doubt(spread: &[Spread]) -> Option<String> {
    let of = |quantity: &str| spread.iter().find(|s| s.quantity == quantity && s.sd > 0.01);
    let (name, found) = [("N", "params"), ("D", "tokens"), ("the cost", "cost")]
        .into_iter()
        .find_map(|(name, quantity)| Some((name, of(quantity)?)))?;
    let largest = found.shares.first()?;
    let input = match largest.input {
        Input::Law => "the law".to_owned(),
        other => other.to_string(),
    };
    Some(format!("{input} is {:.0} % of the doubt about {name}", 100.0 * largest.in_all))
}
