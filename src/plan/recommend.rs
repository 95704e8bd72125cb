//! One plan for a scenario, with what it costs, what limits it and how sure it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::allocation::{Plan, Strategy};
use super::doubt::{Answer, Sample, Spread};
use super::proposal::extrapolation;
use super::scenario::{Aim, Circumstances, Currency, Design, Scenario, Serving, SizeCaps};
use super::search::Cap;
use crate::cost::Served;
use crate::error::{Error, PlanError, Result, Warning};
use crate::law::{Ensemble, Factor, Point, Surface};
use crate::num::Interval;
use crate::units::{Params, Tokens};

/// What a plan takes besides FLOPs; absent where the scenario does not say.
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

/// One design beside the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// The design.
    pub design: String,
    /// Its plan; absent when it has none.
    pub plan: Option<Plan>,
    /// All parameters, experts included.
    pub total_params: Option<Params>,
    /// Cost in the currency.
    pub cost: Option<f64>,
    /// Why there is none.
    pub refused: Option<String>,
    /// Share of the draws in which it is the best design.
    pub best_in: f64,
}

/// The plan a scenario asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// Label of the law.
    pub law: String,
    /// The design chosen.
    pub design: String,
    /// Size, tokens, loss and training FLOPs; N by the convention of the law.
    #[serde(flatten)]
    pub plan: Plan,
    /// All parameters, embeddings and experts included.
    pub total_params: Params,
    /// Parameters a token visits, embeddings included.
    pub active_params: Params,
    /// Times the unique tokens are shown.
    pub epochs: Option<f64>,
    /// What counted as cost.
    pub currency: Currency,
    /// Cost in it.
    pub cost: f64,
    /// Everything else it takes.
    pub costs: Costs,
    /// The limit the plan stands at.
    pub limited_by: Option<String>,
    /// How the deployment does with it.
    pub served: Option<Served>,
    /// Percentile intervals over law and circumstances, by field name.
    pub intervals: BTreeMap<String, Interval>,
    /// Which input causes which share of the doubt.
    pub spread: Vec<Spread>,
    /// Joint draws behind the intervals, and those without a plan.
    pub draws: [usize; 2],
    /// Quantities in which the plan lies outside the runs of the law, with the factor.
    pub outside: BTreeMap<String, f64>,
    /// Every design considered.
    pub designs: Vec<Alternative>,
    /// Doubts.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
}

/// How many draws to make, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampling {
    /// Joint draws of law and circumstances; 0 for no intervals.
    pub draws: usize,
    /// Draws behind the shares of each input.
    pub share_draws: usize,
    /// Seed.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { draws: 4000, share_draws: 1000, seed: 0 }
    }
}

/// The plan of one design under one law and one outcome, as [`Scenario`] solves it.
pub(super) struct Solved<'a> {
    pub(super) law: &'a Surface,
    pub(super) surface: std::borrow::Cow<'a, Surface>,
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
    let found = scenario.solve(law, &surface, design, caps, now)?;
    let (ln_n, ln_d) = (found.ln_n, found.ln_d);
    let cost = scenario.cost(design, surface.params, now, ln_n, ln_d);
    Ok(Solved { law, surface, ln_n, ln_d, at_cap: found.at_cap, cost })
}

impl Solved<'_> {
    /// What makes one design better than another: less cost for a loss, less loss for a budget.
    pub(super) fn merit(&self, aim: Aim) -> f64 {
        match aim {
            Aim::Loss(_) | Aim::QualityOf(_) => self.cost,
            Aim::Budget(_) | Aim::MachineTime => self.surface.loss_at(self.ln_n, self.ln_d),
        }
    }
}

