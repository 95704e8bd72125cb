//! The same question with fewer constraints: what training alone, serving, data and memory each change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::allocation::{Plan, Strategy};
use super::beyond::carried;
use super::candidate::Candidate;
use super::recommend::Recommendation;
use super::scenario::{Aim, Circumstances, Currency, Design, Scenario, Training};
use super::solve::Costs;
use super::uncertainty::{Answer, Sample, Sampling};
use crate::error::{Result, Warning};
use crate::law::{Ensemble, Point, Range, Surface, kaplan_allocation};
use crate::num::{Interval, find_root_upward};
use crate::units::{Flops, Params, Tokens};

/// One row of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it takes into account.
    pub strategy: Strategy,
    /// Size, tokens, loss and training FLOPs.
    #[serde(flatten)]
    pub plan: Plan,
    /// 2 N per served token.
    pub serve_flops: Flops,
    /// Training plus serving.
    pub total_flops: Flops,
    /// What it costs besides.
    #[serde(default)]
    pub costs: Costs,
    /// Percentile intervals over the draws, by field name; empty where nothing is uncertain.
    pub intervals: BTreeMap<String, Interval>,
    /// Times the unique tokens are shown, where they are limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<f64>,
    /// Quantities in which the plan lies outside the runs of the law, with the factor.
    pub outside: BTreeMap<String, f64>,
    /// Label of the law.
    pub law: String,
}

/// The rows of a scenario under one law, the recommended plan last.
///
/// Every row is solved by the same search as the recommended plan, under fewer constraints: `kaplan` and
/// `given-size` fix the size, `chinchilla` leaves out serving and every limit, `inference-aware` counts
/// serving at the loss of `chinchilla`, `data-constrained` and `memory-constrained` keep one limit. All
/// share the design of the recommended plan. A row whose question has no answer is left out.
///
/// - `given`: the size of the row `given-size`.
///
/// # Errors
/// Those of the shipped table of laws.
///
/// ```
/// use isoloss::law::{Ensemble, Surface};
/// use isoloss::plan::{Aim, Sampling, Scenario, Strategy, recommend, strategies};
/// use isoloss::units::Flops;
///
/// let law = Ensemble::single(Surface::published("besiroglu")?);
/// let (scenario, sampling) = (Scenario::new(Aim::TrainFlops(Flops::new(1e24))), Sampling::default());
/// let best = recommend(&law, &scenario, &sampling)?;
/// let rows = strategies(&law, &scenario, &best, None, &sampling)?;
/// let of = |strategy| rows.iter().find(|row| row.strategy == strategy).expect("a row").plan.n;
/// assert!(of(Strategy::Kaplan) > of(Strategy::Chinchilla));
/// assert_eq!(of(Strategy::Chinchilla), of(Strategy::Recommended)); // nothing else was asked
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn strategies(
    ensemble: &Ensemble,
    scenario: &Scenario,
    best: &Recommendation,
    given: Option<Params>,
    sampling: &Sampling,
) -> Result<Vec<Row>> {
    let design = scenario.designs.iter().find(|d| d.name == best.design);
    let design = design.unwrap_or(&scenario.designs[0]);
    let whole = Candidate::tabulated(scenario, design);
    let ask = Ask { ensemble, whole, sampling };
    let alone = scenario.training_alone(design);
    let recommended = recommended_row(best, scenario);
    // A question that is the whole one has its answer.
    let limited = |strategy: Strategy, asked: &Scenario| match asked == scenario {
        true => Some(Row { strategy, ..recommended.clone() }),
        false => ask.row(strategy, asked),
    };
    let chinchilla = limited(Strategy::Chinchilla, &alone);
    let mut rows = Vec::new();
    rows.extend(ask.kaplan(&alone)?);
    rows.extend(chinchilla.iter().cloned());
    if let (Some(_), Some(chinchilla)) = (scenario.demand, &chinchilla) {
        let aware = scenario.serving_counted(design, chinchilla.plan.loss_nats);
        rows.extend(ask.row(Strategy::InferenceAware, &aware));
    }
    if scenario.data.is_some() {
        let asked = Scenario { data: scenario.data, ..alone.clone() };
        rows.extend(limited(Strategy::DataConstrained, &asked));
    }
    if scenario.memory.is_some() {
        let asked = Scenario { memory: scenario.memory, ..alone.clone() };
        rows.extend(limited(Strategy::MemoryConstrained, &asked));
    }
    if let Some(n) = given {
        rows.extend(ask.fixed(Strategy::GivenSize, scenario, |_, _| Some(n.ln())));
    }
    rows.push(recommended);
    Ok(rows)
}

