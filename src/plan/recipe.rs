//! From a plan to a run: shape, hyper-parameters, machines, days, dollars.

use serde::{Deserialize, Serialize};

use super::hyper::{Advice, Hyper, advise};
use super::scenario::Training;
use crate::cost::{Layout, Uncertain, training_layout};
use crate::error::{Error, PlanError, Result};
use crate::flops::{Pattern, Shape};
use crate::units::{Flops, ParamRule, Params, Tokens};

/// Calendar time when neither devices nor a time are given: thirty days.
const USUAL_DURATION_S: f64 = 30.0 * 86_400.0;

/// What a recipe is made for.
#[derive(Clone, Debug, PartialEq)]
pub struct RecipeInputs {
    /// Target number of active parameters.
    pub n: Params,
    /// Which parameters this number counts.
    pub rule: ParamRule,
    /// Training tokens.
    pub d: Tokens,
    /// The family of shapes.
    pub pattern: Pattern,
    /// Tokens of a sequence.
    pub context: u32,
    /// Tokens of an optimiser step, about; the recommended ones when absent.
    pub batch_tokens: Option<f64>,
    /// Where it is trained. Without a number of devices, as many as finish in its time, or in thirty
    /// days. With both, the time is a deadline.
    pub training: Option<Training>,
}

/// Share of the tokens that may be cut to keep a deadline: what counting attention and the vocabulary
/// adds to 6 N D, and no more.
const MOST_CUT: f64 = 0.1;
/// Fewest optimiser steps of a run.
const FEWEST_STEPS: f64 = 10.0;
/// Devices of a node.
const NODE: f64 = 8.0;
/// Bytes of a parameter in a checkpoint: 16-bit weights, f32 master weights and two moments.
const CHECKPOINT_BYTES: f64 = 14.0;
const YEAR_DAYS: f64 = 365.25;

/// The run on machines.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// Devices used.
    pub devices: f64,
    /// Nodes of eight they fill.
    pub nodes: f64,
    /// Training tokens in a year at that goodput.
    pub tokens_per_year: f64,
    /// Bytes of a checkpoint with the optimiser's state.
    pub checkpoint_bytes: f64,
    /// How the model is spread over them.
    pub layout: Layout,
    /// Counted FLOPs over the dense BF16 peak of every paid hour. This is goodput, not the MFU of a step.
    pub goodput: Uncertain,
    /// Calendar days at that goodput.
    pub days: Uncertain,
    /// Billed device-hours.
    pub device_hours: Uncertain,
    /// Money, USD: from the lowest price with the highest goodput to the highest price with the lowest.
    pub usd: Option<Uncertain>,
    /// Energy with the site's overhead, kWh, at design power.
    pub kwh: Option<Uncertain>,
}

/// A run ready to be written into a trainer's configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The shape.
    pub shape: Shape,
    /// All its parameters.
    pub params: Params,
    /// Those one token uses.
    pub active_params: Params,
    /// Without embeddings.
    pub non_embedding_params: Params,
    /// Its size over the target, minus one.
    pub size_error: f64,
    /// Training tokens.
    pub tokens: Tokens,
    /// Training tokens asked for, where fewer fit the deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_asked: Option<Tokens>,
    /// Tokens of a sequence.
    pub context: u32,
    /// Training FLOPs, every matrix product counted, attention included.
    pub train_flops: Flops,
    /// Those over 6 N D.
    pub flops_over_six_nd: f64,
    /// Tokens of an optimiser step: a whole number of sequences, the same for every copy of the model.
    pub batch_tokens: f64,
    /// Tokens of a step as asked for or recommended, before that rounding.
    pub batch_wanted: f64,
    /// Optimiser steps.
    pub steps: f64,
    /// Hyper-parameters by published rules.
    pub advice: Vec<Advice>,
    /// The run on machines, where given.
    pub running: Option<Running>,
}

