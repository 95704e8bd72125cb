//! Kaplan, Chinchilla and inference-aware plans side by side, with intervals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::allocation::{
    Goal, Plan, Strategy, check_budget, check_loss, check_params, check_tokens, extrapolation,
};
use super::inference::inference_aware;
use super::isoloss::tokens_for_loss;
use super::optimum::optimum_for_goal;
use super::recommend::Recommendation;
use super::scenario::{Aim, DataLimit, Scenario, SizeCaps};
use super::solve::solve;
use crate::cost::{CostModel, Workload};
use crate::error::{Result, Warning};
use crate::flops::tokens_for;
use crate::law::{Draws, Ensemble, Point, Range, Surface, kaplan_allocation};
use crate::num::Interval;
use crate::units::{Flops, Params, Tokens};

/// Limits a plan has to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// The data there is.
    pub data: Option<DataLimit>,
    /// Largest N whose weights fit the serving memory.
    pub max_params: Option<Params>,
    /// A given size, planned beside the strategies.
    pub given_params: Option<Params>,
}

/// One strategy's plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The rule.
    pub strategy: Strategy,
    /// Size, tokens, loss and training FLOPs.
    #[serde(flatten)]
    pub plan: Plan,
    /// 2 N per served token.
    pub serve_flops: Flops,
    /// Training plus serving.
    pub total_flops: Flops,
    /// Percentile intervals over the draws, by field name; empty for a law without draws.
    pub intervals: BTreeMap<String, Interval>,
    /// Times the unique tokens are shown, where they are limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<f64>,
    /// Quantities in which the plan lies outside the runs of the law, with the factor.
    pub outside: BTreeMap<String, f64>,
    /// Label of the law.
    pub law: String,
}

/// What [`propose`] answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Plans, in the order Kaplan, Chinchilla, inference-aware, constrained.
    pub plans: Vec<Row>,
    /// Warnings.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
}

/// Plans for `goal` under every strategy that applies.
///
/// With a budget, Kaplan and Chinchilla spend it whole on training; the inference-aware plan
/// reaches the Chinchilla plan's loss at the least training plus serving FLOPs, so it trains longer
/// than the budget and saves more in serving. With a loss as goal all reach that loss.
///
/// # Errors
/// When the best surface has no such plan; draws without one are counted in a warning.
///
/// ```
/// use isoloss::cost::Workload;
/// use isoloss::law::{Ensemble, Surface};
/// use isoloss::plan::{Goal, Limits, propose};
/// use isoloss::units::{Flops, Tokens};
///
/// let law = Ensemble::single(Surface::published("besiroglu")?);
/// let served = Workload::output(Tokens::new(2e12));
/// let answer = propose(&law, Goal::Budget(Flops::new(1e24)), &served, &Limits::default())?;
/// let [kaplan, chinchilla, aware] = &answer.plans[..] else { panic!("three strategies") };
/// assert!(kaplan.plan.n > chinchilla.plan.n && chinchilla.plan.n > aware.plan.n);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn propose(
    ensemble: &Ensemble,
    goal: Goal,
    workload: &Workload,
    limits: &Limits,
) -> Result<Proposal> {
    check_inputs(&ensemble.best, goal, limits)?;
    let mut strategies = vec![Strategy::Kaplan, Strategy::Chinchilla];
    if workload.total().get() > 0.0 {
        strategies.push(Strategy::InferenceAware);
    }
    if limits.data.is_some() {
        strategies.push(Strategy::DataConstrained);
    }
    if limits.max_params.is_some() {
        strategies.push(Strategy::MemoryConstrained);
    }
    if limits.given_params.is_some() {
        strategies.push(Strategy::GivenSize);
    }
    let mut proposal = Proposal { plans: Vec::new(), warnings: Vec::new() };
    for strategy in strategies {
        let ask = |surface: &Surface| plan_one(surface, strategy, goal, workload, limits);
        let plan = match ask(&ensemble.best) {
            // At a fixed loss Kaplan's sizes can be past the wall of another law. The other plans
            // exist all the same.
            Err(_) if strategy == Strategy::Kaplan && !matches!(goal, Goal::Budget(_)) => continue,
            other => other?,
        };
        let draws = ensemble.map(ask);
        if draws.failed > 0 {
            proposal.warnings.push(Warning::DrawsWithoutPlan {
                failed: draws.failed,
                draws: ensemble.draws.len(),
                what: format!("{strategy} plan"),
            });
        }
        proposal.warnings.extend(extrapolation(&ensemble.best, strategy, &plan));
        let epochs = (strategy == Strategy::DataConstrained)
            .then(|| limits.data.map(|data| (plan.d.get() / data.unique.get()).max(1.0)))
            .flatten();
        let row = row(ensemble, strategy, plan, workload, &draws);
        proposal.plans.push(Row { epochs, ..row });
    }
    Ok(proposal)
}

/// A recommendation as a row beside the strategies.
#[must_use]
pub fn recommended_row(r: &Recommendation, served: Tokens) -> Row {
    let serve_flops = Flops::new(2.0 * r.plan.n.get() * served.get());
    Row {
        strategy: Strategy::Recommended,
        plan: r.plan,
        serve_flops,
        total_flops: Flops::new(r.plan.train_flops.get() + serve_flops.get()),
        intervals: r.intervals.clone(),
        epochs: r.epochs,
        outside: r.outside.clone(),
        law: r.law.clone(),
    }
}