/// A recommendation as a row.
fn recommended_row(r: &Recommendation, scenario: &Scenario) -> Row {
    Row {
        epochs: r.epochs,
        ..row(
            Strategy::Recommended,
            scenario,
            r.plan,
            r.costs,
            &r.law,
            r.intervals.clone(),
            r.outside.clone(),
        )
    }
}

fn row(
    strategy: Strategy,
    scenario: &Scenario,
    plan: Plan,
    costs: Costs,
    law: &str,
    intervals: BTreeMap<String, Interval>,
    outside: BTreeMap<String, f64>,
) -> Row {
    let serve_flops = plan.serve_flops(scenario.served_tokens(&scenario.typical()));
    Row {
        strategy,
        plan,
        serve_flops,
        total_flops: Flops::new(plan.train_flops.get() + serve_flops.get()),
        costs,
        intervals,
        epochs: None,
        outside,
        law: law.to_owned(),
    }
}

impl Scenario {
    /// Training alone, without limits: what Hoffmann et al. 2022 ask.
    fn training_alone(&self, design: &Design) -> Self {
        let aim = match self.aim {
            // One purse for both, spent on training.
            Aim::Lifetime(usd) if self.currency.is_money() => Aim::TrainUsd(usd),
            Aim::Lifetime(flops) => Aim::TrainFlops(Flops::new(flops)),
            aim => aim,
        };
        Self {
            aim,
            currency: self.currency.of_training(),
            designs: vec![design.clone()],
            training: self.training.clone().map(|t| match self.aim {
                Aim::MachineTime => t,
                _ => Training { devices: None, duration_s: None, ..t },
            }),
            serving: None,
            data: None,
            memory: None,
            max_params: None,
            nat_value: None,
            ..self.clone()
        }
    }

    /// Training and serving at this loss, without limits: what Sardana et al. 2024 ask.
    fn serving_counted(&self, design: &Design, loss: f64) -> Self {
        let aim = match self.aim {
            Aim::QualityOf(_) | Aim::OfSize(_) => self.aim,
            _ => Aim::Loss(loss),
        };
        let money = self.currency == Currency::LifetimeUsd;
        let currency = if money { Currency::LifetimeUsd } else { Currency::LifetimeFlops };
        let serving = self.serving.clone().filter(|_| money).map(|s| s.without_limits());
        Self { aim, currency, serving, ..self.training_alone(design) }
    }
}

/// What every row shares.
struct Ask<'a> {
    ensemble: &'a Ensemble,
    /// The whole scenario: what every row costs.
    whole: Candidate<'a>,
    sampling: &'a Sampling,
}

