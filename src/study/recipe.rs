//! From N and D to a run: shape, hyper-parameters, layout, days, dollars.

use serde::{Deserialize, Serialize};

use super::training::TrainingRequest;
use crate::error::Result;
use crate::flops::Pattern;
use crate::plan::{Recipe, RecipeInputs, recipe};
use crate::units::{ParamRule, Params, Tokens};

/// What run to write out.
///
/// | field | default | purpose |
/// |---|---|---|
/// | `params`, `tokens` | required | N and D |
/// | `rule` | active | which parameters N counts |
/// | `pattern` | [`Pattern::MODERN`] | the family of shapes |
/// | `context` | 4096 | tokens of a training sequence |
/// | `batch_tokens` | recommended by the rules in range | tokens of an optimiser step |
/// | `training` | none | where it is trained |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeRequest {
    /// Target number of parameters.
    pub params: Params,
    /// Training tokens.
    pub tokens: Tokens,
    /// Which parameters this number counts.
    #[serde(default = "active")]
    pub rule: ParamRule,
    /// The family of shapes.
    #[serde(default)]
    pub pattern: Pattern,
    /// Tokens of a training sequence.
    #[serde(default = "usual_context")]
    pub context: u32,
    /// Tokens of an optimiser step; the recommended ones when absent.
    #[serde(default)]
    pub batch_tokens: Option<Tokens>,
    /// Where it is trained. Without a number of devices, as many as finish in its time, or in 30 days.
    #[serde(default)]
    pub training: Option<TrainingRequest>,
}

fn active() -> ParamRule {
    ParamRule::Active
}

fn usual_context() -> u32 {
    4096
}

impl RecipeRequest {
    /// A run of `params` active parameters on `tokens` tokens, with everything else by default.
    #[must_use]
    pub fn new(params: Params, tokens: Tokens) -> Self {
        Self {
            params,
            tokens,
            rule: active(),
            pattern: Pattern::MODERN,
            context: usual_context(),
            batch_tokens: None,
            training: None,
        }
    }

    /// Builds the run.
    ///
    /// # Errors
    /// As [`recipe()`]; [`CostError`](crate::error::CostError) for an unknown device.
    ///
    /// ```
    /// use isoloss::study::{RecipeRequest, TrainingRequest};
    /// use isoloss::units::{Params, Tokens};
    ///
    /// let request = RecipeRequest {
    ///     training: Some(TrainingRequest { gpus: Some(512.0), ..TrainingRequest::on("H100 SXM") }),
    ///     ..RecipeRequest::new(Params::new(13e9), Tokens::new(2e12))
    /// };
    /// let days = request.answer()?.running.unwrap().days;
    /// assert!(days.low < days.mid && days.mid < days.high); // published goodput is a range
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    pub fn answer(&self) -> Result<Recipe> {
        recipe(&RecipeInputs {
            n: self.params,
            rule: self.rule,
            d: self.tokens,
            pattern: self.pattern,
            context: self.context,
            batch_tokens: self.batch_tokens.map(Tokens::get),
            training: self.training.as_ref().map(TrainingRequest::resolve).transpose()?,
        })
    }
}
