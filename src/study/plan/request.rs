//! What is asked of the planner.

use serde::{Deserialize, Serialize};

use crate::cost::Budget;
use crate::error::{Result, StudyError};
use crate::law::TwoStep;
use crate::plan::{Aim, Currency, Scenario};
use crate::study::benchmark::benchmark_law;
use crate::study::law::AskedLaw;
use crate::study::scenario::ScenarioRequest;
use crate::units::{Flops, Params};

/// A budget to spend or a loss to reach, and everything the plan is made for.
///
/// One of `flops`, `gpus` with `device` and `duration_s`, `usd` with `device` is the budget of training;
/// one of `quality_of`, `loss`, `target_error` with `benchmark` the loss; `params` alone asks how many
/// tokens. With a loss, `gpus` and `duration_s` are limits. A demand counts beside the budget at what a
/// nat is worth; with `cost` a lifetime currency, `flops` or `usd` pays for training and serving. A file states the fields of [`ScenarioRequest`] beside these.
///
/// | field | default | unit |
/// |---|---|---|
/// | `law` | `besiroglu` | what [`ask_laws`](crate::study::ask_laws) takes |
/// | `flops` | none | training FLOPs |
/// | `usd` | none | USD for training |
/// | `device`, `gpus`, `duration_s` | none | device, how many, calendar time in s |
/// | `quality_of` | none | N whose compute-optimal loss is the target |
/// | `loss` | none | nats per token |
/// | `target_error`, `benchmark` | none | error on a benchmark, and its law |
/// | `params` | none | a size to price beside the plan; alone, the size to find tokens for |
/// | `nat_value` | what it costs in training | worth of a nat per token, in the currency of the plan |
/// | `what_if` | false | whether to tell what one input moved at a time would change |
/// | `verbose` | false | whether to tell every row, share and warning |
/// | `recipe`, `train_context` | false, 4096 | whether to write out the run, and its sequence length in tokens |
/// | `draws`, `seed` | 4000, 0 | joint draws behind the intervals |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanRequest {
    /// Laws to ask.
    pub law: String,
    /// Training FLOPs.
    pub flops: Option<Flops>,
    /// USD for training.
    pub usd: Option<f64>,
    /// Device to train on.
    pub device: Option<String>,
    /// How many there are.
    pub gpus: Option<f64>,
    /// Calendar time, s.
    pub duration_s: Option<f64>,
    /// The quality of the compute-optimal model of this size.
    pub quality_of: Option<Params>,
    /// Loss to reach, nats per token.
    pub loss: Option<f64>,
    /// Benchmark error to reach.
    pub target_error: Option<f64>,
    /// Benchmark law: a published name or a saved benchmark fit.
    pub benchmark: Option<String>,
    /// A size to price beside the plan; alone, the size to find tokens for.
    pub params: Option<Params>,
    /// What a nat per token less is worth, in the currency of the plan.
    pub nat_value: Option<f64>,
    /// Whether to write out the run.
    pub recipe: bool,
    /// Tokens of a training sequence.
    pub train_context: u32,
    /// Joint draws of law and circumstances; 0 for none.
    pub draws: usize,
    /// Their seed.
    pub seed: u64,
    /// Whether to tell what one input moved at a time would change.
    pub what_if: bool,
    /// Whether to tell every row, share and warning.
    pub verbose: bool,
    /// Machines, demand, data and limits.
    #[serde(flatten)]
    pub scenario: ScenarioRequest,
}

impl Default for PlanRequest {
    fn default() -> Self {
        Self {
            law: "besiroglu".to_owned(),
            flops: None,
            usd: None,
            device: None,
            gpus: None,
            duration_s: None,
            quality_of: None,
            loss: None,
            target_error: None,
            benchmark: None,
            params: None,
            nat_value: None,
            recipe: false,
            train_context: 4096,
            draws: 4000,
            seed: 0,
            what_if: false,
            verbose: false,
            scenario: ScenarioRequest::default(),
        }
    }
}

impl PlanRequest {
    /// What the plan has to do, and the budget as it was given.
    pub(super) fn aim(&self, laws: &[AskedLaw]) -> Result<(Aim, Option<Budget>)> {
        let target = self.target(laws)?;
        // With a loss to reach, machines are a limit, not a budget.
        let budget = match (self.budget()?, &target) {
            (Some(Budget::DeviceTime { .. }), Some(_)) => None,
            (budget, _) => budget,
        };
        let shared = self.scenario.cost.is_some_and(Currency::counts_serving);
        let aim = match (&budget, target) {
            (Some(Budget::Compute(c)), None) => match self.scenario.cost {
                Some(Currency::LifetimeFlops) => Aim::Lifetime(c.get()),
                _ => Aim::TrainFlops(*c),
            },
            (Some(Budget::Money { usd, .. }), None) if shared => Aim::Lifetime(*usd),
            (Some(Budget::Money { usd, .. }), None) => Aim::TrainUsd(*usd),
            (Some(Budget::DeviceTime { .. }), None) => Aim::MachineTime,
            (None, Some(aim)) => aim,
            (None, None) => self.params.map(Aim::OfSize).ok_or(StudyError::NoTarget)?,
            (Some(_), Some(_)) => return Err(StudyError::TwoTargets.into()),
        };
        Ok((aim, budget))
    }

    /// The loss to reach, where one is asked for.
    fn target(&self, laws: &[AskedLaw]) -> Result<Option<Aim>> {
        let (Some(error), Some(name)) = (self.target_error, &self.benchmark) else {
            return Ok(self.quality_of.map(Aim::QualityOf).or(self.loss.map(Aim::Loss)));
        };
        // The benchmark law speaks of one loss, so one law has to say how to reach it.
        let [law] = laws else {
            return Err(StudyError::ErrorUnderSeveralLaws { laws: laws.len() }.into());
        };
        let (benchmark, theta) = benchmark_law(name)?;
        let surface = law.ensemble.best.clone();
        let two_step = TwoStep { surface, benchmark, theta };
        let out_of_reach =
            || StudyError::ErrorOutOfReach { law: law.ensemble.best.label.clone(), error };
        Ok(Some(Aim::Loss(two_step.loss_for_error(error).ok_or_else(out_of_reach)?)))
    }

    fn budget(&self) -> Result<Option<Budget>> {
        let device = || self.device.clone().unwrap_or_default();
        let mfu = self.scenario.utilisation()?.mid;
        if let Some(c) = self.flops {
            return Ok(Some(Budget::Compute(c)));
        }
        if let Some(gpus) = self.gpus {
            let duration_s = self.duration_s.unwrap_or_default();
            return Ok(Some(Budget::DeviceTime { gpus, device: device(), duration_s, mfu }));
        }
        Ok(self.usd.map(|usd| Budget::Money {
            usd,
            device: device(),
            usd_per_hour: self.scenario.usd_per_hour.map(|p| p.mid),
            mfu,
        }))
    }

    /// The scenario of the planner.
    pub(super) fn scenario(&self, aim: Aim) -> Result<Scenario> {
        let training =
            self.scenario.training(self.device.as_deref(), self.gpus, self.duration_s)?;
        let scenario =
            Scenario { nat_value: self.nat_value, ..self.scenario.scenario(aim, training)? };
        scenario.validate()?;
        Ok(scenario)
    }
}
