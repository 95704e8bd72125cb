//! A plan in words and tables.

use super::answer::PlanAnswer;
use crate::cost::{Budget, Uncertain, device};
use crate::error::Result;
use crate::plan::{Aim, Currency, Goal, Serving};
use crate::report::{
    across_table, designs_table, proposal_tables, recipe_text, recommendation_text, regret_table,
    spread_table,
};

impl PlanAnswer {
    /// What is planned for, the plans of each law, what drives the uncertainty, and the regret.
    ///
    /// # Errors
    /// [`CostError`](crate::error::CostError) for a device without a peak or a price.
    pub fn text(&self) -> Result<String> {
        let mut text = format!("{}\n", self.headline()?);
        for law in &self.laws {
            for sheet in proposal_tables(&law.proposed) {
                text.push_str(&format!("\n{}", sheet.to_text()));
            }
            if let Some(r) = &law.recommended {
                text.push_str(&format!("\n{}", recommendation_text(r)));
                if r.designs.len() > 1 {
                    text.push_str(&format!("\n{}", designs_table(r).to_text()));
                }
                if !r.spread.is_empty() {
                    text.push_str(&format!("\n{}", spread_table(&r.spread).to_text()));
                }
            }
        }
        for recipe in self.laws.iter().filter_map(|law| law.recipe.as_ref()) {
            text.push_str(&format!("\n{}", recipe_text(recipe)));
        }
        if let Some(r) = &self.across_laws {
            text.push_str(&format!("\n{}", across_table(r).to_text()));
            text.push_str(&format!("\n{}", spread_table(&r.spread).to_text()));
        }
        if let Some(regret) = &self.regret {
            let to_loss = matches!(self.scenario.aim, Aim::Loss(_) | Aim::QualityOf(_));
            text.push_str(&format!("\n{}", regret_table(regret, to_loss).to_text()));
        }
        Ok(text)
    }

    /// Where prices and utilisation come from, where money counts.
    fn prices(&self) -> Result<String> {
        let (scenario, asked) = (&self.scenario, &self.request.scenario);
        if !matches!(scenario.currency, Currency::TrainUsd | Currency::LifetimeUsd) {
            return Ok(String::new());
        }
        let range = |u: &Uncertain| {
            if u.is_known() {
                format!("{}", u.mid)
            } else {
                format!("{} ({} to {})", u.mid, u.low, u.high)
            }
        };
        let dated = |name: &str, given: Option<Uncertain>| -> Result<String> {
            if let Some(given) = given {
                return Ok(format!("${} per {name}-hour as given", range(&given)));
            }
            let device = device(name)?;
            let Ok(price) = device.latest_price() else { return Ok("no price".to_owned()) };
            let (date, source) = (&price.date, &price.source);
            Ok(format!("${} per {}-hour ({date}; {source})", range(&price.range()), device.name))
        };
        let mut text = String::new();
        if let Some(t) = &scenario.training {
            let price = dated(&t.device.name, asked.usd_per_hour)?;
            text.push_str(&format!("\n  training at {price}, MFU {}", range(&t.utilisation)));
        }
        if let (Some(name), Currency::LifetimeUsd) = (&asked.serve_device, scenario.currency) {
            text.push_str(&format!("\n  serving at {}", dated(name, asked.serve_usd_per_hour)?));
        }
        Ok(text)
    }

    fn headline(&self) -> Result<String> {
        let (scenario, asked) = (&self.scenario, &self.request.scenario);
        let goal = match self.goal {
            Goal::Budget(c) => format!("training budget C = {c} FLOPs"),
            Goal::Loss(loss) => format!("target loss {loss} nats per token"),
            Goal::QualityOf(n) => format!("target: the loss of the compute-optimal {n} model"),
        };
        let source = match &self.budget {
            None | Some(Budget::Compute(_)) => String::new(),
            Some(Budget::DeviceTime { gpus, device: name, duration_s, mfu }) => {
                let device = device(name)?;
                format!(
                    "\n  from {gpus} x {} for {} days at MFU {mfu} of {} TFLOP/s dense BF16",
                    device.name,
                    duration_s / 86_400.0,
                    device.peak_flop_per_s()? / 1e12
                )
            }
            Some(Budget::Money { usd, device: name, usd_per_hour, mfu }) => {
                let device = device(name)?;
                let price = match usd_per_hour {
                    Some(price) => format!("${price} per device-hour as given"),
                    None => {
                        let price = device.latest_price()?;
                        let (low, high) = (price.low, price.high);
                        let typical = price.typical();
                        format!(
                            "${typical} per device-hour ({}: ${low} to ${high}, {})",
                            price.date, price.source
                        )
                    }
                };
                format!("\n  from ${usd} on {} at {price}, MFU {mfu}", device.name)
            }
        };
        let served = match asked.served_tokens() {
            Some(t) => format!("\n  {t} tokens served, 2 N FLOPs each"),
            None => String::new(),
        };
        let lifetime = matches!(scenario.currency, Currency::LifetimeFlops | Currency::LifetimeUsd);
        let shared = if lifetime && matches!(scenario.aim, Aim::Budget(_)) {
            "\n  one budget for training and serving: the strategies spend all of it on training, the recommended plan divides it"
        } else {
            ""
        };
        let machines = match (&scenario.serving, asked.serve_device.is_some()) {
            (Some(Serving::Physics { deployment, .. }), true) => format!(
                "\n  served on groups of {} x {}, requests of {} tokens in and {} out",
                deployment.devices, deployment.device.name, asked.prompt, asked.answer
            ),
            _ => String::new(),
        };
        Ok(format!("{goal}{source}{served}{shared}{machines}{}", self.prices()?))
    }
}
