//! One plan for a scenario, with its costs, its limits and its uncertainty.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::allocation::{Plan, extrapolation};
use super::beyond::carried;
use super::candidate::Candidate;
use super::neighbour::{FrontierPoint, Neighbour, View};
use super::repetition::{self, effective_tokens};
use super::scenario::{Currency, Design, Scenario, Serving};
use super::search::Cap;
use super::solve::{Costs, Solved};
use super::uncertainty::{Sample, Sampling, Spread, states};
use crate::cost::Served;
use crate::error::{Error, PlanError, Result, Warning};
use crate::law::{Ensemble, Factor, Point};
use crate::num::Interval;
use crate::units::{Params, Tokens};

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
    /// Why it has none.
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
    /// All other costs.
    pub costs: Costs,
    /// The limit that stops the plan.
    pub limited_by: Option<String>,
    /// What a nat per token less is worth, in the currency, where loss is weighed against serving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat_value: Option<f64>,
    /// Sizes on the training budget, from the lowest loss to the cheapest serving.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frontier: Vec<FrontierPoint>,
    /// A plan nearly as good that costs far less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbour: Option<Neighbour>,
    /// What the tokens shown are worth in tokens seen once, where some are repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_tokens: Option<Tokens>,
    /// How the deployment serves it.
    pub served: Option<Served>,
    /// Percentile intervals over law and circumstances, by field name.
    pub intervals: BTreeMap<String, Interval>,
    /// Which input causes which share of the uncertainty.
    pub spread: Vec<Spread>,
    /// Joint draws behind the intervals, and those without a plan.
    pub draws: [usize; 2],
    /// Quantities in which the plan lies outside the runs of the law, with the factor.
    pub outside: BTreeMap<String, f64>,
    /// Every design considered.
    pub designs: Vec<Alternative>,
    /// Warnings.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
}

/// The best plan for a scenario under the best law of an ensemble, with intervals over the draws of the
/// law and everything else that is uncertain.
///
/// The design is chosen once, by the best law in typical circumstances. The plan is then optimised again
/// in each draw, so an interval says where the best plan may lie. `spread` says which input causes how
/// much of the variance of each quantity (Sobol' indices; see [`Spread`]).
///
/// # Errors
/// Those of the scenario; when no design has a plan, the error of the first.
///
/// ```
/// use isoloss::law::{Ensemble, Surface};
/// use isoloss::plan::{Aim, DataLimit, Sampling, Scenario, recommend};
/// use isoloss::units::{Flops, Tokens};
///
/// let law = Ensemble::single(Surface::published("besiroglu")?);
/// let mut scenario = Scenario::new(Aim::TrainFlops(Flops::new(1e22)));
/// scenario.data = Some(DataLimit::new(Tokens::new(50e9), 1.0)?); // no token twice
/// let best = recommend(&law, &scenario, &Sampling::default())?;
/// assert!((best.plan.d.get() / 50e9 - 1.0).abs() < 1e-9);
/// assert_eq!(best.limited_by.as_deref(), Some("unique tokens"));
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn recommend(
    ensemble: &Ensemble,
    scenario: &Scenario,
    sampling: &Sampling,
) -> Result<Recommendation> {
    scenario.validate()?;
    let now = scenario.typical();
    let best_law = &ensemble.best;
    let candidates: Vec<_> =
        scenario.designs.iter().map(|d| Candidate::exact(scenario, d)).collect();
    let mut solved = Vec::new();
    let mut refusals: Vec<(usize, Error)> = Vec::new();
    for (i, candidate) in candidates.iter().enumerate() {
        match candidate.solve(best_law, &now) {
            Ok(s) => solved.push((i, s)),
            Err(error) => refusals.push((i, named(error, candidate.caps.by(best_law.params).1))),
        }
    }
    let nat_value = solved.first().and_then(|(_, s)| s.nat_value);
    let merit = |s: &Solved| s.merit(scenario, nat_value);
    let best = solved.iter().min_by(|a, b| merit(&a.1).total_cmp(&merit(&b.1)));
    let Some((chosen, at)) = best.map(|(i, s)| (*i, s)) else {
        // A scenario has a design, so there is a refusal.
        let first = refusals.into_iter().next().map(|(_, error)| error);
        return Err(first.unwrap_or(PlanError::NoDesign.into()));
    };
    let design = &scenario.designs[chosen];
    let plan = at.plan();
    let outline = design.pattern.footprint(plan.n, best_law.params);
    let candidate = &candidates[chosen];
    let drawn = Candidate::tabulated(scenario, design).near(Some(at.ln_n));
    let sample = Sample::draw(ensemble, &drawn, sampling);
    let wins = best_designs(ensemble, scenario, sampling);
    let designs = scenario
        .designs
        .iter()
        .enumerate()
        .map(|(i, d)| alternative(d, i, &solved, &refusals, wins.get(i).copied().unwrap_or(0.0)))
        .collect();
    let served = served_at(scenario, &outline);
    let viewed = View { candidate, now: &now, at };
    let neighbour = viewed.neighbour(served.as_ref());
    let effective_tokens = effective_tokens(&at.surface, &plan);
    Ok(Recommendation {
        law: best_law.label.clone(),
        design: design.name.clone(),
        plan,
        total_params: outline.total,
        active_params: outline.active,
        epochs: scenario.data.map(|d| (plan.d.get() / d.unique.get()).max(1.0)),
        currency: scenario.currency,
        cost: at.cost,
        costs: candidate.costs(&at.surface, &now, at.ln_n, at.ln_d),
        limited_by: {
            let repeats = at.surface.setting.unique.is_some();
            limit_name(at.at_cap, candidate.caps.by(best_law.params).1, scenario, repeats)
        },
        nat_value: at.nat_value,
        frontier: viewed.frontier(),
        effective_tokens,
        served,
        intervals: carried(
            sample.intervals(ensemble.level),
            ensemble,
            scenario,
            &at.surface,
            (at.ln_n, at.ln_d),
        ),
        draws: [sample.answers.len() + sample.failed, sample.failed],
        outside: best_law.support.distances(&Point::new(plan.n, plan.d).within(at.surface.setting)),
        designs,
        warnings: warnings(at, design, scenario, &plan, &sample, neighbour.as_ref()),
        neighbour,
        spread: sample.spread,
    })
}

