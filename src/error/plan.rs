use thiserror::Error;

use crate::units::{Flops, Params, Tokens};

/// A plan that does not exist, or a scenario that is not complete.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No model can reach the loss under this law.
    #[error(
        "under `{law}` a loss of {loss:.4} nats per token is out of reach: its irreducible loss E is {floor:.4}; choose a loss above it"
    )]
    LossBelowFloor {
        /// The law.
        law: String,
        /// Loss asked for.
        loss: f64,
        /// Irreducible loss.
        floor: f64,
    },
    /// This N cannot reach the loss with any number of tokens.
    #[error(
        "under `{law}` {params} parameters cannot reach {loss:.4} nats per token on any number of tokens: they are past the wall at {wall}; choose a larger model or a higher loss"
    )]
    PastTheWall {
        /// The law.
        law: String,
        /// N asked for.
        params: Params,
        /// Loss asked for.
        loss: f64,
        /// Infimum of the sizes that can.
        wall: Params,
    },
    /// Limits that leave no plan.
    #[error(
        "under `{law}` no plan{} keeps the limit on {limit}; relax it{}",
        .loss.map_or_else(String::new, |loss| format!(" for a loss of {loss:.4} nats per token")),
        if .loss.is_some() { ", or choose a higher loss" } else { "" }
    )]
    Infeasible {
        /// The law.
        law: String,
        /// Loss asked for; absent where a budget was.
        loss: Option<f64>,
        /// The limit.
        limit: &'static str,
    },
    /// Serving costs more than the whole budget.
    #[error(
        "under `{law}` serving takes the whole budget at any model size; serve less or raise the budget"
    )]
    ServingTakesBudget {
        /// The law.
        law: String,
    },
    /// No interior minimum of the loss.
    #[error(
        "`{law}` has no compute-optimal size between {smallest} and {largest} parameters{}; ask another law",
        .budget.map_or_else(String::new, |c| format!(" at C = {c} FLOPs"))
    )]
    NoOptimum {
        /// The law.
        law: String,
        /// The budget; absent where a size was asked for.
        budget: Option<Flops>,
        /// Smallest N tried.
        smallest: Params,
        /// Largest N tried.
        largest: Params,
    },
    /// A training budget no plan can have.
    #[error("a training budget of {found} FLOPs; expected between 1e8 and 1e36 FLOPs")]
    Budget {
        /// The budget.
        found: Flops,
    },
    /// A loss no model can have.
    #[error("a loss of {found} nats per token; expected a finite number above zero")]
    Loss {
        /// The loss.
        found: f64,
    },
    /// A model size no plan can have.
    #[error("a model of {found} parameters; expected between 1 and 1e20 parameters")]
    Size {
        /// N.
        found: Params,
    },
    /// A number of tokens no plan can have.
    #[error("an amount of {found} tokens; expected between 1 and 1e25 tokens")]
    Tokens {
        /// D, or unique tokens.
        found: Tokens,
    },
    /// A ratio no size on the iso-loss curve has.
    #[error(
        "{found} tokens per parameter; expected a number between 1e-3 and 1e7 that some size on the iso-loss curve has"
    )]
    Ratio {
        /// D / N asked for.
        found: f64,
    },
    /// A loss that takes an absurd budget.
    #[error(
        "a loss of {loss} nats per token; expected one that some budget between 1e8 and 1e36 FLOPs reaches at its optimum"
    )]
    NoBudgetForLoss {
        /// Loss asked for.
        loss: f64,
    },
    /// No size reaches the loss on these tokens.
    #[error(
        "{tokens} tokens reach a loss of {loss:.4} nats per token at no model size; give more tokens"
    )]
    TooFewTokens {
        /// The tokens.
        tokens: Tokens,
        /// Loss asked for.
        loss: f64,
    },
    /// Machine time without machines or without a time.
    #[error(
        "the budget is the time of machines, but {missing}; give the device, how many, and the days"
    )]
    NoMachineTime {
        /// What is not known.
        missing: &'static str,
    },
    /// Serving costs money, but has no device.
    #[error("costs of serving are counted in money, but no device to serve on is given; give one")]
    NoServingDevice,
    /// Money counts, but training has no price.
    #[error(
        "costs are counted in money, but training has no price; give a device with a price on record, or a price per device-hour"
    )]
    NoTrainingPrice,
    /// Serving costs money, but its device has no price.
    #[error(
        "costs are counted in money, but `{device}`, on which the model is served, has no price on record; give a price per device-hour"
    )]
    NoServingPrice {
        /// The device.
        device: String,
    },
    /// Serving counts, but nothing is served.
    #[error("costs of serving count, but nothing is served; give a number of tokens or requests")]
    NoDemand,
    /// No family of shapes to choose from.
    #[error("no design to choose from; give at least one, for example a dense model")]
    NoDesign,
    /// Experts under a law of dense models.
    #[error(
        "`{law}` is a law of dense models and says nothing about experts; use the law `joint-moe` or a fit of that family"
    )]
    DenseLaw {
        /// The law.
        law: String,
    },
    /// Another number of experts than the one a law was fitted with.
    #[error(
        "`{law}` was fitted with {fitted} experts and says nothing about {asked}; use {fitted}, or a law with experts such as `joint-moe`"
    )]
    OtherExperts {
        /// The law.
        law: String,
        /// Experts asked for.
        asked: f64,
        /// Experts of its runs.
        fitted: f64,
    },
    /// A law that does not look at both N and D.
    #[error(
        "`{law}` depends on {} and not on both N and D, so it cannot split a budget between them; ask another law",
        depends_on.join(", ")
    )]
    NoTradeOff {
        /// The law.
        law: String,
        /// What its loss depends on.
        depends_on: Vec<String>,
    },
    /// Experts under a law whose N counts every one of them.
    #[error(
        "N of `{law}` counts the parameters of every expert, but training and serving are paid by those a token visits; use a law in active parameters: `joint-moe` or `krajewski-moe-active`"
    )]
    StoredLaw {
        /// The law.
        law: String,
    },
    /// Far finer, or coarser, experts than a law saw.
    #[error(
        "a granularity of {asked} is more than four times outside what `{law}` saw ({lo} to {hi}); ask for one nearer to it"
    )]
    GranularityOutside {
        /// The law.
        law: String,
        /// Granularity asked for.
        asked: f64,
        /// Coarsest of its runs.
        lo: f64,
        /// Finest of its runs.
        hi: f64,
    },
    /// Far more, or fewer, experts than a law saw.
    #[error(
        "{asked} experts are more than four times outside what `{law}` saw ({lo} to {hi}); ask for fewer"
    )]
    ExpertsOutside {
        /// The law.
        law: String,
        /// Experts asked for.
        asked: f64,
        /// Fewest of its runs.
        lo: f64,
        /// Most of its runs.
        hi: f64,
    },
    /// Granularity under a law without.
    #[error("`{law}` says nothing about the granularity of experts; use `krajewski-moe-active`")]
    CoarseLaw {
        /// The law.
        law: String,
    },
    /// A token that visits every expert.
    #[error(
        "a token that visits {top_k} of {experts} experts uses all of them: that is a dense model; visit fewer, or leave experts out"
    )]
    AllExperts {
        /// Experts.
        experts: f64,
        /// Experts a token visits.
        top_k: f64,
    },
    /// A batch below one sequence.
    #[error("a batch of {found} tokens; expected at least one sequence of {context} tokens")]
    Batch {
        /// Tokens of the batch.
        found: f64,
        /// Tokens of a sequence.
        context: f64,
    },
    /// A run too short to be one.
    #[error(
        "{found} training tokens are fewer than ten optimiser steps of {batch:.0} tokens; train on more, or in smaller batches"
    )]
    FewSteps {
        /// Training tokens.
        found: Tokens,
        /// Tokens of a step.
        batch: f64,
    },
    /// A deadline that cannot be kept.
    #[error(
        "the run takes {} days on {devices} devices, not {days:.1}; what would keep the deadline: {}",
        days_up(.takes_days),
        ways(.takes_days, .devices_needed, .share_needed, .fitting)
    )]
    Deadline {
        /// Days asked for.
        days: f64,
        /// Days it takes.
        takes_days: f64,
        /// Devices used.
        devices: f64,
        /// Devices that finish in time; none where the batch does not keep so many busy.
        devices_needed: Option<f64>,
        /// Share of the peak that finishes in time.
        share_needed: f64,
        /// Tokens that fit.
        fitting: Tokens,
    },
    /// No number of devices finishes in time.
    #[error(
        "no number of devices up to {most} finishes {tokens} tokens in {days:.1} days with {sequences:.0} sequences a batch; train on fewer tokens, in more days, or in larger batches"
    )]
    TooLarge {
        /// Training tokens.
        tokens: Tokens,
        /// Sequences of the batch.
        sequences: f64,
        /// Days there are.
        days: f64,
        /// Most devices that were tried.
        most: f64,
    },
    /// Less than one device.
    #[error("{found} devices; expected at least 1")]
    Devices {
        /// The number given.
        found: f64,
    },
    /// A training state larger than the devices' memory.
    #[error(
        "training takes {needed_gb:.0} GB on the fullest of {devices} x {device}, which have {free_gb:.0} GB for it; {}",
        holding(.enough)
    )]
    Memory {
        /// Bytes on the fullest device, GB.
        needed_gb: f64,
        /// Devices.
        devices: f64,
        /// The device.
        device: String,
        /// Bytes there are for it, GB.
        free_gb: f64,
        /// A number of devices that holds it.
        enough: Option<f64>,
    },
    /// Fewer than one pass over the data.
    #[error("at most {found} epochs over the unique tokens; expected at least 1")]
    Epochs {
        /// The limit.
        found: f64,
    },
}

/// Days, rounded up, so that they are enough.
fn days_up(days: &f64) -> String {
    format!("{:.1}", (days * 10.0).ceil() / 10.0)
}

/// What would keep a deadline, each rounded so that it is enough.
fn ways(takes_days: &f64, devices: &Option<f64>, share: &f64, fitting: &Tokens) -> String {
    let mut ways: Vec<String> = devices.iter().map(|n| format!("{n} devices")).collect();
    ways.push(format!("{} days", days_up(takes_days)));
    if *share < 1.0 {
        ways.push(format!("a useful share of {:.3}", (share * 1e3).ceil() / 1e3));
    }
    let digit = 10f64.powf(fitting.get().max(1.0).log10().floor() - 2.0);
    let down = Tokens::new((fitting.get() / digit).floor() * digit);
    format!("{}, or {down} tokens", ways.join(", "))
}

fn holding(enough: &Option<f64>) -> String {
    enough.map_or_else(
        || "no number of devices holds it; use a shorter context or other devices".to_owned(),
        |n| format!("{n} devices would hold it"),
    )
}
