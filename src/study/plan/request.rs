//! What is asked of the planner.

use serde::{Deserialize, Serialize};

use crate::cost::Budget;
use crate::error::{Result, StudyError};
use crate::law::TwoStep;
use crate::plan::{Aim, Goal, Scenario};
use crate::study::benchmark::benchmark_law;
use crate::study::law::AskedLaw;
use crate::study::scenario::ScenarioRequest;
use crate::units::{Flops, Params};

/// A budget to spend or a loss to reach, and everything the plan is made for.
///
/// One of `flops`, `gpus` with `device` and `duration_s`, `usd` with `device` is the budget; one of
/// `quality_of`, `loss`, `target_error` with `benchmark` the loss. With a loss, `gpus` and `duration_s`
/// are limits. A file states the fields of [`ScenarioRequest`] beside these.
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
/// | `params` | none | a size to price beside the strategies |
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
    /// A size to price beside the strategies.
    pub params: Option<Params>,
    /// Whether to write out the run.
    pub recipe: bool,
    /// Tokens of a training sequence.
    pub train_context: u32,
    /// Joint draws of law and circumstances; 0 for none.
    pub draws: usize,
    /// Their seed.
    pub seed: u64,
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
            recipe: false,
            train_context: 4096,
            draws: 4000,
            seed: 0,
            scenario: ScenarioRequest::default(),
        }
    }
}

impl PlanRequest {
    /// The budget or loss the plan is for, and the budget as it was given.
    pub(super) fn goal(&self, laws: &[AskedLaw]) -> Result<(Goal, Option<Budget>)> {
        let target = self.target(laws)?;
        // With a loss to reach, machines are a limit, not a budget.
        let budget = match (self.budget()?, &target) {
            (Some(Budget::DeviceTime { .. }), Some(_)) => None,
            (budget, _) => budget,
        };
        let goal = match (&budget, target) {
            (Some(budget), None) => Goal::Budget(budget.flops()?),
            (None, Some(goal)) => goal,
            (None, None) => return Err(StudyError::NoTarget.into()),
            (Some(_), Some(_)) => return Err(StudyError::TwoTargets.into()),
        };
        Ok((goal, budget))
    }

    /// The loss to reach, where one is asked for.
    fn target(&self, laws: &[AskedLaw]) -> Result<Option<Goal>> {
        let (Some(error), Some(name)) = (self.target_error, &self.benchmark) else {
            return Ok(self.quality_of.map(Goal::QualityOf).or(self.loss.map(Goal::Loss)));
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
        Ok(Some(Goal::Loss(two_step.loss_for_error(error).ok_or_else(out_of_reach)?)))
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
    pub(super) fn scenario(&self, goal: Goal, budget: Option<&Budget>) -> Result<Scenario> {
        let aim = match (goal, budget) {
            (_, Some(Budget::Money { usd, .. })) => Aim::Budget(*usd),
            (_, Some(Budget::DeviceTime { .. })) => Aim::MachineTime,
            (Goal::Budget(c), _) => Aim::Budget(c.get()),
            (Goal::Loss(loss), _) => Aim::Loss(loss),
            (Goal::QualityOf(n), _) => Aim::QualityOf(n),
        };
        let training =
            self.scenario.training(self.device.as_deref(), self.gpus, self.duration_s)?;
        // FLOPs are FLOPs even where a device is named for the recipe.
        if matches!(budget, Some(Budget::Compute(_))) && self.scenario.cost.is_none() {
            let mut scenario = self.scenario.scenario(aim, None)?;
            scenario.training = training;
            return Ok(scenario);
        }
        self.scenario.scenario(aim, training)
    }
}
