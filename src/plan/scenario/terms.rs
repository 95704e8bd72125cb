//! A scenario under one law and one outcome: the law in its setting, prices and budgets.

use std::borrow::Cow;

use super::aim::Aim;
use super::design::Design;
use super::input::Circumstances;
use super::machines::Serving;
use super::question::Scenario;
use crate::error::{PlanError, Result};
use crate::law::{Factor, Surface};
use crate::plan::optimum::optimum_of_size;
use crate::units::{ParamRule, Params, Setting, Tokens};

/// Factor outside the experts, or their granularity, a law saw from which it is not asked.
const FAR_OUTSIDE: f64 = 4.0;

impl Scenario {
    /// A law in the setting of a design: its experts, the data there is, the bits it is served in, each
    /// where the law has such a term.
    ///
    /// # Errors
    /// [`PlanError::NoTradeOff`] for a law that does not look at both N and D, [`PlanError::DenseLaw`] for
    /// experts under a law of dense models, [`PlanError::OtherExperts`] for another number than a law of one
    /// number was fitted with, [`PlanError::StoredLaw`] for a law whose N counts every expert,
    /// [`PlanError::ExpertsOutside`] and [`PlanError::GranularityOutside`] for more than four times outside
    /// what the law saw, [`PlanError::CoarseLaw`] for a granularity under a law without.
    pub fn ask<'a>(
        &self,
        surface: &'a Surface,
        design: &Design,
        now: &Circumstances,
    ) -> Result<Cow<'a, Surface>> {
        let knows = |factor| surface.law().factors().contains(&factor);
        let mut setting = surface.setting;
        let mut asked = Cow::Borrowed(surface);
        let law = || surface.label.clone();
        let experts = design.experts();
        if !surface.law().has_optimum() {
            let depends_on = surface.law().factors().iter().map(ToString::to_string).collect();
            return Err(PlanError::NoTradeOff { law: law(), depends_on }.into());
        }
        let fitted = setting.experts;
        if surface.params == ParamRule::All
            && (fitted > 1.0 || (experts > 1.0 && knows(Factor::Sparsity)))
        {
            return Err(PlanError::StoredLaw { law: law() }.into());
        }
        if knows(Factor::Sparsity) {
            setting.sparsity = 1.0 - design.top_k() / experts;
        } else if !knows(Factor::Experts) && fitted != experts {
            return Err(match fitted > 1.0 {
                true => PlanError::OtherExperts { law: law(), asked: experts, fitted }.into(),
                false => PlanError::DenseLaw { law: law() }.into(),
            });
        }
        if let Some(range) = surface.support.experts.filter(|_| experts > 1.0)
            && range.factor_outside(experts) > FAR_OUTSIDE
        {
            let (asked, lo, hi) = (experts, range.lo, range.hi);
            return Err(PlanError::ExpertsOutside { law: law(), asked, lo, hi }.into());
        }
        if knows(Factor::Experts) {
            setting.experts = experts;
        }
        if design.granularity != 1.0 && !knows(Factor::Granularity) {
            return Err(PlanError::CoarseLaw { law: law() }.into());
        }
        if knows(Factor::Granularity) {
            setting.granularity = design.granularity;
        }
        if let Some(range) = surface.support.granularity
            && range.factor_outside(setting.granularity) > FAR_OUTSIDE
        {
            let (asked, lo, hi) = (setting.granularity, range.lo, range.hi);
            return Err(PlanError::GranularityOutside { law: law(), asked, lo, hi }.into());
        }
        // Experts change the powers that repetition is put around, so they come first.
        // Data that is never shown twice needs no law of repetition.
        let repeated = self.data.filter(|d| d.max_epochs > 1.0 || knows(Factor::UniqueTokens));
        let repeating = repeated.and_then(|d| {
            let (rd, rn) = d.repetition_at(now.repetition);
            surface.within(setting).with_repetition(rd, rn)
        });
        let repeating = repeating.map(|law| self.doubted(law, now));
        if let (Some(data), Some(repeating)) = (self.data, repeating) {
            asked = Cow::Owned(repeating);
            setting.unique = Some(data.unique);
        }
        if let (true, Some(bits)) = (knows(Factor::Precision), self.served_bits()) {
            setting.served_bits = Some(bits);
        }
        if setting != surface.setting || matches!(asked, Cow::Owned(_)) {
            asked = Cow::Owned(asked.within(setting));
        }
        Ok(asked)
    }

    /// A published law of repetition with its constants moved towards their rivals; a fit of one's own
    /// has draws for that.
    fn doubted(&self, surface: Surface, now: &Circumstances) -> Surface {
        let Some(data) = self.data.filter(|_| now.repetition > 0.0) else { return surface };
        let coefs = surface.law().coefs();
        let at = |name: &str| coefs.iter().position(|c| c.name == name);
        let (Some(i), Some(j)) = (at("RD"), at("RN")) else { return surface };
        let mut theta = surface.theta().to_vec();
        if (theta[i], theta[j]) != data.repetition {
            return surface;
        }
        (theta[i], theta[j]) = data.repetition_at(now.repetition);
        surface.with_theta(theta)
    }

    /// Bits per weight in serving, where fewer than training's.
    fn served_bits(&self) -> Option<f64> {
        let deployed = match &self.serving {
            Some(Serving::Physics { deployment, .. }) => Some(deployment.weight_bits),
            _ => None,
        };
        deployed.or(self.memory.map(|m| m.weight_bits)).filter(|bits| *bits < 16.0)
    }

    /// Cost of one training FLOP in the currency.
    pub(in crate::plan) fn train_per_flop(&self, now: &Circumstances) -> f64 {
        match (&self.training, self.currency.is_money()) {
            (Some(t), true) => t.usd_per_flop(now),
            _ => 1.0,
        }
    }

    /// The training FLOPs of a budget of training; `None` for other aims.
    pub(in crate::plan) fn train_budget(&self, now: &Circumstances) -> Option<f64> {
        match self.aim {
            Aim::TrainFlops(c) => Some(c.get()),
            Aim::TrainUsd(usd) => Some(usd / self.training.as_ref()?.usd_per_flop(now)),
            Aim::MachineTime => self.machine_flops(now),
            Aim::Lifetime(_) | Aim::Loss(_) | Aim::QualityOf(_) | Aim::OfSize(_) => None,
        }
    }

    /// ln of the most tokens the data allows: all epochs under a law with repetition, one under another;
    /// infinite without a limit.
    pub(in crate::plan) fn ln_d_limit(&self, surface: &Surface) -> f64 {
        self.data.map_or(f64::INFINITY, |d| {
            let repeats = surface.setting.unique.is_some();
            d.unique.ln() + if repeats { d.max_epochs.ln() } else { 0.0 }
        })
    }

    /// Training FLOPs the machines can do in their time, where both are limited.
    pub(in crate::plan) fn machine_flops(&self, now: &Circumstances) -> Option<f64> {
        let t = self.training.as_ref()?;
        let peak = t.device.bf16_dense_tflop_per_s? * 1e12;
        Some(t.devices? * t.duration_s? * peak * now.utilisation)
    }

    /// Tokens read and written over the model's life.
    pub(in crate::plan) fn served_tokens(&self, now: &Circumstances) -> Tokens {
        self.demand.map_or(Tokens::new(0.0), |d| d.workload(now.requests).total())
    }

    /// The loss of the aim; `None` where it is not one.
    pub(in crate::plan) fn target_loss(&self, law: &Surface) -> Option<f64> {
        match self.aim {
            Aim::Loss(loss) => Some(loss),
            Aim::QualityOf(n) => quality(law, n).ok(),
            _ => None,
        }
    }
}

/// The loss of the compute-optimal dense model of this size on data seen once, whatever the design and
/// the data of the plan are.
pub(in crate::plan) fn quality(law: &Surface, n: Params) -> Result<f64> {
    let setting = Setting { experts: 1.0, unique: None, served_bits: None, ..law.setting };
    Ok(optimum_of_size(&law.within(setting), n)?.loss_nats)
}
