//! Plans near the recommended one: the frontier of loss and serving, and a neighbour that costs far less.

use serde::{Deserialize, Serialize};

use super::allocation::Plan;
use super::candidate::Candidate;
use super::isoloss::ln_d_for_loss;
use super::scenario::{Circumstances, Scenario, Serving};
use super::solve::{Costs, Solved};
use crate::cost::Served;
use crate::error::Warning;
use crate::units::{Params, Setting, Tokens};

/// Share of the loss above the floor that a neighbour may lose.
const NEARLY_AS_GOOD: f64 = 0.005;
/// Most of the cost that a neighbour worth telling may take.
const FAR_CHEAPER: f64 = 1.0 / 3.0;
/// Sizes tried below the plan, and the smallest of them over the plan's.
const SIZES: u32 = 120;
const SMALLEST: f64 = 0.05;
/// Fewer sequences than this on a deployment are served one by one.
const ALONE: f64 = 2.0;

/// One size on the budget of training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrontierPoint {
    /// Size, tokens, loss and training FLOPs.
    #[serde(flatten)]
    pub plan: Plan,
    /// Cost of serving the whole demand, in the currency.
    pub serve_cost: f64,
    /// What its loss above the lowest is worth, in the currency.
    pub loss_cost: f64,
    /// Whether this is the recommended plan.
    pub recommended: bool,
}

/// A plan nearly as good as the recommended one at a fraction of its cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Size, tokens, loss and training FLOPs.
    #[serde(flatten)]
    pub plan: Plan,
    /// Everything it costs.
    pub costs: Costs,
    /// Loss above that of the recommended plan, as a share of the latter's loss above the floor.
    pub loss_share: f64,
    /// Its cost over that of the recommended plan: training and serving together, or serving a request
    /// where no demand is given.
    pub cost_ratio: f64,
    /// Sequences decoded together by the recommended plan, and by this one.
    pub batches: Option<(f64, f64)>,
}

impl Neighbour {
    pub(super) fn warning(&self, plan: &Plan) -> Warning {
        Warning::CheaperNeighbour {
            params: self.plan.n,
            tokens: self.plan.d,
            cost_ratio: self.cost_ratio,
            more_nats: self.plan.loss_nats - plan.loss_nats,
            loss_share: self.loss_share,
        }
    }
}

/// A plan in its scenario, and what is around it.
pub(super) struct View<'a> {
    pub(super) candidate: &'a Candidate<'a>,
    pub(super) now: &'a Circumstances,
    pub(super) at: &'a Solved<'a>,
}

