//! A scenario: everything a plan is made for, besides the law.

use super::aim::{Aim, Currency};
use super::design::Design;
use super::limits::{DataLimit, MemoryLimit};
use super::machines::{Demand, Serving, Training};
use crate::flops::Pattern;
use crate::units::Params;

/// Everything a plan is made for, besides the law.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// What the plan has to do.
    pub aim: Aim,
    /// What counts as cost.
    pub currency: Currency,
    /// Families of shapes to choose from, at least one.
    pub designs: Vec<Design>,
    /// Where it is trained.
    pub training: Option<Training>,
    /// How it is served.
    pub serving: Option<Serving>,
    /// What it is asked over its life.
    pub demand: Option<Demand>,
    /// The data there is.
    pub data: Option<DataLimit>,
    /// The memory of a deployed copy.
    pub memory: Option<MemoryLimit>,
    /// Most parameters, experts included.
    pub max_params: Option<Params>,
    /// What a nat per token less is worth, in the currency, under a budget of training; what it costs
    /// in training at the optimum when absent.
    pub nat_value: Option<f64>,
}

impl Scenario {
    /// A dense plan for training FLOPs alone.
    ///
    /// ```
    /// use isoloss::law::{Ensemble, Surface};
    /// use isoloss::plan::{Aim, Sampling, Scenario, compute_optimal, recommend};
    /// use isoloss::units::Flops;
    ///
    /// let law = Surface::published("besiroglu")?;
    /// let optimum = compute_optimal(&law, Flops::new(1e23))?;
    /// let plain = Scenario::new(Aim::TrainFlops(Flops::new(1e23)));
    /// let best = recommend(&Ensemble::single(law), &plain, &Sampling::default())?;
    /// assert!((best.plan.n.get() / optimum.n.get() - 1.0).abs() < 1e-6);
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    #[must_use]
    pub fn new(aim: Aim) -> Self {
        Self {
            aim,
            currency: Currency::TrainFlops,
            designs: vec![Design::of(Pattern::MODERN, 1, 1)],
            training: None,
            serving: None,
            demand: None,
            data: None,
            memory: None,
            max_params: None,
            nat_value: None,
        }
    }
}