impl Ask<'_> {
    /// The row of a scenario with fewer constraints; `None` where it has no plan.
    fn row(&self, strategy: Strategy, scenario: &Scenario) -> Option<Row> {
        let exact = Candidate::exact(scenario, self.whole.design);
        let answer = |candidate: &Candidate, law: &Surface, now: &Circumstances| {
            let s = candidate.solve(law, now).ok()?;
            Some(self.at(&s.surface, now, s.ln_n, s.ln_d))
        };
        let typical = answer(&exact, &self.ensemble.best, &self.whole.scenario.typical());
        let drawn = Candidate::tabulated(scenario, self.whole.design);
        let drawn = drawn.near(typical.map(|answer| answer.ln_n));
        self.answered(strategy, scenario, typical, |law, now| answer(&drawn, law, now))
    }

    /// The row of a given size.
    fn fixed(
        &self,
        strategy: Strategy,
        scenario: &Scenario,
        ln_n: impl Fn(&Surface, &Circumstances) -> Option<f64> + Sync,
    ) -> Option<Row> {
        let candidate = Candidate::exact(scenario, self.whole.design);
        let answer = |law: &Surface, now: &Circumstances| {
            let surface = scenario.ask(law, self.whole.design, now).ok()?;
            let ln_n = ln_n(law, now)?;
            let ln_d = candidate.ln_d_at_size(law, &surface, now, ln_n)?;
            // Past the wall there is no number of tokens.
            ln_d.is_finite().then(|| self.at(&surface, now, ln_n, ln_d))
        };
        let typical = answer(&self.ensemble.best, &self.whole.scenario.typical());
        self.answered(strategy, scenario, typical, answer)
    }

    /// The answer at a point; every row costs what its plan costs in the whole scenario.
    fn at(&self, surface: &Surface, now: &Circumstances, ln_n: f64, ln_d: f64) -> Answer {
        Answer::of(&self.whole, surface, now, ln_n, ln_d)
    }

    fn answered(
        &self,
        strategy: Strategy,
        scenario: &Scenario,
        typical: Option<Answer>,
        answer: impl Fn(&Surface, &Circumstances) -> Option<Answer> + Sync,
    ) -> Option<Row> {
        let typical = typical?;
        let Candidate { scenario: whole, design, .. } = self.whole;
        let (law, now) = (&self.ensemble.best, whole.typical());
        let sample = Sample::plain(self.ensemble, whole, self.sampling, &answer);
        let (n, d) = (Params::new(typical.ln_n.exp()), Tokens::new(typical.ln_d.exp()));
        let surface = scenario.ask(law, design, &now).ok()?;
        let plan = Plan::at(&surface, n, d);
        let outside = law.support.distances(&Point::new(n, d).within(surface.setting));
        let exact = Candidate::exact(whole, design);
        let costs = exact.costs(&surface, &now, typical.ln_n, typical.ln_d);
        let intervals = carried(
            sample.intervals(self.ensemble.level),
            self.ensemble,
            scenario,
            &surface,
            (typical.ln_n, typical.ln_d),
        );
        let row = row(strategy, whole, plan, costs, &law.label, intervals, outside);
        let epochs = scenario.data.map(|data| (d.get() / data.unique.get()).max(1.0));
        Some(Row { epochs, ..row })
    }

    /// Kaplan's size for the budget and the tokens that are left; at a fixed loss, the budget whose
    /// Kaplan split reaches it. Under another law that size can be past the wall, and there is no row.
    fn kaplan(&self, alone: &Scenario) -> Result<Option<Row>> {
        let allocation = kaplan_allocation()?;
        let size = |law: &Surface, now: &Circumstances| {
            let budget = match alone.train_budget(now) {
                Some(flops) => flops,
                None => {
                    let loss = alone.target_loss(law)?;
                    let split = |ln_c: f64| {
                        let n = allocation.params_for(Flops::new(ln_c.exp()));
                        let ln_d = ln_c - law.flops_per_nd.ln() - n.ln();
                        law.loss_at(n.ln(), ln_d) - loss
                    };
                    let lo = super::optimum::optimum_for_loss(law, loss).ok()?.train_flops.ln();
                    find_root_upward("Kaplan budget", split, lo, 0.1, lo + 40.0).ok()?.exp()
                }
            };
            Some(allocation.params_for(Flops::new(budget)).ln())
        };
        Ok(self.fixed(Strategy::Kaplan, alone, size))
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