impl View<'_> {
    /// Sizes on the training budget from the lowest loss down to half the recommended size; empty where
    /// loss is not weighed against serving.
    pub(super) fn frontier(&self) -> Vec<FrontierPoint> {
        let Some(nat_value) = self.at.nat_value else { return Vec::new() };
        let (scenario, surface) = (self.candidate.scenario, &self.at.surface);
        let largest = self.lowest_loss_size().unwrap_or(self.at.ln_n).max(self.at.ln_n);
        let lowest = self.loss_at(largest).unwrap_or(f64::NAN);
        let between = |share: f64| self.at.ln_n + share * (largest - self.at.ln_n);
        let mut sizes = vec![largest];
        if largest - self.at.ln_n > 0.02 {
            sizes.extend([between(2.0 / 3.0), between(1.0 / 3.0), self.at.ln_n]);
        }
        sizes.extend([0.75_f64, 0.5].map(|share| self.at.ln_n + share.ln()));
        sizes
            .into_iter()
            .filter_map(|ln_n| {
                let ln_d = self.ln_d(ln_n)?;
                let plan = Plan::at(surface, Params::new(ln_n.exp()), Tokens::new(ln_d.exp()));
                let all = self.candidate.cost(surface, self.now, ln_n, ln_d);
                let train = plan.train_flops.get() * scenario.train_per_flop(self.now);
                Some(FrontierPoint {
                    plan,
                    serve_cost: all - train,
                    loss_cost: nat_value * (plan.loss_nats - lowest),
                    recommended: ln_n == self.at.ln_n,
                })
            })
            .filter(|point| point.serve_cost.is_finite())
            .collect()
    }

    fn ln_d(&self, ln_n: f64) -> Option<f64> {
        let (law, surface) = (self.at.law, &self.at.surface);
        let ln_d = self.candidate.ln_d_at_size(law, surface, self.now, ln_n)?;
        ln_d.is_finite().then_some(ln_d)
    }

    fn loss_at(&self, ln_n: f64) -> Option<f64> {
        Some(self.at.surface.loss_at(ln_n, self.ln_d(ln_n)?))
    }

    /// ln N of the lowest loss on the budget, within the limits.
    fn lowest_loss_size(&self) -> Option<f64> {
        let scenario = self.candidate.scenario;
        let currency = scenario.currency.of_training();
        let alone = Scenario { currency, ..scenario.clone() };
        let found = Candidate::exact(&alone, self.candidate.design).solve(self.at.law, self.now);
        found.ok().map(|best| best.ln_n)
    }

    /// The cheapest plan within half a percent of the loss above the floor, where it takes at most a third
    /// of the cost: the mark of a plan pressed against a limit.
    pub(super) fn neighbour(&self, served: Option<&Served>) -> Option<Neighbour> {
        let surface = &self.at.surface;
        let loss = surface.loss_at(self.at.ln_n, self.at.ln_d);
        // The floor of the law itself, not what the tokens there are allow.
        let plain = surface.within(Setting { unique: None, ..surface.setting });
        let above = loss - plain.floor();
        let most = loss + NEARLY_AS_GOOD * above;
        let ln_d = |ln_n: f64| {
            if self.candidate.scenario.aim.is_loss() {
                Some(ln_d_for_loss(surface, ln_n, most)).filter(|d| d.is_finite())
            } else {
                self.ln_d(ln_n)
            }
        };
        let near = |ln_n: f64| {
            let ln_d = ln_d(ln_n)?;
            (surface.loss_at(ln_n, ln_d) <= most * (1.0 + 1e-12)).then_some((ln_n, ln_d))
        };
        let step = -SMALLEST.ln() / f64::from(SIZES);
        let mut sizes: Vec<(f64, f64)> =
            (1..=SIZES).map_while(|i| near(self.at.ln_n - step * f64::from(i))).collect();
        // The smallest size that is nearly as good lies between the last of them and the next.
        let mut last = sizes.last().map_or(self.at.ln_n, |at| at.0);
        let mut width = step;
        for _ in 0..20 {
            width *= 0.5;
            if let Some(at) = near(last - width) {
                last = at.0;
                sizes.push(at);
            }
        }
        let cheapest = |cost: &dyn Fn(f64, f64) -> f64| {
            let own = cost(self.at.ln_n, self.at.ln_d);
            let ratio = |(n, d): (f64, f64)| cost(n, d) / own;
            let best = sizes.iter().copied().filter(|at| ratio(*at) < f64::INFINITY);
            let best = best.min_by(|a, b| ratio(*a).total_cmp(&ratio(*b)))?;
            (ratio(best) <= FAR_CHEAPER).then(|| (best, ratio(best)))
        };
        let everything = |ln_n: f64, ln_d: f64| self.everything(ln_n, ln_d);
        let alone = served.is_some_and(|s| s.batch < ALONE);
        let (at, cost_ratio) = cheapest(&everything).or_else(|| {
            let of_request = |ln_n: f64, _: f64| self.device_s_of_request(ln_n);
            alone.then(|| cheapest(&of_request)).flatten()
        })?;
        let (ln_n, ln_d) = at;
        let plan = Plan::at(surface, Params::new(ln_n.exp()), Tokens::new(ln_d.exp()));
        Some(Neighbour {
            plan,
            costs: self.candidate.costs(surface, self.now, ln_n, ln_d),
            loss_share: (plan.loss_nats - loss) / above,
            cost_ratio,
            batches: served.zip(self.serve(ln_n)).map(|(own, other)| (own.batch, other.batch)),
        })
    }

    /// Training and serving: in dollars where both have a price, in the currency elsewhere.
    fn everything(&self, ln_n: f64, ln_d: f64) -> f64 {
        let surface = &self.at.surface;
        let costs = self.candidate.costs(surface, self.now, ln_n, ln_d);
        match (costs.total_usd, costs.serve_usd) {
            (Some(total), Some(_)) => total,
            _ => self.candidate.cost(surface, self.now, ln_n, ln_d),
        }
    }

    fn serve(&self, ln_n: f64) -> Option<Served> {
        let scenario = self.candidate.scenario;
        let Some(Serving::Physics { deployment, batch, latency, .. }) = &scenario.serving else {
            return None;
        };
        let rule = self.at.surface.params;
        let model = self.candidate.design.pattern.footprint(Params::new(ln_n.exp()), rule);
        deployment.serve(&model, &scenario.demand?.request, *batch, latency).ok()
    }

    fn device_s_of_request(&self, ln_n: f64) -> f64 {
        let one = self.candidate.scenario.demand.map(|d| d.request.workload(1.0));
        let served = self.serve(ln_n).zip(one);
        served.map_or(f64::INFINITY, |(served, one)| served.device_s(&one, 1.0))
    }
}