/// The best plan for a scenario under the best law of an ensemble, with intervals and shares of doubt
/// over its draws and everything else that is uncertain.
///
/// A design is chosen once, by the best law in typical circumstances; the plan is then optimised anew
/// in each draw, so an interval says where the best plan may lie. `spread` splits the variance of each
/// quantity over the inputs (Sobol' indices; see [`Spread`]).
///
/// # Errors
/// Those of the scenario; when no design has a plan, the reason of the first.
pub fn recommend(
    ensemble: &Ensemble,
    scenario: &Scenario,
    sampling: &Sampling,
) -> Result<Recommendation> {
    scenario.validate()?;
    let now = scenario.typical();
    let best_law = &ensemble.best;
    let caps: Vec<_> = scenario.designs.iter().map(|d| SizeCaps::of(scenario, d)).collect();
    let mut solved = Vec::new();
    let mut refusals: Vec<(usize, Error)> = Vec::new();
    for (i, (design, cap)) in scenario.designs.iter().zip(&caps).enumerate() {
        match solve(scenario, design, best_law, cap, &now) {
            Ok(s) => solved.push((i, s)),
            Err(error) => refusals.push((i, named(error, cap.by(best_law.params).1))),
        }
    }
    let merit = |s: &Solved| s.merit(scenario.aim);
    let best = solved.iter().min_by(|a, b| merit(&a.1).total_cmp(&merit(&b.1)));
    let Some((chosen, at)) = best.map(|(i, s)| (*i, s)) else {
        // A scenario has a design, so there is a refusal.
        let first = refusals.into_iter().next().map(|(_, error)| error);
        return Err(first.unwrap_or_else(|| no_design().into()));
    };
    let design = &scenario.designs[chosen];
    let plan = Plan::at(&at.surface, Params::new(at.ln_n.exp()), Tokens::new(at.ln_d.exp()));
    let outline = design.pattern.footprint(plan.n, best_law.params);
    let sample = Sample::draw(ensemble, scenario, design, &caps[chosen], sampling);
    let wins = best_designs(ensemble, scenario, &caps, sampling);
    let designs = scenario
        .designs
        .iter()
        .enumerate()
        .map(|(i, d)| alternative(d, i, &solved, &refusals, wins.get(i).copied().unwrap_or(0.0)))
        .collect();
    let served = served_at(scenario, &outline);
    Ok(Recommendation {
        law: best_law.label.clone(),
        design: design.name.clone(),
        plan,
        total_params: outline.total,
        active_params: outline.active,
        epochs: scenario.data.map(|d| (plan.d.get() / d.unique.get()).max(1.0)),
        currency: scenario.currency,
        cost: at.cost,
        costs: costs(scenario, design, &at.surface, &now, at.ln_n, at.ln_d),
        limited_by: limit_name(at.at_cap, caps[chosen].by(best_law.params).1, scenario),
        served,
        intervals: sample.intervals(ensemble.level),
        draws: [sample.answers.len() + sample.failed, sample.failed],
        outside: best_law.support.distances(&Point::new(plan.n, plan.d)),
        designs,
        warnings: doubts(best_law, design, &plan, &sample),
        spread: sample.spread,
    })
}

fn no_design() -> PlanError {
    PlanError::Inputs {
        problem: "no design to choose from".to_owned(),
        mend: "give --experts 1 for a dense model",
    }
}

/// What to doubt about a plan.
fn doubts(law: &Surface, design: &Design, plan: &Plan, sample: &Sample) -> Vec<Warning> {
    let mut warnings: Vec<Warning> =
        extrapolation(law, Strategy::Recommended, plan).into_iter().collect();
    let visits = design.pattern.experts.map_or(1, |e| e.top_k);
    if visits > 1 && law.law().factors().contains(&Factor::Experts) {
        warnings.push(Warning::DoubtfulConstants {
            law: law.label.clone(),
            reason: format!(
                "laws of experts here were fitted on top-1 routing; top {visits} was asked"
            ),
        });
    }
    if sample.failed > 0 {
        warnings.push(Warning::DrawsWithoutPlan {
            failed: sample.failed,
            draws: sample.answers.len() + sample.failed,
            what: "plan within the limits".to_owned(),
        });
    }
    warnings
}

/// The same error with the limit on size called by its name.
fn named(error: Error, limit: Option<&'static str>) -> Error {
    match (error, limit) {
        (Error::Plan(PlanError::Infeasible { law, loss, limit: "size" }), Some(limit)) => {
            PlanError::Infeasible { law, loss, limit }.into()
        }
        (other, _) => other,
    }
}

