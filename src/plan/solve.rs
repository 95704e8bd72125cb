//! The plan of one design under one law and one outcome, and what it costs.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::allocation::Plan;
use super::scenario::{Aim, Circumstances, Design, Scenario, SizeCaps};
use super::search::Cap;
use crate::error::Result;
use crate::law::Surface;
use crate::units::{Params, Tokens};

/// What a plan costs besides FLOPs; absent where the scenario does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// Money for training, USD.
    pub train_usd: Option<f64>,
    /// Money for serving the whole demand, USD.
    pub serve_usd: Option<f64>,
    /// Both.
    pub total_usd: Option<f64>,
    /// Billed device-hours of training.
    pub train_device_hours: Option<f64>,
    /// Calendar days of training on the devices there are.
    pub train_days: Option<f64>,
    /// Energy of training, kWh, the site's overhead included.
    pub train_kwh: Option<f64>,
}

/// The plan of one design, as [`Scenario`] finds it.
pub(super) struct Solved<'a> {
    pub(super) law: &'a Surface,
    pub(super) surface: Cow<'a, Surface>,
    pub(super) ln_n: f64,
    pub(super) ln_d: f64,
    pub(super) at_cap: Option<Cap>,
    pub(super) cost: f64,
}

pub(super) fn solve<'a>(
    scenario: &Scenario,
    design: &Design,
    law: &'a Surface,
    caps: &SizeCaps,
    now: &Circumstances,
) -> Result<Solved<'a>> {
    let surface = scenario.ask(law, design)?;
    let best = scenario.solve(law, &surface, design, caps, now)?;
    let (ln_n, ln_d) = (best.ln_n, best.ln_d);
    let cost = scenario.cost(design, surface.params, now, ln_n, ln_d);
    Ok(Solved { law, surface, ln_n, ln_d, at_cap: best.at_cap, cost })
}

impl Solved<'_> {
    pub(super) fn plan(&self) -> Plan {
        Plan::at(&self.surface, Params::new(self.ln_n.exp()), Tokens::new(self.ln_d.exp()))
    }

    /// What makes one design better than another: less cost for a loss, less loss for a budget.
    pub(super) fn merit(&self, aim: Aim) -> f64 {
        match aim {
            Aim::Loss(_) | Aim::QualityOf(_) => self.cost,
            Aim::Budget(_) | Aim::MachineTime => self.surface.loss_at(self.ln_n, self.ln_d),
        }
    }
}

/// Everything a plan costs in one outcome.
pub(super) fn costs(
    scenario: &Scenario,
    design: &Design,
    surface: &Surface,
    now: &Circumstances,
    ln_n: f64,
    ln_d: f64,
) -> Costs {
    let flops = 6.0 * (ln_n + ln_d).exp();
    let mut costs = Costs::default();
    if let Some(t) = &scenario.training {
        let peak = t.device.bf16_dense_tflop_per_s.map_or(f64::NAN, |p| p * 1e12);
        let hours = flops / (peak * now.utilisation) / 3600.0;
        costs.train_device_hours = Some(hours);
        costs.train_days = t.devices.map(|devices| hours / devices / 24.0);
        costs.train_kwh = t.kilowatt().map(|kw| kw * hours);
        costs.train_usd = t.usd_per_hour.map(|_| flops * t.usd_per_flop(now));
    }
    costs.serve_usd = scenario.serve_usd(design, surface.params, now, ln_n);
    costs.total_usd = costs.train_usd.map(|train| train + costs.serve_usd.unwrap_or(0.0));
    costs
}
