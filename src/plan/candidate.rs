//! One design of a scenario: its best plan under a law in one outcome, and what plans of it cost.

use std::sync::OnceLock;

use super::allocation::check_loss;
use super::exchange::{best_exchange, tokens_of_size};
use super::isoloss::ln_d_for_loss;
use super::request_time::RequestTime;
use super::scenario::{Aim, Circumstances, Currency, Design, Scenario, Serving, SizeCaps, quality};
use super::search::{Caps, Terms, least_cost, lowest_loss};
use super::solve::{Costs, Solved};
use crate::error::{PlanError, Result};
use crate::law::Surface;
use crate::units::{ParamRule, Params};

/// A design considered for a scenario.
pub(super) struct Candidate<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) design: &'a Design,
    pub(super) caps: SizeCaps,
    /// Times of a request by size, per convention of counting N; filled on first use.
    tables: Option<[OnceLock<RequestTime>; 2]>,
    /// ln N near which its plans are expected.
    near: Option<f64>,
}

impl<'a> Candidate<'a> {
    /// With every serving time computed anew: for the plan itself.
    pub(super) fn exact(scenario: &'a Scenario, design: &'a Design) -> Self {
        Self { scenario, design, caps: SizeCaps::of(scenario, design), tables: None, near: None }
    }

    /// With serving times read from a table: for thousands of draws, which share them.
    pub(super) fn tabulated(scenario: &'a Scenario, design: &'a Design) -> Self {
        let tables = Some([OnceLock::new(), OnceLock::new()]);
        Self { tables, ..Self::exact(scenario, design) }
    }

    /// With the plan under the best law as the guess of every other one: for thousands of draws.
    pub(super) fn near(self, ln_n: Option<f64>) -> Self {
        Self { near: ln_n, ..self }
    }

    /// Device-seconds of one request at ln N by the model of serving; `None` where it does not fit.
    fn computed_device_s(&self, rule: ParamRule, ln_n: f64) -> Option<f64> {
        let Some(Serving::Physics { deployment, batch, latency, .. }) = &self.scenario.serving
        else {
            return None;
        };
        let request = self.scenario.demand?.request;
        let model = self.design.pattern.footprint(Params::new(ln_n.exp()), rule);
        let served = deployment.serve(&model, &request, *batch, latency).ok()?;
        Some(served.device_s(&request.workload(1.0), deployment.devices))
    }

    /// Device-seconds of one request at ln N, and their derivative in ln N.
    fn device_s(&self, rule: ParamRule, ln_n: f64) -> Option<(f64, f64)> {
        let at = |x: f64| self.computed_device_s(rule, x);
        if let Some(tables) = &self.tables {
            let table = &tables[usize::from(rule == ParamRule::NonEmbedding)];
            let table = table.get_or_init(|| RequestTime::new(&at, self.caps.by(rule).0));
            if let Some(found) = table.at(ln_n) {
                return Some(found);
            }
        }
        let step = 1e-4;
        let (below, here, above) = (at(ln_n - step)?, at(ln_n)?, at(ln_n + step));
        // At the largest size that fits there is nothing above.
        let slope = above.map_or((here - below) / step, |above| (above - below) / (2.0 * step));
        Some((here, slope))
    }

    /// USD for serving the whole demand, and its derivative in ln N; absent when no serving is priced, or
    /// the model does not fit.
    fn serve_usd(&self, rule: ParamRule, now: &Circumstances, ln_n: f64) -> Option<(f64, f64)> {
        let demand = self.scenario.demand.as_ref()?;
        match self.scenario.serving.as_ref()? {
            Serving::Utilisation { peak_flop_per_s, prefill, decode, .. } => {
                let workload = demand.workload(now.requests);
                let per_s = now.serve_usd_per_hour / 3600.0 / peak_flop_per_s;
                let each = workload.input.get() / prefill + workload.output.get() / decode;
                let usd = 2.0 * ln_n.exp() * per_s * each;
                Some((usd, usd))
            }
            Serving::Physics { usd_per_hour, .. } => {
                usd_per_hour.as_ref()?;
                let (device_s, slope) = self.device_s(rule, ln_n)?;
                let usd = now.requests * now.serve_usd_per_hour / 3600.0 / now.serve_speed;
                Some((device_s * usd, slope * usd))
            }
        }
    }

    /// Cost of serving the whole demand in the currency, and its derivative in ln N.
    fn serve_cost(&self, rule: ParamRule, now: &Circumstances, ln_n: f64) -> (f64, f64) {
        match (self.scenario.currency, &self.scenario.demand) {
            (Currency::TrainFlops | Currency::TrainUsd, _) | (_, None) => (0.0, 0.0),
            (Currency::LifetimeFlops, Some(demand)) => {
                let served = demand.workload(now.requests).total().get();
                let flops = 2.0 * served * ln_n.exp();
                (flops, flops)
            }
            (Currency::LifetimeUsd, Some(_)) => {
                self.serve_usd(rule, now, ln_n).unwrap_or((f64::INFINITY, f64::NAN))
            }
        }
    }