fn served_at(scenario: &Scenario, outline: &crate::flops::Footprint) -> Option<Served> {
    let Some(Serving::Physics { deployment, batch, latency, .. }) = &scenario.serving else {
        return None;
    };
    let request = scenario.demand?.request;
    deployment.serve(outline, &request, *batch, latency).ok()
}

fn limit_name(
    at_cap: Option<Cap>,
    size_limit: Option<&'static str>,
    scenario: &Scenario,
) -> Option<String> {
    match at_cap? {
        Cap::Size => size_limit.map(str::to_owned),
        Cap::Tokens => Some(match scenario.data {
            Some(d) if d.max_epochs > 1.0 => format!("unique tokens, {} epochs", d.max_epochs),
            _ => "unique tokens".to_owned(),
        }),
        Cap::Compute => Some("devices and days".to_owned()),
    }
}

/// Everything a plan takes in one outcome.
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

fn alternative(
    design: &Design,
    i: usize,
    solved: &[(usize, Solved)],
    refusals: &[(usize, Error)],
    best_in: f64,
) -> Alternative {
    let found = solved.iter().find(|(j, _)| *j == i).map(|(_, s)| s);
    let refused = refusals.iter().find(|(j, _)| *j == i).map(|(_, error)| error.to_string());
    let plan = found.map(|s| {
        let (n, d) = (Params::new(s.ln_n.exp()), Tokens::new(s.ln_d.exp()));
        Plan::at(&s.surface, n, d)
    });
    let total_params =
        plan.zip(found).map(|(p, s)| design.pattern.footprint(p.n, s.surface.params).total);
    let name = design.name.clone();
    Alternative { design: name, plan, total_params, cost: found.map(|s| s.cost), refused, best_in }
}

/// Share of the draws in which each design is the best; empty where there is only one.
fn best_designs(
    ensemble: &Ensemble,
    scenario: &Scenario,
    caps: &[SizeCaps],
    sampling: &Sampling,
) -> Vec<f64> {
    if scenario.designs.len() < 2 {
        return vec![1.0; scenario.designs.len()];
    }
    let states = super::doubt::states(ensemble, scenario, sampling.draws.min(200), sampling.seed);
    let mut wins = vec![0.0; scenario.designs.len()];
    for (surface, now) in &states {
        let merits = scenario.designs.iter().zip(caps).enumerate().filter_map(|(i, (d, cap))| {
            Some((i, solve(scenario, d, surface, cap, now).ok()?.merit(scenario.aim)))
        });
        if let Some((i, _)) = merits.min_by(|a, b| a.1.total_cmp(&b.1)) {
            wins[i] += 1.0 / states.len() as f64;
        }
    }
    wins
}

impl Sample {
    fn intervals(&self, level: f64) -> BTreeMap<String, Interval> {
        let costs =
            |of: fn(&Costs) -> Option<f64>| move |a: &Answer| of(&a.costs).unwrap_or(f64::NAN);
        type Of<'a> = Box<dyn Fn(&Answer) -> f64 + 'a>;
        let fields: Vec<(&str, Of)> = vec![
            ("params", Box::new(|a| a.ln_n.exp())),
            ("tokens", Box::new(|a| a.ln_d.exp())),
            ("tokens_per_param", Box::new(|a| (a.ln_d - a.ln_n).exp())),
            ("loss", Box::new(|a| a.loss)),
            ("train_flops", Box::new(|a| 6.0 * (a.ln_n + a.ln_d).exp())),
            ("cost", Box::new(|a| a.cost)),
            ("train_usd", Box::new(costs(|c| c.train_usd))),
            ("serve_usd", Box::new(costs(|c| c.serve_usd))),
            ("total_usd", Box::new(costs(|c| c.total_usd))),
            ("train_device_hours", Box::new(costs(|c| c.train_device_hours))),
            ("train_days", Box::new(costs(|c| c.train_days))),
            ("train_kwh", Box::new(costs(|c| c.train_kwh))),
        ];
        fields
            .into_iter()
            .filter_map(|(name, of)| {
                let values: Vec<f64> = self.answers.iter().map(of).collect();
                Some((name.to_owned(), Interval::percentile(&values, level)?))
            })
            .collect()
    }
}
