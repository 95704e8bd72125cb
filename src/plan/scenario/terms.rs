//! A scenario under one law and one outcome: the prices and limits of the search.

use std::borrow::Cow;

use super::aim::{Aim, Currency};
use super::design::Design;
use super::input::Circumstances;
use super::machines::Serving;
use super::question::Scenario;
use super::size::SizeCaps;
use crate::error::{PlanError, Result};
use crate::law::{Factor, Surface};
use crate::plan::allocation::check_loss;
use crate::plan::isoloss::ln_d_for_loss;
use crate::plan::optimum::optimum_of_size;
use crate::plan::search::{BestPoint, Caps, Terms, least_cost, lowest_loss};
use crate::units::{ParamRule, Params, Setting};

impl Scenario {
    /// A law in the setting of a design: its experts, the data there is, the bits it is served in, each
    /// where the law has such a term.
    ///
    /// # Errors
    /// [`PlanError::DenseLaw`] for experts under a law of dense models.
    pub fn ask<'a>(&self, surface: &'a Surface, design: &Design) -> Result<Cow<'a, Surface>> {
        let knows = |factor| surface.law().factors().contains(&factor);
        let mut setting = surface.setting;
        let mut asked = Cow::Borrowed(surface);
        if design.experts() > 1.0 {
            if !knows(Factor::Experts) {
                return Err(PlanError::DenseLaw { law: surface.label.clone() }.into());
            }
            setting.experts = design.experts();
        }
        // Experts change the powers that repetition is put around, so they come first.
        // Data that is never shown twice needs no law of repetition.
        let repeated = self.data.filter(|d| d.max_epochs > 1.0 || knows(Factor::UniqueTokens));
        let repeating = repeated.and_then(|d| {
            let (rd, rn) = d.repetition;
            surface.within(setting).with_repetition(rd, rn)
        });
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

    /// Cost of serving the whole demand from a model of ln N, in the currency.
    fn serve_cost(&self, design: &Design, rule: ParamRule, now: &Circumstances, ln_n: f64) -> f64 {
        let Some(demand) = &self.demand else { return 0.0 };
        let workload = demand.workload(now.requests);
        let active = |n: f64| 2.0 * n * workload.total().get();
        match self.currency {
            Currency::TrainFlops | Currency::TrainUsd => 0.0,
            Currency::LifetimeFlops => active(ln_n.exp()),
            Currency::LifetimeUsd => {
                self.serve_usd(design, rule, now, ln_n).unwrap_or(f64::INFINITY)
            }
        }
    }

    /// USD for serving the whole demand; absent when no serving is described.
    pub(in crate::plan) fn serve_usd(
        &self,
        design: &Design,
        rule: ParamRule,
        now: &Circumstances,
        ln_n: f64,
    ) -> Option<f64> {
        let demand = self.demand.as_ref()?;
        let workload = demand.workload(now.requests);
        match self.serving.as_ref()? {
            Serving::Utilisation { peak_flop_per_s, prefill, decode, .. } => {
                let per_s = now.serve_usd_per_hour / 3600.0 / peak_flop_per_s;
                let each = workload.input.get() / prefill + workload.output.get() / decode;
                Some(2.0 * ln_n.exp() * per_s * each)
            }
            Serving::Physics { deployment, batch, latency, usd_per_hour, .. } => {
                usd_per_hour.as_ref()?;
                let model = design.pattern.footprint(Params::new(ln_n.exp()), rule);
                let served = deployment.serve(&model, &demand.request, *batch, latency).ok()?;
                let device_s = served.device_s(&workload, deployment.devices) / now.serve_speed;
                Some(device_s * now.serve_usd_per_hour / 3600.0)
            }
        }
    }

    /// The best plan of one design under one law and one outcome.
    ///
    /// - `surface`: the law in the setting of the design, from [`ask`](Self::ask); `law`: the law itself,
    ///   which gives the quality of a dense model.
    ///
    /// # Errors
    /// When the law has no such plan, or the limits exclude every one.
    pub(in crate::plan) fn solve(
        &self,
        law: &Surface,
        surface: &Surface,
        design: &Design,
        caps: &SizeCaps,
        now: &Circumstances,
    ) -> Result<BestPoint> {
        let rule = surface.params;
        let train_per_flop = self.train_per_flop(now);
        let linear = match &self.serving {
            Some(Serving::Physics { .. }) => self.currency != Currency::LifetimeUsd,
            _ => true,
        };
        let at_one = if linear { self.serve_cost(design, rule, now, 0.0) } else { 0.0 };
        let serve = |ln_n: f64| {
            if linear {
                let cost = at_one * ln_n.exp();
                return (cost, cost);
            }
            let step = 1e-4;
            let at = |x: f64| self.serve_cost(design, rule, now, x);
            let (below, here, above) = (at(ln_n - step), at(ln_n), at(ln_n + step));
            // At the largest size that fits there is nothing above.
            let slope = if above.is_finite() {
                (above - below) / (2.0 * step)
            } else {
                (here - below) / step
            };
            (here, slope)
        };
        let machine_time = self.machine_flops(now);
        let ln_c = machine_time.map_or(f64::INFINITY, f64::ln);
        let ln_d = self.ln_d_limit(surface);
        let caps = Caps { ln_n: caps.by(rule).0, ln_d, ln_c };
        let terms = Terms { train_per_flop, serve: &serve, caps };
        match self.aim {
            Aim::Loss(loss) => {
                check_loss(surface, loss)?;
                least_cost(surface, loss, &terms)
            }
            Aim::QualityOf(n) => {
                let loss = quality(law, n)?;
                least_cost(surface, loss, &terms)
            }
            Aim::Budget(budget) => lowest_loss(surface, budget, &terms),
            Aim::MachineTime => {
                let budget = machine_time.unwrap_or(f64::NAN);
                let free = |_: f64| (0.0, 0.0);
                let open = Caps { ln_c: f64::INFINITY, ..caps };
                let terms = Terms { train_per_flop: 1.0, serve: &free, caps: open };
                lowest_loss(surface, budget, &terms)
            }
        }
    }

    /// ln of the most tokens the data allows: all epochs under a law with repetition, one under another;
    /// infinite without a limit.
    fn ln_d_limit(&self, surface: &Surface) -> f64 {
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

    /// ln D of a plan of exactly this size for the target: what reaches the loss, or what the budget
    /// leaves. `None` past the wall, beyond a limit, or with nothing left.
    pub(in crate::plan) fn ln_d_at_size(
        &self,
        law: &Surface,
        surface: &Surface,
        design: &Design,
        now: &Circumstances,
        ln_n: f64,
    ) -> Option<f64> {
        let rule = surface.params;
        let ln_c = self.machine_flops(now).map_or(f64::INFINITY, f64::ln);
        let allowed = self.ln_d_limit(surface).min(ln_c - 6.0_f64.ln() - ln_n);
        let exact = |loss: f64| {
            let ln_d = ln_d_for_loss(surface, ln_n, loss);
            (ln_d <= allowed + 1e-9).then_some(ln_d)
        };
        match self.aim {
            Aim::Loss(loss) => exact(loss),
            Aim::QualityOf(n) => exact(quality(law, n).ok()?),
            Aim::Budget(budget) => {
                let left = budget - self.serve_cost(design, rule, now, ln_n);
                let bought = (left.max(0.0) / (6.0 * self.train_per_flop(now))).ln() - ln_n;
                let ln_d = bought.min(allowed).min(surface.ln_d_most_useful(ln_n));
                (ln_d > 0.0).then_some(ln_d)
            }
            Aim::MachineTime => {
                let ln_d = allowed.min(surface.ln_d_most_useful(ln_n));
                (ln_d > 0.0).then_some(ln_d)
            }
        }
    }

    /// What a plan costs in the currency.
    pub(in crate::plan) fn cost(
        &self,
        design: &Design,
        rule: ParamRule,
        now: &Circumstances,
        ln_n: f64,
        ln_d: f64,
    ) -> f64 {
        6.0 * (ln_n + ln_d).exp() * self.train_per_flop(now)
            + self.serve_cost(design, rule, now, ln_n)
    }
}

/// The loss of the compute-optimal dense model of this size on data seen once, whatever the design and
/// the data of the plan are.
fn quality(law: &Surface, n: Params) -> Result<f64> {
    let setting = Setting { experts: 1.0, unique: None, served_bits: None, ..law.setting };
    Ok(optimum_of_size(&law.within(setting), n)?.loss_nats)
}