/// The warnings of a plan, heaviest first.
fn warnings(
    at: &Solved,
    design: &Design,
    scenario: &Scenario,
    plan: &Plan,
    sample: &Sample,
    neighbour: Option<&Neighbour>,
) -> Vec<Warning> {
    let law = at.law;
    let mut warnings = Vec::new();
    warnings.extend(neighbour.map(|n| n.warning(plan)));
    warnings.extend(repetition::warning(scenario, at, plan));
    warnings.extend(extrapolation(law, plan, at.surface.setting));
    let visits = design.pattern.experts.map_or(1, |e| e.top_k);
    // A law with a sparsity has the routing in it.
    if visits > 1 && !law.law().factors().contains(&Factor::Sparsity) {
        warnings.push(Warning::DoubtfulConstants {
            law: law.label.clone(),
            reason: format!(
                "the law does not see how many experts a token visits, and the published ones are of top-1 routing; the plan has top-{visits} routing"
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

/// The same error with the name of the limit on size.
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
    repeats: bool,
) -> Option<String> {
    match at_cap? {
        Cap::Size => size_limit.map(str::to_owned),
        Cap::Tokens => Some(match scenario.data {
            Some(d) if repeats && d.max_epochs > 1.0 => {
                format!("unique tokens, {} epochs", d.max_epochs)
            }
            _ => "unique tokens".to_owned(),
        }),
        Cap::Compute => Some("devices and days".to_owned()),
    }
}

fn alternative(
    design: &Design,
    i: usize,
    solved: &[(usize, Solved)],
    refusals: &[(usize, Error)],
    best_in: f64,
) -> Alternative {
    let own = solved.iter().find(|(j, _)| *j == i).map(|(_, s)| s);
    let refused = refusals.iter().find(|(j, _)| *j == i).map(|(_, error)| error.to_string());
    let plan = own.map(Solved::plan);
    let total_params =
        plan.zip(own).map(|(p, s)| design.pattern.footprint(p.n, s.surface.params).total);
    let name = design.name.clone();
    Alternative { design: name, plan, total_params, cost: own.map(|s| s.cost), refused, best_in }
}

/// Share of the draws in which each design is the best; empty where there is only one.
fn best_designs(ensemble: &Ensemble, scenario: &Scenario, sampling: &Sampling) -> Vec<f64> {
    if scenario.designs.len() < 2 {
        return vec![1.0; scenario.designs.len()];
    }
    let candidates: Vec<_> =
        scenario.designs.iter().map(|d| Candidate::tabulated(scenario, d)).collect();
    let states = states(ensemble, scenario, sampling.draws.min(200), sampling.seed);
    let mut wins = vec![0.0; scenario.designs.len()];
    for (surface, now) in &states {
        let solved: Vec<_> = candidates
            .iter()
            .enumerate()
            .filter_map(|(i, candidate)| Some((i, candidate.solve(surface, now).ok()?)))
            .collect();
        let nat_value = solved.first().and_then(|(_, s)| s.nat_value);
        let merits = solved.iter().map(|(i, s)| (*i, s.merit(scenario, nat_value)));
        if let Some((i, _)) = merits.min_by(|a, b| a.1.total_cmp(&b.1)) {
            wins[i] += 1.0 / states.len() as f64;
        }
    }
    wins
}
