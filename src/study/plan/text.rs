//! A plan in words and tables.

use super::answer::PlanAnswer;
use crate::cost::{Uncertain, device};
use crate::error::Result;
use crate::plan::{Aim, Currency, Serving};
use crate::report::{
    Detail, Text, across_table, advice_text, designs_table, dollars, every_row_table, plan_tables,
    recipe_text, recommendation_text, refused_designs_text, regret_table, serving_frontier_table,
    spread_table, what_if_table,
};
use crate::units::Flops;

impl PlanAnswer {
    /// The answer in three lines, the plan beside the same question with fewer constraints, and what it
    /// was made for; with `verbose` every row, and what drives the uncertainty.
    ///
    /// # Errors
    /// [`CostError`](crate::error::CostError) for a device without a peak or a price.
    pub fn text(&self) -> Result<Text> {
        let verbose = self.request.verbose;
        let mut text = self.advice();
        for law in &self.laws {
            let r = &law.recommended;
            for sheet in plan_tables(&law.rows, Detail::Short) {
                text.apart(sheet);
            }
            if verbose {
                text.apart(every_row_table(&law.rows));
            }
            if !r.frontier.is_empty() {
                let sheet = serving_frontier_table(&r.frontier, r.currency);
                text.apart(sheet);
            }
            let takes = recommendation_text(r);
            let first = r.law == self.laws[0].recommended.law;
            if !takes.is_empty() && (verbose || first && r.served.is_some()) {
                text.apart(takes);
            }
            if r.designs.len() > 1 {
                text.apart(designs_table(r));
                text.push_str(&refused_designs_text(r));
            }
            if !law.what_if.is_empty() {
                text.apart(what_if_table(&law.what_if));
            }
            if verbose && !r.spread.is_empty() {
                text.apart(spread_table(&r.spread));
            }
        }
        for recipe in self.laws.iter().filter_map(|law| law.recipe.as_ref()) {
            text.apart(recipe_text(recipe));
        }
        if let Some(r) = &self.across_laws {
            text.apart(across_table(r));
            if verbose {
                text.apart(spread_table(&r.spread));
            }
        }
        if let Some(regret) = self.regret.as_ref().filter(|_| verbose || self.laws.len() > 1) {
            let sheet = regret_table(regret, self.scenario.aim.is_loss());
            text.apart(sheet);
        }
        text.apart(self.premises()?);
        Ok(text)
    }

    /// The answer in three lines.
    #[must_use]
    pub fn advice(&self) -> Text {
        let Some((first, rivals)) = self.laws.split_first() else { return Text::default() };
        let rivals: Vec<_> = rivals.iter().map(|law| &law.recommended).collect();
        advice_text(&first.recommended, &rivals, self.regret.as_ref(), &self.scenario)
    }

    /// What the plan was made for, a line a premise.
    pub(in crate::study) fn premises(&self) -> Result<String> {
        let (scenario, asked) = (&self.scenario, &self.request.scenario);
        let mut lines = vec![match self.goal {
            Aim::TrainFlops(c) => format!("asked: the lowest loss for {c} training FLOPs"),
            Aim::TrainUsd(usd) => {
                format!("asked: the lowest loss for {} of training", dollars(usd))
            }
            Aim::MachineTime => {
                "asked: the lowest loss the machines reach in their time".to_owned()
            }
            Aim::Lifetime(usd) if scenario.currency.is_money() => {
                format!("asked: the lowest loss for {} of training and serving", dollars(usd))
            }
            Aim::Lifetime(c) => {
                format!("asked: the lowest loss for {} FLOPs of both phases", Flops::new(c))
            }
            Aim::Loss(loss) => format!("asked: a loss of {loss} nats per token"),
            Aim::QualityOf(n) => format!("asked: the loss of the compute-optimal {n} model"),
            Aim::OfSize(n) => format!("asked: how many tokens for {n} parameters"),
        }];
        if let Some(t) = &scenario.training {
            let name = &t.device.name;
            let machines = match (t.devices, t.duration_s) {
                (Some(devices), Some(s)) => {
                    format!("{devices} x {name} for {} days", digits(s / 86_400.0))
                }
                (Some(devices), None) => format!("{devices} x {name}"),
                _ => name.clone(),
            };
            let peak = t.device.peak_flop_per_s()? / 1e12;
            lines.push(format!(
                "training: {machines}, MFU {} of {peak} TFLOP/s dense BF16 per paid hour{}",
                range(&t.utilisation),
                price(&t.device.name, t.usd_per_hour, asked.usd_per_hour)?
            ));
        }
        if let Some(tokens) = asked.served_tokens() {
            let (prompt, answer) = (asked.prompt, asked.answer);
            let counted = match scenario.currency {
                Currency::LifetimeUsd => "counted in dollars",
                Currency::LifetimeFlops => "counted as 2 N FLOPs per token",
                Currency::TrainFlops | Currency::TrainUsd => "not counted in the choice",
            };
            lines.push(format!(
                "served: {tokens} tokens, {counted}; requests of {prompt} tokens in, {answer} out"
            ));
        }
        match (&scenario.serving, &asked.serve_device) {
            (Some(Serving::Physics { deployment, usd_per_hour, .. }), Some(_)) => {
                let name = &deployment.device.name;
                // The same price is told once.
                let trained = scenario
                    .training
                    .as_ref()
                    .is_some_and(|t| t.device.name == *name && t.usd_per_hour == *usd_per_hour);
                let price = if trained {
                    " at the price of training".to_owned()
                } else {
                    price(name, *usd_per_hour, asked.serve_usd_per_hour)?
                };
                lines.push(format!("serving: groups of {} x {name}{price}", deployment.devices));
            }
            (Some(Serving::Utilisation { usd_per_hour, .. }), Some(name)) => {
                let price = price(name, Some(*usd_per_hour), asked.serve_usd_per_hour)?;
                lines.push(format!("serving: {name}, priced by utilisation{price}"));
            }
            _ => {}
        }
        Ok(lines.join("\n") + "\n")
    }
}

/// A price with its date and source; nothing where there is none.
fn price(name: &str, price: Option<Uncertain>, given: Option<Uncertain>) -> Result<String> {
    let Some(price) = price else { return Ok(String::new()) };
    let source = match (given, device(name)?.latest_price()) {
        (Some(_), _) => "as given".to_owned(),
        (None, Ok(known)) => format!("{}: {}", known.date, known.source),
        (None, Err(_)) => "as given".to_owned(),
    };
    Ok(format!(", ${} per device-hour ({source})", range(&price)))
}

/// A quantity with its range, where the range reads differently.
fn range(u: &Uncertain) -> String {
    let (low, mid, high) = (digits(u.low), digits(u.mid), digits(u.high));
    if low == high { mid } else { format!("{mid} ({low} to {high})") }
}

/// Three digits, without trailing zeros: prices and shares.
fn digits(x: f64) -> String {
    let decimals = (2.0 - x.abs().log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{x:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
