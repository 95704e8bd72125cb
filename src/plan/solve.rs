//! The plan of one design under one law and one outcome, and what it costs.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::allocation::Plan;
use super::scenario::Scenario;
use super::search::Cap;
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
    /// What a nat is worth, where loss is weighed against serving.
    pub(super) nat_value: Option<f64>,
}

impl Solved<'_> {
    pub(super) fn plan(&self) -> Plan {
        Plan::at(&self.surface, Params::new(self.ln_n.exp()), Tokens::new(self.ln_d.exp()))
    }

    /// What makes one design better than another: less cost for a loss, less loss for a budget.
    ///
    /// Beside a budget of training, serving counts at what a nat is worth.
    pub(super) fn merit(&self, scenario: &Scenario, nat_value: Option<f64>) -> f64 {
        let loss = self.surface.loss_at(self.ln_n, self.ln_d);
        match (scenario.aim, nat_value) {
            (aim, _) if aim.is_loss() => self.cost,
            (_, Some(value)) => loss * value + self.cost,
            _ => loss,
        }
    }
}