/// Builds the run of a plan.
///
/// # Errors
/// [`FlopsError::NoShape`](crate::error::FlopsError::NoShape) when no shape of the pattern has this
/// size; [`CostError::DoesNotFit`](crate::error::CostError::DoesNotFit) when no layout fits the
/// devices; [`PlanError::Batch`] for a batch below one sequence, [`PlanError::FewSteps`] for fewer than ten
/// steps, [`PlanError::Deadline`] for devices and a time in which it cannot be done.
///
/// ```
/// use isoloss::flops::Pattern;
/// use isoloss::plan::{RecipeInputs, recipe};
/// use isoloss::units::{ParamRule, Params, Tokens};
///
/// let run = recipe(&RecipeInputs {
///     n: Params::new(7e9),
///     rule: ParamRule::Active,
///     d: Tokens::new(2e12),
///     pattern: Pattern::MODERN,
///     context: 4096,
///     batch_tokens: None,
///     training: None,
/// })?;
/// assert!(run.size_error.abs() < 5e-3);
/// assert!(run.train_flops.get() > 6.0 * 6.9e9 * 2e12); // attention counts too
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn recipe(inputs: &RecipeInputs) -> Result<Recipe> {
    let shape = inputs.pattern.near(inputs.n, inputs.rule)?;
    let params = shape.params();
    let embeddings = params.all.get() - params.non_embedding.get();
    let active_non_embedding = Params::new(params.active.get() - embeddings);
    let counted = match inputs.rule {
        ParamRule::NonEmbedding => active_non_embedding,
        ParamRule::All | ParamRule::Active => params.active,
    };
    let experts = shape.experts.map_or(1.0, |e| f64::from(e.count));
    let advice = advise(params.active, active_non_embedding, inputs.d, experts)?;
    let rule = advice.iter().find(|a| a.quantity == Hyper::BatchTokens);
    let context = f64::from(inputs.context);
    let batch_wanted = match inputs.batch_tokens {
        Some(found) if found < context => return Err(PlanError::Batch { found, context }.into()),
        Some(given) => given,
        None => rule.map_or(1e6, |a| a.recommended).max(context),
    };
    let found = inputs.d;
    if found.get() < FEWEST_STEPS * batch_wanted {
        return Err(PlanError::FewSteps { found, batch: batch_wanted }.into());
    }
    let per_token = shape.train_flops_per_token(inputs.context);
    let mut tokens = inputs.d;
    let mut batch_tokens = (batch_wanted / context).round() * context;
    let mut running = None;
    if let Some(training) = &inputs.training {
        let peak = training.device.peak_flop_per_s()?;
        let hours = |d: Tokens| {
            training.utilisation.map(|share| per_token * d.get() / (peak * share) / 3600.0)
        };
        let (layout, used) = laid_out(&shape, training, hours(tokens), context, batch_wanted)?;
        let limit_h = training.devices.and(training.duration_s).map(|s| used * s / 3600.0);
        if let Some(limit_h) = limit_h.filter(|limit| hours(tokens).mid > limit * (1.0 + 1e-9)) {
            let share = limit_h / hours(tokens).mid;
            if share < 1.0 - MOST_CUT {
                return Err(missed(training, hours(tokens).mid, used, tokens * share));
            }
            tokens = tokens * share;
        }
        batch_tokens = layout.sequences * context;
        running = Some(run_on(training, layout, hours(tokens), tokens, params.all));
    }
    let flops = per_token * tokens.get();
    Ok(Recipe {
        shape,
        params: params.all,
        active_params: params.active,
        non_embedding_params: params.non_embedding,
        size_error: counted.get() / inputs.n.get() - 1.0,
        tokens,
        tokens_asked: (tokens != inputs.d).then_some(inputs.d),
        context: inputs.context,
        train_flops: Flops::new(flops),
        flops_over_six_nd: flops / (6.0 * params.active.get() * tokens.get()),
        batch_tokens,
        batch_wanted,
        steps: (tokens.get() / batch_tokens).ceil(),
        advice,
        running,
    })
}

/// The layout, and the devices it uses: those there are, or as many whole nodes as finish in time.
fn laid_out(
    shape: &Shape,
    training: &Training,
    hours: Uncertain,
    context: f64,
    batch_tokens: f64,
) -> Result<(Layout, f64)> {
    let devices = training.devices.unwrap_or_else(|| {
        let duration_s = training.duration_s.unwrap_or(USUAL_DURATION_S);
        (NODE * (hours.mid * 3600.0 / duration_s / NODE).ceil()).clamp(NODE, 1e7)
    });
    let layout = training_layout(
        shape,
        training.device,
        devices.max(1.0) as u32,
        context,
        batch_tokens,
        &training.memory,
    )?;
    Ok((layout, layout.devices()))
}

/// A deadline that is missed, and what would keep it.
fn missed(training: &Training, hours: f64, used: f64, fitting: Tokens) -> Error {
    let days = training.duration_s.unwrap_or(f64::NAN) / 86_400.0;
    PlanError::Deadline {
        days,
        takes_days: hours / used / 24.0,
        devices: used,
        devices_needed: NODE * (hours / 24.0 / days / NODE).ceil(),
        share_needed: training.utilisation.mid * hours / 24.0 / days / used,
        fitting,
    }
    .into()
}

fn run_on(
    training: &Training,
    layout: Layout,
    hours: Uncertain,
    tokens: Tokens,
    params: Params,
) -> Running {
    let used = layout.devices();
    let usd = training.usd_per_hour.map(|price| {
        let energy = training.kilowatt().unwrap_or(0.0);
        let kwh = |at: f64| training.usd_per_kwh.map_or(0.0, |p| energy * p.quantile(at));
        Uncertain {
            low: hours.low * (price.low + kwh(0.0)),
            mid: hours.mid * (price.mid + kwh(0.5)),
            high: hours.high * (price.high + kwh(1.0)),
        }
    });
    let days = hours.map(|h| h / used / 24.0);
    Running {
        devices: used,
        nodes: (used / NODE).ceil(),
        tokens_per_year: tokens.get() / days.mid * YEAR_DAYS,
        checkpoint_bytes: params.get() * CHECKPOINT_BYTES,
        layout,
        goodput: training.utilisation,
        days,
        device_hours: hours,
        usd,
        kwh: training.kilowatt().map(|kw| hours.map(|h| kw * h)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_keeps_the_size_and_counts_attention() {
        let inputs = RecipeInputs {
            n: Params::new(7.24e9),
            rule: ParamRule::All,
            d: Tokens::new(2e12),
            pattern: Pattern::MODERN,
            context: 8192,
            batch_tokens: None,
            training: None,
        };
        let run = recipe(&inputs).expect("a run");
        assert!(run.size_error.abs() < 5e-3, "{}", run.size_error);
        // Embeddings are not multiplied, scores are: 8192 tokens of context weigh more.
        assert!((1.02..1.2).contains(&run.flops_over_six_nd), "{}", run.flops_over_six_nd);
        assert_eq!(run.batch_tokens % 8192.0, 0.0);
        assert!((run.steps * run.batch_tokens / 2e12 - 1.0).abs() < 1e-3);
    }
}
