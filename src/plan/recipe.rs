//! From a plan to a run: shape, hyper-parameters, machines, days, dollars.

use serde::{Deserialize, Serialize};

use super::hyper::{Advice, Hyper, advise};
use super::scenario::Training;
use crate::cost::{Layout, Uncertain, training_layout};
use crate::error::Result;
use crate::flops::{Footprint, Pattern, Shape};
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
    /// Tokens of an optimiser step; the middle of the published rules when absent.
    pub batch_tokens: Option<f64>,
    /// Where it is trained. Without a number of devices, as many as finish in its time, or in thirty
    /// days.
    pub training: Option<Training>,
}

/// The run on machines.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// Devices used.
    pub devices: f64,
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
    /// Tokens of a sequence.
    pub context: u32,
    /// Training FLOPs, every matrix product counted, attention included.
    pub train_flops: Flops,
    /// Those over 6 N D.
    pub flops_over_six_nd: f64,
    /// Tokens of an optimiser step, a whole number of sequences.
    pub batch_tokens: f64,
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
/// devices.
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
    let target = inputs.batch_tokens.or(rule.map(|a| a.middle)).unwrap_or(1e6);
    let context = f64::from(inputs.context);
    let batch_tokens = (target / context).round().max(1.0) * context;
    let flops = shape.train_flops_per_token(inputs.context) * inputs.d.get();
    let running = match &inputs.training {
        Some(training) => Some(running(&shape, training, flops, context, batch_tokens)?),
        None => None,
    };
    Ok(Recipe {
        shape,
        params: params.all,
        active_params: params.active,
        non_embedding_params: params.non_embedding,
        size_error: counted.get() / inputs.n.get() - 1.0,
        tokens: inputs.d,
        context: inputs.context,
        train_flops: Flops::new(flops),
        flops_over_six_nd: flops / (6.0 * params.active.get() * inputs.d.get()),
        batch_tokens,
        steps: (inputs.d.get() / batch_tokens).ceil(),
        advice,
        running,
    })
}

fn running(
    shape: &Shape,
    training: &Training,
    flops: f64,
    context: f64,
    batch_tokens: f64,
) -> Result<Running> {
    let peak = training.device.peak_flop_per_s()?;
    let hours = training.utilisation.map(|share| flops / (peak * share) / 3600.0);
    // Without a count, as many whole nodes as finish in time.
    let devices = training.devices.unwrap_or_else(|| {
        let duration_s = training.duration_s.unwrap_or(USUAL_DURATION_S);
        (8.0 * (hours.mid * 3600.0 / duration_s / 8.0).ceil()).clamp(8.0, 1e7)
    });
    let footprint = Footprint::from(shape);
    let layout = training_layout(
        &footprint,
        training.device,
        devices.max(1.0) as u32,
        context,
        batch_tokens,
        &training.memory,
    )?;
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
    Ok(Running {
        devices: used,
        layout,
        goodput: training.utilisation,
        days: hours.map(|h| h / used / 24.0),
        device_hours: hours,
        usd,
        kwh: training.kilowatt().map(|kw| hours.map(|h| kw * h)),
    })
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
