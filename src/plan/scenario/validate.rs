//! Whether the parts of a scenario fit each other.

use super::{Aim, Currency, Scenario, Serving, Training};
use crate::cost::{Batch, Uncertain};
use crate::error::{CostError, PlanError, Result};
use crate::plan::allocation::{check_budget, check_params, check_tokens};
use crate::units::Flops;

impl Scenario {
    /// Checks that the parts fit each other.
    ///
    /// # Errors
    /// [`PlanError::Inputs`] naming what is missing and how to give it, and those of the parts.
    pub fn validate(&self) -> Result<()> {
        let missing = |problem: &str, mend| -> Result<()> {
            Err(PlanError::Inputs { problem: problem.to_owned(), mend }.into())
        };
        match self.aim {
            Aim::Budget(c) if !self.currency.is_money() => check_budget(Flops::new(c))?,
            Aim::Budget(usd) => Uncertain::known(usd).validate("usd")?,
            Aim::Loss(loss) => {
                if !(loss.is_finite() && loss > 0.0) {
                    return missing("a loss that is no number above zero", "give --loss 2.0");
                }
            }
            Aim::QualityOf(n) => check_params(n)?,
            Aim::MachineTime => {
                let limited = |t: &Training| t.devices.is_some() && t.duration_s.is_some();
                if !self.training.as_ref().is_some_and(limited) {
                    return missing("no machines", "give --gpus, --device and --days");
                }
            }
        }
        for design in &self.designs {
            design.pattern.validate()?;
        }
        if self.designs.is_empty() {
            return missing("no design", "give --experts 1 for a dense model");
        }
        if self.currency.is_money()
            && self.training.as_ref().is_none_or(|t| t.usd_per_hour.is_none())
        {
            return missing(
                "money counts, but training has no price",
                "give --device, and --usd-per-hour where none is on record",
            );
        }
        if self.currency.counts_serving() && self.demand.is_none() {
            return missing(
                "serving counts, but nothing is served",
                "give --serve-tokens or --requests",
            );
        }
        if self.currency == Currency::LifetimeUsd && self.serving.is_none() {
            return missing("serving costs money, but has no machines", "give --serve-device");
        }
        if let Some(t) = &self.training {
            t.utilisation.validate("mfu")?;
            if t.utilisation.high > 1.0 {
                let wanted = "a share of the dense peak, at most 1 (0.4 for 40 %)";
                let found = t.utilisation.high;
                return Err(CostError::Field { field: "mfu", found, wanted }.into());
            }
            t.device.peak_flop_per_s()?;
            if t.usd_per_kwh.is_some() && t.kilowatt().is_none() {
                return Err(CostError::NoPower { name: t.device.name.clone() }.into());
            }
            for (name, price) in [("usd-per-hour", t.usd_per_hour), ("usd-per-kwh", t.usd_per_kwh)]
            {
                price.map_or(Ok(()), |p| p.validate(name))?;
            }
            for (name, x) in [("gpus", t.devices), ("days", t.duration_s)] {
                x.map_or(Ok(()), |x| Uncertain::known(x).validate(name))?;
            }
        }
        if let Some(Serving::Physics { deployment, batch, usd_per_hour, .. }) = &self.serving {
            deployment.validate()?;
            let (Batch::Fixed(most) | Batch::Largest(most)) = *batch;
            Uncertain::known(most).validate("batch")?;
            if self.currency == Currency::LifetimeUsd && usd_per_hour.is_none() {
                return missing(
                    "serving costs money, but its device has no price on record",
                    "give --serve-usd-per-hour",
                );
            }
        }
        if let Some(m) = &self.memory {
            for (name, x) in
                [("memory", m.bytes), ("weight-bits", m.weight_bits), ("kv-bits", m.kv_bits)]
            {
                Uncertain::known(x).validate(name)?;
            }
        }
        if let Some(d) = &self.demand {
            d.requests.validate("requests")?;
            Uncertain::known(d.request.prompt).validate("prompt")?;
            Uncertain::known(d.request.answer).validate("answer")?;
        }
        if let Some(d) = &self.data {
            check_tokens(d.unique)?;
            if !(d.max_epochs.is_finite() && d.max_epochs >= 1.0) {
                return missing("fewer than one epoch", "give --max-epochs 1 or more");
            }
        }
        self.max_params.map_or(Ok(()), check_params)?;
        Ok(())
    }
}