    /// The best plan under one law in one outcome.
    ///
    /// # Errors
    /// When the law has no such plan, or the limits exclude every one.
    pub(super) fn solve<'l>(&self, law: &'l Surface, now: &Circumstances) -> Result<Solved<'l>> {
        let scenario = self.scenario;
        let asked = scenario.ask(law, self.design, now)?;
        let surface: &Surface = &asked;
        let rule = surface.params;
        let serve = |ln_n: f64| self.serve_cost(rule, now, ln_n);
        let train_per_flop = scenario.train_per_flop(now);
        let ln_c = scenario.machine_flops(now).map_or(f64::INFINITY, f64::ln);
        let ln_d = scenario.ln_d_limit(surface);
        let caps = Caps { ln_n: self.caps.by(rule).0, ln_d, ln_c };
        let terms = Terms { train_per_flop, serve: &serve, caps, near: self.near };
        let mut nat_value = None;
        let best = match scenario.aim {
            Aim::Loss(loss) => {
                check_loss(surface, loss)?;
                least_cost(surface, loss, &terms)?
            }
            Aim::QualityOf(n) => least_cost(surface, quality(law, n)?, &terms)?,
            Aim::OfSize(n) if n.ln() > caps.ln_n => {
                let law = surface.label.clone();
                return Err(PlanError::Infeasible { law, loss: None, limit: "size" }.into());
            }
            Aim::OfSize(n) => tokens_of_size(surface, n.ln(), &terms)?,
            Aim::Lifetime(budget) => lowest_loss(surface, budget, &terms)?,
            Aim::TrainFlops(_) | Aim::TrainUsd(_) | Aim::MachineTime => {
                let budget = scenario.train_budget(now).unwrap_or(f64::NAN);
                let caps = Caps { ln_c: f64::INFINITY, ..caps };
                let free = |_: f64| (0.0, 0.0);
                if scenario.currency.counts_serving() {
                    let terms = Terms { caps, ..terms };
                    let found = best_exchange(surface, budget, &terms, scenario.nat_value)?;
                    nat_value = Some(found.nat_value);
                    found.best
                } else {
                    let terms = Terms { train_per_flop: 1.0, serve: &free, caps, ..terms };
                    lowest_loss(surface, budget, &terms)?
                }
            }
        };
        let (ln_n, ln_d, at_cap) = (best.ln_n, best.ln_d, best.at_cap);
        let cost = self.cost(surface, now, ln_n, ln_d);
        Ok(Solved { law, surface: asked, ln_n, ln_d, at_cap, cost, nat_value })
    }

    /// ln D of a plan of exactly this size for the target: what reaches the loss, or what the budget
    /// leaves. `None` past the wall, beyond a limit, or with nothing left.
    pub(super) fn ln_d_at_size(
        &self,
        law: &Surface,
        surface: &Surface,
        now: &Circumstances,
        ln_n: f64,
    ) -> Option<f64> {
        let scenario = self.scenario;
        let ln_c = scenario.machine_flops(now).map_or(f64::INFINITY, f64::ln);
        let ln_per_nd = surface.flops_per_nd.ln();
        let allowed = scenario.ln_d_limit(surface).min(ln_c - ln_per_nd - ln_n);
        let exact = |loss: f64| {
            let ln_d = ln_d_for_loss(surface, ln_n, loss);
            (ln_d <= allowed + 1e-9).then_some(ln_d)
        };
        let bought = |flops: f64| {
            let ln_d = flops.max(0.0).ln() - ln_per_nd - ln_n;
            let ln_d = ln_d.min(allowed).min(surface.ln_d_most_useful(ln_n));
            (ln_d > 0.0).then_some(ln_d)
        };
        match scenario.aim {
            Aim::Loss(loss) => exact(loss),
            Aim::QualityOf(n) => exact(quality(law, n).ok()?),
            Aim::OfSize(_) => None,
            Aim::Lifetime(budget) => {
                let left = budget - self.serve_cost(surface.params, now, ln_n).0;
                bought(left / scenario.train_per_flop(now))
            }
            Aim::TrainFlops(_) | Aim::TrainUsd(_) | Aim::MachineTime => {
                bought(scenario.train_budget(now)?)
            }
        }
    }

    /// What a plan costs in the currency.
    pub(super) fn cost(&self, surface: &Surface, now: &Circumstances, ln_n: f64, ln_d: f64) -> f64 {
        surface.flops_per_nd * (ln_n + ln_d).exp() * self.scenario.train_per_flop(now)
            + self.serve_cost(surface.params, now, ln_n).0
    }

    /// Everything a plan costs in one outcome.
    pub(super) fn costs(
        &self,
        surface: &Surface,
        now: &Circumstances,
        ln_n: f64,
        ln_d: f64,
    ) -> Costs {
        let flops = surface.flops_per_nd * (ln_n + ln_d).exp();
        let mut costs = Costs::default();
        if let Some(t) = &self.scenario.training {
            let peak = t.device.bf16_dense_tflop_per_s.map_or(f64::NAN, |p| p * 1e12);
            let hours = flops / (peak * now.utilisation) / 3600.0;
            costs.train_device_hours = Some(hours);
            costs.train_days = t.devices.map(|devices| hours / devices / 24.0);
            costs.train_kwh = t.kilowatt().map(|kw| kw * hours);
            costs.train_usd = t.usd_per_hour.map(|_| flops * t.usd_per_flop(now));
        }
        costs.serve_usd = self.serve_usd(surface.params, now, ln_n).map(|(usd, _)| usd);
        // A model that cannot be served as asked has no total.
        costs.total_usd = match (self.scenario.prices_serving(), costs.serve_usd) {
            (true, serve) => costs.train_usd.zip(serve).map(|(train, serve)| train + serve),
            (false, _) => costs.train_usd,
        };
        costs
    }
}
