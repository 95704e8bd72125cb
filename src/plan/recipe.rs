//! From a plan to a run: shape, hyper-parameters, machines, days, dollars.

use serde::{Deserialize, Serialize};

use super::hyper::{Advice, Hyper, advise};
use super::scenario::Training;
use crate::cost::{Layout, Uncertain, training_layout};
use crate::error::{CostError, Error, PlanError, Result};
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

/// Share of a budget in 6 N D that rounding a shape and a batch may cost: a deadline is kept by cutting
/// tokens for that, for what counting attention adds and for devices that no copy fits, and for no more.
const ROUNDING: f64 = 0.01;
/// Fewest optimiser steps of a run.
const FEWEST_STEPS: f64 = 10.0;
/// Devices of a node, as datacenter GPUs come.
const NODE: f64 = 8.0;
/// Most devices that a recipe asks for: ten times the largest cluster on record and more.
const MOST_DEVICES: f64 = 2e6;
/// Bytes of a parameter in a checkpoint: 16-bit weights, f32 master weights and two moments.
const CHECKPOINT_BYTES: f64 = 14.0;
const YEAR_DAYS: f64 = 365.25;

/// The run on machines.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// Devices used.
    pub devices: f64,
    /// Devices there are, where more than are used: the copies of the model do not divide them, or a batch has
    /// too few sequences for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices_given: Option<f64>,
    /// Nodes of eight they fill.
    pub nodes: f64,
    /// Training tokens in a day at that goodput.
    pub tokens_per_day: f64,
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
/// size; [`PlanError::Memory`] when no layout fits the devices, [`PlanError::Devices`] for less than one;
/// [`PlanError::Batch`] for a batch below one sequence, [`PlanError::FewSteps`] for fewer than ten
/// steps, [`PlanError::Deadline`] for devices and a time in which it cannot be done,
/// [`PlanError::TooLarge`] for a time in which no number of devices can.
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
    let advice =
        advise(params.active, active_non_embedding, inputs.d, experts, inputs.batch_tokens)?;
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
        let place = Place { shape: &shape, training, context, batch_tokens: batch_wanted };
        let hours_mid = hours(tokens).mid;
        let layout = match training.devices {
            Some(there) => place.on(there)?,
            None => place.finishing(hours_mid, tokens)?,
        };
        let used = layout.devices();
        let limit_h = training.devices.and(training.duration_s).map(|s| used * s / 3600.0);
        if let Some(limit_h) = limit_h.filter(|limit| hours_mid > limit * (1.0 + 1e-9)) {
            let share = limit_h / hours_mid;
            let six_nd = 6.0 * params.active.get() / per_token;
            let busy = training.devices.map_or(1.0, |there| used / there);
            if share < six_nd.min(1.0) * busy * (1.0 - ROUNDING) {
                let enough = place.finishing(hours_mid, tokens).ok().map(|l| l.devices());
                return Err(missed(training, hours_mid, used, enough, tokens * share));
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

/// What is laid out, and where.
struct Place<'a> {
    shape: &'a Shape,
    training: &'a Training,
    context: f64,
    batch_tokens: f64,
}

impl Place<'_> {
    /// The layout on at most so many devices.
    fn on(&self, devices: f64) -> Result<Layout> {
        if devices.is_nan() || devices < 1.0 {
            return Err(PlanError::Devices { found: devices }.into());
        }
        let there = devices.floor();
        self.try_on(there).map_err(|error| match error {
            CostError::DoesNotFit { needed_gb, device, free_gb, .. } => {
                // Twice as many, until they hold it.
                let mut more = NODE * (there / NODE).ceil();
                while more < MOST_DEVICES && self.try_on(more).is_err() {
                    more *= 2.0;
                }
                let enough = (more < MOST_DEVICES).then_some(more);
                PlanError::Memory { needed_gb, devices: there, device, free_gb, enough }.into()
            }
            other => other.into(),
        })
    }

    fn try_on(&self, devices: f64) -> std::result::Result<Layout, CostError> {
        training_layout(
            self.shape,
            self.training.device,
            devices.min(MOST_DEVICES) as u32,
            self.context,
            self.batch_tokens,
            &self.training.memory,
        )
    }

    /// The layout on the fewest whole nodes that do so many device-hours in time, thirty days where no time
    /// is given. A layout that does not divide its devices leaves some idle, so more are tried.
    fn finishing(&self, hours: f64, tokens: Tokens) -> Result<Layout> {
        let duration_s = self.training.duration_s.unwrap_or(USUAL_DURATION_S);
        let needed = hours * 3600.0 / duration_s;
        let mut devices = NODE * (needed / NODE).ceil().max(1.0);
        // What few devices cannot hold, as many as hold it do sooner.
        if devices <= MOST_DEVICES
            && let Err(error) = self.on(devices)
        {
            match error {
                Error::Plan(PlanError::Memory { enough: Some(enough), .. }) => devices = enough,
                other => return Err(other),
            }
        }
        // Beyond four times as many the batch has no sequences for more copies.
        let most = MOST_DEVICES.min(4.0 * needed.max(devices));
        while devices <= most {
            let layout = self.on(devices)?;
            let missing = needed - layout.devices();
            if missing <= 1e-9 * needed {
                return Ok(layout);
            }
            devices += NODE * (missing / NODE).ceil();
        }
        Err(PlanError::TooLarge {
            tokens,
            sequences: (self.batch_tokens / self.context).round(),
            days: duration_s / 86_400.0,
            most: MOST_DEVICES,
        }
        .into())
    }
}

/// A deadline that is missed, and what would keep it.
fn missed(
    training: &Training,
    hours: f64,
    used: f64,
    devices_needed: Option<f64>,
    fitting: Tokens,
) -> Error {
    let days = training.duration_s.unwrap_or(f64::NAN) / 86_400.0;
    PlanError::Deadline {
        days,
        takes_days: hours / used / 24.0,
        devices: used,
        devices_needed,
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
        devices_given: training.devices.filter(|there| *there > used),
        nodes: (used / NODE).ceil(),
        tokens_per_day: tokens.get() / days.mid,
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