fn check_inputs(surface: &Surface, goal: Goal, limits: &Limits) -> Result<()> {
    match goal {
        Goal::Budget(c) => check_budget(c)?,
        Goal::Loss(loss) => check_loss(surface, loss)?,
        Goal::QualityOf(n) => check_params(n)?,
    }
    if let Some(data) = limits.data {
        check_tokens(data.unique)?;
    }
    for n in [limits.max_params, limits.given_params].into_iter().flatten() {
        check_params(n)?;
    }
    Ok(())
}

fn plan_one(
    surface: &Surface,
    strategy: Strategy,
    goal: Goal,
    workload: &Workload,
    limits: &Limits,
) -> Result<Plan> {
    // The Chinchilla plan; its loss is the target of the others.
    let best = optimum_for_goal(surface, goal)?;
    match strategy {
        Strategy::Chinchilla => Ok(best),
        Strategy::Kaplan => kaplan(surface, goal, &best),
        Strategy::InferenceAware => {
            inference_aware(surface, best.loss_nats, workload, &CostModel::FLOPS)
        }
        Strategy::DataConstrained => match limits.data {
            Some(data) if best.d > data.unique => within_data(surface, goal, data),
            _ => Ok(best),
        },
        Strategy::MemoryConstrained => match limits.max_params {
            Some(n) if best.n > n => at_size(surface, goal, &best, n),
            _ => Ok(best),
        },
        // That row comes from the search of a scenario.
        Strategy::Recommended => Ok(best),
        Strategy::GivenSize => at_size(surface, goal, &best, limits.given_params.unwrap_or(best.n)),
    }
}

/// Kaplan's size for the budget and the tokens that are left; at a fixed loss, the budget whose Kaplan
/// split reaches it.
fn kaplan(surface: &Surface, goal: Goal, best: &Plan) -> Result<Plan> {
    let allocation = kaplan_allocation()?;
    let split = |c: Flops| {
        let n = allocation.params_for(c);
        Plan::at(surface, n, tokens_for(c, n))
    };
    if let Goal::Budget(c) = goal {
        return Ok(split(c));
    }
    let excess = |ln_c: f64| split(Flops::new(ln_c.exp())).loss_nats - best.loss_nats;
    let lo = best.train_flops.ln();
    let ln_c = crate::num::find_root_upward("Kaplan budget", excess, lo, 0.1, lo + 40.0)?;
    Ok(split(Flops::new(ln_c.exp())))
}

/// The best plan on the data there is: that of a scenario without anything else.
fn within_data(surface: &Surface, goal: Goal, data: DataLimit) -> Result<Plan> {
    let aim = match goal {
        Goal::Budget(c) => Aim::Budget(c.get()),
        Goal::Loss(loss) => Aim::Loss(loss),
        Goal::QualityOf(n) => Aim::QualityOf(n),
    };
    let scenario = Scenario { data: Some(data), ..Scenario::new(aim) };
    let design = &scenario.designs[0];
    let caps = SizeCaps::of(&scenario, design);
    let solved = solve(&scenario, design, surface, &caps, &scenario.typical())?;
    Ok(solved.plan())
}

/// The plan with exactly `n` parameters: the rest of the budget, or the loss, sets the tokens.
fn at_size(surface: &Surface, goal: Goal, best: &Plan, n: Params) -> Result<Plan> {
    let d = match goal {
        Goal::Budget(c) => tokens_for(c, n),
        Goal::Loss(_) | Goal::QualityOf(_) => tokens_for_loss(surface, n, best.loss_nats)?,
    };
    Ok(Plan::at(surface, n, d))
}

/// The name of an interval and the number it is of.
type Field<'a> = (&'static str, &'a dyn Fn(&Plan) -> f64);

fn row(
    ensemble: &Ensemble,
    strategy: Strategy,
    plan: Plan,
    workload: &Workload,
    draws: &Draws<Plan>,
) -> Row {
    let served = workload.total();
    let serve = |p: &Plan| p.serve_flops(served).get();
    let fields: [Field; 7] = [
        ("params", &|p| p.n.get()),
        ("tokens", &|p| p.d.get()),
        ("tokens_per_param", &|p| p.tokens_per_param),
        ("loss", &|p| p.loss_nats),
        ("train_flops", &|p| p.train_flops.get()),
        ("serve_flops", &serve),
        ("total_flops", &|p| p.train_flops.get() + serve(p)),
    ];
    let intervals = fields
        .iter()
        .filter_map(|(name, of)| Some(((*name).to_owned(), draws.interval(of)?)))
        .collect();
    Row {
        strategy,
        plan,
        serve_flops: plan.serve_flops(served),
        total_flops: Flops::new(plan.train_flops.get() + serve(&plan)),
        intervals,
        epochs: None,
        outside: ensemble.best.support.distances(&Point::new(plan.n, plan.d)),
        law: ensemble.best.label.clone(),
    }
}

/// A warning where laws differ by more than a factor of 1.5 in the compute-optimal size: then the choice
/// of law decides the plan.
#[must_use]
pub fn disagreement(rows: &[Row]) -> Option<Warning> {
    let sizes = rows.iter().filter(|r| r.strategy == Strategy::Chinchilla).map(|r| r.plan.n.get());
    let range = Range::of(sizes)?;
    let ratio = range.hi / range.lo;
    (ratio > 1.5)
        .then(|| Warning::LawsDisagree { quantity: "the compute-optimal size".to_owned(), ratio })
}
