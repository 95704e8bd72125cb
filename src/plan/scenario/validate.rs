//! Whether the parts of a scenario fit each other.

use super::aim::{Aim, Currency};
use super::limits::{DataLimit, MemoryLimit};
use super::machines::{Demand, Serving, Training};
use super::question::Scenario;
use crate::cost::{BatchSize, Uncertain};
use crate::error::{CostError, PlanError, Result};
use crate::plan::allocation::{check_budget, check_params, check_tokens};
use crate::units::Flops;

impl Scenario {
    /// Checks that the parts are complete and fit each other.
    ///
    /// # Errors
    /// [`PlanError`] naming the part that is missing, and the errors of the parts themselves.
    pub fn validate(&self) -> Result<()> {
        match self.aim {
            Aim::TrainFlops(c) => check_budget(c)?,
            Aim::Lifetime(c) if !self.currency.is_money() => check_budget(Flops::new(c))?,
            Aim::TrainUsd(usd) | Aim::Lifetime(usd) => Uncertain::known(usd).validate("usd")?,
            Aim::Loss(loss) if loss.is_finite() && loss > 0.0 => {}
            Aim::Loss(found) => return Err(PlanError::Loss { found }.into()),
            Aim::QualityOf(n) | Aim::OfSize(n) => check_params(n)?,
            Aim::MachineTime => self.check_machine_time()?,
        }
        if self.designs.is_empty() {
            return Err(PlanError::NoDesign.into());
        }
        for design in &self.designs {
            design.pattern.validate()?;
            let (experts, top_k) = (design.experts(), design.top_k());
            if experts > 1.0 && top_k >= experts {
                return Err(PlanError::AllExperts { experts, top_k }.into());
            }
            Uncertain::known(design.granularity).validate("granularity")?;
        }
        let priced = self.training.as_ref().is_some_and(|t| t.usd_per_hour.is_some());
        if (self.currency.is_money() || matches!(self.aim, Aim::TrainUsd(_))) && !priced {
            return Err(PlanError::NoTrainingPrice.into());
        }
        if self.currency.counts_serving() && self.demand.is_none() {
            return Err(PlanError::NoDemand.into());
        }
        if self.currency == Currency::LifetimeUsd && self.serving.is_none() {
            return Err(PlanError::NoServingDevice.into());
        }
        if let Some(training) = &self.training {
            check_training(training)?;
        }
        if let Some(serving) = &self.serving {
            check_serving(serving, self.currency)?;
        }
        if let Some(memory) = &self.memory {
            check_memory(memory)?;
        }
        if let Some(demand) = &self.demand {
            check_demand(demand)?;
        }
        if let Some(data) = &self.data {
            check_data(data)?;
        }
        self.max_params.map_or(Ok(()), check_params)?;
        self.nat_value.map_or(Ok(()), |value| Uncertain::known(value).validate("nat_value"))?;
        Ok(())
    }

    fn check_machine_time(&self) -> Result<(), PlanError> {
        let missing = match &self.training {
            None => "no device is given",
            Some(t) if t.devices.is_none() => "the number of devices is not given",
            Some(t) if t.duration_s.is_none() => "the time is not given",
            Some(_) => return Ok(()),
        };
        Err(PlanError::NoMachineTime { missing })
    }
}

fn check_training(t: &Training) -> Result<()> {
    t.utilisation.validate("mfu")?;
    if t.utilisation.high > 1.0 {
        let expected = "a share of the dense peak, at most 1 (0.4 for 40 %)";
        return Err(CostError::Field { field: "mfu", found: t.utilisation.high, expected }.into());
    }
    t.device.peak_flop_per_s()?;
    if t.usd_per_kwh.is_some() && t.kilowatt().is_none() {
        return Err(CostError::NoPower { name: t.device.name.clone() }.into());
    }
    for (field, price) in [("usd_per_hour", t.usd_per_hour), ("usd_per_kwh", t.usd_per_kwh)] {
        price.map_or(Ok(()), |p| p.validate(field))?;
    }
    for (field, x) in [("devices", t.devices), ("days", t.duration_s)] {
        x.map_or(Ok(()), |x| Uncertain::known(x).validate(field))?;
    }
    Ok(())
}

fn check_serving(serving: &Serving, currency: Currency) -> Result<()> {
    let Serving::Physics { deployment, batch, usd_per_hour, .. } = serving else { return Ok(()) };
    deployment.validate()?;
    let (BatchSize::Fixed(most) | BatchSize::Largest(most)) = *batch;
    Uncertain::known(most).validate("batch")?;
    if currency == Currency::LifetimeUsd && usd_per_hour.is_none() {
        let device = deployment.device.name.clone();
        return Err(PlanError::NoServingPrice { device }.into());
    }
    Ok(())
}

fn check_memory(m: &MemoryLimit) -> Result<(), CostError> {
    for (field, x) in [("memory", m.bytes), ("weight_bits", m.weight_bits), ("kv_bits", m.kv_bits)]
    {
        Uncertain::known(x).validate(field)?;
    }
    Ok(())
}

fn check_demand(d: &Demand) -> Result<(), CostError> {
    d.requests.validate("requests")?;
    Uncertain::known(d.request.prompt).validate("prompt")?;
    Uncertain::known(d.request.answer).validate("answer")
}

fn check_data(d: &DataLimit) -> Result<(), PlanError> {
    check_tokens(d.unique)?;
    let found = d.max_epochs;
    let ok = found.is_finite() && found >= 1.0;
    if ok { Ok(()) } else { Err(PlanError::Epochs { found }) }
}
